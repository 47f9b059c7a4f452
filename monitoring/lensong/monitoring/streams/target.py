"""Where a stream's figures come from: set by an admin, checked before anything is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from lensong.monitoring.errors import FieldError

__all__ = ["KINDS", "MEDIA_SCHEMES", "CollectorTarget"]

_WEB = ("http", "https")

KINDS: dict[str, tuple[str, ...]] = {
    "nginx_rtmp": _WEB,
    "srt": (*_WEB, "file"),
    "mediamtx": _WEB,
    "mediamtx_metrics": _WEB,
    "srs": _WEB,
    "sls": _WEB,
    "obs": ("ws", "wss"),
    "ffmpeg": (),
}
"""Kinds of collectors, and the schemes of addresses that each can be polled at."""

MEDIA_SCHEMES = ("rtmp", "rtmps", "srt", *_WEB)
"""Schemes of addresses at which a stream itself can be played."""

_PUSHED = ("srt", "ffmpeg")
"""Kinds whose figures may also be sent to us."""

_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorTarget:
    """One stream at one media server.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    url : str, optional
        To poll; None where the figures are sent to us. Holds no password: that is ``secret``.
    stream_key : str, optional
        Name under which the stream is published, ``application/name`` where the server has
        applications; it is a secret. None takes the only stream of the server.
    secret : str, optional
        Password of OBS; ``user:password`` for HTTP servers that ask for one.
    media_url : str, optional
        Where the stream itself can be played, to see how far apart its key frames are; it is a
        secret, for it holds the stream's name.
    """

    kind: str
    url: str | None = None
    stream_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    media_url: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FieldError(
                f"kind is {self.kind[:40]!r}, wanted one of {', '.join(sorted(KINDS))}",
                field="kind",
                reason="invalid",
            )
        if self.url is None:
            if self.kind not in _PUSHED:
                raise FieldError(
                    f"a collector of kind {self.kind} needs a url to poll",
                    field="url",
                    reason="url_needed",
                )
        else:
            _check_url(self.url, KINDS[self.kind], "url")
        if self.media_url is not None:
            _check_media_url(self.media_url)
        for name in ("stream_key", "secret"):
            value = getattr(self, name)
            if value is not None and not 0 < len(value) <= _LONGEST:
                raise FieldError(
                    f"{name} is empty or longer than {_LONGEST} characters",
                    field=name,
                    reason="invalid",
                )

    @property
    def application_and_name(self) -> tuple[str | None, str | None]:
        """Return the two parts of the stream key; None is "any"."""
        if self.stream_key is None:
            return None, None
        application, slash, name = self.stream_key.rpartition("/")
        return (application if slash else None), name


def _check_media_url(url: str) -> None:
    parts = _check_url(url, MEDIA_SCHEMES, "media_url")
    if parts.scheme == "srt" and (
        parts.port is None or re.search(r"[?&]mode=(?!caller(?:&|$))", url)
    ):
        raise FieldError(
            "the media_url of a collector is wanted as srt://host:port, its mode as caller",
            field="media_url",
            reason="url_srt",
        )
    if parts.path.lower().endswith((".m3u8", ".mpd")):
        raise FieldError(
            "the media_url of a collector is a playlist, which names further addresses: give its "
            "rtmp, srt or flv address",
            field="media_url",
            reason="url_playlist",
        )


def _check_url(url: str, schemes: tuple[str, ...], name: str) -> SplitResult:
    wanted = " or ".join(f"{scheme}://..." for scheme in schemes) or "no url: it sends its figures"

    def refused(what: str, reason: str = "url_malformed", **values: str) -> FieldError:
        return FieldError(f"the {name} of a collector {what}", field=name, reason=reason, **values)

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refused(f"is malformed, wanted {wanted}") from error
    if parts.scheme not in schemes or len(url) > _LONGEST:
        raise refused(
            f"begins with {parts.scheme[:12]!r}, wanted {wanted}",
            "url_scheme" if schemes else "url_unwanted",
            schemes=", ".join(f"{scheme}://" for scheme in schemes),
        )
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise refused("has spaces or control characters")
    if parts.username is not None or parts.password is not None:
        raise refused("holds a password: give it as secret", "url_password")
    if parts.scheme != "file" and (not parts.hostname or port == 0):
        raise refused(f"has no host, wanted {wanted}")
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise refused("is wanted as file:///folder/name where it is a file")
    return parts
