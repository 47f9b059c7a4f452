"""The page of a validation: how far off, where, and what was counted."""

from __future__ import annotations

from importlib.resources import files
from itertools import groupby

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lensong.coverage.model_pages.languages import in_both, in_english, in_svg, label, number
from lensong.coverage.model_pages.plots import Axis, Series, column_plot, dot_plot
from lensong.coverage.validate import Validation

__all__ = ["environment", "page_style", "render_validation"]

MEASURED, PREDICTED, ERROR = "#8a949e", "#0b5cad", "#7b3fa8"


def render_validation(found: Validation, *, title: str, version: str) -> str:
    """Return the page as the text of one HTML file that asks nothing of any network.

    Parameters
    ----------
    found : Validation
    title : str
        E.g. the name of the measured file.
    version : str
        Of lensong.
    """
    return (
        environment()
        .get_template("validation.html")
        .render(
            found=found,
            scores=found.scores,
            title=title,
            version=version,
            splits=[
                (split, list(groups))
                for split, groups in groupby(found.groups, key=lambda g: g.split)
            ],
            plots=_plots(found),
            style=page_style(),
        )
    )


def environment() -> Environment:
    """Return what turns the templates of this package into pages."""
    found = Environment(
        loader=PackageLoader("lensong.coverage.model_pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(t=in_both, english=in_english, num=number, label=label)
    return found


def page_style() -> Markup:
    """Return the style sheet of the pages."""
    package = "lensong.coverage.model_pages"
    return Markup(files(package).joinpath("templates", "page.css").read_text("utf-8"))


def _plots(found: Validation) -> list[Markup]:
    km, error = found.distance_m / 1000.0, found.error_db
    shown = [
        dot_plot(
            [
                Series(
                    name="check.series.measured",
                    x=km,
                    y=found.measured_db,
                    colour=MEASURED,
                    shape="ring",
                ),
                Series(name="check.series.predicted", x=km, y=found.predicted_db, colour=PREDICTED),
            ],
            Axis(title="check.plot.distance", log=True),
            Axis(title="check.plot.loss"),
        ),
        column_plot(
            error,
            Axis(title="check.plot.error.model"),
            step=1.0,
            lines=[(float(np.mean(error)), in_svg("check.plot.mean", mean=float(np.mean(error))))],
        ),
        dot_plot(
            [Series(name="check.series.error", x=km, y=error, colour=ERROR)],
            Axis(title="check.plot.distance", log=True),
            Axis(title="check.plot.error"),
            zero_line=True,
        ),
    ]
    if float(np.ptp(found.elevation_deg)) > 0.0:
        shown.append(
            dot_plot(
                [Series(name="check.series.error", x=found.elevation_deg, y=error, colour=ERROR)],
                Axis(title="check.plot.elevation"),
                Axis(title="check.plot.error"),
                zero_line=True,
            )
        )
    return shown
