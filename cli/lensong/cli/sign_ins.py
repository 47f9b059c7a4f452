"""Tokens that `lensong login` keeps, one for each service, where nobody else can read them."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from lensong.propagation.errors import ConfigError

__all__ = ["SignIn", "forget", "keep", "kept", "sign_ins_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who somebody is at a service."""

    person: str
    token_id: str
    token: str
    expires_at: str


def sign_ins_file() -> Path:
    """Return the file in the user's folder of settings."""
    return Path(click.get_app_dir("lensong")) / "sign-ins.json"


def kept(server: str) -> SignIn | None:
    """Return the sign-in at a service, None where there is none.

    Raises
    ------
    ConfigError
        Others can read the file, or it is none that `lensong login` wrote.
    """
    found = _read().get(server)
    return None if found is None else SignIn(**found)


def keep(server: str, sign_in: SignIn) -> None:
    """Keep a sign-in at a service, in place of the one before."""
    _write(_read() | {server: asdict(sign_in)})


def forget(server: str) -> None:
    """Drop the sign-in at a service."""
    _write({name: value for name, value in _read().items() if name != server})


def _read() -> dict[str, dict[str, Any]]:
    path = sign_ins_file()
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise ConfigError(
                    f"{path} can be read by others (mode {mode:o}): its tokens may be known; "
                    f"revoke them on the page /account, then `rm {path}` and sign in again"
                )
            found = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigError(f"{path} is no file of `lensong login` ({error}): delete it") from error
    names = set(SignIn.__dataclass_fields__)
    if not isinstance(found, dict) or not all(
        isinstance(value, dict) and set(value) == names for value in found.values()
    ):
        raise ConfigError(f"{path} is no file of `lensong login`: delete it and sign in again")
    return found


def _write(sign_ins: dict[str, dict[str, Any]]) -> None:
    path = sign_ins_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # made with mode 0600, and in its place at once
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".sign-ins-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(sign_ins, file, indent=2)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
