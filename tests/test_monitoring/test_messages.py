"""Every text exists in both languages, and every refusal and state has one."""

from __future__ import annotations

import string

import pytest

from lensong.monitoring.messages import LANGUAGES, catalogue, preferred_language, say
from lensong.monitoring.readiness.verdict import State
from lensong.monitoring.records import SessionStatus


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_both_languages_say_the_same(key: str) -> None:
    entry = catalogue()[key]
    assert set(entry) - {"en_one"} == set(LANGUAGES)
    assert all(text.strip() for text in entry.values())
    assert fields(entry["vi"]) == fields(entry["en"])
    assert fields(entry.get("en_one", "")) <= fields(entry["en"])


def test_states_have_words() -> None:
    for state in State:
        assert say(f"state.{state.value}", "vi") != f"state.{state.value}"
    for status in SessionStatus:
        assert say(f"status.{status.value}", "en") != f"status.{status.value}"


def test_numbers_are_written_as_each_language_writes_them() -> None:
    key = next(key for key, entry in catalogue().items() if "{required_mbps" in entry["vi"])
    values = dict.fromkeys(fields(catalogue()[key]["vi"]), 2.75)
    assert "2,8" in say(key, "vi", **values)
    assert "2.8" in say(key, "en", **values)
    assert "–" in say(key, "en")  # a number that is not known


def test_an_unknown_key_is_shown_as_it_is() -> None:
    assert say("no.such.key", "vi") == "no.such.key"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "vi"),
        ("en", "en"),
        ("en-GB,en;q=0.9,vi;q=0.8", "en"),
        ("fr", "vi"),
        ("vi;q=0, en;q=0.1", "en"),
        ("en;q=nonsense", "vi"),
        ("*", "vi"),
    ],
)
def test_the_browsers_language_is_followed(header: str, language: str) -> None:
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("hours", "told"), [(1, "for 1 hour before"), (2, "for 2 hours before"), (11, "for 11 hours")]
)
def test_one_hour_is_said_in_the_singular(hours: int, told: str) -> None:
    assert told in say("plan.watch", "en", hours=hours, mb=5)


def test_a_part_of_an_hour_keeps_the_plural() -> None:
    assert "2.1 hours" in say("reason.outages_seen", "en", watched_h=2.1, n=3)
