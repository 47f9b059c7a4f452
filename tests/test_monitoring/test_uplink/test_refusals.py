from __future__ import annotations

import json

import pytest

from lensong.monitoring.messages import catalogue
from lensong.monitoring.uplink.refusals import CLOSE_CODES, Refusal


@pytest.mark.parametrize("code", CLOSE_CODES)
def test_every_reason_fits_into_a_close_frame_and_is_said_in_both_languages(code: str) -> None:
    refusal = Refusal(code, retry_after_s=86_399.2)
    assert 4000 <= refusal.close_code <= 4999  # RFC 6455, 7.4.2: for private use
    assert len(refusal.reason.encode()) <= 123
    assert json.loads(refusal.reason) == {"code": code, "retry_after_s": 86_400}
    text = refusal.message()["text"]
    assert f"uplink.{code}" in catalogue()
    for language in ("vi", "en"):
        assert text[language] not in ("", f"uplink.{code}")
        assert "{" not in text[language]


def test_a_wait_is_told_in_minutes() -> None:
    text = Refusal("too_soon", retry_after_s=130.0).message()["text"]
    assert "3 min" in text["en"]
    assert "3 phút" in text["vi"]


def test_without_a_wait_none_is_named() -> None:
    assert Refusal("bad_token").message().keys() == {"type", "kind", "code", "text"}


def test_an_unknown_code_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="wanted one of"):
        Refusal("no_idea")
