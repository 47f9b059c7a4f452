"""Charts that the server draws."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.store.measurements import Hour
from lensong.monitoring.streams.health_state import StreamHealth
from lensong.monitoring.web.pages.charts import heat_map, lag_chart, uplink_chart
from lensong.monitoring.web.pages.site_map import site_map
from lensong.monitoring.web.pages.words import Words

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
WORDS = Words("vi", ZoneInfo("Asia/Ho_Chi_Minh"), NOW)


def drawn(markup: str | None) -> ElementTree.Element:
    """Return the SVG out of a figure: it must be well-formed."""
    assert markup is not None
    found = re.search(r"(<svg.*)</div><figcaption", markup, re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found.group(1))


def an_hour(back: int, p10_bps: float | None, failures: int = 0) -> Hour:
    return Hour(
        site_id="binh-lu",
        hour_starts_at=NOW - timedelta(hours=back),
        technology="4G",
        operator="",
        tests=0 if p10_bps is None else 1,
        failures=failures,
        uplink_p10_bps=p10_bps,
        uplink_p50_bps=None if p10_bps is None else p10_bps * 1.3,
        sent_bytes=0,
    )


def test_a_failed_test_is_drawn_and_not_as_zero() -> None:
    hours = [an_hour(30, 4e6), an_hour(20, None, failures=2), an_hour(10, 3e6)]
    chart = drawn(uplink_chart(hours, NOW - timedelta(days=2), NOW, 2.8e6, WORDS))
    assert len(chart.findall("circle")) == 2
    assert len([path for path in chart.findall("path") if path.get("class") == "failed"]) == 1
    assert "2" in (chart.get("aria-label") or "")
    assert uplink_chart(hours[1:2], NOW - timedelta(days=2), NOW, 2.8e6, WORDS) is None


def test_the_need_lies_between_what_is_above_and_below_it() -> None:
    chart = drawn(
        uplink_chart([an_hour(30, 9e6), an_hour(9, 1e6)], NOW - timedelta(days=2), NOW, 3e6, WORDS)
    )
    need = next(line for line in chart.findall("line") if line.get("class") == "need")
    heights = [float(circle.get("cy") or 0.0) for circle in chart.findall("circle")]
    assert heights[0] < float(need.get("y1") or 0.0) < heights[1]  # y grows downwards


def test_the_heat_map_is_a_table_too_and_marks_what_falls_short() -> None:
    markup = heat_map([an_hour(0, 1e6), an_hour(168, 1e6), an_hour(1, 12e6)], 2.8e6, WORDS)
    chart = drawn(markup)
    kinds = [rect.get("class") for rect in chart.findall("rect")]
    assert kinds.count("heat0") == 2  # one cell, one in the legend
    assert kinds.count("heat4") == 2
    assert markup is not None
    # Saturday 08:00 and 07:00 by the clock of Lai Châu
    row = re.search(r"<tr><th scope=row>T7</th>(.*?)</tr>", markup)
    assert row is not None
    assert re.findall(r"<td>(.*?)</td>", row.group(1))[7:9] == ["12,0", "1,0"]


def health(second: int, lag_s: float | None, state: str = "ok") -> StreamHealth:
    at = NOW + timedelta(seconds=second)
    return StreamHealth(at=at, state=state, since=at, lag_s=lag_s)  # type: ignore[arg-type]


def test_no_line_is_drawn_over_what_was_not_seen() -> None:
    seen = [health(10 * i, 0.2) for i in range(4)]
    seen += [health(40, None, "down"), health(50, None, "down")]
    seen += [health(60 + 10 * i, 0.4) for i in range(3)]
    seen += [health(300 + 10 * i, 0.4) for i in range(3)]  # nobody looked for four minutes
    chart = drawn(lag_chart(seen, WORDS))
    curves = [line.get("points") or "" for line in chart.findall("polyline")]
    assert [len(points.split()) for points in curves] == [4, 3, 3]
    assert len([line for line in chart.findall("line") if line.get("class") == "down-bar"]) == 2
    assert lag_chart([health(0, None), health(10, 0.1)], WORDS) is None


def a_site(number: int, name: str, lat_deg: float, lon_deg: float) -> SiteSnapshot:
    return SiteSnapshot(
        site_id=f"s-{number}",
        name=name,
        commune_code="1",
        commune_name="Bình Lư",
        province_code="12",
        province_name="Lai Châu",
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        operator=None,
        technology=None,
    )


_SITES = st.lists(
    st.tuples(
        st.sampled_from(["ready", "at_risk", "not_ready", "unknown"]),
        st.floats(22.0, 22.8),
        st.floats(103.0, 104.0),
        st.text(alphabet="Bản Hua Nậm<&", min_size=1, max_size=18),
    ),
    min_size=1,
    max_size=25,
)


@given(_SITES)
def test_names_on_the_map_lie_inside_it_and_on_no_other_name(
    sites: list[tuple[str, float, float, str]],
) -> None:
    chart = drawn(
        site_map(
            [(a_site(i, name, lat, lon), state)
             for i, (state, lat, lon, name) in enumerate(sites)],
            WORDS,
        )
    )  # fmt: skip
    _, _, width, height = (float(part) for part in (chart.get("viewBox") or "").split())
    assert len(chart.findall("g")) == len(sites)
    boxes = []
    for text in chart.findall("text"):
        if text.get("class") != "pin":
            continue
        x, y = float(text.get("x") or 0.0), float(text.get("y") or 0.0)
        wide = 0.56 * 20.0 * len(text.text or "")
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[text.get("text-anchor") or ""]
        boxes.append((left, y - 17.0, left + wide, y + 5.0))
        assert left >= -0.1
        assert left + wide <= width + 0.1
        assert y <= height
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert not (
                a[0] + 0.1 < b[2] and b[0] + 0.1 < a[2] and a[1] + 0.1 < b[3] and b[1] + 0.1 < a[3]
            )


def test_north_is_up_and_distances_are_to_scale() -> None:
    chart = drawn(
        site_map(
            [
                (a_site(0, "nam", 22.0, 103.0), "ready"),
                (a_site(1, "bắc", 22.5, 103.0), "ready"),
                (a_site(2, "đông", 22.0, 103.5), "ready"),
            ],
            WORDS,
        )
    )
    places = {}
    for group in chart.findall("g"):
        moved = re.findall(r"[-\d.]+", group.get("transform") or "")
        places[(group.findtext("title") or "").split(":")[0]] = tuple(float(part) for part in moved)
    (south_x, south_y), (north_x, north_y), (east_x, _) = (
        places["nam"], places["bắc"], places["đông"],
    )  # fmt: skip
    assert north_y < south_y
    assert abs(north_x - south_x) < 0.2
    # half a degree of longitude is shorter by the cosine of the latitude
    assert abs((east_x - south_x) / (south_y - north_y) - 0.9265) < 0.01


def test_a_map_of_nothing_is_none() -> None:
    assert site_map([], WORDS) is None
