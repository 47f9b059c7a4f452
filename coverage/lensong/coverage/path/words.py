"""What decides a path, in words."""

from __future__ import annotations

from lensong.coverage.path.clearance import Clearance, Edge
from lensong.coverage.path.levels import CellLevel
from lensong.coverage.path.study import PathStudy
from lensong.propagation.models import MODELS

__all__ = ["MUCH_DB", "decided_by", "edge_told", "headline", "shortly", "sight_told"]

MUCH_DB = 3.0
"""What an obstacle or the antenna has to take before it is said to decide."""


def edge_told(passes: Clearance, *, from_name: str = "", cover: str = "") -> str:
    """Return where the edge that decides is, and how far it reaches above or below the line."""
    edge = passes.edge
    place = (
        f"{edge.distance_m / 1000.0:.2f} km from {from_name or 'the first end'} "
        f"({edge.lat_deg:.5f}, {edge.lon_deg:.5f})"
    )
    what = _what(edge, cover)
    if edge.above_line_m >= 0.0:
        told = (
            f"{what} {place} stands {edge.above_line_m:.1f} m above the line between the antennas"
        )
        if edge.what == "clutter":
            side = "above" if edge.ground_above_line_m >= 0.0 else "below"
            told += f", the bare ground there {abs(edge.ground_above_line_m):.1f} m {side} it"
        return f"{told}: {edge.edge_loss_db:.1f} dB as an edge by itself"
    share = edge.clearance_share
    least = f"{-edge.above_line_m:.1f} m or {share:.2f} radii of the first Fresnel zone below it"
    if share < 1.0:
        into_m = edge.fresnel_m + edge.above_line_m
        return (
            f"{what} {place} reaches {into_m:.1f} m into the first Fresnel zone, its top {least}: "
            f"{edge.edge_loss_db:.1f} dB as an edge by itself"
        )
    return f"nothing reaches into the first Fresnel zone; the nearest is {what} {place}, {least}"


def _what(edge: Edge, cover: str) -> str:
    if edge.what == "clutter":
        return f"{cover or 'trees or houses'}, {edge.clutter_m:.0f} m high,"
    return f"the ground, {edge.ground_amsl_m:.0f} m above sea level,"


def sight_told(passes: Clearance) -> str:
    """Return whether there is line of sight, in a word or two."""
    if not passes.line_of_sight:
        return "no line of sight"
    if passes.edge.clearance_share < 1.0:
        return "line of sight, Fresnel zone touched"
    return "line of sight, Fresnel zone clear"


def decided_by(level: CellLevel) -> tuple[str, dict[str, float]]:
    """Return what takes most from a cell's level at a place beside distance, and each part in dB.

    ``terrain``, ``clutter`` (trees and houses) and ``antenna`` (gain below its greatest);
    ``distance`` where none of them takes `MUCH_DB`. A model that gives its total alone is told by
    the one edge that decides; one that sees no profile knows no obstacle.
    """
    ladder = {term.key: term.loss_db for term in level.loss.ladder}
    parts = {
        "terrain": ladder.get("terrain", 0.0) + ladder.get("earth", 0.0),
        "clutter": ladder.get("clutter", 0.0),
        "antenna": level.off_beam_db,
    }
    if not ladder and MODELS[level.loss.model].over_profile is not None:
        edge = level.clearance.edge
        parts["clutter" if edge.what == "clutter" else "terrain"] = edge.edge_loss_db
    most = max(parts, key=lambda key: parts[key])
    return (most if parts[most] >= MUCH_DB else "distance"), parts


def shortly(level: CellLevel) -> str:
    """Return in one line what decides a cell's level at a place."""
    most, parts = decided_by(level)
    edge = level.clearance.edge
    at = f"{edge.distance_m / 1000.0:.1f} km away, {_height(edge)}"
    said = {
        "terrain": f"ground {at}: {parts['terrain']:.1f} dB",
        "clutter": f"trees or houses, the highest {at}: {parts['clutter']:.1f} dB",
        "antenna": f"the antenna points elsewhere: {parts['antenna']:.1f} dB below its best",
        "distance": f"distance, {level.line.path_m / 1000.0:.1f} km; nothing much in the way",
    }
    return said[most]


def _height(edge: Edge) -> str:
    if edge.above_line_m >= 0.0:
        return f"{edge.above_line_m:.0f} m above the line"
    return f"{edge.clearance_share:.1f} Fresnel radii below the line"


def headline(study: PathStudy) -> str:
    """Return from where to where, how far and at what frequency, in one line."""
    line = study.line
    names = [end.name or f"{end.lat_deg:.5f}, {end.lon_deg:.5f}" for end in (line.tx, line.rx)]
    first = study.level.cell.cell_id if study.level else names[0]
    return f"{first} to {names[1]}, {line.path_m / 1000.0:.2f} km at {study.freq_mhz:g} MHz"
