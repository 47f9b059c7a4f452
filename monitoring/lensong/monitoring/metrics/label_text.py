"""What people typed, as the value of a label."""

from __future__ import annotations

import re

__all__ = ["label_text"]

_NOT_IN_LABELS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def label_text(value: str) -> str:
    r"""Return a label value in which control characters and lone surrogates are U+FFFD.

    Records refuse them at the door; a name that got past it must not break the page of all others.

    Examples
    --------
    >>> label_text("Bình Lư\n0")
    'Bình Lư�0'
    """
    return _NOT_IN_LABELS.sub("\ufffd", value)
