"""CSV that spreadsheets open without running it, and that we read back as it was.

References
----------
.. [1] RFC 4180, "Common Format and MIME Type for CSV Files", 2005.
.. [2] OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

__all__ = ["csv_text", "guarded", "unguarded"]

# what a spreadsheet takes for the begin of a formula, in half and full width
_FORMULA = r"[=+\-@\t\r\n＝＋－＠]"
_NEEDS_GUARD = re.compile(rf"'*{_FORMULA}")
_HAS_GUARD = re.compile(rf"'+{_FORMULA}")


def guarded(text: str) -> str:
    r"""Return a text that no spreadsheet takes for a formula: with an apostrophe before it.

    Examples
    --------
    >>> guarded('=HYPERLINK("http://x")'), guarded("Chợ"), guarded("'=1")
    ('\'=HYPERLINK("http://x")', 'Chợ', "''=1")
    """
    return f"'{text}" if _NEEDS_GUARD.match(text) else text


def unguarded(text: str) -> str:
    """Return what `guarded` was given."""
    return text[1:] if text[:1] == "'" and _HAS_GUARD.match(text) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """Return a CSV table, with the byte order mark by which Excel knows UTF-8.

    Parameters
    ----------
    rows : iterable of sequences
        Text is guarded against formulas; numbers stand as they are; None is an empty cell.
    """
    out = io.StringIO(newline="")
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()
