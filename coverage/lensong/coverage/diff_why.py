"""What two plans say otherwise of why: causes of gaps, streams at once, what would mend them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lensong.coverage.causes.split import TERMS
from lensong.propagation.errors import DataError

__all__ = ["MENDED_COLUMNS", "WhyDiff", "part_changes", "why_diff"]

_STREAMS = "streams_at_once_"
_CAUSES = ("shortfall_db", "main_cause", "cause_cell", *(f"cause_{t}_db" for t in TERMS))
_MOVED_DB = 0.05  # tables are read to a tenth of a decibel
_MEND = ("village_id", "change", "before", "after", "gained_db", "gained_people")
MENDED_COLUMNS = (
    "village_id",
    "name",
    "commune",
    "change",
    "tried_before",
    "tried_after",
    "gained_before_db",
    "gained_after_db",
    "gained_people_before",
    "gained_people_after",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyDiff:
    """How two plans differ in what they say beside who is served.

    Parameters
    ----------
    villages : DataFrame
        One row per village in both plans, in the order of the second. With ``causes``:
        ``shortfall_before_db``, ``shortfall_after_db`` (NaN: covered, or no number),
        ``main_cause_before``, ``main_cause_after``, ``cause_cell_before``, ``cause_cell_after``,
        per term ``cause_<term>_before_db`` and ``cause_<term>_after_db``, and ``most_grown``: the
        term whose part grew most, empty where none did or one plan has no parts. Per service of
        ``streams`` ``streams_at_once_<service>_before`` and ``…_after``.
    causes : bool
        Whether both plans have causes.
    streams : tuple of str
        Services, as columns carry them, whose streams both plans counted.
    mended : DataFrame
        `MENDED_COLUMNS`: the changes of the network that one plan alone tried for a village, and
        those that bring it otherwise than in the other plan; NaN and empty where not tried.
    notes : tuple of str
        What cannot be compared, and why.
    """

    villages: pd.DataFrame
    causes: bool
    streams: tuple[str, ...]
    mended: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def lacking(self) -> pd.Series[Any]:
        """Return which villages lack otherwise than before: how much, by which parts or cause."""
        table = self.villages
        moved = pd.Series(data=False, index=table.index)
        if not self.causes:
            return moved
        for name in ("shortfall", *(f"cause_{term}" for term in TERMS)):
            was, now = table[f"{name}_before_db"], table[f"{name}_after_db"]
            moved |= ((now - was).abs() >= _MOVED_DB) | (was.isna() != now.isna())
        return moved | (table["main_cause_before"] != table["main_cause_after"])

    @property
    def streaming(self) -> pd.Series[Any]:
        """Return in which villages other numbers of streams hold at once."""
        moved = pd.Series(data=False, index=self.villages.index)
        for service in self.streams:
            was, now = (self.villages[f"{_STREAMS}{service}_{w}"] for w in ("before", "after"))
            moved |= was != now
        return moved


def why_diff(
    before: pd.DataFrame,
    after: pd.DataFrame,
    mends: tuple[pd.DataFrame | None, pd.DataFrame | None],
) -> WhyDiff:
    """Return the difference of two village tables with the same index, and of what was tried.

    Parameters
    ----------
    before, after : DataFrame
        By village id, in one order.
    mends : tuple of DataFrame or None
        ``counterfactuals.csv`` of both plans; None where there is none.

    Raises
    ------
    DataError
        A table of changes lacks a column or has one change of a village twice.
    """
    causes, notes = _both_have_causes(before, after)
    columns = _cause_columns(before, after) if causes else {}
    streams, said = _both_streams(before, after)
    notes += said
    for service in streams:
        for which, table in (("before", before), ("after", after)):
            numbers = pd.to_numeric(table[_STREAMS + service]).astype(int)
            columns[f"{_STREAMS}{service}_{which}"] = numbers.to_numpy()
    mended, said = _mended(after, mends)
    return WhyDiff(
        villages=pd.DataFrame(columns, index=range(len(after))),
        causes=causes,
        streams=streams,
        mended=mended,
        notes=(*notes, *said),
    )


def part_changes(row: dict[Any, Any]) -> list[tuple[str, float]]:
    """Return by how much each part of a village's lack changed, the greatest first [dB].

    Where one of the plans has no parts, those of the other stand for the change: all that is
    lacking came, or went.
    """
    changes = []
    for term in TERMS:
        was, now = (float(row[f"cause_{term}_{which}_db"]) for which in ("before", "after"))
        change = float(np.nan_to_num(now)) - float(np.nan_to_num(was))
        if abs(change) >= _MOVED_DB:
            changes.append((term, change))
    return sorted(changes, key=lambda part: (-abs(part[1]), TERMS.index(part[0])))


def _which(first: object, second: object) -> str:
    """Return the plans that have nothing: what stands before the verb."""
    if not first and not second:
        return "neither result has"
    return f"the {'second' if first else 'first'} result has no"


def _both_have_causes(before: pd.DataFrame, after: pd.DataFrame) -> tuple[bool, tuple[str, ...]]:
    first, second = ({*_CAUSES} <= {*map(str, t.columns)} for t in (before, after))
    if first and second:
        return True, ()
    return False, (
        f"{_which(first, second)} causes of gaps (planned by a version without them, or with "
        "causes.villages = false): how they changed is not known",
    )


def _cause_columns(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for which, table in (("before", before), ("after", after)):
        columns[f"shortfall_{which}_db"] = pd.to_numeric(table["shortfall_db"]).to_numpy()
        for name in ("main_cause", "cause_cell"):
            columns[f"{name}_{which}"] = table[name].fillna("").astype(str).to_numpy()
        for term in TERMS:
            part = pd.to_numeric(table[f"cause_{term}_db"]).to_numpy()
            columns[f"cause_{term}_{which}_db"] = part
    grown = np.stack(
        [columns[f"cause_{t}_after_db"] - columns[f"cause_{t}_before_db"] for t in TERMS]
    )
    grown = np.nan_to_num(grown, nan=0.0)
    columns["most_grown"] = [
        TERMS[int(np.argmax(of))] if of.max() >= _MOVED_DB else "" for of in grown.T
    ]
    return columns


def _both_streams(
    before: pd.DataFrame, after: pd.DataFrame
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    first, second = (
        [str(c).removeprefix(_STREAMS) for c in t.columns if str(c).startswith(_STREAMS)]
        for t in (before, after)
    )
    shared = tuple(service for service in second if service in first)
    if not first or not second:
        return (), (
            f"{_which(first, second)} counts of streams at once (planned by a version without "
            "them, or with streams.most = 0): how they changed is not known",
        )
    notes = [
        f"streams at once of {', '.join(only)} are counted in the {which} result alone"
        for which, only in (
            ("first", [s for s in first if s not in shared]),
            ("second", [s for s in second if s not in shared]),
        )
        if only
    ]
    return shared, tuple(notes)


def _mended(
    after: pd.DataFrame, mends: tuple[pd.DataFrame | None, pd.DataFrame | None]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    none = pd.DataFrame(columns=list(MENDED_COLUMNS))
    tried = [
        None if table is None else _by_change(table, which)
        for table, which in zip(mends, ("first", "second"), strict=True)
    ]
    first, second = tried
    if first is None or second is None:
        return none, (
            f"{_which(first is not None, second is not None)} table of counterfactuals beside it: "
            "what would mend a gap is not compared",
        )
    notes = []
    if first or second:
        notes = [
            f"the {which} result tried no change of the network: it has no gap with a number, or "
            "causes.counterfactuals = 0"
            for which, table in (("first", first), ("second", second))
            if not table
        ]
    names = after[["name"]].assign(commune=after.get("commune", "")).fillna("")
    rows = list(_mend_rows(first, second, names))
    return (pd.DataFrame(rows, columns=list(MENDED_COLUMNS)) if rows else none), tuple(notes)


_Tried = dict[tuple[str, str], dict[Any, Any]]


def _by_change(table: pd.DataFrame, which: str) -> _Tried:
    missing = [name for name in _MEND if name not in table.columns]
    if missing:
        raise DataError(
            f"the counterfactuals of the {which} result have no column {', '.join(missing)}: "
            "give what `lensong plan` wrote, unchanged"
        )
    found: _Tried = {}
    for row in table.to_dict("records"):
        key = (str(row["village_id"]), str(row["change"]))
        if key in found:
            raise DataError(
                f"the counterfactuals of the {which} result have {key[1]} of village {key[0]} "
                "twice: give what `lensong plan` wrote, unchanged"
            )
        found[key] = row
    return found


def _mend_rows(first: _Tried, second: _Tried, names: pd.DataFrame) -> Iterator[Sequence[Any]]:
    """Yield the rows of `MENDED_COLUMNS` in the order of the second plan, then of the first."""
    for key in [*second, *(key for key in first if key not in second)]:
        village_id, change = key
        if village_id not in names.index:
            continue
        was, now = first.get(key), second.get(key)
        numbers = [
            (float("nan") if row is None else float(row[name]))
            for name in ("gained_db", "gained_people")
            for row in (was, now)
        ]
        if (
            was is not None
            and now is not None
            and abs(numbers[1] - numbers[0]) < _MOVED_DB
            and abs(numbers[3] - numbers[2]) < 0.5
        ):
            continue
        name = names.loc[village_id]
        yield [
            village_id, name["name"], name["commune"], change, _told(was), _told(now), *numbers,
        ]  # fmt: skip


def _told(row: dict[Any, Any] | None) -> str:
    """Return what was changed to what, empty where it was not tried."""
    if row is None:
        return ""
    parts = [row[name] for name in ("before", "after")]
    return " → ".join(str(part) for part in parts if isinstance(part, str) and part)
