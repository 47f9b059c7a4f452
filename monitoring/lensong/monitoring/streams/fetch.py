"""One answer of a media server, limited in size and time, and read without trusting it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Never

import httpx

from lensong.monitoring.outbound import asking, body_of
from lensong.monitoring.streams.sample import CollectorError

__all__ = ["LONGEST_ANSWER_BYTES", "Answer", "fetch", "parsed_json"]

LONGEST_ANSWER_BYTES = 2_000_000
_LONGEST_WORD = 40
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)
_TOTAL_S = 30.0
"""For one answer, should whoever asks have less patience than that or none [s]."""


async def fetch(
    http: httpx.AsyncClient,
    url: str,
    *,
    secret: str | None = None,
    params: Mapping[str, str | int] | None = None,
    longest_bytes: int = LONGEST_ANSWER_BYTES,
    afresh: bool = False,
) -> bytes:
    """Return the body of an answer.

    Parameters
    ----------
    secret : str, optional
        ``user:password`` for HTTP's basic scheme.
    afresh : bool
        Not to keep the connection for the next question.

    Raises
    ------
    CollectorError
        Another status than 200, a redirect, or a body that is compressed or too long: no more
        than ``longest_bytes`` of it and one chunk are ever held.
    """
    user, colon, password = (secret or "").partition(":")
    auth = httpx.BasicAuth(user, password) if colon else None
    headers = {"Connection": "close"} if afresh else None
    async with asking(
        http, "GET", url, total_s=_TOTAL_S, headers=headers, params=params, auth=auth
    ) as response:
        _check_head(response, longest_bytes)
        body = await body_of(response, longest_bytes)
    if body is None:
        raise _too_large(longest_bytes)
    return body


def _check_head(response: httpx.Response, longest_bytes: int) -> None:
    status = response.status_code
    if 300 <= status < 400:
        raise CollectorError("redirect", f"status {status}: redirects are not followed")
    if status in (401, 403):
        raise CollectorError("refused", f"status {status}: the server wants a secret, or another")
    if status == 404:
        raise CollectorError("not_found", "status 404: check the path of the url")
    if status != 200:
        raise CollectorError("bad_status", f"status {status}, wanted 200")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise CollectorError("bad_answer", "the answer is compressed although that was not offered")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length[:20]) > longest_bytes:
        raise _too_large(longest_bytes)


def _too_large(longest_bytes: int) -> CollectorError:
    return CollectorError("too_large", f"the answer is longer than {longest_bytes} bytes")


def parsed_json(body: bytes | str) -> Answer:
    """Return a JSON answer, which must be an object.

    Raises
    ------
    CollectorError
        It is no JSON, or nested too deeply.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CollectorError("bad_answer", "the answer is no JSON") from error
    return Answer.of(value, "the answer")


def _refuse_constant(_: str) -> Never:
    raise ValueError("NaN and infinity are no JSON")


class Answer:
    """An object of an answer: fields by type, missing ones None, wrong ones an error."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self._where = values, where

    @classmethod
    def of(cls, value: Any, where: str) -> Answer:
        """Return a value that must be an object."""
        if not isinstance(value, dict):
            raise _wrong(where, value, "an object")
        return cls(value, where)

    def number(self, name: str) -> float | None:
        """Return a finite number; one in quotes counts, as libsrt 1.4.3 writes all of them."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(self._at(name), value, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise _wrong(self._at(name), value, "a finite number")
        return number

    def count(self, name: str) -> int | None:
        """Return a whole number, 0 or more."""
        number = self.number(name)
        if number is None:
            return None
        if number < 0 or number != int(number):
            raise _wrong(self._at(name), self._values[name], "a whole number, 0 or more")
        value = self._values[name]
        exact = isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
        return int(value) if exact else int(number)

    def flag(self, name: str) -> bool | None:
        """Return true or false."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise _wrong(self._at(name), value, "true or false")
        return value

    def text(self, name: str) -> str | None:
        """Return a text as it is, for comparing; a whole number counts as its digits."""
        value = self._values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            raise _wrong(self._at(name), value, "a text")
        return value

    def word(self, name: str) -> str | None:
        """Return a text cut to what may be shown and kept: a codec, an identifier."""
        text = self.text(name)
        if text is None:
            return None
        return "".join(letter for letter in text if letter.isprintable())[:_LONGEST_WORD] or None

    def inner(self, name: str) -> Answer:
        """Return an object in a field; a missing one has no fields."""
        value = self._values.get(name)
        return Answer({}, self._at(name)) if value is None else Answer.of(value, self._at(name))

    def items(self, name: str) -> list[Answer]:
        """Return a list of objects; a missing one is empty."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _wrong(self._at(name), value, "a list")
        return [Answer.of(item, f"{self._at(name)}[{number}]") for number, item in enumerate(value)]

    def words(self, name: str) -> list[str]:
        """Return a list of texts, each cut to what may be shown; a missing one is empty."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _wrong(self._at(name), value, "a list")
        listed = Answer({str(number): item for number, item in enumerate(value)}, self._at(name))
        return [word for number in range(len(value)) if (word := listed.word(str(number)))]

    def names(self) -> frozenset[str]:
        """Return the names of the fields that are there."""
        return frozenset(self._values)

    def has(self, name: str) -> bool:
        """Return whether a field is there and not null."""
        return self._values.get(name) is not None

    def _at(self, name: str) -> str:
        return f"{self._where}.{name}"


def _wrong(where: str, value: Any, wanted: str) -> CollectorError:
    # the kind of value only: the value itself may be a secret
    return CollectorError("wrong_type", f"{where} is a {type(value).__name__}, wanted {wanted}")
