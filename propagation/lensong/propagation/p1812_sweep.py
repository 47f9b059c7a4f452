"""ITU-R P.1812 for every pixel around a mast, in amortised O(log n) per pixel.

Each pixel is its own receiver, with its own ground height and its own exact distance, and its own
line from the mast with the samples of `profile.path_profile`. The nearest radial finds by running
quantities which of them may decide; these, and the last ones before the pixel, are read on that
line. On a radial at whole steps both lines are one, and the result is that of
`lensong.propagation.p1812.basic_transmission_loss_db` on the same profile.

Read on in this order: `lensong.propagation.radial` (what runs outward), `.own_line` (what is read
of a pixel's own line), `.obstacle` (horizons and the Bullington edge), `.p1812_pixel` (the geometry
of one pixel), `.p1812_batch` (decibels, for the pixels of a radial at once), then here
`sweep_p1812` (radials and pixels).
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from lensong.propagation.kernel import kernel
from lensong.propagation.model import Map
from lensong.propagation.own_line import Receiver, new_line, read_last_samples, read_rims
from lensong.propagation.p1812_batch import (
    BARE_DB,
    DIFFRACTION_DB,
    LOSS_DB,
    NU_SCALE,
    TX_THETA,
    carrier_losses,
    carrier_table,
    new_batch,
    shared_terms,
)
from lensong.propagation.p1812_pixel import COL, ROW, MapClimate, pixel_geometry
from lensong.propagation.p1812_terms import (
    BETA_EARTH_RADIUS_KM,
    least_ducting_in_time_db,
    median_earth_radius_km,
)
from lensong.propagation.pixel_order import (
    AT_THE_MAST_CELLS,
    PixelOrder,
    radial_direction,
    steps_to,
)
from lensong.propagation.place import place
from lensong.propagation.radial import GROUND_M, Radial, grow_hulls, new_radial, walk_radial
from lensong.propagation.terminal import ROUNDING_M, samples_within
from lensong.propagation.terrain import INLAND, SEA, Rasters
from lensong.propagation.types import Float32Array, FloatArray

__all__ = ["draw", "sweep_p1812"]

_DEGREES_PER_MRAD = 180.0 / np.pi / 1000.0


@kernel
def _serve_radial(
    rasters: Rasters,
    order: PixelOrder,
    which: int,
    radial: Radial,
    count: int,
    direction: tuple[float, float],
    before: Radial,
    before_count: int,
    after: Radial,
    after_count: int,
    line: FloatArray,
    batch: FloatArray,
    climate: MapClimate,
    longest_wave_m: float,
    row: float,
    col: float,
    cell_m: float,
    clearing_m: float,
    tx_m: float,
    rx_agl_m: float,
) -> int:
    """Put the geometry of a radial's pixels into the batch; return how many have a way."""
    radials_per_turn = (order.first.size - 1) / (2.0 * np.pi)
    rim, nearest_rim = clearing_m / cell_m, (clearing_m - ROUNDING_M) / cell_m
    pushed = n = 0
    for p in range(place(order.first[which]), order.first[which + 1]):
        last = place(order.last_sample[p])
        if last >= count:
            break
        while pushed < last:
            pushed += 1
            grow_hulls(radial, pushed, rasters.has_clutter, climate.percent < 50.0)
        pixel_row, pixel_col = place(order.row[p]), place(order.col[p])
        rx_ground = float(rasters.ground_m[pixel_row, pixel_col])
        if np.isnan(rx_ground):
            continue
        down, right = pixel_row - row, pixel_col - col
        cells = max(sqrt(down * down + right * right), AT_THE_MAST_CELLS)
        steps = steps_to(cells, cell_m)
        step_cells = cells / steps
        receiver = Receiver(
            p,
            cells * cell_m / 1000.0,
            1000.0 / (cells * cell_m),
            rx_ground + rx_agl_m,
            row,
            col,
            down / steps,
            right / steps,
            steps,
            step_cells * cell_m / 1000.0,
            nearest_rim / step_cells,
            last,
        )
        size = read_last_samples(line, rasters, receiver)
        if size < 0:
            continue
        if rasters.has_clutter and rim > 0.0 and cells >= rim + nearest_rim:
            size = read_rims(line, rasters, receiver, size, rim / step_cells)
        # how far beside the radial, of the angle to the next one
        turned = direction[1] * down - direction[0] * right
        beside, share = radial.values, abs(turned) / cells * radials_per_turn
        if turned > 0.0 and last < after_count:
            beside = after.values
        elif turned < 0.0 and last < before_count:
            beside = before.values
        rx_zone = int(rasters.zone[pixel_row, pixel_col]) if rasters.has_zone else INLAND
        pixel_geometry(
            radial,
            beside,
            share,
            rasters,
            receiver,
            climate,
            line,
            size,
            tx_m,
            rx_ground,
            rx_zone,
            longest_wave_m,
            batch,
            n,
        )
        batch[ROW, n], batch[COL, n] = pixel_row, pixel_col
        n += 1
    return n


@kernel
def sweep_p1812(
    rasters: Rasters,
    order: PixelOrder,
    before: Radial,
    radial: Radial,
    after: Radial,
    line: FloatArray,
    batch: FloatArray,
    climate: MapClimate,
    carriers: FloatArray,
    row: float,
    col: float,
    cell_m: float,
    clearing_m: float,
    bare_samples: int,
    tx_agl_m: float,
    rx_agl_m: float,
    row0: int,
    col0: int,
    loss_db: FloatArray,
    departure_deg: Float32Array,
    diffraction_db: Float32Array,
    terrain_db: Float32Array,
) -> None:
    """Serve every pixel of a window; what has no elevation on its way stays as it was.

    ``carriers`` is a `carrier_table`; losses have one layer per carrier, the departure angle,
    which is the same for all, has one. ``batch`` has room for the pixels of any radial. Three
    radials are held at once, each walked once.
    """
    curvature, rare_curvature = 1.0 / climate.earth_radius_km, 1.0 / BETA_EARTH_RADIUS_KM
    longest_wave_m = 0.0
    for c in range(carriers.shape[0]):
        longest_wave_m = max(longest_wave_m, 1.0 / carriers[c, NU_SCALE] ** 2)
    reach_cells = radial.values.shape[1]
    turned_deg = 0.5 * (abs(climate.lat_per_row_deg) + abs(climate.lat_per_col_deg)) * reach_cells
    least_in_time_db = least_ducting_in_time_db(
        max(abs(climate.tx_lat_deg) - turned_deg, 0.0), reach_cells * cell_m / 1000.0
    )
    radials = order.first.size - 1
    walked, before_count, count, after_count = -1, 0, 0, 0
    for r in range(radials):
        if order.first[r] == order.first[r + 1]:
            continue
        # the one before, this one and the one after: of neighbours only the last is walked
        steps_ahead = 0
        if walked == r:
            before, radial, after = radial, after, before
            before_count, count = count, after_count
            steps_ahead = 2
        for step in range(steps_ahead, 3):
            walked = r + step - 1
            other = before if step == 0 else (radial if step == 1 else after)
            d_row, d_col = radial_direction(walked % radials, radials)
            other_count = walk_radial(
                other,
                rasters,
                row,
                col,
                d_row,
                d_col,
                bare_samples,
                tx_agl_m,
                curvature,
                rare_curvature,
                climate.percent < 50.0,
            )
            if step == 0:
                before_count = other_count
            elif step == 1:
                count = other_count
            else:
                after_count = other_count
        if count == 0:
            continue
        tx_m = radial.values[GROUND_M, 0] + tx_agl_m
        tx_at_sea = rasters.has_zone and radial.zones[0, 5] == SEA
        n = _serve_radial(
            rasters,
            order,
            r,
            radial,
            count,
            radial_direction(r, radials),
            before,
            before_count,
            after,
            after_count,
            line,
            batch,
            climate,
            longest_wave_m,
            row,
            col,
            cell_m,
            clearing_m,
            tx_m,
            rx_agl_m,
        )
        shared_terms(batch, n, tx_m, climate.earth_radius_km)
        for i in range(n):
            row_out, col_out = int(batch[ROW, i]) - row0, int(batch[COL, i]) - col0
            departure_deg[row_out, col_out] = batch[TX_THETA, i] * _DEGREES_PER_MRAD
        for c in range(carriers.shape[0]):
            carrier_losses(
                radial,
                batch,
                n,
                climate,
                carriers,
                c,
                tx_m,
                not rasters.has_zone,
                0.0 if tx_at_sea else climate.tx_coast_km,
                least_in_time_db,
            )
            for i in range(n):
                row_out, col_out = int(batch[ROW, i]) - row0, int(batch[COL, i]) - col0
                loss_db[c, row_out, col_out] = batch[LOSS_DB, i]
                diffraction_db[c, row_out, col_out] = batch[DIFFRACTION_DB, i]
                terrain_db[c, row_out, col_out] = batch[BARE_DB, i]


def draw(chart: Map, order: PixelOrder) -> None:
    """Fill a map with P.1812; its carriers share all that does not depend on the frequency."""
    request, cell_m = chart.requests[0], float(chart.terrain.cell_m)
    link, air = request.link(), request.climate()
    clearing_m = float(request.terminal_clearing_m)
    samples = int(request.radius_m / cell_m) + 2
    climate = MapClimate(
        percent=air.time_percent,
        n0=air.n0,
        earth_radius_km=median_earth_radius_km(air.delta_n_per_km),
        horizontal=link.horizontal,
        tx_lat_deg=air.centre_lat_deg,
        lat_per_row_deg=float(request.lat_per_row_deg),
        lat_per_col_deg=float(request.lat_per_col_deg),
        tx_coast_km=air.tx_coast_km,
        rx_coast_km=air.rx_coast_km,
    )
    sweep_p1812(
        chart.terrain.rasters(),
        order,
        new_radial(samples, cell_m),
        new_radial(samples, cell_m),
        new_radial(samples, cell_m),
        new_line(order.own_samples),
        new_batch(int(np.diff(order.first).max(initial=0))),
        climate,
        carrier_table([r.freq_mhz / 1000.0 for r in chart.requests], air.n0),
        float(request.row),
        float(request.col),
        cell_m,
        clearing_m,
        samples_within(clearing_m, cell_m),
        link.tx_height_agl_m,
        link.rx_height_agl_m,
        chart.row0,
        chart.col0,
        *chart.layers,
    )
