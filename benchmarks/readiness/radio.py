"""The level of the signal against the uplink it gave: the plan's prior, refitted.

python -m benchmarks.readiness.radio --shared ../shared
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.readiness.traces import cork_rows
from lensong.monitoring.readiness.radio_prior import UPLINK_FITS
from lensong.propagation.types import FloatArray

FILES = {
    "Cork 5G drive 1": "Data5G_151221.csv",
    "Cork 5G drive 2": "Data5G_171221.csv",
    "Cork 4G static": "Data5G_static4Gonly_110122.csv",
}
ROWS_A_TEST = 10  # 3 s each: half a minute


def pairs(data: Path) -> pd.DataFrame:
    """Return half minutes: mean level, log10 of the mean uplink, technology, file."""
    parts = []
    for name, file in FILES.items():
        rows = cork_rows(data / "uplink-mtu-cork-5g-2021" / file)
        rows["test"] = np.arange(len(rows)) // ROWS_A_TEST
        whole = rows.groupby("test").filter(
            lambda g: len(g) == ROWS_A_TEST and g["technology"].nunique() == 1
        )
        parts.append(
            whole.groupby("test")
            .agg(
                rsrp_dbm=("rsrp_dbm", "mean"),
                uplink_bps=("uplink_bps", "mean"),
                technology=("technology", "first"),
            )
            .assign(file=name)
        )
    found = pd.concat(parts).dropna()
    found["log10_bps"] = np.log10(np.maximum(found["uplink_bps"], 1e3))
    return found


def line(level_dbm: FloatArray, log10_bps: FloatArray) -> tuple[float, float, float, float]:
    """Return value at -100 dBm, slope per dB, its standard error and the residual deviation."""
    x = np.column_stack([np.ones(level_dbm.size), level_dbm + 100.0])
    solved, *_ = np.linalg.lstsq(x, log10_bps, rcond=None)
    residual = log10_bps - x @ solved
    sd = float(np.sqrt(residual @ residual / (level_dbm.size - 2)))
    error = sd * float(np.sqrt(np.linalg.inv(x.T @ x)[1, 1]))
    return float(solved[0]), float(solved[1]), error, sd


def report(data: Path) -> str:
    rows = pairs(data)
    lines = [
        "| pairs | half minutes | RSRP dBm, p5..p95 | log10 bit/s at -100 dBm | per 10 dB"
        " | residual sd | published line: bias, sd |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, part in [
        *((f"{name}, {t}", g) for (name, t), g in rows.groupby(["file", "technology"])),
        *(
            (f"both drives, {t}", g)
            for t, g in rows[rows.file != "Cork 4G static"].groupby("technology")
        ),
    ]:
        if len(part) < 5:
            continue
        level, rate = part["rsrp_dbm"].to_numpy(), part["log10_bps"].to_numpy()
        at, slope, error, sd = line(level, rate)
        fit = UPLINK_FITS[str(part["technology"].iloc[0])]
        off = rate - np.array([fit.log10_bps(float(v)) for v in level])
        low, high = np.percentile(level, [5, 95])
        lines.append(
            f"| {label} | {len(part)} | {low:.0f}..{high:.0f} | {at:.2f} "
            f"| {10 * slope:.2f} ± {10 * error:.2f} | {sd:.2f} "
            f"| {off.mean():+.2f}, {off.std(ddof=1):.2f} |"
        )
    return "\n".join([*lines, "", acknowledgements(data)])


def acknowledgements(data: Path) -> str:
    """Return how much of the uplink column of the UCC drive tests is acknowledgements."""
    path = data / "drive-test-ucc-cork-5g" / "5G-production-dataset-shared.zip"
    down, up = [], []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".csv"):
                continue
            rows = pd.read_csv(io.BytesIO(archive.read(name)), na_values="-", low_memory=False)
            busy = rows[(rows["State"] == "D") & (rows["DL_bitrate"] > 1_000.0)]
            down.append(busy["DL_bitrate"].to_numpy())
            up.append(busy["UL_bitrate"].to_numpy())
    ratio = np.concatenate(up) / np.concatenate(down)
    follow = np.corrcoef(np.log10(np.concatenate(up) + 1.0), np.log10(np.concatenate(down) + 1.0))[
        0, 1
    ]
    return (
        f"UCC drive tests, {ratio.size} s with a download above 1 Mbit/s: the uplink column is "
        f"{100 * np.nanmedian(ratio):.1f} % of the downlink (median; 9 in 10 below "
        f"{100 * np.nanpercentile(ratio, 90):.1f} %) and follows it (correlation of the logs "
        f"{follow:.2f}); median {np.nanmedian(np.concatenate(up)) / 1e3:.2f} Mbit/s."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    print(report(parser.parse_args().shared / "data"))
