"""Reading TOML so that an error can name the line it stands on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from lensong.propagation.errors import ConfigError

__all__ = ["line_of", "read_toml"]

_MOST_BYTES = 2**20
_MOST_LEVELS = 8
_LONG_CHAIN = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++\s*+\.\s*+){30}""")
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""")


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return the content of a TOML file and its text.

    Raises
    ------
    ConfigError
        The file is missing, is not UTF-8 or breaks TOML's grammar; names the line.
    """
    try:
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            raise ConfigError(
                f"{path} has more than {_MOST_BYTES >> 20} MiB, wanted a scenario: "
                "data belong into files beside it"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"no scenario {path}: check the path, or write one with `lensong demo`"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8 in your editor"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot read the scenario {path}: {error.strerror}: wanted a readable TOML file"
        ) from None
    if _LONG_CHAIN.search(text):  # tomllib takes minutes for one of thousands
        raise _too_deep(path)
    try:
        content = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} breaks TOML's grammar: {error}{_hint(str(error), text)}"
        ) from None
    except RecursionError:
        raise _too_deep(path) from None
    if _deeper_than(content, _MOST_LEVELS):
        raise _too_deep(path)
    return content, text


def _too_deep(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} nests its values more than {_MOST_LEVELS} deep, which no scenario does: "
        "look for brackets that are not closed"
    )


def _deeper_than(content: dict[str, Any], levels: int) -> bool:
    """Return whether tables and lists lie in each other more than so many times."""
    layer: list[Any] = [content]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(layer)


def line_of(text: str, keys: tuple[str | int, ...]) -> int | None:
    """Return the line, from 1, that sets a key or opens its section; None if not found.

    Parameters
    ----------
    text : str
        The file.
    keys : tuple
        Way to the key: ``("network", "assume", "antenna")``; a number picks the n-th ``[[…]]``.
    """
    names = tuple(str(key) for key in keys)
    found: int | None = None
    section: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            section = _parts(header[2])
            if header[1] == "[[":
                nth = counts.get(header[2], 0)
                counts[header[2]] = nth + 1
                section = (*section, str(nth))
            place = section
        else:
            key = _KEY.match(line)
            if not key:
                continue
            place = (*section, *_parts(key[1]))
        if place == names:
            return number
        if found is None and place and place == names[: len(place)]:
            found = number
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _hint(message: str, text: str) -> str:
    """Return what to do about the grammar mistakes that people make most."""
    if "(at end of document)" in message:
        return ": a bracket or quotation mark is not closed"
    at = re.search(r"line (\d+)", message)
    line = text.splitlines()[int(at[1]) - 1] if at and int(at[1]) <= text.count("\n") + 1 else ""
    if "\\" in line:
        return ": in a path write / or put it in single quotes"
    if re.search(r"=\s*-?\d+,\d+", line):
        return ": write numbers with a decimal point"
    if re.search(r"=\s*(True|False)\b", line):
        return ": write true or false in small letters"
    if re.search(r"=\s*[^\s\"'\[{0-9+-]", line) and not re.search(
        r"=\s*(true|false|inf|nan)", line
    ):
        return ": put text in double quotes"
    return ": correct that line"
