"""Variants of a plan: their edits, step by step, and the networks that these make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from math import isnan
from threading import RLock
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lensong.coverage.network import Network
from lensong.coverage.path.line import end_at
from lensong.coverage.variant.catalogue import Catalogue
from lensong.coverage.variant.edits import edited
from lensong.gis_data.land import Land
from lensong.planner.bodies import AnyEdit, meaning
from lensong.planner.errors import (
    BusyError,
    NotThereError,
    OfAnotherError,
    ReadOnlyError,
    SetError,
    StaleRevisionError,
)
from lensong.planner.journal import Journal
from lensong.propagation.errors import DataError, InvalidInputError, LensongError

__all__ = [
    "BASE",
    "MOST_MASTS_PER_SET",
    "MOST_VARIANTS",
    "Step",
    "Variant",
    "Variants",
    "base_variant",
]

BASE = "base"
MOST_VARIANTS = 50
MOST_MASTS_PER_SET = 50
_EDITS: TypeAdapter[list[Any]] = TypeAdapter(list[AnyEdit])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A set of edits that was done.

    Parameters
    ----------
    edits : list of dict
        As they were sent.
    comment, by, at : str
    network : Network
        After it.
    """

    edits: list[dict[str, Any]]
    comment: str
    by: str
    at: str
    network: Network


@dataclass(slots=True, kw_only=True)
class Variant:
    """One variant; changed by `Variants` alone.

    Parameters
    ----------
    first : Network
        Before any step.
    steps : list of Step
        Those after ``done`` were undone.
    why : str
        Why it cannot be edited; empty where it can.
    """

    variant_id: str
    name: str
    comment: str
    first: Network
    created_at: str
    created_by: str
    changed_at: str
    changed_by: str
    revision: int = 0
    steps: list[Step] = field(default_factory=list)
    done: int = 0
    what: str = ""
    why: str = ""

    @property
    def network(self) -> Network:
        """Return the network as edited."""
        return self.steps[self.done - 1].network if self.done else self.first


def base_variant(network: Network, *, at: str, why: str) -> Variant:
    """Return the variant that is a network as it was read; ``why`` it is not edited."""
    return Variant(
        variant_id=BASE,
        name="",
        comment="",
        first=network,
        created_at=at,
        created_by="",
        changed_at=at,
        changed_by="",
        why=why,
    )


class Variants:
    """All variants of a plan, and the journal that keeps them.

    Parameters
    ----------
    land : Land
    network : Network
        As read.
    catalogue : Catalogue
    journal : Journal
    clock : callable
        Returns now.
    """

    def __init__(
        self,
        land: Land,
        network: Network,
        catalogue: Catalogue,
        journal: Journal,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._land, self._base, self._catalogue = land, network, catalogue
        self._journal, self._clock = journal, clock
        self.radius_m = max(cell.radius_m for cell in network.cells)
        self._lock = RLock()
        base = base_variant(
            network, at=self._now(), why="the network as it was read: copy it, and edit the copy"
        )
        self._all: dict[str, Variant] = {BASE: base}
        for entry in journal.read():
            self._replay(entry)

    def all(self) -> list[Variant]:
        """Return the variants, the base first."""
        with self._lock:
            return list(self._all.values())

    def get(self, variant_id: str) -> Variant:
        """Return a variant.

        Raises
        ------
        NotThereError
        """
        with self._lock:
            if variant_id not in self._all:
                raise NotThereError(
                    f"there is no variant {variant_id!r}, wanted one of {', '.join(self._all)}"
                )
            return self._all[variant_id]

    def create(self, name: str, comment: str, copy_of: str, by: str) -> Variant:
        """Return a new variant."""
        with self._lock:
            self.get(copy_of)
            if len(self._all) > MOST_VARIANTS:
                raise BusyError(
                    f"there are {MOST_VARIANTS} variants already: delete one that is not needed"
                )
            taken = self._all.keys()
            variant_id = next(f"v{n}" for n in count(1) if f"v{n}" not in taken)
            entry = {"do": "create", "variant": variant_id, "name": name, "comment": comment,
                     "copy_of": copy_of, "by": by, "at": self._now()}  # fmt: skip
            return self._write(entry)

    def rename(self, variant_id: str, name: str | None, comment: str | None, by: str) -> Variant:
        """Return a variant with another name or comment."""
        with self._lock:
            variant = self._editable(variant_id)
            entry = {"do": "rename", "variant": variant_id,
                     "name": variant.name if name is None else name,
                     "comment": variant.comment if comment is None else comment,
                     "by": by, "at": self._now()}  # fmt: skip
            return self._write(entry)

    def delete(self, variant_id: str, by: str) -> None:
        """Take a variant away."""
        with self._lock:
            if variant_id == BASE:
                raise ReadOnlyError("the network as it was read cannot be deleted")
            self.get(variant_id)
            self._write({"do": "delete", "variant": variant_id, "by": by, "at": self._now()})

    def edit(
        self, variant_id: str, revision: int, edits: Sequence[Any], comment: str, by: str
    ) -> tuple[Variant, Network]:
        """Return a variant with a set of edits done, and its network before.

        Raises
        ------
        SetError
            An edit cannot be done; nothing was.
        StaleRevisionError, ReadOnlyError, NotThereError
        """
        with self._lock:
            variant = self._editable(variant_id)
            self._check_revision(variant, revision)
            before = variant.network
            self.tried(before, edits)
            bodies = [edit.model_dump(exclude_none=True) for edit in edits]
            entry = {"do": "edit", "variant": variant_id, "edits": bodies, "comment": comment,
                     "by": by, "at": self._now()}  # fmt: skip
            return self._write(entry), before

    def undo(
        self, variant_id: str, revision: int, by: str, *, of_others: bool = False
    ) -> tuple[Variant, Network]:
        """Return a variant without its last step, and its network before.

        Raises
        ------
        OfAnotherError
            Somebody else did the step, and ``of_others`` does not say that it may be undone.
        StaleRevisionError, ReadOnlyError, NotThereError
        """
        return self._step("undo", variant_id, revision, by, of_others)

    def redo(
        self, variant_id: str, revision: int, by: str, *, of_others: bool = False
    ) -> tuple[Variant, Network]:
        """Return a variant with the step that was undone last; as `undo` otherwise."""
        return self._step("redo", variant_id, revision, by, of_others)

    def tried(self, network: Network, edits: Sequence[Any]) -> Network:
        """Return a network after a set of edits, without keeping it.

        Raises
        ------
        SetError
            An edit cannot be done, or too many masts are touched at once.
        """
        masts = {
            getattr(edit, "new_mast_id", None) or getattr(edit, "mast_id", None) for edit in edits
        } - {None}
        if len(masts) > MOST_MASTS_PER_SET:
            raise SetError(
                MOST_MASTS_PER_SET,
                f"the set touches {len(masts)} masts, wanted at most {MOST_MASTS_PER_SET} at "
                "once: send them in parts",
                key="masts_per_set",
                values={"n": len(masts), "most": MOST_MASTS_PER_SET},
            )
        for index, body in enumerate(edits):
            try:
                edit = meaning(body, network, self._catalogue, self.radius_m)
                network = edited(network, [edit])
                self._check_on_grid(network, body, index)
            except SetError:
                raise
            except LensongError as error:
                raise SetError(index, str(error)) from error
        self._check_radius(network, len(edits) - 1)
        return network

    def _step(
        self, do: str, variant_id: str, revision: int, by: str, of_others: bool
    ) -> tuple[Variant, Network]:
        with self._lock:
            variant = self._editable(variant_id)
            self._check_revision(variant, revision)
            if not (variant.done if do == "undo" else variant.done < len(variant.steps)):
                raise InvalidInputError(f"there is nothing to {do} in variant {variant.name!r}")
            step = variant.steps[variant.done - (do == "undo")]
            if step.by != by and not of_others:
                raise OfAnotherError(
                    do, changed_by=step.by, changed_at=step.at, what=_told("edit", step.edits)
                )
            before = variant.network
            entry = {"do": do, "variant": variant_id, "by": by, "at": self._now()}
            return self._write(entry), before

    def _check_on_grid(self, network: Network, body: Any, index: int) -> None:
        mast_id = getattr(body, "new_mast_id", None) or getattr(body, "mast_id", None)
        if mast_id is None or not hasattr(body, "lat_deg"):
            return
        mast = network.mast(mast_id)
        at = {"what": mast_id, "lat": mast.lat_deg, "lon": mast.lon_deg}
        try:
            end = end_at(self._land.grid, mast.lat_deg, mast.lon_deg, 1.0, name=f"mast {mast_id}")
        except DataError as error:
            raise SetError(index, str(error), key="off_grid", values=at) from error
        if isnan(self._land.ground_m[round(end.row), round(end.col)]):
            raise SetError(
                index,
                f"mast {mast_id} would stand at {mast.lat_deg:.5f}, {mast.lon_deg:.5f}, where "
                "there is no elevation: place it elsewhere, or fill the void "
                "(elevation.fill_voids)",
                key="no_elevation",
                values=at,
            )

    def _check_radius(self, network: Network, index: int) -> None:
        if max(cell.radius_m for cell in network.cells) != self.radius_m:
            raise SetError(
                index,
                f"no cell of radius {self.radius_m:g} m would be left, and the grid of the saved "
                "variant would be another: keep one of them",
            )

    def _editable(self, variant_id: str) -> Variant:
        variant = self.get(variant_id)
        if variant.why:
            raise ReadOnlyError(f"variant {variant_id!r} cannot be edited: {variant.why}")
        return variant

    @staticmethod
    def _check_revision(variant: Variant, revision: int) -> None:
        if revision != variant.revision:
            raise StaleRevisionError(
                given=revision,
                revision=variant.revision,
                changed_by=variant.changed_by,
                changed_at=variant.changed_at,
                what=variant.what,
            )

    def _write(self, entry: dict[str, Any]) -> Variant:
        """Keep what is done on the disk, then do it."""
        self._journal.write(entry)
        return self._do(entry)

    def _replay(self, entry: dict[str, Any]) -> None:
        """Do what the journal says; where that cannot be done any more, the variant says why."""
        variant = self._all.get(entry.get("variant", ""))
        if variant is not None and variant.why and entry["do"] != "delete":
            return
        try:
            self._do(entry)
        except (LensongError, ValidationError, KeyError) as error:
            if variant is not None:
                variant.why = (
                    f"the scenario has changed, and an edit of {entry.get('at', '?')} cannot be "
                    f"done any more ({error})"
                )

    def _do(self, entry: dict[str, Any]) -> Variant:
        do, variant_id, by, at = entry["do"], entry["variant"], entry["by"], entry["at"]
        if do == "create":
            self._all[variant_id] = Variant(
                variant_id=variant_id,
                name=entry["name"],
                comment=entry["comment"],
                first=self.get(entry["copy_of"]).network,
                created_at=at,
                created_by=by,
                changed_at=at,
                changed_by=by,
                what="made",
            )
            return self._all[variant_id]
        if do == "delete":
            return self._all.pop(variant_id)
        variant = self.get(variant_id)
        if do == "rename":
            variant.name, variant.comment = entry["name"], entry["comment"]
            return variant
        if do == "edit":
            edits = _EDITS.validate_python(entry["edits"])
            network = self.tried(variant.network, edits)
            step = Step(
                edits=entry["edits"], comment=entry["comment"], by=by, at=at, network=network
            )
            variant.steps[variant.done :] = [step]
            variant.done += 1
        else:
            variant.done += 1 if do == "redo" else -1
        variant.revision += 1
        variant.changed_by, variant.changed_at = by, at
        variant.what = _told(do, entry.get("edits", ()))
        return variant

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(do: str, edits: Sequence[dict[str, Any]]) -> str:
    """Return in a few words what was done."""
    if do != "edit":
        return do
    names = [f"{e['kind']} {e.get('mast_id') or e.get('cell_id')}" for e in edits]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
