"""The pieces of a plan as a cluster is asked for them: what each does, and after which others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lensong.coverage.cluster.work import Prepared

__all__ = ["TOLD", "Piece", "first_piece", "graph_of", "last_pieces", "pieces_after_land"]

TOLD = ("prepare", "conclude", "close")
"""Tasks of which a plan has one each, and whose value is sent to the one who asks."""

_WRITERS = 8  # more of one result would wait for its largest file, and each opens it anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a plan.

    Parameters
    ----------
    key : str
        Its name on the cluster.
    stage : str
        What a person is told that it belongs to.
    task : str
        Function of `lensong.coverage.cluster.work`.
    arguments : tuple
        After the folder of the run.
    after : tuple of str
        Keys of the pieces that must be made before.
    size : int
        How many of what its stage counts.
    """

    key: str
    stage: str
    task: str
    arguments: tuple[int, ...] = ()
    after: tuple[str, ...] = ()
    size: int = 1


def first_piece(name: str, threads: int) -> Piece:
    """Return the piece that reads the land and cuts a plan up for so many threads.

    ``name`` is that of the plan on the cluster, in this and the other functions.
    """
    return Piece(key=f"prepare-{name}", stage="land", task="prepare", arguments=(threads,))


def pieces_after_land(name: str, prepared: Prepared) -> list[Piece]:
    """Return what comes once it is known how a plan was cut."""

    def some(
        task: str, stage: str, after: Sequence[tuple[str, ...]], sizes: Sequence[int] = ()
    ) -> list[Piece]:
        return [
            Piece(
                key=f"{task.replace('_', '')}-{name}-{number}",
                stage=stage,
                task=task,
                arguments=(number,),
                after=before,
                size=sizes[number] if sizes else 1,
            )
            for number, before in enumerate(after)
        ]

    swept = some("make_sweeps", "sweeps", [()] * len(prepared.sweeps), prepared.sweeps)
    needs = [tuple(swept[piece].key for piece in pieces) for pieces in prepared.needs]
    laid = some("lay", "layers", needs)
    all_laid = tuple(one.key for one in laid)
    counted = some("count_streams", "streams", [all_laid] * prepared.villages)
    made = (*swept, *laid, *counted)
    end = Piece(
        key=f"conclude-{name}",
        stage="villages",
        task="conclude",
        after=tuple(one.key for one in made),
    )
    return [*made, end]


def last_pieces(name: str) -> list[Piece]:
    """Return what writes the files of a result."""
    written = [
        Piece(
            key=f"writesome-{name}-{number}",
            stage="results",
            task="write_some",
            arguments=(number, _WRITERS),
        )
        for number in range(_WRITERS)
    ]
    end = Piece(
        key=f"close-{name}",
        stage="results",
        task="close",
        after=tuple(one.key for one in written),
    )
    return [*written, end]


def graph_of(pieces: Sequence[Piece], do: Any, run: str) -> dict[str, tuple[Any, ...]]:
    """Return pieces as Dask takes them: key to function and arguments, of which keys are results.

    Parameters
    ----------
    pieces : sequence of Piece
    do : callable
        `lensong.coverage.cluster.by_value.do`.
    run : str
        Folder of the run.
    """
    return {one.key: (do, one.task, run, *one.arguments, *one.after) for one in pieces}
