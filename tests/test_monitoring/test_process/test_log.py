"""The log: one line for an event, whatever somebody put into it, and no secret."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from lensong.monitoring.process.log import LogFormat, logging_lines
from lensong.monitoring.store.people import new_secret


class Logged(Protocol):
    """Sets up the log of the process until the test ends, and returns where it goes."""

    def __call__(self, form: LogFormat, *, requests: bool = False) -> io.StringIO: ...


@pytest.fixture
def logged() -> Iterator[Logged]:
    with ExitStack() as stack:

        def start(form: LogFormat, *, requests: bool = False) -> io.StringIO:
            stack.close()
            stream = io.StringIO()
            stack.enter_context(logging_lines(form, requests=requests, stream=stream))
            return stream

        yield start


def test_the_process_gets_its_own_log_back() -> None:
    names = ("lensong.requests", "httpx", "uvicorn", None)
    before = [logging.getLogger(name).level for name in names]
    handlers = list(logging.getLogger().handlers)
    with logging_lines("json", stream=io.StringIO()):
        assert logging.getLogger().handlers != handlers
        assert not logging.getLogger("lensong.requests").isEnabledFor(logging.INFO)
    assert [logging.getLogger(name).level for name in names] == before
    assert logging.getLogger().handlers == handlers


def test_a_message_is_one_line_whatever_is_in_it(logged: Logged) -> None:
    for form in ("plain", "json"):
        stream = logged(form)
        logging.getLogger("lensong.x").info("from %s", "a\r\nFAKE ERROR lensong: b\x1b[31m\u2028c")
        assert len(stream.getvalue().splitlines()) == 1
        assert "\x1b" not in stream.getvalue()


def test_json_lines_are_json_with_the_traceback_inside(logged: Logged) -> None:
    stream = logged("json")
    try:
        raise ValueError("Chợ")
    except ValueError:
        logging.getLogger("lensong.x").exception("failed")
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("error", "lensong.x", "failed")
    assert told["at"].endswith("Z")
    assert "ValueError: Chợ" in told["traceback"]


def test_a_secret_is_left_out_even_of_a_traceback(logged: Logged) -> None:
    secret = new_secret()
    for form in ("plain", "json"):
        stream = logged(form)
        try:
            raise ValueError(f"/welcome/{secret}?x")
        except ValueError:
            logging.getLogger("lensong.x").exception("token=%s failed", secret)
        assert secret not in stream.getvalue()
        assert stream.getvalue().count("[secret]") == 2
        logging.getLogger("lensong.x").info("%s", "a" * 64)  # a digest is no secret
        assert "a" * 64 in stream.getvalue()


def test_lines_that_hold_addresses_of_others_are_not_written(logged: Logged) -> None:
    stream = logged("plain")
    for name in ("httpx", "uvicorn.error", "websockets.server", "sqlalchemy.engine"):
        logging.getLogger(name).info("https://hooks.example/k3y")
        logging.getLogger(name).warning("heard")
    assert "k3y" not in stream.getvalue()
    assert stream.getvalue().count("heard") == 4


def test_requests_are_written_when_asked_for(logged: Logged) -> None:
    logger = logging.getLogger("lensong.requests")
    stream = logged("plain")
    logger.info("GET / 200")
    assert stream.getvalue() == ""
    stream = logged("plain", requests=True)
    logger.info("GET / 200")
    assert stream.getvalue().endswith("INFO lensong.requests: GET / 200\n")


def test_warnings_of_python_are_lines_too(logged: Logged) -> None:
    stream = logged("plain")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("mind that", stacklevel=1)
    assert "WARNING py.warnings: " in stream.getvalue()
    assert "mind that" in stream.getvalue()
