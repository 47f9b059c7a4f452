"""The log of the service: one line for each event, plain or JSON, and no secret in it."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from lensong.monitoring.clock import rfc3339

__all__ = ["LogFormat", "configure_logging"]

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


def configure_logging(
    form: LogFormat = "plain", *, requests: bool = False, stream: TextIO | None = None
) -> None:
    """Let every logger of the process write one kind of lines.

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
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lensong.requests").setLevel(logging.INFO if requests else logging.WARNING)
    logging.captureWarnings(capture=True)


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
