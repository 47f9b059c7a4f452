"""A message for a browser as its push service takes it: encrypted, and signed by this service.

References
----------
.. [1] RFC 8030, "Generic Event Delivery Using HTTP Push", section 5.
.. [2] RFC 8291, "Message Encryption for Web Push", section 3.
.. [3] RFC 8292, "Voluntary Application Server Identification (VAPID)", sections 2 and 3.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import http_ece  # type: ignore[import-untyped]  # it has no type information
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lensong.propagation.errors import InvalidInputError

__all__ = ["VapidKey", "base64url", "encrypted", "fresh_key", "from_base64url", "headers"]

_CURVE = ec.SECP256R1()
_VALID_FOR = timedelta(hours=12)
"""Of a signature; RFC 8292 allows a day."""

_POINT_BYTES, _AUTH_BYTES, _NUMBER_BYTES = 65, 16, 32


def base64url(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes of base64url, with or without padding.

    Raises
    ------
    ValueError
        It is none.
    """
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)


def fresh_key() -> str:
    """Return a new private key of the service, as it is kept."""
    number = ec.generate_private_key(_CURVE).private_numbers().private_value
    return base64url(number.to_bytes(_NUMBER_BYTES, "big"))


@dataclass(frozen=True, slots=True)
class VapidKey:
    """By which push services, and browsers that allowed it, know this service."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, kept: str) -> VapidKey:
        """Return the key out of what is kept of it."""
        return cls(ec.derive_private_key(int.from_bytes(from_base64url(kept), "big"), _CURVE))

    @property
    def public(self) -> str:
        """Return the public key as browsers take it."""
        return base64url(_point(self.private.public_key()))

    def authorization(self, endpoint: str, contact: str | None, now: datetime) -> str:
        """Return the header that proves to a push service who sends."""
        parts = urlsplit(endpoint)
        claims: dict[str, str | int] = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((now + _VALID_FOR).timestamp()),
        }
        if contact is not None:
            claims["sub"] = contact
        signed = ".".join(
            base64url(json.dumps(part, separators=(",", ":")).encode())
            for part in ({"typ": "JWT", "alg": "ES256"}, claims)
        )
        r, s = decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        raw = r.to_bytes(_NUMBER_BYTES, "big") + s.to_bytes(_NUMBER_BYTES, "big")
        return f"vapid t={signed}.{base64url(raw)}, k={self.public}"


def encrypted(
    content: bytes,
    p256dh: str,
    auth: str,
    *,
    salt: bytes | None = None,
    private: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return a message that the browser alone can read.

    Parameters
    ----------
    p256dh, auth : str
        The browser's public key and secret, base64url.
    salt, private : optional
        Of this message alone; made anew unless given.

    Raises
    ------
    InvalidInputError
        They are none.
    """
    try:
        point, secret = from_base64url(p256dh), from_base64url(auth)
        if len(point) != _POINT_BYTES or len(secret) != _AUTH_BYTES:
            raise ValueError
        public = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError as error:
        raise InvalidInputError(
            f"the keys of a browser are {p256dh[:20]!r}… and {auth[:30]!r}, wanted a point on "
            f"P-256 ({_POINT_BYTES} bytes) and {_AUTH_BYTES} bytes, base64url"
        ) from error
    body: bytes = http_ece.encrypt(
        content,
        salt=salt or os.urandom(16),
        private_key=private or ec.generate_private_key(_CURVE),
        dh=public,
        auth_secret=secret,
        version="aes128gcm",
    )
    return body


def headers(authorization: str, *, ttl_s: int, urgent: bool) -> dict[str, str]:
    """Return the headers of a message.

    Parameters
    ----------
    ttl_s : int
        For so long the push service keeps it for a browser that cannot be reached [s].
    urgent : bool
        Worth waking a phone that saves its battery.
    """
    return {
        "Authorization": authorization,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(ttl_s),
        "Urgency": "high" if urgent else "normal",
    }


def _point(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
