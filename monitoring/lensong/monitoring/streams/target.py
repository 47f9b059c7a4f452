"""Where a stream's figures come from: set by an admin, checked before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from lensong.monitoring.errors import FieldError

__all__ = ["KINDS", "CollectorTarget"]

_WEB = ("http", "https")

KINDS: dict[str, tuple[str, ...]] = {
    "nginx_rtmp": _WEB,
    "srt": (*_WEB, "file"),
    "mediamtx": _WEB,
    "mediamtx_metrics": _WEB,
    "srs": _WEB,
    "obs": ("ws", "wss"),
    "ffmpeg": (),
}
"""Kinds of collectors, and the schemes of addresses that each can be polled at."""

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
    """

    kind: str
    url: str | None = None
    stream_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)

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
            _check_url(self.url, self.kind)
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


def _check_url(url: str, kind: str) -> SplitResult:
    schemes = KINDS[kind]
    wanted = " or ".join(f"{scheme}://..." for scheme in schemes) or "no url: it sends its figures"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(
            f"the url of a collector is malformed, wanted {wanted}", "url_malformed"
        ) from error
    if parts.scheme not in schemes or len(url) > _LONGEST:
        raise _refused(
            f"the url of a {kind} collector begins with {parts.scheme[:12]!r}, wanted {wanted}",
            "url_scheme" if schemes else "url_unwanted",
            schemes=", ".join(f"{scheme}://" for scheme in schemes),
        )
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise _refused("the url of a collector has spaces or control characters", "url_malformed")
    if parts.username is not None or parts.password is not None:
        raise _refused("the url of a collector holds a password: give it as secret", "url_password")
    if parts.scheme != "file" and (not parts.hostname or port == 0):
        raise _refused(f"the url of a collector has no host, wanted {wanted}", "url_malformed")
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise _refused(
            "the url of a collector's file is wanted as file:///folder/name", "url_malformed"
        )
    return parts


def _refused(message: str, reason: str, **values: str) -> FieldError:
    return FieldError(message, field="url", reason=reason, **values)
