# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled: what the carriers of a phone send together, where it aggregates its uplink.

Private: `lensong.coverage.chance_kernels` calls it.
"""

from __future__ import annotations

from math import exp

import numpy as np

from lensong.coverage.chance_draws import BLOCK, LEAST, NEVER, capped
from lensong.coverage.chance_sites import NO_CELL
from lensong.coverage.fold_kernels import aggregated_rate
from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["cap_at_median", "cap_by_aggregation"]


@kernel
def cap_by_aggregation(  # type: ignore[no-untyped-def]
    found, at, alike, who, lead, top_mw, heard, servers,
    s, in_scope, q, need_uplink_mbps, attach_mw, uplink_factor, uplink_block_hz, uplink_blocks,
    uplink_curve,
):  # fmt: skip
    """Lower what a block found to what the carriers of a scope send together, draw by draw.

    Its servers stand from index ``at`` on.
    """
    server_mw = servers[0]
    for d in range(BLOCK):
        if found[d] <= LEAST:
            continue
        for a in range(heard.size):
            heard[a], server_mw[a] = 0, 0.0
            if alike[a] != NO_CELL:
                heard[a] = who[a, np.int64(lead[a, at + d])]
                server_mw[a] = top_mw[a, at + d]
        needed = _needed_with_aggregation(
            s, in_scope, heard, server_mw, q, need_uplink_mbps, attach_mw, uplink_factor,
            uplink_block_hz, uplink_blocks, uplink_curve, servers[1], servers[2], servers[3],
        )  # fmt: skip
        found[d] = capped(found[d], needed)


@kernel
def cap_at_median(  # type: ignore[no-untyped-def]
    margin, r, c, code, level_mw, heard, servers, s, in_scope, q, need_uplink_mbps, attach_mw,
    uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
):  # fmt: skip
    """Lower a margin to what the carriers of a scope send together, each at its median."""
    if margin <= LEAST:
        return 0.0
    server_mw = servers[0]
    for a in range(heard.size):
        heard[a], server_mw[a] = code[a, r, c, 0], level_mw[a, r, c, 0]
    needed = _needed_with_aggregation(
        s, in_scope, heard, server_mw, q, need_uplink_mbps, attach_mw, uplink_factor,
        uplink_block_hz, uplink_blocks, uplink_curve, servers[1], servers[2], servers[3],
    )  # fmt: skip
    if needed >= NEVER:
        return 0.0
    return min(margin, 1.0 / max(needed, 1e-30))


@kernel
def _needed_with_aggregation(  # type: ignore[no-untyped-def]
    scope, in_scope, heard, server_mw, q, need_uplink_mbps, attach_mw, uplink_factor,
    uplink_block_hz, uplink_blocks, uplink_curve, snr, width_hz, most,
):  # fmt: skip
    """Return from which common factor on the carriers of a scope together reach the uplink."""
    if need_uplink_mbps[q] <= 0.0:
        return 0.0
    low, high = -30.0, 30.0  # neper
    reached = False
    for _ in range(24):
        middle = 0.5 * (low + high) if reached else high
        factor = exp(middle)
        count = 0
        for a in range(heard.size):
            one = heard[a]
            if one != 0 and in_scope[scope, a] and server_mw[a] * factor >= attach_mw[q]:
                snr[count] = server_mw[a] * factor * uplink_factor[one]
                width_hz[count] = uplink_block_hz[one]
                most[count] = uplink_blocks[one]
                count += 1
        enough = aggregated_rate(snr, width_hz, most, count, uplink_curve) >= need_uplink_mbps[q]
        if not reached:
            if not enough:
                return NEVER
            reached = True
        elif enough:
            high = middle
        else:
            low = middle
    return exp(high)
