"""What the command line says when something goes wrong, and the exit code that goes with it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from lensong.propagation.errors import LensongError

__all__ = ["EXIT_BAD_INPUT", "EXIT_NO", "explains_errors"]

EXIT_NO = 1
"""The command worked, and its result says no."""

EXIT_BAD_INPUT = 2
"""Nothing was done: bad input, no place for the output, or Ctrl-C."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def explains_errors(command: _Command) -> _Command:
    """Turn the errors of a command into one message on stderr and an exit code.

    Adds ``--debug``, which shows the traceback in place of the message.
    """

    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(command)
    def wrapper(*args: Any, debug: bool, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            keeps = kwargs.get("no_cache") is False
            kept = (
                "; sweeps so far are kept in the cache: run the same command again to go on"
                if keeps
                else ": nothing was written"
            )
            click.echo(f"interrupted{kept}", err=True)
            raise SystemExit(EXIT_BAD_INPUT) from None
        except BrokenPipeError:
            # The reader of our output, say `head`, has what it wanted.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except (LensongError, OSError, MemoryError) as error:
            if debug:
                raise
            click.echo(f"error: {_message(error)}", err=True)
            raise SystemExit(EXIT_BAD_INPUT) from None

    return wrapper  # type: ignore[return-value]  # functools.wraps keeps the signature


def _message(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory: plan a smaller area or a coarser area.resolution_m"
    if isinstance(error, OSError) and not isinstance(error, LensongError):
        where = f" {error.filename}" if error.filename else ""
        reason = error.strerror or str(error) or type(error).__name__
        return f"cannot read or write{where}: {reason}: check the path, its rights and free space"
    return str(error)
