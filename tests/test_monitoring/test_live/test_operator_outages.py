"""Sites of one operator that fall together are one outage; chance, and others' sites, are none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lensong.monitoring.live.falling import FallWatcher
from lensong.monitoring.live.operator_outages import Change, OutageWatch, Seen
from lensong.monitoring.records import Site
from lensong.monitoring.store.events import events_after
from lensong.monitoring.store.places import put_site
from tests.running_service import Running
from tests.test_monitoring.test_live.test_notices import failing

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


def province(
    down: Iterable[int], *, operator: str = "Viettel", sites: int = 12, **values: Any
) -> list[Seen]:
    """Return sites in communes of four, some of which are down."""
    gone = set(down)
    return [
        Seen(
            site_id=f"{operator.lower()}-{n}",
            commune_code=f"c{n // 4}",
            province_code="12",
            operator=operator,
            synthetic=False,
            down=n in gone,
            **values,
        )
        for n in range(sites)
    ]


def watched(*steps: tuple[float, list[Seen]]) -> tuple[OutageWatch, list[Change]]:
    """Look at sites at some minutes; return the watch and what it told."""
    watch = OutageWatch()
    told: list[Change] = []
    for minutes, sites in steps:
        told += watch.look(sites, NOW + timedelta(minutes=minutes))
    return watch, told


def test_sites_that_fall_together_are_one_outage_with_communes_and_share() -> None:
    watch, told = watched(
        (0, province([])),
        (1, province([0, 1])),
        (2, province([0, 1, 4])),
        (3, province([0, 1, 4])),
        (4, province([0, 1, 4])),
    )
    (change,) = told
    assert change.kind == "operator.fell"
    assert (change.outage.fell, change.outage.of_sites) == (3, 12)
    assert change.outage.share == 0.25
    assert change.outage.commune_codes == ("c0", "c1")
    assert change.outage.began_at == NOW + timedelta(minutes=1)
    assert watch.outages == (change.outage,)


def test_an_outage_is_told_once_no_more_sites_join_and_again_when_it_doubles() -> None:
    _, told = watched(
        (0, province([])),
        (1, province([0, 1, 2])),
        (1.2, province([0, 1, 2])),  # not settled yet
        (1.4, province([0, 1, 2, 3])),
        (2, province([0, 1, 2, 3])),
        (3, province(range(6))),
        (4, province(range(8))),
    )
    assert [(change.kind, change.outage.fell) for change in told] == [
        ("operator.fell", 4),
        ("operator.fell", 8),
    ]
    assert len({change.outage.outage_id for change in told}) == 1


def test_it_is_over_when_most_are_back_and_the_rest_are_their_own_trouble() -> None:
    watch, told = watched(
        (0, province([])),
        (1, province(range(5))),
        (2, province(range(5))),
        (20, province([3, 4])),
        (30, province([4])),
    )
    assert [change.kind for change in told] == ["operator.fell", "operator.recovered"]
    assert told[1].outage.site_ids == ("viettel-4",)
    assert watch.outages == ()


@pytest.mark.parametrize(
    "steps",
    [
        # two are no outage
        [(0, province([])), (1, province([0, 1])), (5, province([0, 1]))],
        # one after the other over an hour
        [(20.0 * n, province(range(n))) for n in range(5)],
        # three of forty, far apart
        [(n, province([0, 9, 30] if n else [], sites=40)) for n in range(5)],
        # down when they were first seen
        [(n, province(range(5))) for n in range(5)],
        # planned work
        [(n, province(range(5) if n else [], quiet=True)) for n in range(5)],
        # of three operators
        [
            (n, [s for o in "ABC" for s in province([0] if n else [], operator=o, sites=3)])
            for n in range(5)
        ],
    ],
)
def test_what_is_no_outage_is_told_as_none(steps: list[tuple[float, list[Seen]]]) -> None:
    assert watched(*steps)[1] == []


def test_a_mast_that_takes_its_commune_along_is_one_in_a_large_province() -> None:
    _, told = watched(*((n, province([0, 1, 2] if n else [], sites=40)) for n in range(4)))
    assert [change.outage.commune_codes for change in told] == [("c0",)]


def test_a_site_that_fell_and_says_nothing_is_not_back() -> None:
    silent = [
        Seen(site_id=s.site_id, commune_code=s.commune_code, province_code="12",
             operator="Viettel", synthetic=False, down=None if s.down else False)
        for s in province(range(5))
    ]  # fmt: skip
    watch, told = watched(
        (0, province([])), (1, province(range(5))), (2, province(range(5))), (9, silent)
    )
    assert [change.kind for change in told] == ["operator.fell"]
    assert len(watch.outages[0].site_ids) == 5


@pytest.mark.anyio
async def test_an_outage_is_told_shown_counted_and_survives_a_restart(light: Running) -> None:
    service = light.service

    async def more_sites(connection: Any) -> None:
        for n in range(3):
            await put_site(
                connection,
                Site(site_id=f"s{n}", name=f"Điểm {n}", commune_code="03433",
                     operators=("viettel",), technologies=("4G",)),
                now=light.clock.now(),
            )  # fmt: skip

    await service.writer.run(more_sites)
    await service.reload()
    names = ("binh-lu", "s0", "s1", "s2")
    for works in (True, False):
        for site_id in names:
            await failing(light, site_id, works=works)
        await service.keep_time()
        light.clock.turn(minutes=1)
    await service.keep_time()
    async with service.database.reading() as connection:
        (event,) = [e for e in await events_after(connection, 0) if e.kind == "operator.fell"]
    assert event.body["commune_names"] == ["Sìn Hồ", "Bình Lư"]
    assert (event.body["fell"], event.body["share"]) == (4, 1.0)

    desk = await light.signed_in("province", "12")
    wall = (await desk.get("/", headers={"Accept": "text/html"})).text
    assert "4 of 4 sites fell together" in wall
    assert "Sìn Hồ, Bình Lư" in wall
    assert "The test at" not in wall  # no line for each of them
    neighbour = await light.signed_in("province", "11")
    assert "fell together" not in (await neighbour.get("/")).text
    metrics = (await (await light.scraper()).get("/metrics")).text
    labels = 'operator="Viettel",province="12",synthetic="false"'
    assert f"lensong_operator_outage_sites{{{labels}}} 4.0" in metrics
    assert 'lensong_operator_outage_member{site="s1"} 1.0' in metrics

    again = FallWatcher(
        service.database, service.writer, service.directory, service.board, service.bus,
        service.clock,
    )  # fmt: skip
    await again.load()
    await again.look()
    (outage,) = service.board.outages
    assert (outage.outage_id, len(outage.site_ids)) == (event.body["outage_id"], 4)
