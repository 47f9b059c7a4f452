"""The log of the service: one line for each event, plain or JSON, and no secret in it."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TextIO

from lensong.monitoring.clock import rfc3339

__all__ = ["LogFormat", "logging_lines"]

LogFormat = Literal["plain", "json"]

_SECRET = re.compile(r"(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])")
"""What `lensong.monitoring.store.people.new_secret` makes: tokens, links, cookies."""

_QUIET = ("httpx", "httpcore", "websockets", "uvicorn", "sqlalchemy", "alembic", "aiosqlite")
"""Their ordinary lines hold addresses of webhooks and media servers, which may hold keys."""


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return ``time LEVEL logger: message``; a traceback follows on lines of its own."""
        head = f"{_at(record)} {record.levelname} {record.name}: {_message(record)}"
        return f"{head}\n{_traceback(self, record)}" if record.exc_info else head


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return a JSON object on one line."""
        told = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            told["traceback"] = _traceback(self, record)
        return json.dumps(told, ensure_ascii=False)


@contextmanager
def logging_lines(
    form: LogFormat = "plain", *, requests: bool = False, stream: TextIO | None = None
) -> Iterator[None]:
    """Let every logger of the process write one kind of lines, until the block ends.

    What was set up before is put back then: a program that runs the service inside itself keeps
    its own log.

    Parameters
    ----------
    form : {"plain", "json"}
    requests : bool
        A line for each request too: method, template of the path, status, time.
    stream : file, optional
        Standard error by default.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Line())
    # below them too: a program that serves something else may have set a level there
    below = (n for n in logging.Logger.manager.loggerDict if n.partition(".")[0] in _QUIET)
    quiet = dict.fromkeys((*_QUIET, *below), logging.WARNING)
    levels: dict[str | None, int] = {None: logging.INFO} | quiet
    levels["lensong.requests"] = logging.INFO if requests else logging.WARNING
    root = logging.getLogger()
    handlers = list(root.handlers)
    before = {name: logging.getLogger(name).level for name in levels}
    try:
        root.handlers[:] = [handler]
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.captureWarnings(capture=True)
        yield
    finally:
        logging.captureWarnings(capture=False)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        root.handlers[:] = handlers


def _at(record: logging.LogRecord) -> str:
    return rfc3339(datetime.fromtimestamp(record.created, UTC))


def _message(record: logging.LogRecord) -> str:
    """Return the message on one line, whatever somebody put into a header."""
    text = _without_secrets(record.getMessage())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    assert record.exc_info  # asked before
    return _without_secrets(formatter.formatException(record.exc_info))


def _without_secrets(text: str) -> str:
    return _SECRET.sub("[secret]", text)
