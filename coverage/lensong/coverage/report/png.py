"""Palette PNG: one byte per pixel and a table of colours, a quarter of the work of RGBA."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import UInt8Array

__all__ = ["palette_png", "palette_png_url"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE = 3  # colour type of the PNG specification, section 11.2.1
_LEVEL = 6  # 9 is ten times slower on large areas of one class and saves 7 %


def palette_png(indices: UInt8Array, colours: list[str]) -> bytes:
    """Return a PNG file whose pixel value 0 is transparent and ``i`` has ``colours[i - 1]``.

    Parameters
    ----------
    indices : shape (h, w), uint8
        0 to ``len(colours)``.
    colours : list of str
        ``"#rrggbb"``, at most 255.

    Raises
    ------
    InvalidInputError
        Too many colours, or an index without one.
    """
    if not 1 <= len(colours) <= 255:
        raise InvalidInputError(f"{len(colours)} colours were given, wanted 1 to 255")
    if indices.ndim != 2 or indices.size == 0 or int(indices.max()) > len(colours):
        raise InvalidInputError(
            f"picture of shape {indices.shape} wants colours that are not among the "
            f"{len(colours)} given"
        )
    height, width = indices.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter type 0
    rows[:, 1:] = indices
    palette = b"\0\0\0" + b"".join(bytes.fromhex(c.removeprefix("#")) for c in colours)
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette),
            _chunk(b"tRNS", b"\0"),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def palette_png_url(indices: UInt8Array, colours: list[str]) -> str:
    """Return :func:`palette_png` as a ``data:`` address."""
    encoded = base64.b64encode(palette_png(indices, colours)).decode("ascii")
    return f"data:image/png;base64,{encoded}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
