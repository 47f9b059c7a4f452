"""A timetable as tables and as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from lensong.coverage.timetable.cheapest import Changed
from lensong.coverage.timetable.entries import Entry, Unplaced
from lensong.coverage.timetable.make import Timetable
from lensong.coverage.timetable.offers import COSTS
from lensong.coverage.timetable.text import change_told, unplaced_told
from lensong.coverage.timetable.wishes import Place, Wishes
from lensong.gis_data.land import Land
from lensong.gis_data.names import search_key

__all__ = ["sessions_table", "sites_table", "timetable_json"]

_COLUMNS = (
    "title", "site", "profile", "starts_at", "ends_at", "village", "service", "uplink_mbps",
    "operator", "carrier", "cell_id", "cell_share", "chance", "changes", "row",
)  # fmt: skip


def sessions_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return sessions as `lensong import sessions` takes them, local time, one per row.

    ``site`` is the id that `sites_table` has for the place. Columns behind ``ends_at`` say how she
    is to sell; of them the service keeps the operator.
    """
    rows = [
        {
            "title": entry.wish.seller,
            "site": _site_id(entry.wish.place),
            "profile": entry.wish.profile,
            "starts_at": f"{entry.starts_at:%Y-%m-%d %H:%M}",
            "ends_at": f"{entry.ends_at:%Y-%m-%d %H:%M}",
            "village": entry.wish.place.name,
            "service": entry.service.name,
            "uplink_mbps": entry.service.uplink_mbps,
            "operator": entry.operator,
            "carrier": entry.cell.carrier.name if entry.cell else "",
            "cell_id": entry.cell.cell_id if entry.cell else "",
            "cell_share": round(entry.cell_share, 3),
            "chance": round(entry.chance, 4),
            "changes": change_told(entry) if entry.changes else "",
            "row": entry.wish.row,
        }
        for entry in entries
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def sites_table(made: Timetable, land: Land) -> pd.DataFrame:
    """Return the places as `lensong import sites` takes them, with how many sell there at once."""
    rows = []
    changed = () if made.changed is None else made.changed.entries
    for place in made.market.places:
        village = None if place.village is None else land.villages.iloc[place.village]
        rows.append(
            {
                "site_id": _site_id(place),
                "name": place.name,
                **{
                    name: "" if village is None else str(village.get(name) or "")
                    for name in ("commune_code", "commune", "province", "province_code")
                },
                "lat_deg": round(place.lat_deg, 6),
                "lon_deg": round(place.lon_deg, 6),
                "synthetic": "yes" if land.synthetic else "no",
                "sessions_at_once": max(_at_once(made.entries, place), _at_once(changed, place), 1),
            }
        )
    return pd.DataFrame(rows)


def _site_id(place: Place) -> str:
    """Return the id of a place as the service takes it: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", search_key(place.place_id)).strip("-")[:64].strip("-")


def _at_once(entries: Sequence[Entry], place: Place) -> int:
    """Return how many sell at a place at the same time, at the most."""
    here = [entry for entry in entries if entry.wish.place.place_id == place.place_id]
    return max((sum(o.starts_at <= e.starts_at < o.ends_at for o in here) for e in here), default=0)


def timetable_json(made: Timetable, wishes: Wishes, land: Land) -> dict[str, Any]:
    """Return everything, ready for JSON: the timetable, its proof, and what became of each row.

    ``sources`` are the inputs that it rests on, a calibration among them.
    """
    return {
        "met": len(made.entries),
        "wishes": len(wishes.taken),
        "bound": made.bound,
        "gap": made.bound - len(made.entries),
        "proved": made.proved,
        "synthetic": land.synthetic,
        "sources": [asdict(source) for source in land.sources],
        "promise": {
            "probability": made.probability,
            "of": "all streams of a place at once, in every step of the timetable",
            "least_chance": made.least_chance,
            "draws": made.draws,
            "least_chance_fresh": made.least_fresh_chance,
            "fresh_draws": made.fresh_draws,
            "hours_withdrawn_by_fresh_draws": made.withdrawn,
        },
        "sessions": _sessions(made.entries),
        "not_met": _not_met(made.unplaced),
        "cheapest_change": None if made.changed is None else _changed(made.changed),
        "proof": _proof(made),
        "rows": {
            "read": wishes.rows,
            "taken": len(wishes.taken),
            "refused": [asdict(one) for one in wishes.refused],
            "notes": [asdict(one) for one in wishes.notes],
            "columns": wishes.columns,
            "ignored_columns": list(wishes.ignored_columns),
            "file_notes": list(wishes.file_notes),
        },
    }


def _sessions(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    rows = sessions_table(entries).to_dict("records")
    return [
        {str(name): value for name, value in row.items()} | {"changes": list(entry.changes)}
        for row, entry in zip(rows, entries, strict=True)
    ]


def _not_met(unplaced: Sequence[Unplaced]) -> list[dict[str, Any]]:
    return [
        {
            "seller": one.wish.seller,
            "row": one.wish.row,
            "served_alone": one.served,
            "chance_alone": one.chance_alone,
            "why": unplaced_told(one),
        }
        for one in unplaced
    ]


def _changed(changed: Changed) -> dict[str, Any]:
    return {
        "cost": changed.cost,
        "least_cost": changed.least_cost,
        "most": changed.most,
        "costs": COSTS,
        "second_carrier": list(changed.carrier) or None,
        "second_carriers_tried": list(changed.tried),
        "changes": [change_told(entry) for entry in changed.entries if entry.changes],
        "not_met": _not_met(changed.unplaced),
        "sessions": _sessions(changed.entries),
    }


def _proof(made: Timetable) -> dict[str, Any]:
    """Return what the bound rests on: sums that nothing goes beyond, and what does not hold."""

    def kind(number: int) -> str:
        one = made.market.kinds[number]
        place = made.market.places[one.place].place_id
        return f"{place}, {one.service.uplink_mbps:g} Mbit/s, {one.operator or 'any'}"

    return {
        "solved_with": "HiGHS through scipy.optimize.milp",
        "rounds": made.rounds,
        "limits": [
            {
                "weights": {kind(k): w for k, w in limit.weights.items()},
                "most": round(limit.most, 6),
            }
            for limit in made.limits
        ],
        "do_not_hold": [{kind(k): n for k, n in one.items()} for one in made.conflicts],
    }
