from __future__ import annotations

import re
from importlib.resources import files

import pytest

from lensong.coverage.report.messages import both, catalogue, number_text, say
from lensong.coverage.result import REASONS


def test_every_message_stands_in_both_languages_with_the_same_places() -> None:
    for key, entry in catalogue().items():
        places = [sorted(re.findall(r"\{\w+", entry[lang])) for lang in ("vi", "en")]
        assert places[0] == places[1], key


def test_every_message_that_pages_and_scripts_ask_for_exists() -> None:
    folder = files("lensong.coverage.report").joinpath("templates")
    wanted = {f"reason.{name}" for name in REASONS[1:]}
    for entry in folder.iterdir():
        if entry.name.endswith((".js", ".html")):
            text = entry.read_text("utf-8")
            wanted |= set(re.findall(r'\b(?:say|t)\("([\w.]+)"', text))
            wanted |= set(re.findall(r'data-say-(?:label|hint)="([\w.]+)"', text))
    assert wanted - set(catalogue()) == set()


@pytest.mark.parametrize(
    ("value", "digits", "vi", "en"),
    [
        (12345.0, 0, "12.345", "12,345"),
        (-103.25, 1, "−103,2", "−103.2"),
        (None, 0, "–", "–"),
        (float("nan"), 0, "–", "–"),
    ],
)
def test_numbers_are_written_as_each_language_does(
    value: float | None, digits: int, vi: str, en: str
) -> None:
    assert number_text(value, digits, language="vi") == vi
    assert number_text(value, digits, language="en") == en


def test_text_from_outside_is_escaped() -> None:
    assert "<script>" not in str(say("report.title", "en", n="<script>"))
    assert "&lt;b&gt;" in str(both("headline.covered", n=1, villages=2, service="service.<b>"))


def test_one_village_is_singular_in_english() -> None:
    assert say("villages.count", "en", n=1) == "<b>1</b> village"
    assert say("villages.count", "en", n=2) == "<b>2</b> villages"


def test_trailing_zeros_of_a_short_number_are_left_out() -> None:
    text = say("services.need", "vi", down=1.0, up=2.8, probability=90.0, technologies="4G")
    assert text == "↓ <b>1</b> · ↑ <b>2,8</b> Mbit/s với xác suất <b>90</b>\u00a0%, 4G"
