"""A calendar from its address: limited in size and time, from allowed hosts alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from lensong.monitoring.outbound import FAILURES, asking, body_of
from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.sample import CollectorError
from lensong.propagation.errors import LensongError

__all__ = ["FeedError", "Fetched", "fetch_calendar"]

_MOST_REDIRECTS = 3
_MOVED_FOR_GOOD = (301, 308)
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_TAG = 400


class FeedError(LensongError):
    """A calendar cannot be read from its address.

    Parameters
    ----------
    code : str
        Stable word: of the text for people ``feed.failed_<code>`` in the catalogue of messages.
    """

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What an address answered.

    Parameters
    ----------
    data : bytes, optional
        None where it is what it was the last time.
    etag, last_modified : str
        To be shown the next time; empty where the server gives none.
    moved : bool
        The calendar has moved for good, and its old address says where to.
    """

    data: bytes | None
    etag: str
    last_modified: str
    moved: bool


async def fetch_calendar(
    http: GuardedClient,
    url: str,
    *,
    etag: str,
    last_modified: str,
    longest_bytes: int,
    total_s: float,
) -> Fetched:
    """Return what an address answers.

    Redirects are followed a few times, each to a host that is allowed as well, and never from TLS
    to none.

    Parameters
    ----------
    etag, last_modified : str
        Of the answer that is known already; empty to have it in any case.
    total_s : float
        For all of it [s].

    Raises
    ------
    FeedError
        It may not be asked, does not answer in time, answers something else, or too much.
    """
    headers = {"User-Agent": "lensong", "Accept": "text/calendar, */*;q=0.1"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": last_modified} if last_modified else {}
    moved = False
    try:
        async with asyncio.timeout(total_s):
            for _ in range(_MOST_REDIRECTS + 1):
                async with asking(http, "GET", url, total_s=total_s, headers=headers) as answer:
                    if answer.status_code not in _REDIRECTS:
                        known = Fetched(
                            data=None, etag=etag, last_modified=last_modified, moved=moved
                        )
                        return await _taken(answer, longest_bytes, known)
                    moved = moved or answer.status_code in _MOVED_FOR_GOOD
                    url = _target(url, answer)
    except CollectorError as error:
        raise FeedError(error.code, error.detail) from error
    except TimeoutError as error:
        raise FeedError("timeout", f"the calendar did not arrive within {total_s:g} s") from error
    except httpx.TimeoutException as error:
        raise FeedError("timeout", "the server keeps silent") from error
    except FAILURES as error:  # its text may hold the address
        raise FeedError("unreachable", f"the server cannot be reached ({_kind(error)})") from error
    raise FeedError("redirect", f"more than {_MOST_REDIRECTS} redirects one after the other")


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _target(url: str, answer: httpx.Response) -> str:
    """Return where a redirect leads."""
    try:
        wanted = urljoin(url, answer.headers.get("Location", ""))
        parts, before = urlsplit(wanted), urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or wanted == url:
        raise FeedError("redirect", f"status {answer.status_code} leads nowhere")
    if before.scheme == "https" and parts.scheme == "http":
        raise FeedError("redirect", "the redirect leads from https to http")
    if parts.username or parts.password:
        raise FeedError("redirect", "the redirect holds a name or password")
    return str(wanted)


async def _taken(answer: httpx.Response, longest_bytes: int, known: Fetched) -> Fetched:
    status = answer.status_code
    if status == 304 and (known.etag or known.last_modified):
        return known
    if status in (401, 403):
        raise FeedError("refused", f"status {status}: the address is to be made anew")
    if status in (404, 410):
        raise FeedError("not_found", f"status {status}: there is no calendar at the address")
    if status != 200:
        raise FeedError("bad_status", f"status {status}, wanted 200")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FeedError("not_a_calendar", "the answer is compressed although that was not offered")
    length = answer.headers.get("Content-Length", "")
    told_too_much = length.isdecimal() and int(length[:20]) > longest_bytes
    data = None if told_too_much else await body_of(answer, longest_bytes)
    if data is None:
        raise FeedError("too_large", f"the calendar is longer than {longest_bytes} bytes")
    if b"BEGIN:VCALENDAR" not in data[:2_000].upper():
        raise FeedError("not_a_calendar", "the answer is no iCalendar file")
    return Fetched(
        data=data,
        etag=_short(answer.headers.get("ETag", "")),
        last_modified=_short(answer.headers.get("Last-Modified", "")),
        moved=known.moved,
    )


def _short(tag: str) -> str:
    """Return what may be kept of a tag: one that is too long is none."""
    return tag if len(tag) <= _LONGEST_TAG else ""
