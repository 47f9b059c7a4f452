"""Levels that phones reported to the service, as a drive-test log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lensong.cli.service_access import Target
    from lensong.coverage.drive.log import DriveLog

__all__ = ["levels_of_service"]

_COLUMNS = ("lat", "lon", "rsrp", "technology", "operator", "site")
_AT_ONCE = 500


def levels_of_service(target: Target) -> DriveLog:
    """Return the levels of all tests that have one, where they were made, else at their site.

    Raises
    ------
    DataError
        No test has a level and a place.
    ServerRefusedError
        The service cannot be reached, or said no.
    """
    from lensong.coverage.drive.log import read_logs
    from lensong.gis_data.tables import Table
    from lensong.propagation.errors import DataError

    rows = target.run(_rows, writes=False)
    if not rows:
        raise DataError(
            "no test of the service has a level and a place: phones report levels from the app or "
            "`lensong probe` with a modem; browsers cannot read them"
        )
    table = Table(
        columns=_COLUMNS,
        rows=[dict(zip(_COLUMNS, row, strict=True)) for row in rows],
        line_numbers=tuple(range(1, len(rows) + 1)),
        encoding="utf-8",
        delimiter=",",
        decimal_comma=False,
        has_header=True,
    )
    return read_logs([("tests of the service", table)])


async def _rows(remote: Any) -> list[tuple[str, ...]]:  # Any: a Remote, imported when it is run
    from lensong.cli.import_plan_command import sites_of

    found: list[tuple[str, ...]] = []
    for site in await sites_of(remote):
        asked: dict[str, Any] = {"limit": _AT_ONCE}
        while True:
            page = await remote.ask(
                "GET", f"/api/v1/sites/{site.site_id}/measurements", params=asked
            )
            for item in page["items"]:
                here = item["lat_deg"] is not None and item["lon_deg"] is not None
                lat = item["lat_deg"] if here else site.lat_deg
                lon = item["lon_deg"] if here else site.lon_deg
                if item["rsrp_dbm"] is None or lat is None or lon is None:
                    continue
                found.append(
                    (
                        f"{lat:.7f}",
                        f"{lon:.7f}",
                        f"{item['rsrp_dbm']:.2f}",
                        item["technology"] or "",
                        item["operator"] or "",
                        site.site_id,
                    )
                )
            if page["next_cursor"] is None:
                break
            asked["cursor"] = page["next_cursor"]
    return found
