# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from what one site's cells bring to the sites heard. Private: `layer_tiles` calls.

Per pixel and carrier the strongest *sites* are kept, the strongest first, each with its strongest
cell, that cell's RSRP as a power, and the power by which its other cells disturb. What is weaker
is one sum. Codes are those of `lensong.coverage.cell_kernels`.
"""

from __future__ import annotations

import numpy as np

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["keep_heard"]


@kernel
def _keep_site(  # type: ignore[no-untyped-def]
    lead, lead_mw, others_mw, is_new, site_of, load_weight, code, level_mw, rest_mw
):
    """Put a site into the list of one pixel, sorted by level; return the power left outside.

    ``lead``, ``lead_mw`` (float32) and ``others_mw`` are the site's strongest cell, its RSRP, and
    what its other cells disturb by.
    """
    depth = code.size
    at, left = depth, 0.0
    while at > 0 and code[at - 1] == 0:
        at -= 1
    if not is_new:
        site, there = site_of[lead], 0
        while there < at and site_of[code[there]] != site:
            there += 1
        if there < at:
            weaker, weaker_mw = lead, lead_mw
            if lead_mw > level_mw[there]:
                weaker, weaker_mw = np.int64(code[there]), level_mw[there]
            else:
                lead, lead_mw = np.int64(code[there]), level_mw[there]
            others_mw = rest_mw[there] + np.float32(others_mw + weaker_mw * load_weight[weaker])
            at = there
    if at == depth:
        at -= 1
        if lead_mw <= level_mw[at]:
            return others_mw + lead_mw * load_weight[lead]
        left = rest_mw[at] + level_mw[at] * load_weight[code[at]]
    while at > 0 and lead_mw > level_mw[at - 1]:
        code[at], level_mw[at], rest_mw[at] = code[at - 1], level_mw[at - 1], rest_mw[at - 1]
        at -= 1
    code[at], level_mw[at], rest_mw[at] = lead, lead_mw, np.float32(others_mw)
    return left


@kernel
def keep_heard(  # type: ignore[no-untyped-def]
    lead, lead_mw, heard_others_mw, runner_up, runner_up_mw, row0, col0,
    diffraction_cdb, terrain_cdb, sweep_row0, sweep_col0, codes, is_new, site_of, load_weight,
    code, level_mw, others_mw, rest_mw, second, second_mw,
    best_diffraction_cdb, best_terrain_cdb,
):  # fmt: skip
    """Add what `lensong.coverage.cell_kernels.hear_cells` found to one carrier of one tile.

    What was found begins at ``row0`` and ``col0`` in the tile's rows and columns, its sweep at
    ``sweep_row0`` and ``sweep_col0``; both may reach past the tile. Equal levels leave the cell
    that came first. ``is_new``: no cell of their site came before.
    """
    rows, cols = second.shape
    last = code.shape[2] - 1
    for i in range(max(0, -row0), min(lead.shape[0], rows - row0)):
        r = row0 + i
        for j in range(max(0, -col0), min(lead.shape[1], cols - col0)):
            if lead[i, j] == 0:
                continue
            c = col0 + j
            one, mw = np.int64(codes[lead[i, j] - 1]), lead_mw[i, j]
            if is_new and last > 0 and code[r, c, last] != 0 and mw <= level_mw[r, c, last]:
                # weaker than all of a full list, and so than the second cell
                rest_mw[r, c] += np.float32(heard_others_mw[i, j] + mw * load_weight[one])
                continue
            next_one, next_mw = np.int64(0), runner_up_mw[i, j]
            if runner_up[i, j] != 0:
                next_one = np.int64(codes[runner_up[i, j] - 1])
            best, best_mw = np.int64(code[r, c, 0]), level_mw[r, c, 0]
            if best == 0 or mw > best_mw:
                best_diffraction_cdb[r, c] = diffraction_cdb[r - sweep_row0, c - sweep_col0]
                best_terrain_cdb[r, c] = terrain_cdb[r - sweep_row0, c - sweep_col0]
                if best != 0 and (next_one == 0 or best_mw >= next_mw):
                    next_one, next_mw = best, best_mw
                second[r, c] = next_one
                second_mw[r, c] = next_mw
            elif second[r, c] == 0 or mw > second_mw[r, c]:
                second[r, c] = one
                second_mw[r, c] = mw
            left_mw = _keep_site(
                one, mw, heard_others_mw[i, j], is_new, site_of, load_weight,
                code[r, c], level_mw[r, c], others_mw[r, c],
            )  # fmt: skip
            if left_mw > 0.0:
                rest_mw[r, c] += np.float32(left_mw)
