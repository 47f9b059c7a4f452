from __future__ import annotations

from lensong.coverage import (
    cell_kernels,
    chance_kernels,
    fold_kernels,
    interval_kernels,
    plane_codec,
    site_kernels,
    sweep_planes,
)
from lensong.coverage.streams import fitting, links
from lensong.coverage.warm_up import compile_kernels
from lensong.propagation import p1812, profile
from lensong.propagation.p1812_sweep import sweep_p1812


def test_every_kernel_of_a_plan_is_compiled() -> None:
    compile_kernels()
    for kernel in (
        sweep_p1812,
        cell_kernels.hear_cells,
        site_kernels.keep_heard,
        fold_kernels.fold_medians,
        vars(chance_kernels)["_judge"],
        interval_kernels.add_served,
        vars(fitting)["_fit_draws"],
        vars(links)["_take_part"],
        vars(links)["_raise_noise"],
        vars(plane_codec)["_pack"],
        vars(plane_codec)["_unpack"],
        vars(sweep_planes)["_round"],
        vars(sweep_planes)["_expand"],
        vars(p1812)["_path_kernel"],
        vars(profile)["_sample_line"],
    ):
        signatures: list[object] = getattr(kernel, "signatures")  # noqa: B009 - numba's, untyped
        assert signatures, kernel
