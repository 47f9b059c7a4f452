from __future__ import annotations

from lensong.coverage import layer_kernels
from lensong.coverage.warm_up import compile_kernels
from lensong.propagation.p1812_sweep import sweep_p1812


def test_every_kernel_of_a_plan_is_compiled() -> None:
    compile_kernels()
    for kernel in (
        sweep_p1812,
        layer_kernels.add_sweep,
        layer_kernels.fold_group,
        layer_kernels.judge_service,
    ):
        signatures: list[object] = getattr(kernel, "signatures")  # noqa: B009 - numba's, untyped
        assert signatures, kernel
