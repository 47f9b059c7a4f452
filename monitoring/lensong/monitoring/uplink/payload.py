"""Whether an upload is really random: what compresses on the way would count too fast."""

from __future__ import annotations

import random
import zlib

__all__ = ["COMPRESSIBLE_RATIO", "PayloadCheck"]

RUN_BYTES = 32_768
"""A run is as long as the window of deflate, so that a block repeated within it is noticed."""

COMPRESSIBLE_RATIO = 0.95
"""Random bytes grow by a few in ten thousand; text in base64 shrinks to about 0.75."""

_LONGEST_GAP_BYTES = 500_000
_FIRST_GAP_BYTES = 20_000


class PayloadCheck:
    """Samples runs of consecutive bytes of an upload and tries to compress them.

    Runs lie at random places, one for about each quarter of a megabyte, so that a sender cannot
    know where to put its random bytes. At 30 Mbit/s that is 15 runs, about 15 ms of work, a second.

    Parameters
    ----------
    generator : random.Random
        Chooses the places.

    Notes
    -----
    One random block of `RUN_BYTES` or more, sent over and over, passes. What compresses links
    keeps a window of this size, and each WebSocket message of a client is masked with a key of
    its own (RFC 6455, section 5.3).
    """

    def __init__(self, generator: random.Random) -> None:
        self._random = generator
        self._skip_bytes = generator.randrange(_FIRST_GAP_BYTES)
        self._run = bytearray()
        self.runs = 0
        self.lowest_ratio = float("inf")

    @property
    def compressible(self) -> bool:
        """Return whether a run could be compressed so far."""
        return self.lowest_ratio < COMPRESSIBLE_RATIO

    def feed(self, message: bytes) -> bool:
        """Take in the next message of the upload; return whether it is compressible so far."""
        start = 0
        while start < len(message):
            if self._skip_bytes:
                skipped = min(self._skip_bytes, len(message) - start)
                self._skip_bytes -= skipped
                start += skipped
                continue
            taken = min(RUN_BYTES - len(self._run), len(message) - start)
            self._run += message[start : start + taken]
            start += taken
            if len(self._run) == RUN_BYTES:
                self._end_run()
        return self.compressible

    def finish(self) -> bool:
        """Judge what is left of a short upload; return whether it is compressible."""
        if self._run and self.runs == 0:
            self._end_run()
        return self.compressible

    def _end_run(self) -> None:
        # Level 1 finds what a fast compressor on the way would find.
        ratio = len(zlib.compress(self._run, 1)) / len(self._run)
        self.lowest_ratio = min(self.lowest_ratio, ratio)
        self.runs += 1
        self._run.clear()
        self._skip_bytes = self._random.randrange(_LONGEST_GAP_BYTES)
