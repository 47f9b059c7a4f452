"""How well levels are known: the posterior out of the record, and on what a level rests."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest

from lensong.coverage.antenna import omni
from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.calibration import (
    Basis,
    Calibration,
    CellRow,
    PlaceRow,
    SpotTable,
    Term,
)
from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.known import BASES, HALF_NORMAL, KnownLevels
from lensong.coverage.calibration.paths import Paths
from lensong.coverage.calibration.posterior import Posterior, learn
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, Priors
from lensong.coverage.cellplan import parse_carrier
from lensong.coverage.network import Cell, Mast
from lensong.gis_data.land import Land
from lensong.propagation.types import Grid
from tests.test_coverage.test_calibration.spots import drive

GRID = Grid(crs="EPSG:32648", west_m=0.0, north_m=9000.0, cell_m=30.0, rows=300, cols=300)
CLASSES = {1: "trees", 2: "houses", 3: "rice", 7: "water"}
CARRIER = parse_carrier("4G B3 20 MHz")


def land() -> Land:
    return Land(
        grid=GRID,
        ground_m=np.zeros(GRID.shape, dtype=np.float32),
        clutter_m=None,
        clutter_class=np.zeros(GRID.shape, dtype=np.uint8),
        clutter_names=CLASSES,
        population=None,
        aoi=np.ones(GRID.shape, dtype=np.uint8),
        villages=gpd.GeoDataFrame(),
        communes=None,
    )


def mast(site: int) -> Mast:
    return Mast(mast_id=f"M{site}", lat_deg=22.0 + 0.1 * site, lon_deg=103.0, height_agl_m=30.0)


def cell(number: int) -> Cell:
    return Cell(
        cell_id=f"C{number}",
        mast_id=f"M{number // 3}",
        carrier=CARRIER,
        antenna=omni(),
        azimuth_deg=0.0,
        height_agl_m=30.0,
        total_power_dbm=46.0,
        granted_uplink_resource_blocks=10,
        radius_m=9000.0,
    )


def record(learnt: Posterior, stage: str = "field") -> Calibration:
    """Return what was learnt as the record that a scenario names."""
    spots, nothing = learnt.spots, Term(value=0.0, sd=0.0)
    count = len(spots)
    return Calibration(
        crs=GRID.crs,
        stage=stage,
        unseen=False,
        shared=dict.fromkeys(TERMS, nothing),
        classes={},
        phones={},
        cells=tuple(
            CellRow(
                cell_id=f"C{c}",
                mast_id=f"M{c // 3}",
                height_agl_m=30.0,
                freq_mhz=CARRIER.downlink_freq_mhz,
                antenna=omni().name,
                spots=1,
                fate="calibrated",
                why="",
                bias=nothing,
            )
            for c in np.unique(spots.cell)
        ),
        places=tuple(
            PlaceRow(
                mast_id=f"M{site}",
                lat_deg=mast(int(site)).lat_deg,
                lon_deg=103.0,
                height_agl_m=30.0,
                freq_mhz=CARRIER.downlink_freq_mhz,
                spots=1,
                calibrated=True,
                terms=dict.fromkeys(PLACE_TERMS, nothing),
                rmse_before_db=1.0,
                rmse_after_db=1.0,
            )
            for site in np.unique(spots.site)
        ),
        held_out=(),
        priors=learnt.priors,
        field=learnt.field,
        basis=Basis.of(learnt.field),
        spots=SpotTable(
            east_m=spots.east_m,
            north_m=spots.north_m,
            cell_id=tuple(f"C{c}" for c in spots.cell),
            mast_id=tuple(f"M{s}" for s in spots.site),
            phone=tuple(f"phone {p}" for p in spots.phone),
            height_agl_m=np.full(count, 30.0),
            freq_mhz=np.full(count, CARRIER.downlink_freq_mhz),
            measured_dbm=spots.measured_dbm,
            residual_db=spots.residual_db,
            left_db=spots.residual_db,
            at_floor=spots.at_floor,
            distance_m=spots.distance_m,
            terrain_db=spots.terrain_db,
            clutter_db=spots.clutter_db,
            clear=spots.clear,
            land_cover=tuple(CLASSES[int(code)] for code in spots.clutter_class),
            weight=learnt.weight,
            pull_per_db=learnt.alpha,
        ),
        spread=None,
        merged_m=0.0,
        synthetic=True,
        notes=(),
    )


def ends(of: Evidence) -> Paths:
    return Paths(
        east_m=of.east_m,
        north_m=of.north_m,
        distance_m=of.distance_m,
        terrain_db=of.terrain_db,
        clutter_db=of.clutter_db,
        clear=of.clear,
        clutter_class=of.clutter_class,
    )


@pytest.fixture(scope="module")
def learnt() -> Posterior:
    return learn(drive(11)[0], Priors())


def test_a_deviation_out_of_the_record_is_that_of_the_posterior(learnt: Posterior) -> None:
    """Spots beside those that were learnt from, far from them, and in a class that was not met."""
    known = KnownLevels(CalibratedPaths(record(learnt)), land(), plain_db=8.0)
    beside = drive(11)[0].take(np.arange(0, 300, 7))
    tried = replace(
        beside,
        east_m=beside.east_m + np.linspace(0.0, 2000.0, len(beside)),
        clutter_class=np.where(np.arange(len(beside)) % 5 == 0, 7, beside.clutter_class),
    )
    for number in np.unique(tried.cell):
        of = tried.take(tried.cell == number)
        _, stated = learnt.correction(of, with_field=True, with_spread=True)
        assert stated is not None
        found = known.at(cell(int(number)), mast(int(number) // 3), ends(of))
        # spots beyond four lengths are left out: they tell 2 % of what the field shares
        np.testing.assert_allclose(found.half_db, HALF_NORMAL * stated, rtol=0.01)


def test_the_field_between_spots_is_that_of_the_posterior(learnt: Posterior) -> None:
    paths, here = CalibratedPaths(record(learnt)), drive(11)[0].take(np.arange(40))
    for number in np.unique(here.cell):
        of = here.take(here.cell == number)
        wanted = learnt.correction(of, with_field=True)[0]
        wanted = wanted - learnt.correction(of, with_field=False)[0]
        one = cell(int(number))
        found = paths.field_at(
            mast(int(number) // 3), 30.0, one.carrier.downlink_freq_mhz, ends(of), GRID
        )
        # spots beyond six lengths are left out, as in a sweep
        np.testing.assert_allclose(found, wanted, atol=0.02)


def test_what_a_level_rests_on_follows_the_bounds_of_the_record(learnt: Posterior) -> None:
    calibration = record(learnt)
    bounds, spots = calibration.basis, learnt.spots
    assert np.exp(-bounds.measured_within_m / learnt.field.length_m) ** 2 == pytest.approx(
        0.5, abs=1e-3
    )
    away = np.array([0.0, 0.9, 1.2, 500.0]) * bounds.measured_within_m
    corner = int(np.argmin(spots.east_m))  # to its west there is none
    row = spots.take(np.full(away.size, corner))
    row = replace(row, east_m=row.east_m - away)
    one, at = cell(int(spots.cell[corner])), mast(int(spots.site[corner]))
    found = KnownLevels(CalibratedPaths(calibration), land(), 8.0).at(one, at, ends(row))
    assert [BASES[k] for k in found.basis] == [
        "measured", "measured", "calibrated here", "model only",
    ]  # fmt: skip
    assert (np.diff(found.half_db) > 0.0).all()
    assert found.field_sd_share[-1] == pytest.approx(1.0, abs=1e-6)

    # another site's spots tell nothing measured; a place that is not corrected has the plan's own
    stranger = replace(one, mast_id="elsewhere", cell_id="X")
    far = Mast(mast_id="elsewhere", lat_deg=10.0, lon_deg=103.0, height_agl_m=30.0)
    other = KnownLevels(CalibratedPaths(calibration), land(), 8.0).at(stranger, far, ends(row))
    assert {BASES[k] for k in other.basis} == {"model only"}
    np.testing.assert_allclose(other.half_db, HALF_NORMAL * 8.0)
    assert (other.field_db == 0.0).all()

    # without a field in use nothing is calibrated where it is
    terms = KnownLevels(CalibratedPaths(record(learnt, "terms")), land(), 8.0).at(
        one, at, ends(row)
    )
    assert {BASES[k] for k in terms.basis} == {"measured", "model only"}
