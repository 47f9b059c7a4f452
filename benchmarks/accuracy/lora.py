"""Months of one link across the Alps: how far a level wanders about its median."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.tables import NotAtHandError, Table
from lensong.coverage.measured_paths import predict
from lensong.coverage.measurements import MeasurementOptions, Transmitter
from lensong.coverage.scenario.drive_test import read_drive_test
from lensong.coverage.validate import validate
from lensong.gis_data.tables import parse_number, read_table

_GATEWAYS = {
    "right side": "MTCD_Refuge_du_Gouter_RightSide",
    "left side": "MTCD_Refuge_du_Gouter_LeftSide",
}


def refuge_du_gouter(shared: Path) -> list[Table]:
    """Return the scatter about free space and one constant, per gateway."""
    folder = shared / "reference" / "measurements" / "lora_saint_eynard"
    path = folder / "refuge_gouter_109km.csv.gz"
    if not path.exists():
        raise NotAtHandError(f"there is no {path}")
    rows: list[list[Any]] = []
    for told, gateway in _GATEWAYS.items():
        options = MeasurementOptions(
            transmitter=Transmitter(lat_deg=45.23513, lon_deg=5.76170, height_agl_m=2.0),
            tx_ground_amsl_m=1348.0,
            receiver=(45.85108, 6.83059),
            rx_ground_amsl_m=3833.0,
            rx_height_agl_m=2.0,
            freq_mhz=868.0,
            where={"Gateway": gateway},
        )
        measured = read_drive_test(path, options)
        found = validate(measured, predict(measured, "free_space"))
        s = found.overall
        rows.append([told, s.n, s.sd_db, s.p50_abs_db, s.p95_abs_db, found.offset_db])
    rows.append(["right side, of the signal alone", *_of_signal(path)])
    columns = {"gateway": "", "n": "d", "sd": ".1f", "p50": ".1f", "p95": ".1f",
               "fitted EIRP with receiving gain [dBm]": ".1f"}  # fmt: skip
    return [Table(name="gouter", columns=columns, rows=rows)]


def _of_signal(path: Path) -> list[Any]:
    """Return the figures of RSSI less its noise, which SNR tells."""
    table = read_table(path)
    pairs = np.array(
        [
            [parse_number(row[name], table.decimal_comma) for name in ("RSSI", "SNR")]
            for row in table.rows
            if row["Gateway"] == _GATEWAYS["right side"]
        ]
    )
    rssi, snr = pairs[np.isfinite(pairs).all(axis=1)].T
    signal = rssi - 10.0 * np.log10(1.0 + 10.0 ** (-snr / 10.0))
    off = np.abs(signal - signal.mean())
    return [signal.size, float(signal.std()), *np.percentile(off, [50.0, 95.0]).tolist()]
