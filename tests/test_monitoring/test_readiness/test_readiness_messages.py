"""Every reason and advice has a text in both languages, with the values it is given."""

from __future__ import annotations

import json
import re
import string
from importlib.resources import files

import pytest

from lensong.monitoring import readiness
from lensong.monitoring.readiness import networks

MESSAGES: dict[str, dict[str, str]] = json.loads(
    files("lensong.monitoring.messages").joinpath("readiness.json").read_text("utf-8")
)
SOURCE = "\n".join(
    entry.read_text("utf-8")
    for entry in files(readiness.__name__).iterdir()
    if entry.name.endswith(".py")
)
CODES = {
    *re.findall(r'code="([a-z_]+)"', SOURCE),
    *re.findall(r'_loss\(limits, "([a-z_]+)"', SOURCE),
    "only_weak_tests",
    "never_measured",
    "moving_told",
    "moving_sensed",
    "outages_seen",
    "watched_little",
    *networks._CODES.values(),
}


def test_every_code_in_the_source_has_a_message_and_the_other_way_round() -> None:
    assert {key.removeprefix("reason.") for key in MESSAGES if key.startswith("reason.")} == CODES


@pytest.mark.parametrize("key", MESSAGES)
def test_both_languages_name_the_same_values(key: str) -> None:
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    texts = MESSAGES[key]
    assert set(texts) - {"en_one"} == {"vi", "en"}
    assert names(texts["vi"]) == names(texts["en"])
    assert names(texts.get("en_one", "")) <= names(texts["en"])
