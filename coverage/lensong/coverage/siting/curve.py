"""The curve of people against money as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lensong.coverage.figure_file import figure_file
from lensong.coverage.siting.study import SitingStudy
from lensong.coverage.siting.tables import step_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curve_figure"]

_LINE, _BOUND = "#1f5f99", "#a3123a"


def curve_figure(
    study: SitingStudy, *, form: Literal["svg", "png"], money: str, synthetic: bool = False
) -> bytes:
    """Return people gained against money, or masts where no cost is given, as a file's bytes."""
    steps = step_table(study)
    known = len(steps) > 0 and study.cost is not None
    spent = [0.0, *(steps["cost_in_all"] if known else range(1, len(steps) + 1))]
    people = [0.0, *steps["people_in_all"]]
    best = study.people_changed - study.people_before + study.siting.bound

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.12, 0.13, 0.83, 0.75))
        axes.step(spent, people, where="post", color=_LINE, linewidth=1.8, label="promised")
        axes.plot(spent, people, "o", color=_LINE, markersize=4.0)
        if study.candidates:
            axes.axhline(
                best, color=_BOUND, linestyle="--", linewidth=1.1,
                label="best possible after the changes" if study.changes else "best possible",
            )  # fmt: skip
        for number, (x, y) in enumerate(zip(spent[1:], people[1:], strict=True), start=1):
            name = steps["mast_id"].iloc[number - 1]
            if len(steps) <= 12:
                axes.annotate(
                    name, (x, y), xytext=(4, -11), textcoords="offset points", fontsize=8.0
                )
        axes.set_ylim(bottom=0.0)
        axes.set_xlim(left=0.0)
        axes.margins(x=0.08)
        axes.set_xlabel(f"cost{f' ({money})' if money else ''}" if known else "steps")
        axes.set_ylabel(f"people who gain {study.service.name}")
        axes.legend(loc="lower right", frameon=False)
        axes.set_title(
            f"{_built(study)}, {people[-1]:,.0f} more people", loc="left",
            fontweight="bold",
        )  # fmt: skip

    mark = (0.95, 0.93) if synthetic else None
    return figure_file(draw, size_in=(8.0, 4.6), form=form, synthetic_at=mark)


def _built(study: SitingStudy) -> str:
    masts = f"{len(study.steps)} masts"
    return f"{study.changes} changes and {masts}" if study.changes else masts
