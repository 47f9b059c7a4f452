"""What a modem says of its signal, by ModemManager's ``mmcli`` where that is installed.

References
----------
.. [1] ModemManager, ``mmcli(1)``: ``--output-json``, ``--signal-setup``, ``--signal-get``.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["NO_SIGNAL", "Signal", "read_signal", "run_mmcli"]

_TIMEOUT_S = 10.0
_SIGNAL_EVERY_S = 5

_TECHNOLOGIES = (("5gnr", "5G"), ("lte", "4G"), ("umts", "3G"), ("hspa", "3G"), ("hsdpa", "3G"),
                 ("hsupa", "3G"))  # fmt: skip
"""Parts of ModemManager's names, the newest first: on two at once the stream takes the newest."""

_SIGNAL_GROUPS = {"5G": "5g", "4G": "lte", "3G": "umts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Signal of a modem; None is unknown.

    Parameters
    ----------
    technology : {"3G", "4G", "5G"}, optional
    operator : str, optional
    rsrp_dbm, sinr_db : float, optional
        Of the technology in use [dBm, dB].
    """

    technology: str | None = None
    operator: str | None = None
    rsrp_dbm: float | None = None
    sinr_db: float | None = None


NO_SIGNAL = Signal()


def run_mmcli(arguments: Sequence[str]) -> str | None:
    """Return what ``mmcli`` prints, None where it is not installed, fails or hangs."""
    program = shutil.which("mmcli")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def read_signal(mmcli: Callable[[Sequence[str]], str | None] = run_mmcli) -> Signal:
    """Return the signal of the first modem, unknown where there is none.

    Parameters
    ----------
    mmcli : callable
        From arguments to what the program prints, or None.

    Notes
    -----
    ModemManager refreshes levels only after ``--signal-setup``. That is asked for each time, so
    the first reading after a start may lack them.
    """
    modem = _object(mmcli(["-J", "-m", "any"]), "modem")
    if not modem:
        return NO_SIGNAL
    technology = _technology(_part(modem, "generic").get("access-technologies"))
    operator = _text(_part(modem, "3gpp").get("operator-name"))
    mmcli(["-m", "any", f"--signal-setup={_SIGNAL_EVERY_S}"])
    levels = _part(_object(mmcli(["-J", "-m", "any", "--signal-get"]), "modem"), "signal")
    group = _part(levels, _SIGNAL_GROUPS.get(technology or "", ""))
    return Signal(
        technology=technology,
        operator=operator[:60] if operator else None,
        rsrp_dbm=_number(group.get("rsrp"), -160.0, -20.0),
        sinr_db=_number(group.get("snr"), -30.0, 60.0),
    )


def _object(text: str | None, name: str) -> Mapping[str, Any]:
    try:
        whole = json.loads(text or "")
    except ValueError:
        return {}
    return _part(whole, name) if isinstance(whole, dict) else {}


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _technology(names: object) -> str | None:
    listed = [str(name) for name in names] if isinstance(names, list) else []
    for part, technology in _TECHNOLOGIES:
        if any(part in name for name in listed):
            return technology
    return None


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() not in ("", "--") else None


def _number(value: object, low: float, high: float) -> float | None:
    text = _text(value)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and low <= number <= high else None
