"""The tables that KML files keep in the text of their placemarks (balloons of Google Earth)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser

__all__ = ["balloon_tables", "read_balloon"]

_LONGEST_NAME = 60
_MOST_SHARE = 0.5  # of the placemarks that must have a name for it to be a column
_LINE = re.compile(r"\s*([^\W\d_][^:=<>]{0,59}?)\s*[:=]\s*(\S.*?)\s*$")
_NO_NAME = re.compile(r"https?$", re.IGNORECASE)


class _Balloon(HTMLParser):
    """Collects the cells of table rows, and the lines of the text around tables."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.lines: list[str] = [""]
        self._open: list[list[str]] = []  # rows of tables in tables
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - their signature
        if tag == "tr":
            self._end_row()
            self._open.append([])
        elif tag in ("td", "th") and self._open:
            self._end_cell()
            self._cell = []
        elif tag in ("br", "p", "div", "li"):
            self._text("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag in ("tr", "table"):
            self._end_row()
        elif tag in ("p", "div", "li", "b"):
            self._text("\n" if tag != "b" else "")

    def handle_data(self, data: str) -> None:
        self._text(data)

    def close(self) -> None:
        super().close()
        self._end_row()

    def _text(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
            return
        first, *more = data.split("\n")
        self.lines[-1] += first
        self.lines += more

    def _end_cell(self) -> None:
        if self._cell is not None and self._open:
            self._open[-1].append(" ".join("".join(self._cell).split()))
        self._cell = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._open:
            self.rows.append(self._open.pop())


def read_balloon(text: str) -> dict[str, str]:
    """Return the names and values that the description of a placemark holds.

    Rows of a table with two cells, else lines such as ``Azimuth: 120``; nothing where there are
    neither. A name that comes twice is told once, by its first value.

    Examples
    --------
    >>> read_balloon("<table><tr><th>Azimuth</th><td>120</td></tr></table>")
    {'Azimuth': '120'}
    >>> read_balloon("Height: 30 m<br/>EIRP = 62 dBm")
    {'Height': '30 m', 'EIRP': '62 dBm'}
    """
    parser = _Balloon()
    parser.feed(text)
    parser.close()
    pairs = [(row[0].rstrip(" :="), row[1]) for row in parser.rows if len(row) == 2]
    if not pairs:
        found = [match for line in parser.lines if (match := _LINE.match(line))]
        pairs = [(m[1], m[2]) for m in found if not _NO_NAME.match(m[1])]
    told: dict[str, str] = {}
    for name, value in pairs:
        if name and len(name) <= _LONGEST_NAME:
            told.setdefault(name, value)
    return told


def balloon_tables(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns that the descriptions of placemarks hold, in the order of the texts.

    Parameters
    ----------
    texts : sequence of str
        HTML or plain text; may be empty.

    Returns
    -------
    dict
        Names that at least half of the texts have, to the value of each text, empty where it has
        none. Empty where descriptions are prose.
    """
    balloons = [read_balloon(text) if text.strip() else {} for text in texts]
    counts = Counter(name for balloon in balloons for name in balloon)
    told = max(sum(1 for text in texts if text.strip()), 1)
    names = [name for name, count in counts.items() if count >= _MOST_SHARE * told]
    return {name: [balloon.get(name, "") for balloon in balloons] for name in names}
