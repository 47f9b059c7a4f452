"""What changed between two plans: their settings, and village by village."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lensong.coverage.diff_why import WhyDiff, why_diff
from lensong.coverage.villages import CLASSES
from lensong.propagation.errors import DataError

__all__ = [
    "PlanDiff",
    "SettingChange",
    "diff",
    "input_changes",
    "proposal_changes",
    "setting_changes",
]

_SHARE = "served_share_"
_NEEDED = ("village_id", "name", "people", "class")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting or an input that two plans do not share; empty text where one has none.

    Parameters
    ----------
    name : str
        Dotted as in a scenario, e.g. ``propagation.model``, or ``input cells``.
    before, after : str
        As JSON writes the values; files by name and the first digits of their SHA-256.
    """

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDiff:
    """The difference between two village tables.

    Parameters
    ----------
    services : tuple of str
        Service keys as columns carry them (``livestream_720p``).
    villages : DataFrame
        One row per village in both plans: ``village_id``, ``name``, ``commune`` (empty where the
        tables have none), ``people`` (of the second plan), ``class_before``, ``class_after``,
        ``change`` (``gained``, ``lost``, ``same``; by class), per service
        ``people_gained_<service>`` (negative: lost), and the columns of `WhyDiff.villages`. Order
        of the second plan.
    why : WhyDiff
        What they say otherwise of causes, of streams at once, of what would mend a gap.
    only_before, only_after : tuple of str
        Village ids that only one plan has; they take no part in the sums.
    summary : dict
        JSON-ready totals: ``villages_compared``, ``villages_only_before``,
        ``villages_only_after``, ``villages_gained``, ``villages_lost``, ``class_changes``
        (``"no_signal -> covered"`` → villages), ``people_served_before``,
        ``people_served_after``, ``people_gained``, ``people_lost`` (service → people; the last
        two add up villages that gain and villages that lose, apart).
    settings : tuple of SettingChange or None
        What the plans were not made alike by; None: not known.
    proposed : DataFrame
        Steps of a siting study that either plan names and that stand otherwise in the two:
        ``step``, ``mast_id``, ``kind``, ``change``, ``people``, ``cost``, ``backhaul_way``,
        ``power``, ``state_before``, ``state_after`` (empty where a plan does not name the step).
    notes : tuple of str
        What a reader must know before he trusts the comparison.
    """

    services: tuple[str, ...]
    villages: pd.DataFrame
    why: WhyDiff
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    summary: dict[str, Any]
    settings: tuple[SettingChange, ...] | None = None
    proposed: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> pd.DataFrame:
        """Return the villages whose class or served people differ, biggest change first."""
        gained = self.villages[[f"people_gained_{s}" for s in self.services]].abs().max(axis=1)
        moved = self.villages["class_before"] != self.villages["class_after"]
        kept = self.villages[moved | (gained >= 0.5)]
        order = gained[kept.index].sort_values(ascending=False, kind="stable").index
        return kept.loc[order]

    @property
    def lacking(self) -> pd.DataFrame:
        """Return the villages that lack otherwise than before, the biggest change first."""
        kept = self.villages[self.why.lacking]
        if not self.why.causes:
            return kept
        change = kept["shortfall_after_db"].fillna(0.0) - kept["shortfall_before_db"].fillna(0.0)
        return kept.loc[change.abs().sort_values(ascending=False, kind="stable").index]

    @property
    def streaming(self) -> pd.DataFrame:
        """Return the villages in which other numbers of streams hold, the biggest change first."""
        kept = self.villages[self.why.streaming]
        change = pd.Series(0, index=kept.index)
        for service in self.why.streams:
            was, now = (kept[f"streams_at_once_{service}_{w}"] for w in ("before", "after"))
            change = change.combine((now - was).abs(), max)
        return kept.loc[change.sort_values(ascending=False, kind="stable").index]

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for ``json.dumps``."""

        def records(table: pd.DataFrame) -> list[dict[Any, Any]]:
            return table.astype(object).where(table.notna(), None).to_dict(orient="records")

        return {
            "summary": self.summary,
            "settings": None
            if self.settings is None
            else [
                {"name": change.name, "before": change.before, "after": change.after}
                for change in self.settings
            ],
            "notes": list(self.notes),
            "services": list(self.services),
            "changed": records(self.changed),
            "lacking": records(self.lacking),
            "streams": list(self.why.streams),
            "streaming": records(self.streaming),
            "mended": records(self.why.mended),
            "proposed": records(self.proposed),
            "only_before": list(self.only_before),
            "only_after": list(self.only_after),
        }


def diff(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    mends: tuple[pd.DataFrame | None, pd.DataFrame | None] = (None, None),
) -> PlanDiff:
    """Return what a second plan gains and loses against a first.

    Parameters
    ----------
    before, after : DataFrame
        Village tables of two plans (``villages.csv`` or the layer of ``villages.gpkg``), joined
        by ``village_id``. People are those of ``after``; unknown people count as 0.
    mends : tuple of DataFrame or None
        ``counterfactuals.csv`` of both; None where there is none.

    Raises
    ------
    DataError
        When a table lacks a column, repeats a village, judges other services than the other, or
        has no village in common with it.
    """
    first = _checked(before, "the first plan")
    second = _checked(after, "the second plan")
    services = _services(first, second)
    common = [v for v in second.index if v in first.index]
    if not common:
        raise DataError(
            "the two plans have no village_id in common: compare plans of the same village list"
        )
    a, b = first.loc[common], second.loc[common]
    people = pd.to_numeric(b["people"]).fillna(0.0)
    villages = pd.DataFrame(
        {
            "village_id": common,
            "name": b["name"].fillna("").to_numpy(),
            "commune": _commune(b),
            "people": pd.to_numeric(b["people"]).to_numpy(),
            "class_before": a["class"].to_numpy(),
            "class_after": b["class"].to_numpy(),
        }
    )
    rank = {name: k for k, name in enumerate(CLASSES)}
    # nothing was computed there: neither is better
    rank["beyond_radius"] = rank["unknown"] = rank["no_signal"]
    step = villages["class_after"].map(rank) - villages["class_before"].map(rank)
    villages["change"] = step.map(lambda s: "gained" if s > 0 else "lost" if s < 0 else "same")
    shares = {s: (a[_SHARE + s].astype(float), b[_SHARE + s].astype(float)) for s in services}
    for service, (was, now) in shares.items():
        villages[f"people_gained_{service}"] = (people * (now - was)).to_numpy()
    why = why_diff(a, b, mends)
    villages = pd.concat([villages, why.villages], axis=1)
    only_before = tuple(str(v) for v in first.index if v not in second.index)
    only_after = tuple(str(v) for v in second.index if v not in first.index)
    return PlanDiff(
        services=services,
        villages=villages,
        why=why,
        notes=why.notes,
        only_before=only_before,
        only_after=only_after,
        summary={
            "villages_compared": len(common),
            "villages_only_before": len(only_before),
            "villages_only_after": len(only_after),
            "villages_gained": int((step > 0).sum()),
            "villages_lost": int((step < 0).sum()),
            "class_changes": _class_changes(villages),
            "people_served_before": {s: float((people * w).sum()) for s, (w, _) in shares.items()},
            "people_served_after": {s: float((people * n).sum()) for s, (_, n) in shares.items()},
            "people_gained": {
                s: float(villages[f"people_gained_{s}"].clip(lower=0.0).sum()) for s in services
            },
            "people_lost": {
                s: float(villages[f"people_gained_{s}"].clip(upper=0.0).abs().sum())
                for s in services
            },
        },
    )


def proposal_changes(before: pd.DataFrame | None, after: pd.DataFrame | None) -> pd.DataFrame:
    """Return the steps of siting studies that stand otherwise in two plans, as `PlanDiff.proposed`.

    Parameters
    ----------
    before, after : DataFrame or None
        The layer ``proposals`` of their GeoPackages; None where there is none.
    """
    keys, rows = ["mast_id", "kind", "change"], []
    tables = [
        {} if table is None else {tuple(row[k] or "" for k in keys): row for row in _records(table)}
        for table in (before, after)
    ]
    for key in dict.fromkeys((*tables[1], *tables[0])):
        was, now = (table.get(key) for table in tables)
        row = now or was or {}
        states = {
            "state_before": (was or {}).get("state", ""),
            "state_after": (now or {}).get("state", ""),
        }
        known = {name: row.get(name) for name in _PROPOSED[:-2]}
        # a step that the first plan does not name is not in its network, or stood there already
        if states["state_before"] != states["state_after"]:
            rows.append(known | states)
    return pd.DataFrame(rows, columns=list(_PROPOSED))


_PROPOSED = (
    "step", "mast_id", "kind", "change", "people", "cost", "backhaul_way", "power",
    "state_before", "state_after",
)  # fmt: skip


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    kept = pd.DataFrame(table).astype(object)
    return [
        {str(name): value for name, value in row.items()}
        for row in kept.where(kept.notna(), None).to_dict("records")
    ]


def setting_changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[SettingChange, ...]:
    """Return the settings that differ, in the order of the second plan; titles do not count."""
    first, second = _flat(before), _flat(after)
    names = [*second, *(name for name in first if name not in second)]
    return tuple(
        SettingChange(name=name, before=first.get(name, ""), after=second.get(name, ""))
        for name in names
        if first.get(name, "") != second.get(name, "") and name != "title"
    )


def input_changes(
    before: Sequence[Mapping[str, str]], after: Sequence[Mapping[str, str]]
) -> tuple[SettingChange, ...]:
    """Return the roles whose files differ in content; names and folders do not count.

    Parameters
    ----------
    before, after : sequence of mapping
        ``role``, ``path`` and ``sha256`` of each file.
    """
    first, second = _by_role(before), _by_role(after)
    roles = [*second, *(role for role in first if role not in second)]
    return tuple(
        SettingChange(
            name=f"input {role}",
            before=_named(first.get(role, {}), second.get(role, {})),
            after=_named(second.get(role, {}), first.get(role, {})),
        )
        for role in roles
        if set(first.get(role, {})) != set(second.get(role, {}))
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return dotted names and values as JSON writes them."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            for place, item in enumerate(value, start=1):
                flat |= _flat(item, f"{prefix}{name}[{place}].")
        else:
            flat[f"{prefix}{name}"] = json.dumps(value, ensure_ascii=False, default=str)
    return flat


def _by_role(inputs: Sequence[Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return role to hash to path."""
    roles: dict[str, dict[str, str]] = {}
    for entry in inputs:
        roles.setdefault(entry["role"], {})[entry["sha256"]] = entry["path"]
    return roles


def _named(files: Mapping[str, str], others: Mapping[str, str]) -> str:
    """Return the files that the other plan has not."""
    return ", ".join(f"{path} ({h[:8]})" for h, path in files.items() if h not in others)


def _checked(table: pd.DataFrame, which: str) -> pd.DataFrame:
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise DataError(
            f"the village table of {which} has no column {', '.join(missing)}: "
            "give the villages.csv or villages.gpkg that `lensong plan` wrote"
        )
    ids = table["village_id"].astype(str)
    twice = ids[ids.duplicated()]
    if len(twice):
        raise DataError(f"the village table of {which} has village_id {twice.iloc[0]!r} twice")
    unknown = sorted({str(c) for c in table["class"]} - set(CLASSES))
    if unknown:
        raise DataError(
            f"the village table of {which} has class {unknown[0]!r}, wanted {', '.join(CLASSES)}"
        )
    return table.set_index(ids)


def _services(first: pd.DataFrame, second: pd.DataFrame) -> tuple[str, ...]:
    before, after = _service_keys(first), _service_keys(second)
    if set(before) != set(after):
        raise DataError(
            f"the plans judge different services: {', '.join(before)} and {', '.join(after)}; "
            "plan both with the same services to compare them"
        )
    return after


def _service_keys(table: pd.DataFrame) -> tuple[str, ...]:
    names = [str(c)[len(_SHARE) :] for c in table.columns if str(c).startswith(_SHARE)]
    # A service's share by one technology or one operator ends in that.
    whole = [
        n
        for n in names
        if not any(n in (f"{m}_4g", f"{m}_5g") or n.startswith(f"{m}_op_") for m in names)
    ]
    if not whole:
        raise DataError(
            "a village table has no column served_share_…: "
            "give the villages.csv or villages.gpkg that `lensong plan` wrote"
        )
    return tuple(whole)


def _commune(table: pd.DataFrame) -> Any:  # Any: a column or one value for all
    return table["commune"].fillna("").to_numpy() if "commune" in table.columns else ""


def _class_changes(villages: pd.DataFrame) -> dict[str, int]:
    changes: dict[str, int] = {}
    for was in CLASSES:
        for now in CLASSES:
            count = int(
                ((villages["class_before"] == was) & (villages["class_after"] == now)).sum()
            )
            if was != now and count:
                changes[f"{was} -> {now}"] = count
    return changes
