"""What lists are refused for, and what is noticed in them: by reason, said in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lensong.monitoring.messages import say
from lensong.propagation.errors import InvalidInputError, LensongError

__all__ = ["CellError", "ListError", "RowErrors", "RowNote", "RowsError"]


class ListError(InvalidInputError):
    """Something in a list that cannot be taken.

    Parameters
    ----------
    reason : str
        Of the text for people: ``row.<reason>`` in the catalogue of messages.
    values : str, int or float
        For the places in that text.
    """

    def __init__(self, reason: str, /, **values: Any) -> None:
        self.reason, self.values = reason, values
        super().__init__(say(f"row.{reason}", "en", **values))


class CellError(ListError):
    """A cell that cannot be taken.

    Parameters
    ----------
    column : str
        As the file calls it; empty where it is about the whole row.
    """

    def __init__(self, column: str, reason: str, /, **values: Any) -> None:
        self.column = column
        super().__init__(reason, **values)

    @classmethod
    def of(cls, column: str, error: LensongError) -> CellError:
        """Return what stopped the reading of a row as an error of one of its cells."""
        if isinstance(error, ListError):
            return cls(column, error.reason, **error.values)
        return cls(column, "other", text=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowNote:
    """What is wrong with one row, or what was noticed in it.

    Parameters
    ----------
    row : int
        Line of the table, the header being 1; number of the event in a calendar.
    column : str
        As the file calls it; empty where it is about the whole row.
    reason, values
        As of `ListError`.
    title : str
        What the row is about, as the file calls it.
    """

    row: int
    column: str
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    title: str = ""

    def said(self, language: str) -> str:
        """Return it as a sentence."""
        return say(f"row.{self.reason}", language, **self.values)

    @property
    def problem(self) -> str:
        """Return it as a sentence in English."""
        return self.said("en")

    def __str__(self) -> str:
        """Return it on one line, in English."""
        where = f"row {self.row}" + (f", {self.column}" if self.column else "")
        return f"{where}: {self.problem}"


class RowsError(InvalidInputError):
    """Rows that cannot be taken; because of them nothing was.

    Parameters
    ----------
    errors : sequence of RowNote
        Of every row that was looked at.
    """

    def __init__(self, errors: Sequence[RowNote]) -> None:
        self.errors = tuple(sorted(errors, key=lambda item: item.row))
        more = len(self.errors) - 1
        tail = f" (and {more} more)" if more else ""
        super().__init__(f"{self.errors[0]}{tail}; nothing was imported: correct and send it again")


@dataclass(slots=True)
class RowErrors:
    """Gathers errors while rows are read."""

    found: list[RowNote] = field(default_factory=list)

    def add(self, row: int, column: str, reason: str, title: str = "", /, **values: Any) -> None:
        """Keep an error."""
        self.found.append(
            RowNote(row=row, column=column, reason=reason, values=values, title=title)
        )

    @contextmanager
    def kept(self, row: int, title: str = "") -> Iterator[None]:
        """Keep an error that ends the reading of a row, and go on with the next row."""
        try:
            yield
        except LensongError as error:
            cell = error if isinstance(error, CellError) else CellError.of("", error)
            self.add(row, cell.column, cell.reason, title, **cell.values)

    def raise_if_any(self) -> None:
        """Refuse all rows if one is wrong.

        Raises
        ------
        RowsError
        """
        if self.found:
            raise RowsError(self.found)

    def left(self, skip: bool) -> tuple[RowNote, ...]:
        """Return the errors where the rows without one are to be taken, else refuse all rows.

        Raises
        ------
        RowsError
            There is one, and none is to be skipped.
        """
        if not skip:
            self.raise_if_any()
        return tuple(sorted(self.found, key=lambda item: item.row))
