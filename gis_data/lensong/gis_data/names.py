"""Names as people type them: one key, whatever the case and the tone marks."""

from __future__ import annotations

import unicodedata

__all__ = ["search_key"]


def search_key(text: str) -> str:
    """Return the text as people type it: lower case, no tone marks, single blanks.

    Examples
    --------
    >>> search_key("  Bình  Lư "), search_key("ĐOÀN KẾT")
    ('binh lu', 'doan ket')
    """
    letters = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(bare.split())
