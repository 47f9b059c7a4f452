"""Tables that are printed, kept as JSON and written between the marks of a page."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["NotAtHandError", "Table", "written"]

_MARKED = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class NotAtHandError(Exception):
    """A set of measurements is not at hand; the message says which file was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table.

    Parameters
    ----------
    name : str
        Of its place in the page: letters, digits and hyphens.
    columns : dict
        Heading to format: ``""`` for text, else that of a number. NaN is a dash.
    rows : list of list
        A row of fewer fields than columns ends in a remark over the rest.
    """

    name: str
    columns: dict[str, str]
    rows: list[list[Any]]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [_line(list(self.columns)), "|" + "---|" * len(self.columns)]
        lines += [_line(self._shown(row)) for row in self.rows]
        return "\n".join(lines)

    def _shown(self, row: list[Any]) -> list[str]:
        shown = [_text(v, f) for v, f in zip(row, self.columns.values(), strict=False)]
        return shown + [""] * (len(self.columns) - len(shown))

    def to_json(self) -> dict[str, Any]:
        """Return name, columns and rows, numbers unrounded and NaN as None."""
        return {
            "name": self.name,
            "columns": list(self.columns),
            "rows": [[None if _is_nan(value) else value for value in row] for row in self.rows],
        }


def written(page: str, tables: list[Table]) -> str:
    """Return a page with the tables put between their marks; others stay as they were.

    Raises
    ------
    KeyError
        The page has no place for a table.
    """
    by_name = {table.name: table for table in tables}
    places = {match["name"] for match in _MARKED.finditer(page)}
    if lost := sorted(by_name.keys() - places):
        raise KeyError(f"the page has no mark '<!-- table: {lost[0]} -->'")

    def put(match: re.Match[str]) -> str:
        table = by_name.get(match["name"])
        return match[0] if table is None else f"{match[1]}\n{table.markdown()}\n\n{match[3]}"

    return _MARKED.sub(put, page)


def _line(fields: list[str]) -> str:
    return "| " + " | ".join(fields) + " |"


def _text(value: Any, form: str) -> str:
    if _is_nan(value):
        return "–"
    return str(value) if isinstance(value, str) or not form else format(value, form)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
