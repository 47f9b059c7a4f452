"""Logs without transmitters: the scatter of the level inside a pixel."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy.tables import NotAtHandError, Table

_SIDE_M = 30.0
_FEWEST = 5


def scatter(shared: Path) -> list[Table]:
    """Return the standard deviation of RSRP within 30 m squares, cell by cell."""
    path = shared / "data" / "drive-test-ucc-cork-5g" / "5G-production-dataset-shared.zip"
    if not path.exists():
        raise NotAtHandError(f"there is no {path}")
    with zipfile.ZipFile(path) as packed:
        logs = pd.concat(
            [
                pd.read_csv(io.BytesIO(packed.read(name)), na_values="-").assign(log=name)
                for name in packed.namelist()
                if name.endswith(".csv")
            ]
        )
    logs = logs[
        logs.NetworkMode.isin(["LTE", "5G"]) & logs.RSRP.between(-160, -20) & (logs.Latitude != 0)
    ].copy()
    logs["x"] = logs.Longitude * 111_320.0 * np.cos(np.radians(51.9)) // _SIDE_M
    logs["y"] = logs.Latitude * 111_320.0 // _SIDE_M
    rows = []
    for told, kind in (("driving", "Driving"), ("standing still", "Static")):
        part = logs[logs.log.str.contains(kind)]
        group = part.groupby(["RAWCELLID", "x", "y"]).RSRP
        many = group.transform("size") >= _FEWEST
        rest = (part.RSRP - group.transform("mean"))[many]
        free = int(many.sum() - (group.size() >= _FEWEST).sum())
        rows.append([told, int(many.sum()), float(np.sqrt((rest**2).sum() / free))])
    columns = {"logs": "", "samples": ",d", "sd within 30 m [dB]": ".1f"}
    return [Table(name="cork", columns=columns, rows=rows)]
