# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from the margins of a village's pixels to the share served, draw by draw.

Private: `lensong.coverage.village_intervals` calls it.
"""

from __future__ import annotations

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["add_served"]

_ROOT_HALF = 0.7071067811865476


@kernel
def add_served(  # type: ignore[no-untyped-def]
    weight, margin, model, assumed, site, node, everywhere, of_site, of_assumed, field, sigmas,
    served,
):  # fmt: skip
    """Add to ``served``, by draw, the weight of each pixel times the chance that it is served.

    By pixel: ``weight``; ``margin`` and the deviations ``model`` and ``assumed`` in units of that
    by which locations differ; ``site`` and ``node``, rows of ``of_site`` and ``of_assumed``, and of
    ``field``, which have a normal number for each draw, as ``everywhere`` has. The numbers of model
    are ``everywhere`` times the first of ``sigmas``, ``of_site`` times the second, and ``field``.

    The normal distribution is that of Abramowitz and Stegun, 7.1.28, within 2e-7, written out so
    that several draws are taken at once.
    """
    of_all, of_each = sigmas
    for i in range(weight.size):
        s, n = site[i], node[i]
        for d in range(served.size):
            common = of_all * everywhere[d] + of_each * of_site[s, d] + field[n, d]
            x = margin[i] + model[i] * common + assumed[i] * of_assumed[s, d]
            z = abs(x) * _ROOT_HALF
            p = 1.0 + z * (
                0.0705230784 + z * (0.0422820123 + z * (0.0092705272 + z * (0.0001520143
                + z * (0.0002765672 + z * 0.0000430638))))
            )  # fmt: skip
            p *= p
            p *= p
            p *= p
            p *= p
            tail = 0.5 / p
            served[d] += weight[i] * (1.0 - tail if x > 0.0 else tail)
