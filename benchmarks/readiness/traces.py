"""Real uplink traces as rates over one second, out of ../shared/data.

What is *not* here: the UCC Cork 5G drive tests. They were made while downloading, and their uplink
column is what the download's acknowledgements took; `python -m benchmarks.readiness.radio` prints
how little that is.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lensong.propagation.types import FloatArray

PACKET_BITS = 1500 * 8
SLOTS_A_SECOND = 400.0
"""Uplink slots of a 30 kHz carrier whose pattern gives the uplink one slot in five: the Korean log
names transport blocks but not how many slots were granted. The scale of that one trace rests on
this assumption; bitrates are chosen relative to each trace, so the verdicts do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a link could carry upwards, second by second.

    ``rsrp_dbm`` is the level of the serving technology, NaN where it is missing; None where the
    trace has none. ``moves`` says whether the modem was carried about, ``downlink`` that it is what
    came down: a stand-in, for few have published uplinks.
    """

    name: str
    technology: str | None
    moves: bool
    uplink_bps: FloatArray
    rsrp_dbm: FloatArray | None = None
    downlink: bool = False

    @property
    def held_out(self) -> bool:
        """Return whether nothing may be chosen by this trace: odd SHA-256 of its name."""
        return hashlib.sha256(self.name.encode()).digest()[-1] % 2 == 1


def load_traces(data: Path) -> tuple[Trace, ...]:
    """Return every trace with a saturated uplink."""
    return (*_mahimahi(data), *_korea(data), *_starlink(data), *_cork(data))


def load_downlinks(data: Path) -> tuple[Trace, ...]:
    """Return saturated downlinks of two cellular networks by car: nothing was fitted to them."""
    traces = []
    for file, name in (("att_all_area1", "AT&T"), ("tm_all_area1", "T-Mobile")):
        rows = pd.read_csv(data / "throughput-starlink-vs-cellular-us" / f"{file}.csv.gz")
        times = pd.to_datetime(rows["time"].str[:19])
        run = (times.diff().dt.total_seconds().abs() > 3.0).cumsum()
        for number, of_run in rows.groupby(run):
            if len(of_run) >= 180 and of_run["speed"].median() > 5.0:
                traces.append(
                    Trace(
                        name=f"{name} downlink {number}",
                        technology="4G",
                        moves=True,
                        uplink_bps=of_run["throughput"].to_numpy() * 1e6,
                        downlink=True,
                    )
                )
    return tuple(traces)


def _mahimahi(data: Path) -> list[Trace]:
    traces = []
    for name, technology in (
        ("TMobile-LTE-short", "4G"),
        ("Verizon-LTE-short", "4G"),
        ("TMobile-UMTS-driving", "3G"),
    ):
        path = data / "traces-mahimahi-us-cellular" / f"{name}.up.gz"
        with gzip.open(path, "rt") as lines:
            sent_ms = np.array([int(line) for line in lines])
        seconds = int(sent_ms[-1]) // 1000
        packets = np.bincount(sent_ms // 1000, minlength=seconds)[:seconds]
        traces.append(
            Trace(
                name=name,
                technology=technology,
                moves=True,
                uplink_bps=np.asarray(packets * PACKET_BITS, dtype=np.float64),
            )
        )
    return traces


def _korea(data: Path) -> list[Trace]:
    (path,) = (data / "uplink-korea-5g-tbs").glob("*.csv.gz")
    rows = pd.read_csv(path)
    per_row = 50  # 20 ms each
    seconds = len(rows) // per_row

    def by_second(values: FloatArray) -> FloatArray:
        rows = values[: seconds * per_row].reshape(seconds, per_row)
        return np.asarray(np.nanmean(rows, axis=1), dtype=np.float64)

    delivered = rows["5G_TBS"].to_numpy() * 8.0 * (1.0 - rows["5G_BLER"].to_numpy() / 100.0)
    level = rows["5G_RSRP"].where(rows["5G_RSRP"] < 0.0).to_numpy()
    return [
        Trace(
            name="Korea 5G",
            technology="5G",
            moves=False,
            uplink_bps=by_second(delivered) * SLOTS_A_SECOND,
            rsrp_dbm=by_second(level),
        )
    ]


def _starlink(data: Path) -> list[Trace]:
    rows = pd.read_csv(data / "throughput-starlink-vs-cellular-us" / "starlink_mob_uplink.csv.gz")
    times = pd.to_datetime(rows["time"].str[:19])
    run = (times.diff().dt.total_seconds() > 3.0).cumsum()
    return [
        Trace(
            name=f"Starlink {number + 1}",
            technology=None,
            moves=True,
            uplink_bps=rows.loc[run == number, "throughput"].to_numpy() * 1e6,
        )
        for number in range(int(run.max()) + 1)
    ]


def _cork(data: Path) -> list[Trace]:
    traces = []
    for file, name, moves in (
        ("Data5G_static4Gonly_110122.csv", "Cork 4G static", False),
        ("Data5G_151221.csv", "Cork 5G drive 1", True),
        ("Data5G_171221.csv", "Cork 5G drive 2", True),
    ):
        rows = cork_rows(data / "uplink-mtu-cork-5g-2021" / file)
        traces.append(
            Trace(
                name=name,
                technology="5G" if moves else "4G",
                moves=moves,
                # a row is a mean over 3 s: what happens within it is not seen
                uplink_bps=np.repeat(rows["uplink_bps"].to_numpy(), 3),
                rsrp_dbm=np.repeat(rows["rsrp_dbm"].to_numpy(), 3),
            )
        )
    return traces


def cork_rows(path: Path) -> pd.DataFrame:
    """Return one row every 3 s: ``uplink_bps``, ``rsrp_dbm`` and ``technology`` of the carrier.

    The sent-bytes counter once reads 0 between two good values; the rows before and after then
    have huge rates of opposite sign, whose mean is the true one. Rows before the sender starts
    and after it stops are left out.
    """
    raw = pd.read_csv(path)
    rate = raw["RATE(MBit/s)"].to_numpy() * 1e6
    for i in np.flatnonzero(rate < 0.0):
        rate[i] = rate[i + 1] = max(0.5 * (rate[i] + rate[i + 1]), 0.0)
    lte, nr = raw["rsrp(dBm)"].to_numpy(), raw["nr_rsrp(dBm)"].to_numpy()
    on_nr = (nr < 0.0) & (nr > -140.0)
    level = np.where(on_nr, nr, lte).astype(np.float64)
    level[level >= 0.0] = np.nan
    sending = np.flatnonzero(rate > 1e5)
    whole = slice(sending[0] + 1, sending[-1])
    return pd.DataFrame(
        {
            "uplink_bps": rate[whole],
            "rsrp_dbm": level[whole],
            "technology": np.where(on_nr, "5G", "4G")[whole],
        }
    )
