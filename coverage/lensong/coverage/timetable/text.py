"""A timetable as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width, normalize

from lensong.coverage.timetable.cheapest import Changed
from lensong.coverage.timetable.entries import Entry, Unplaced
from lensong.coverage.timetable.hours import Span
from lensong.coverage.timetable.make import Timetable
from lensong.coverage.timetable.offers import COSTS
from lensong.coverage.timetable.wishes import Wishes

__all__ = ["change_told", "list_text", "timetable_text", "unplaced_told"]

_SHOWN = 12


def list_text(wishes: Wishes) -> list[str]:
    """Return what became of the rows of a list, in lines."""
    refused = f", {len(wishes.refused)} refused" if wishes.refused else ""
    lines = [f"  rows       {wishes.rows} read, {len(wishes.taken)} taken{refused}"]
    if wishes.ignored_columns:
        lines.append(f"  ignored    columns {', '.join(wishes.ignored_columns)}")
    return [*lines, *(f"  note       {note}" for note in (*wishes.file_notes, *wishes.notes))]


def timetable_text(made: Timetable, wishes: Wishes) -> str:
    """Return who sells when, what is promised and proved, and what would let all sell."""
    count, of = len(made.entries), len(wishes.taken)
    proof = (
        f"no timetable meets more (bound {made.bound}, gap 0)"
        if made.proved
        else f"at most {made.bound} can be met (gap {made.bound - count}): the time was up"
    )
    lines = [
        f"{count} of {of} sellers' wishes are met" + (f"; {proof}" if count < of else ""),
        *list_text(wishes),
        f"  promise    at every hour all streams of a place hold at once with a chance of "
        f"{made.probability:g} or more",
        f"  checked    least chance {made.least_chance:.3f} on the {made.draws} draws of the plan, "
        f"{made.least_fresh_chance:.3f} on {made.fresh_draws} fresh ones",
        f"  search     {made.rounds} round{'s' * (made.rounds > 1)}, {len(made.limits)} limits, "
        f"{len(made.conflicts)} sets that do not hold"
        + (f"; {made.withdrawn} hours withdrawn by the fresh draws" if made.withdrawn else ""),
        "",
        *_table(made.entries),
    ]
    if made.unplaced:
        lines += ["", "NOT MET", *(f"- {unplaced_told(one)}" for one in made.unplaced)]
    if made.changed is not None:
        lines += ["", *_changes(made.changed, made, of)]
    elif made.unplaced:
        lines += ["", "No change of sellers, and no second carrier, was found that lets more sell."]
    return "\n".join(lines)


def unplaced_told(one: Unplaced) -> str:
    """Return why a wish is not met."""
    wish = one.wish
    rate = f"{wish.service.uplink_mbps:g} Mbit/s"
    alone = ", ".join(
        f"{operator or 'the network'} {chance:.2f}" for operator, chance in one.chance_alone.items()
    )
    if not one.served:
        return (
            f"{wish.seller} ({wish.place.name}): nobody serves {rate} there well enough, even "
            f"alone on the air: chance {alone}"
        )
    return (
        f"{wish.seller} ({wish.place.name}): alone she would hold ({alone}); at "
        f"{_spans(wish.spans)} the others fill the cells"
    )


def change_told(entry: Entry) -> str:
    """Return how an entry differs from its wish."""
    wish = entry.wish
    words = {
        "other_hour": f"sells {_span((entry.starts_at, entry.ends_at))} in place of "
        f"{_spans(wish.spans)}",
        "shorter": f"sells {_minutes(entry)} minutes in place of {wish.minutes}",
        "lower_bitrate": f"sends {entry.service.uplink_mbps:g} Mbit/s in place of "
        f"{wish.service.uplink_mbps:g}",
        "other_sim": f"uses a SIM card of {entry.operator} in place of "
        f"{' or '.join(wish.operators)}",
    }
    return f"{wish.seller} " + ", ".join(words[change] for change in entry.changes)


def _changes(changed: Changed, made: Timetable, of: int) -> list[str]:
    order = ", ".join(f"{name.replace('_', ' ')} {cost}" for name, cost in COSTS.items())
    if changed.cost <= changed.least_cost:
        proof = "none is cheaper"
    else:
        proof = f"none costs less than {changed.least_cost}: the time was up"
    met = len(changed.entries)
    lines = [
        f"CHEAPEST CHANGE BY WHICH {'ALL' if met == of else f'{met} OF {of}'} SELL: cost "
        f"{changed.cost}, {proof}",
        f"  costs      {order}",
    ]
    if changed.tried:
        lines.append(f"  tried      a second carrier beside those of {', '.join(changed.tried)}")
    if changed.carrier:
        cell, before, after = changed.carrier
        lines.append(f"- cell {cell} gets a second carrier: {before} + {after}")
    lines += [f"- {change_told(entry)}" for entry in changed.entries if entry.changes]
    if changed.unplaced:
        who = ", ".join(one.wish.seller for one in changed.unplaced)
        none = f"no change lets more than {changed.most} sell"
        lines.append(f"- still not met: {who}; {none}")
    if moved := _moved(changed, made):
        lines.append(f"  within their wishes {moved} of the others begin at another time")
    return lines


def _moved(changed: Changed, made: Timetable) -> int:
    before = {entry.wish.row: entry.starts_at for entry in made.entries}
    return sum(
        not entry.changes and before.get(entry.wish.row, entry.starts_at) != entry.starts_at
        for entry in changed.entries
    )


def _table(entries: Sequence[Entry]) -> list[str]:
    head = ("when", "seller", "place", "Mbit/s", "SIM card", "carrier", "cell", "chance")
    rows = [
        (
            _span((entry.starts_at, entry.ends_at)),
            entry.wish.seller,
            entry.wish.place.name,
            f"{entry.service.uplink_mbps:g}",
            entry.operator or "any",
            entry.cell.carrier.name if entry.cell else "",
            f"{entry.cell.cell_id} ({entry.cell_share:.0%})" if entry.cell else "",
            f"{entry.chance:.2f}",
        )
        for entry in entries
    ]
    if not rows:
        return ["nobody sells"]
    widths = [max(_wide(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(
            text + " " * (width - _wide(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]


def _wide(text: str) -> int:
    return sum(1 + (east_asian_width(letter) in "WF") for letter in normalize("NFC", text))


def _span(span: Span) -> str:
    first, last = span
    night = f" ({last:%d/%m})" if last.date() != first.date() else ""
    return f"{first:%d/%m/%Y %H:%M}-{last:%H:%M}{night}"


def _spans(spans: Sequence[Span]) -> str:
    shown = ", ".join(_span(span) for span in spans[:_SHOWN])
    return shown + (" …" if len(spans) > _SHOWN else "")


def _minutes(entry: Entry) -> int:
    return round((entry.ends_at - entry.starts_at).total_seconds() / 60.0)
