"""What a sweep takes on disk, and the time to pack and to unpack it.

    python -m pytest benchmarks/test_sweep_size.py -m benchmark -s

Two carriers of one antenna, as most masts have them; MB a carrier.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from sweep_lands import read_land, with_clutter
from terrain import MASTS, sweep_request

from lensong.coverage.sweep_planes import SweepPlanes
from lensong.gis_data.array_store import ArrayStore
from lensong.propagation.sweep import sweep_carriers

pytestmark = pytest.mark.benchmark

FREQUENCIES_MHZ = (806.0, 1842.5)


@pytest.mark.parametrize("radius_km", [10, 15])
@pytest.mark.parametrize("clutter", [False, True], ids=["bare", "clutter"])
def test_bytes_of_a_sweep(tmp_path: Path, radius_km: int, clutter: bool) -> None:
    land = read_land("cevennes")
    land = with_clutter(land) if clutter else land
    for mast in MASTS:
        request = sweep_request(mast, radius_m=1e3 * radius_km)
        found = sweep_carriers(
            [replace(request, freq_mhz=freq_mhz) for freq_mhz in FREQUENCIES_MHZ], land
        )
        store = ArrayStore(tmp_path / mast)
        planes = [SweepPlanes.of(result) for result in found]
        keys = [str(freq_mhz) for freq_mhz in FREQUENCIES_MHZ]
        timed = []
        for _ in range(3):  # the first compiles
            began = time.thread_time()
            SweepPlanes.put_together(keys, planes, store.put)
            packed = time.thread_time()
            again = SweepPlanes.get_together(keys, store.get)
            timed.append((packed - began, time.thread_time() - packed))
        for before, after in zip(planes, again, strict=True):
            assert after is not None
            assert (before.loss == after.loss).all()
            assert (before.clutter == after.clutter).all()
        packing, unpacking = (min(times) / len(keys) for times in zip(*timed, strict=True))
        print(
            f"{mast} {radius_km} km {'clutter' if clutter else 'bare'}: "
            f"{store.size_bytes() / len(keys) / 1e6:.3f} MB a carrier, "
            f"packed in {1e3 * packing:.0f} ms, unpacked in {1e3 * unpacking:.0f} ms"
        )
