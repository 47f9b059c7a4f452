"""Names as people type them: without tone marks, without "xã" and "tỉnh" before them."""

from __future__ import annotations

import re
from functools import lru_cache

from lensong.gis_data.names import search_key

__all__ = ["bare", "bare_place", "identifier_of"]

_KINDS_OF_PLACE = (
    "thi tran ", "thanh pho ", "phuong ", "xa ", "tinh ", "commune ", "ward ", "province ",
)  # fmt: skip


@lru_cache(maxsize=20_000)  # every row of a list is held against the name of every site
def bare(text: str) -> str:
    """Return a text in lower case, without tone marks, words parted by one blank.

    Examples
    --------
    >>> bare("  Chợ  Bình Lư "), bare("Giờ bắt_đầu (dự kiến)")
    ('cho binh lu', 'gio bat dau du kien')
    """
    return " ".join(re.findall(r"[^\W_]+", search_key(text)))


@lru_cache(maxsize=20_000)
def bare_place(text: str) -> str:
    """Return the bare name of a commune or province, without the word for what it is.

    Examples
    --------
    >>> bare_place("Xã Bình Lư"), bare_place("Tỉnh Lai Châu"), bare_place("Xa Dung")
    ('binh lu', 'lai chau', 'dung')
    """
    plain = bare(text)
    for kind in _KINDS_OF_PLACE:
        if plain.startswith(kind):
            return plain.removeprefix(kind)
    return plain


def identifier_of(name: str) -> str:
    """Return the identifier that a name makes; empty where it has no Latin letter or digit.

    Examples
    --------
    >>> identifier_of("Chợ phiên Sìn Hồ (cũ)")
    'cho-phien-sin-ho-cu'
    """
    words = re.findall(r"[a-z0-9]+", bare(name))
    return "-".join(words)[:64].strip("-")
