"""What the levels of a log give away of the phones that wrote them."""

from __future__ import annotations

import numpy as np

from lensong.coverage.drive.log import DriveLog
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["floors_dbm", "phone_offsets_db", "wrong_quantity"]

_FLOOR_ROWS = 5
_NEXT_LEVELS = 5
_TELL_TALE_DB = 5.0
_STRONGEST_RSRP_DBM = -44.0  # the report ends here (3GPP TS 36.133 §9.1.4)


def floors_dbm(log: DriveLog) -> FloatArray:
    """Return each phone's weakest level where it occurs so often that it is a floor, else -inf.

    A floor is written at least 5 times, and more than twice as often as each of the next five
    levels on average: without one, the weakest levels are the rarest.
    """
    out = np.full(len(log.phones), -np.inf)
    for phone in range(out.size):
        levels, counts = np.unique(log.level_dbm[log.phone == phone], return_counts=True)
        after = counts[1 : 1 + _NEXT_LEVELS]
        if after.size and counts[0] >= _FLOOR_ROWS and counts[0] > 2.0 * after.mean():
            out[phone] = levels[0]
    return out


def phone_offsets_db(
    place: IntArray, cell: IntArray, phone: IntArray, level_dbm: FloatArray, phones: int
) -> FloatArray:
    """Return by how much each phone reads above the mean of those that it can be compared with.

    Least squares over the pixels in which several phones heard one cell; the largest group of
    phones that hang together by such pixels is taken, and others are NaN.

    Parameters
    ----------
    place, cell, phone, level_dbm : shape (n,)
        One entry per pixel, cell and phone.
    phones : int
        Number of phones.

    Returns
    -------
    shape (phones,)
        Offsets [dB], their mean over the group 0; 0 for a phone that is alone.
    """
    if phones == 1:
        return np.zeros(1)
    _, spot = np.unique(np.stack([place, cell], axis=1), axis=0, return_inverse=True)
    spot = spot.ravel()
    size = np.bincount(spot)
    shared = size[spot] > 1
    normal, right = np.zeros((phones, phones)), np.zeros(phones)
    mean = np.bincount(spot, level_dbm) / size
    np.add.at(normal, (phone[shared], phone[shared]), 1.0)
    np.add.at(right, phone[shared], (level_dbm - mean[spot])[shared])
    order = np.argsort(spot[shared], kind="stable")
    members, spots = phone[shared][order], spot[shared][order]
    for group in np.split(members, np.flatnonzero(np.diff(spots)) + 1):
        normal[np.ix_(group, group)] -= 1.0 / max(group.size, 1)
    together = _largest_group(normal < -1e-12)
    out = np.full(phones, np.nan)
    if together.size > 1:
        part = np.ix_(together, together)
        out[together] = np.linalg.lstsq(normal[part], right[together], rcond=None)[0]
        out[together] -= out[together].mean()
    return out


def _largest_group(linked: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> IntArray:
    best: list[int] = []
    seen: set[int] = set()
    for start in range(len(linked)):
        if start in seen:
            continue
        group, todo = {start}, [start]
        while todo:
            for other in np.flatnonzero(linked[todo.pop()]):
                if int(other) not in group:
                    group.add(int(other))
                    todo.append(int(other))
        seen |= group
        best = sorted(group) if len(group) > len(best) else best
    return np.array(best, dtype=np.int64)


def wrong_quantity(error_db: FloatArray, share_db: FloatArray, log: DriveLog) -> list[str]:
    """Return a warning where levels look like those of another quantity than said.

    Parameters
    ----------
    error_db : shape (n,)
        Measured minus predicted level [dB].
    share_db : shape (n,)
        How far a resource element of the entry's carrier lies below the whole carrier,
        10 log10(12 N) [dB].
    """
    median, share = float(np.median(error_db)), float(np.median(share_db))
    columns = " and ".join(log.level_columns)
    if log.quantity == "rsrp":
        strong = float(np.mean(log.level_dbm > _STRONGEST_RSRP_DBM))
        if abs(median - share) <= _TELL_TALE_DB:
            return [
                f"measured levels ({columns}) lie {median:.1f} dB above the plan; the power of a "
                f"whole carrier lies 10 log10(12 N) = {share:.1f} dB above that of a resource "
                "element: they are probably no RSRP but the total or RSSI (then give "
                "--quantity total), or the plan's powers are those of resource elements and were "
                "read as totals (check network.power of the scenario)"
            ]
        if strong > 0.01:
            return [
                f"{strong:.0%} of the levels ({columns}) are above {_STRONGEST_RSRP_DBM:g} dBm, "
                "where no phone reports RSRP: they may be another quantity"
            ]
    elif abs(median + share) <= _TELL_TALE_DB:
        return [
            f"measured levels ({columns}), read as the power of whole carriers, lie "
            f"{-median:.1f} dB below the plan, about 10 log10(12 N) = {share:.1f} dB: they are "
            "probably RSRP (leave --quantity total out)"
        ]
    if abs(median + share) <= _TELL_TALE_DB:
        return [
            f"measured levels ({columns}) lie {-median:.1f} dB below the plan, about "
            f"10 log10(12 N) = {share:.1f} dB: the plan's powers are probably those of whole "
            "carriers and were read as per resource element; check network.power of the scenario"
        ]
    return []
