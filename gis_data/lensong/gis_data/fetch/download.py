"""One file over HTTP: goes on where it broke off, verified before it takes its name."""

from __future__ import annotations

import email.utils
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from lensong.gis_data.atomic import write_error
from lensong.propagation.errors import DataError

__all__ = ["Arrived", "MissingFileError", "StoppedError", "download", "head_bytes", "open_client"]

_TRIES = 6  # without a byte arriving between them
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_NOT_THERE = {403, 404, 410}  # Amazon S3 says 403 of a missing file where it hides its lists
_LATER = {408, 425, 429, 500, 502, 503, 504}
_MD5 = re.compile(r'"([0-9a-f]{32})"')


class MissingFileError(DataError):
    """The server answers, and has no such file."""


class StoppedError(Exception):
    """The person asked to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file that is whole.

    Parameters
    ----------
    size_bytes : int
    sha256 : str
    came_from : str
        The last address, after redirects.
    md5_checked : bool
        It equals the MD5 that the server publishes.
    last_modified : str
        As the server said; empty where it did not.
    """

    size_bytes: int
    sha256: str
    came_from: str
    md5_checked: bool
    last_modified: str


@dataclass(frozen=True, slots=True)
class _Answer:
    total_bytes: int | None
    validator: str
    etag: str
    came_from: str
    last_modified: str


def open_client(version: str) -> httpx.Client:
    """Return a client that follows redirects, proxies and certificates of the environment."""
    return httpx.Client(
        follow_redirects=True,
        timeout=httpx.Timeout(30.0, connect=20.0),
        headers={"User-Agent": f"lensong/{version}", "Accept-Encoding": "identity"},
    )


def head_bytes(client: httpx.Client, address: str) -> int | None:
    """Return the size of a file that a server tells, None where it tells none.

    Raises
    ------
    MissingFileError
        It is not there.
    DataError
        The server cannot be reached.
    """
    try:
        answer = client.head(address)
    except httpx.HTTPError as error:
        raise _unreachable(address, error) from error
    if answer.status_code in _NOT_THERE - {403}:
        raise _missing(address, answer.status_code)
    length = answer.headers.get("Content-Length", "")
    return int(length) if answer.is_success and length.isdigit() else None


def download(
    client: httpx.Client,
    address: str,
    target: Path,
    *,
    parts: Path,
    verify: Callable[[Path], None],
    etag_is_md5: bool = False,
    sha256: str = "",
    on_bytes: Callable[[int], None] | None = None,
    stop: Event | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Arrived:
    """Bring one file; what arrived before a break is kept, and the next call goes on from there.

    Parameters
    ----------
    client : httpx.Client
    address : str
    target : Path
        Appears whole and verified, or not at all.
    parts : Path
        Folder on the same disk for what has not arrived whole.
    verify : callable
        Raises DataError at a file whose content is wrong.
    etag_is_md5 : bool
        An ETag that looks like an MD5 is one.
    sha256 : str
        That the file has to have, where it is known.
    on_bytes : callable, optional
        Called with bytes that arrived, and with negative ones that turned out to be of no use.
    stop : Event, optional
        Ends the download with `StoppedError` soon after it is set.
    wait : callable
        Waits so many seconds before the next try.

    Raises
    ------
    MissingFileError
        The server has no such file.
    DataError
        It cannot be reached, or what it sends is not what it should be, also when sent again.
    """
    part, note = parts / target.name, parts / f"{target.name}.json"
    tell = on_bytes or (lambda _count: None)
    ended = stop or Event()
    for folder in (parts, target.parent):
        folder.mkdir(parents=True, exist_ok=True)
    for last in (False, True):
        answer = _bring(client, address, part, note, tell, ended, wait)
        try:
            digest = _check(part, answer, etag_is_md5, sha256)
            verify(part)
        except DataError as error:
            tell(-part.stat().st_size)
            _forget(part, note)
            if last:
                raise DataError(f"{address}: {error}") from error
            continue
        size_bytes = part.stat().st_size
        part.replace(target)
        note.unlink(missing_ok=True)
        return Arrived(
            size_bytes=size_bytes,
            sha256=digest,
            came_from=answer.came_from,
            md5_checked=etag_is_md5 and _MD5.fullmatch(answer.etag) is not None,
            last_modified=answer.last_modified,
        )
    raise AssertionError("unreachable")


def _bring(
    client: httpx.Client,
    address: str,
    part: Path,
    note: Path,
    tell: Callable[[int], None],
    stop: Event,
    wait: Callable[[float], None],
) -> _Answer:
    """Bring all bytes of a file into its part, over as many connections as it takes."""
    tries = 0
    had: int | None = None
    while True:
        validator = _known(part, note, address)
        begin = part.stat().st_size if validator else 0
        if had is None:
            tell(begin)
        pause_s, reason = None, ""
        try:
            answer, complete = _ask(client, address, part, note, begin, validator, tell, stop)
            if complete:
                return answer
            reason = "the connection ended before the file"
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status in _NOT_THERE:
                raise _missing(address, status) from error
            if status == 416:  # the part is as long as the file, or longer
                tell(-begin)
                _forget(part, note)
            elif status not in _LATER:
                raise DataError(
                    f"{address} answers {status} {error.response.reason_phrase}, wanted the file: "
                    "open it in a browser, or give another --mirror"
                ) from error
            pause_s = _retry_after(error.response)
            reason = f"the server answers {status}"
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
        except OSError as error:
            raise write_error(part, error) from error
        now = part.stat().st_size if part.exists() else 0
        tries = 0 if had is not None and now > had else tries + 1
        had = now
        if tries >= _TRIES:
            kept = f"; {now / 1e6:.1f} MB are kept and the same command goes on" if now else ""
            raise DataError(
                f"{address} does not come ({reason}, {_TRIES} tries){kept}: check the network "
                "and its proxy (HTTPS_PROXY), or give a --mirror"
            )
        pause = pause_s or min(_FIRST_WAIT_S * 2.0 ** max(tries - 1, 0), _LONGEST_WAIT_S)
        wait(min(pause, _LONGEST_WAIT_S))
        if stop.is_set():
            raise StoppedError


def _ask(
    client: httpx.Client,
    address: str,
    part: Path,
    note: Path,
    begin: int,
    validator: str,
    tell: Callable[[int], None],
    stop: Event,
) -> tuple[_Answer, bool]:
    """Ask once for the rest of a file; return what the server said and whether all is there."""
    headers = {"Range": f"bytes={begin}-", "If-Range": validator} if begin else {}
    with client.stream("GET", address, headers=headers) as response:
        response.raise_for_status()
        _refuse_downgrade(response)
        if (packing := response.headers.get("Content-Encoding", "identity")) != "identity":
            raise DataError(
                f"{address} comes packed as {packing} although it was asked for as it is: give a "
                "--mirror, or look at the proxy in between"
            )
        total, first = _extent(response)
        if first != begin:  # the file has changed, or the server sends no parts: all of it again
            tell(-begin)
            begin = 0
            if first:
                raise DataError(f"{address} sends another part than was asked for")
        answer = _Answer(
            total,
            _strong(response),
            response.headers.get("ETag", ""),
            str(response.url),
            response.headers.get("Last-Modified", ""),
        )
        content = {"address": address, "validator": answer.validator, "total_bytes": total}
        note.write_text(json.dumps(content), encoding="utf-8")
        with part.open("ab" if begin else "wb") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                tell(len(chunk))
                if stop.is_set():
                    raise StoppedError
    return answer, total is None or part.stat().st_size >= total


def _extent(response: httpx.Response) -> tuple[int | None, int]:
    """Return the size of the whole file, if told, and where the answer begins."""
    if response.status_code == 206:
        told = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if told is None:
            raise DataError(f"{response.url} sends a part and does not say which")
        return (None if told[2] == "*" else int(told[2])), int(told[1])
    length = response.headers.get("Content-Length", "")
    return (int(length) if length.isdigit() else None), 0


def _strong(response: httpx.Response) -> str:
    """Return what tells whether a file is still the same; empty where nothing does."""
    etag: str = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _known(part: Path, note: Path, address: str) -> str:
    """Return the validator of a part that may be gone on with; else remove it and return none."""
    try:
        told: Any = json.loads(note.read_text(encoding="utf-8"))
        if told["address"] == address and told["validator"] and part.exists():
            return str(told["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    _forget(part, note)
    return ""


def _check(part: Path, answer: _Answer, etag_is_md5: bool, sha256: str) -> str:
    """Return the SHA-256 of a part that has the size and the sums that are published."""
    size_bytes = part.stat().st_size
    if answer.total_bytes is not None and size_bytes != answer.total_bytes:
        raise DataError(f"has {size_bytes} bytes, wanted {answer.total_bytes}")
    whole, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with part.open("rb") as file:
        while chunk := file.read(1 << 20):
            whole.update(chunk)
            md5.update(chunk)
    published = _MD5.fullmatch(answer.etag) if etag_is_md5 else None
    if published and published[1] != md5.hexdigest():
        raise DataError(f"has the MD5 {md5.hexdigest()}, its server publishes {published[1]}")
    if sha256 and whole.hexdigest() != sha256:
        raise DataError(f"has the SHA-256 {whole.hexdigest()}, published is {sha256}")
    return whole.hexdigest()


def _refuse_downgrade(response: httpx.Response) -> None:
    hops = [*response.history, response]
    if hops[0].url.scheme == "https" and any(hop.url.scheme != "https" for hop in hops):
        raise DataError(
            f"{hops[0].url} leads to {response.url}, which is not encrypted: give a --mirror"
        )


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _missing(address: str, status: int) -> MissingFileError:
    return MissingFileError(
        f"{address} is not there ({status}): the source may have moved its files; look for its new "
        "address, or give a --mirror that has them"
    )


def _unreachable(address: str, error: httpx.HTTPError) -> DataError:
    return DataError(
        f"cannot reach {httpx.URL(address).host} ({str(error) or type(error).__name__}): check the "
        "network and its proxy (HTTPS_PROXY), or give a --mirror"
    )


def _forget(part: Path, note: Path) -> None:
    part.unlink(missing_ok=True)
    note.unlink(missing_ok=True)
