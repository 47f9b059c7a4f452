"""The page above the reports of several plans: sums, a map that links to each, a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import cos, radians
from typing import Any, Protocol

import shapely
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from shapely.geometry.base import BaseGeometry

from lensong.coverage.report.headline import CLASSES
from lensong.coverage.report.messages import both, number

__all__ = ["Area", "Maps", "Told", "render_country"]

_WIDE_PX, _HIGH_PX = 640.0, 720.0
_SHADES = (
    (0.99, "#12507b"),
    (0.95, "#2f7fae"),
    (0.8, "#7fb5d3"),
    (0.5, "#c7dfeb"),
    (0.0, "#f3e3d3"),
)
"""Lower edge of the share of people served, and its colour."""


class Told(Protocol):
    """What the page needs of a plan: `lensong.coverage.results.outcome.Outcome`."""

    @property
    def title(self) -> str:
        """Return the title of the plan."""

    @property
    def synthetic(self) -> bool:
        """Return whether any input was generated."""

    @property
    def class_service(self) -> str:
        """Return the service by which villages are classed."""

    @property
    def summary(self) -> dict[str, Any]:
        """Return the headline numbers, see `lensong.coverage.result.PlanResult`."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One of the plans.

    Parameters
    ----------
    name : str
        Of its folder.
    outcome : Outcome
    outline : geometry in WGS 84
    link : str
        To its report.
    """

    name: str
    outcome: Told
    outline: BaseGeometry
    link: str

    def served(self, service: str) -> float:
        """Return the people who have a service."""
        return float(self.outcome.summary["people_served"].get(service, 0.0))

    def of_class(self, name: str) -> int:
        """Return the villages of a class."""
        return int(self.outcome.summary["villages_by_class"].get(name, 0))

    @property
    def villages(self) -> int:
        """Return how many villages it has."""
        return int(self.outcome.summary["villages"])

    @property
    def people(self) -> float:
        """Return how many people it has."""
        return float(self.outcome.summary["people"])

    def share(self, service: str) -> float | None:
        """Return the share of its people who have a service, 0..1."""
        return self.served(service) / self.people if self.people > 0.0 else None


class Maps(Protocol):
    """What the page says of the maps of all: `lensong.coverage.results.country_rasters.Mosaics`."""

    @property
    def folder(self) -> str:
        """Return the folder, beside the page."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the files in it."""

    @property
    def crs(self) -> str:
        """Return their coordinate system."""

    @property
    def cell_m(self) -> float:
        """Return the side of their cells [m]."""

    @property
    def moved(self) -> tuple[str, ...]:
        """Return the areas of which each place shows the nearest cell."""

    @property
    def whole(self) -> tuple[str, ...]:
        """Return the areas of which no outline is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    area: Area
    path: str
    colour: str
    label: str


def render_country(title: str, areas: Sequence[Area], maps: Maps) -> str:
    """Return the page as the text of one HTML file; it links to the reports beside it.

    Parameters
    ----------
    title : str
    areas : sequence of Area
        At least one. Services that not all plans judge are left out; where plans class villages by
        different services, the page says so in place of a sum by class.
    maps : Maps
    """
    environment = Environment(
        loader=PackageLoader("lensong.coverage.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=both, num=number)
    services = [
        service
        for service in areas[0].outcome.summary["people_served"]
        if all(service in a.outcome.summary["people_served"] for a in areas)
    ]
    by = {area.outcome.class_service for area in areas}
    first = areas[0].outcome.class_service
    shaded = first if len(by) == 1 and first in services else (services or [first])[0]
    people = sum(area.people for area in areas)
    shapes, wide, high = _shapes(areas, shaded)
    return environment.get_template("country.html").render(
        title=title,
        areas=sorted(areas, key=lambda a: (a.share(shaded) is None, a.share(shaded) or 0.0)),
        classes=[
            (name, sum(area.of_class(name) for area in areas))
            for name in CLASSES
            if name in CLASSES[:3] or any(area.of_class(name) for area in areas)
        ],
        one_class_service=len(by) == 1,
        class_service=shaded,
        services=services,
        villages=sum(area.villages for area in areas),
        people=people,
        served={service: sum(area.served(service) for area in areas) for service in services},
        synthetic=any(area.outcome.synthetic for area in areas),
        shapes=shapes,
        maps=maps,
        shades=[(100 * edge, colour) for edge, colour in _SHADES],
        wide=wide,
        high=high,
        style=Markup("\n".join(_template(n) for n in ("page.css", "tables.css", "country.css"))),
        script=Markup(_template("country.js")),
    )


def _shapes(areas: Sequence[Area], service: str) -> tuple[list[_Shape], float, float]:
    """Return the outlines as paths of one picture, true to scale at its middle, and its size."""
    west, south, east, north = shapely.total_bounds([area.outline for area in areas])
    narrow = cos(radians((south + north) / 2.0))
    across, down = max((east - west) * narrow, 1e-6), max(north - south, 1e-6)
    size = min(_WIDE_PX / across, _HIGH_PX / down)
    shapes = []
    for area in areas:
        parts = []
        for ring in _rings(area.outline):
            points = " ".join(
                f"{(x - west) * narrow * size:.1f},{(north - y) * size:.1f}" for x, y in ring
            )
            parts.append(f"M{points}Z")
        share = area.share(service)
        colour = "#e6e9ec"
        if share is not None:
            colour = next(colour for edge, colour in _SHADES if share >= edge)
        shapes.append(
            _Shape(area=area, path="".join(parts), colour=colour, label=area.outcome.title)
        )
    return shapes, round(across * size, 1), round(down * size, 1)


def _rings(outline: BaseGeometry) -> Iterator[list[tuple[float, float]]]:
    for part in shapely.get_parts(outline):
        if part.geom_type == "Polygon":
            for ring in (part.exterior, *part.interiors):
                yield [(float(x), float(y)) for x, y in ring.coords]


def _template(name: str) -> str:
    return files("lensong.coverage.report").joinpath("templates", name).read_text("utf-8")
