"""ITU-R P.1812 for every pixel around a mast, in amortised O(log n) per pixel.

Each pixel is its own receiver, with its own ground height and its own exact distance. Its profile
is that of the nearest radial up to 8.5 steps before it, followed by the last eight samples on its
own line, mast to pixel centre (more where the clearing around the phone is wider than that). The
obstacle that decides - the horizon of either antenna or, with line of sight, the point of least
clearance - is read once more on the pixel's own line, and so are the rims of both clearings. On a
radial at whole steps both lines are one, and the result is that of
`lensong.propagation.p1812.basic_transmission_loss_db` on the same profile.

Read on in this order: `lensong.propagation.radial` (what runs outward), `.obstacle` (horizons and
the Bullington edge of one pixel), `.p1812_pixel` (the terms of one pixel, carrier by carrier), then
here `sweep_p1812` (radials and pixels).
"""

from __future__ import annotations

from math import degrees, sqrt

import numpy as np

from lensong.propagation.diffraction import bullington_from_edge, knife_edge
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.kernel import kernel
from lensong.propagation.model import Map
from lensong.propagation.obstacle import OWN_GROUND, OWN_KM, OWN_SURFACE, Receiver, obstacle
from lensong.propagation.p1812_pixel import (
    FREQ_GHZ,
    NU_SCALE,
    MapClimate,
    carrier_table,
    line_of_sight_deg,
    pixel_geometry,
    pixel_loss,
)
from lensong.propagation.p1812_terms import BETA_EARTH_RADIUS_KM, median_earth_radius_km
from lensong.propagation.pixel_order import AT_THE_MAST_CELLS, PixelOrder
from lensong.propagation.radial import (
    GROUND_M,
    SURFACE,
    Radial,
    grow_hulls,
    new_radial,
    read_point,
    walk_radial,
)
from lensong.propagation.terminal import ROUNDING_M, samples_within
from lensong.propagation.terrain import INLAND, SEA, Rasters
from lensong.propagation.types import Float32Array, FloatArray

__all__ = ["draw", "sweep_p1812"]


@kernel
def sweep_p1812(
    rasters: Rasters,
    order: PixelOrder,
    radial: Radial,
    own: FloatArray,
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
    which is the same for all, has one.
    """
    with_rare = climate.percent < 50.0
    rim, nearest_rim = clearing_m / cell_m, (clearing_m - ROUNDING_M) / cell_m
    curvature, rare_curvature = 1.0 / climate.earth_radius_km, 1.0 / BETA_EARTH_RADIUS_KM
    radials = order.first.size - 1
    for r in range(radials):
        if order.first[r] == order.first[r + 1]:
            continue
        angle = 2.0 * np.pi * r / radials
        count = walk_radial(
            radial,
            rasters,
            row,
            col,
            -np.cos(angle),
            np.sin(angle),
            bare_samples,
            tx_agl_m,
            curvature,
            rare_curvature,
            with_rare,
        )
        if count == 0:
            continue
        tx_m = radial.values[GROUND_M, 0] + tx_agl_m
        tx_at_sea = rasters.has_zone and radial.zones[0, 5] == SEA
        tx_coast_km = 0.0 if tx_at_sea else climate.tx_coast_km
        pushed = 0
        for p in range(order.first[r], order.first[r + 1]):
            last = order.last_sample[p]
            if last >= count:
                break
            while pushed < last:
                pushed += 1
                grow_hulls(radial, pushed, rasters.has_clutter, with_rare)
            pixel_row, pixel_col = order.row[p], order.col[p]
            rx_ground = float(rasters.ground_m[pixel_row, pixel_col])
            if np.isnan(rx_ground):
                continue
            cells = max(sqrt((pixel_row - row) ** 2 + (pixel_col - col) ** 2), AT_THE_MAST_CELLS)
            d_row, d_col = (pixel_row - row) / cells, (pixel_col - col) / cells
            own_count = 0
            known = True
            for j in range(order.own_samples, 0, -1):
                steps = cells - j
                if steps <= 0.5:
                    continue
                ground, surface = read_point(rasters, row + steps * d_row, col + steps * d_col)
                known = known and not np.isnan(surface)
                cleared = j < nearest_rim or steps < nearest_rim
                own[OWN_KM, own_count] = steps * cell_m / 1000.0
                own[OWN_GROUND, own_count] = ground
                own[OWN_SURFACE, own_count] = ground if cleared else surface
                own_count += 1
            if not known:
                continue
            surface_count = own_count
            if rasters.has_clutter and rim > 0.0 and cells >= rim + nearest_rim:
                for steps in (rim, cells - rim):
                    ground, surface = read_point(rasters, row + steps * d_row, col + steps * d_col)
                    if surface > ground:
                        own[OWN_KM, surface_count] = steps * cell_m / 1000.0
                        own[OWN_SURFACE, surface_count] = surface
                        surface_count += 1
            receiver = Receiver(
                cells * cell_m / 1000.0,
                rx_ground + rx_agl_m,
                row,
                col,
                d_row,
                d_col,
                last,
                own,
                own_count,
                surface_count,
                bare_samples,
            )
            centre_lat = climate.tx_lat_deg + 0.5 * (
                climate.lat_per_row_deg * (pixel_row - row)
                + climate.lat_per_col_deg * (pixel_col - col)
            )
            i, j2 = pixel_row - row0, pixel_col - col0
            if last == 0 and own_count == 0:
                departure_deg[i, j2] = line_of_sight_deg(receiver, tx_m)
                nu = -np.inf
                if surface_count > 0:
                    nu = obstacle(SURFACE, radial, rasters, receiver, tx_m, curvature)[1]
                for c in range(carriers.shape[0]):
                    between_db = 0.0
                    if surface_count > 0:
                        edge_db = knife_edge(nu * carriers[c, NU_SCALE])
                        between_db = bullington_from_edge(edge_db, receiver.path_km)
                    free_space_db = slant_free_space_loss_db(
                        receiver.path_km, tx_m, receiver.rx_m, carriers[c, FREQ_GHZ]
                    )
                    loss_db[c, i, j2] = free_space_db + between_db
                    diffraction_db[c, i, j2] = between_db
                    terrain_db[c, i, j2] = 0.0
                continue
            rx_zone = int(rasters.zone[pixel_row, pixel_col]) if rasters.has_zone else INLAND
            geometry = pixel_geometry(radial, rasters, receiver, climate, tx_m, rx_ground, rx_zone)
            departure_deg[i, j2] = degrees(geometry.tx_theta_mrad / 1000.0)
            for c in range(carriers.shape[0]):
                loss, diffraction, bare = pixel_loss(
                    geometry,
                    receiver,
                    climate,
                    carriers,
                    c,
                    cell_m / 1000.0,
                    tx_m,
                    centre_lat,
                    not rasters.has_zone,
                    tx_coast_km,
                    0.0 if rx_zone == SEA else climate.rx_coast_km,
                )
                loss_db[c, i, j2] = loss
                diffraction_db[c, i, j2] = diffraction
                terrain_db[c, i, j2] = bare


def draw(chart: Map, order: PixelOrder) -> None:
    """Fill a map with P.1812; its carriers share all that does not depend on the frequency."""
    request, cell_m = chart.requests[0], float(chart.terrain.cell_m)
    link, air = request.link(), request.climate()
    clearing_m = float(request.terminal_clearing_m)
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
        new_radial(int(request.radius_m / cell_m) + 2, cell_m),
        np.empty((3, order.own_samples + 2)),
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
