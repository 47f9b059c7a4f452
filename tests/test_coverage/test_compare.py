"""One plan by several models, and where they disagree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lensong.coverage import compare as compare_module
from lensong.coverage.compare import Comparison, compare
from lensong.coverage.model_pages.comparison_page import (
    BREAKS_DB,
    COLOURS,
    difference_legend,
    render_comparison,
)
from lensong.coverage.obstruction import grazing_loss_db
from lensong.coverage.result import PlanResult
from lensong.gis_data.land import Land
from lensong.propagation.diffraction import bullington_loss_db
from lensong.propagation.errors import ConfigError
from lensong.propagation.model import Map
from lensong.propagation.models import MODELS
from lensong.propagation.p1812_sweep import draw as p1812_draw
from lensong.propagation.pixel_order import PixelOrder
from tests.chromium import BINARY, chromium_page
from tests.test_coverage.test_plan import RIDGE_COL, Shelf, make_land, make_network


def three_db_less(chart: Map, order: PixelOrder) -> None:
    p1812_draw(chart, order)
    chart.layers.path_loss_db[:] += 3.0


@pytest.fixture(scope="module")
def engines() -> Iterator[None]:
    """Add an engine that loses 3 dB more than P.1812, and knows no range of its own."""
    with pytest.MonkeyPatch.context() as patch:
        p1812 = MODELS["itu_r_p1812"]
        patch.setitem(
            MODELS, "three_db_less", replace(p1812, name="three_db_less", draw=three_db_less)
        )
        yield


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def found(engines: None, shelf: Shelf) -> Comparison:  # noqa: ARG001 - the engine must be there
    return compare(
        make_land(),
        make_network(),
        ("itu_r_p1812", "three_db_less", "free_space"),
        title="Valley <1>",
        cache=shelf,
        workers=2,
    )


def test_a_model_that_loses_3_db_more_is_3_db_weaker_but_for_the_server(found: Comparison) -> None:
    everywhere = [d for d in found.differences if d.model == "three_db_less"]
    assert {d.split for d in everywhere} == {"all", "path", "distance"}
    for d in everywhere:
        # sweeps are kept to 0.01 dB
        assert d.p50_db == pytest.approx(-3.0, abs=0.011)
        assert d.p5_db == pytest.approx(-3.0, abs=0.011)
        assert d.rms_db**2 == pytest.approx(d.mean_db**2 + d.sd_db**2, abs=0.01)
    values = found.maps_db["4G", "three_db_less"]
    same = np.abs(values + 3.0) < 0.011
    assert same.mean() > 0.99  # elsewhere 3 dB less made another carrier the serving one
    shift = found.villages["rsrp_p50_difference_db_4g_three_db_less"]
    np.testing.assert_allclose(shift, -3.0, atol=0.03)


def test_free_space_disagrees_most_behind_the_ridge(found: Comparison) -> None:
    by_path = {
        d.label: d for d in found.differences if d.model == "free_space" and d.split == "path"
    }
    assert by_path["behind terrain"].mean_db > 20.0
    assert abs(by_path["clear"].mean_db) < 3.0
    behind = found.villages[found.villages["name"] == "Sin Câu"].to_dict("records")[0]
    assert behind["class_itu_r_p1812"] == "no_signal"
    assert behind["class_free_space"] == "covered"
    assert behind["line_of_sight_share_4g"] == 0.0
    assert behind["terrain_loss_db_4g"] > 20.0
    assert behind["clutter_loss_db_4g"] == 0.0
    assert list(found.changed["name"]) == ["Sin Câu"]


def test_the_groups_of_a_split_are_all_pixels(found: Comparison) -> None:
    for model in ("three_db_less", "free_space"):
        counts = {
            split: sum(d.pixels for d in found.differences if (d.model, d.split) == (model, split))
            for split in ("all", "path", "distance")
        }
        assert counts["path"] == counts["all"] == counts["distance"]
        assert counts["all"] == found.reached["4G"][model]


def test_maps_hold_the_difference_of_the_levels(found: Comparison) -> None:
    assert set(found.maps_db) == {("4G", "three_db_less"), ("4G", "free_space")}
    level = found.first.layers["4G"].rsrp_dbm
    values = found.maps_db["4G", "free_space"]
    assert values.shape == level.shape
    assert np.isfinite(values[level > -150.0]).all()
    assert np.nanmax(values[:, : RIDGE_COL - 12]) < np.nanmax(values[:, RIDGE_COL + 6 :])


def test_sums_are_those_of_plans_by_each_model(found: Comparison, shelf: Shelf) -> None:
    again = compare(
        make_land(),
        make_network(),
        ("free_space", "itu_r_p1812"),
        title="Valley",
        cache=shelf,
    )
    summary, other = found.summary(), again.summary()
    for model in ("free_space", "itu_r_p1812"):
        assert summary["villages_by_class"][model] == other["villages_by_class"][model]
        assert summary["people_served"][model] == other["people_served"][model]
    one = next(d for d in again.differences if d.split == "all")
    back = next(d for d in found.differences if d.model == "free_space" and d.split == "all")
    assert one.mean_db == pytest.approx(-back.mean_db, abs=0.001)
    assert one.p5_db == pytest.approx(-back.p95_db, abs=0.01)


def test_land_cover_splits_too_and_trees_stand_in_the_way() -> None:
    land: Land = make_land()
    cover = np.zeros(land.grid.shape, np.uint8)
    cover[:, 24:27] = 10
    flat = np.full_like(land.ground_m, 500.0)
    wooded = replace(
        land,
        ground_m=flat,
        clutter_m=np.where(cover == 10, 40.0, 0.0).astype(np.float32),
        clutter_class=cover,
        clutter_names={10: "tree cover"},
    )
    found = compare(wooded, make_network(), ("itu_r_p1812", "free_space"), title="Wood")
    labels = {(d.split, d.label): d for d in found.differences}
    assert ("clutter", "tree cover") in labels
    assert labels["path", "behind trees or houses"].mean_db > 5.0
    assert ("path", "behind terrain") not in labels
    villages = found.villages.set_index("name")["clutter_loss_db_4g"]
    assert villages["Sin Câu"] > 5.0


@pytest.mark.parametrize("freq_mhz", [700.0, 3500.0])
@pytest.mark.parametrize("path_m", [800.0, 20_000.0])
def test_grazing_tells_line_of_sight_from_none(freq_mhz: float, path_m: float) -> None:
    """One edge half way, a little below and a little above the ray over the curved Earth."""
    distance = np.array([0.0, 0.5 * path_m, path_m])
    radius_m = 8.5e6
    bulge = 0.25 * path_m**2 / (2.0 * radius_m)
    at = {}
    for name, above in (("below", -0.01), ("above", 0.01)):
        heights = np.array([0.0, 30.0 - bulge + above, 0.0])
        at[name] = float(
            bullington_loss_db(
                distance,
                heights,
                freq_mhz=freq_mhz,
                tx_amsl_m=30.0,
                rx_amsl_m=30.0,
                effective_radius_m=radius_m,
            )
        )
    limit = float(grazing_loss_db(np.array([path_m], np.float32))[0])
    assert at["below"] < limit < at["above"]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (("itu_r_p1812",), "1 model was given"),
        (("itu_r_p1812", "itu_r_p1812"), "more than once"),
        (("itu_r_p1812", "itu_r_p452"), "draws no maps"),
    ],
)
def test_models_that_cannot_be_compared_are_refused(models: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(make_land(), make_network(), models, title="x")


def test_progress_reaches_its_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []

    def no_obstruction(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(compare_module, "serving_obstruction", no_obstruction)
    with pytest.raises(KeyboardInterrupt):
        compare(
            make_land(),
            make_network(),
            ("itu_r_p1812", "free_space"),
            title="x",
            progress=lambda *step: told.append(step),
        )
    sweeps = [(done, total) for stage, done, total in told if stage == "sweeps"]
    assert sweeps == sorted(sweeps)
    assert [done for done, total in sweeps if done == total] == [4]


def test_everything_but_the_maps_is_ready_for_json(found: Comparison) -> None:
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["summary"]["villages_that_differ"] == 1


# The page ---------------------------------------------------------------------------------------


def test_the_page_tells_where_and_why(found: Comparison) -> None:
    page = render_comparison(found, version="1")
    assert "1 of 3 villages are in another class" in page
    assert "Valley &lt;1&gt;" in page
    assert "most where the path is “behind terrain”" in page
    assert "SYNTHETIC DATA" in page
    assert "Sin Câu" in page
    assert page.count("data:image/png;base64,") == 4
    assert 'src="http' not in page
    assert page == render_comparison(found, version="1")


def test_the_legend_has_a_colour_for_every_class() -> None:
    legend = difference_legend()
    assert len(legend) == len(COLOURS) == len(BREAKS_DB) + 1
    assert len(set(COLOURS)) == len(COLOURS)
    assert legend[4][1] == "−2 to +2 dB"


def test_agreement_is_told_as_such(found: Comparison) -> None:
    first: PlanResult = found.first
    same = replace(
        found,
        models=("itu_r_p1812", "three_db_less"),
        first=first,
        villages=found.villages.assign(classes_differ=False),
    )
    assert "in the same class by every model" in render_comparison(same, version="1")


@pytest.mark.skipif(BINARY is None, reason="no Chromium to look at the page with")
def test_the_page_sorts_its_table_and_fits_a_phone(found: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    shown = replace(found, villages=found.villages.assign(classes_differ=True))
    path.write_text(render_comparison(shown, version="1"), encoding="utf-8")
    names = "[...document.querySelectorAll('table[data-sort] tbody th')].map(e => e.textContent)"
    with chromium_page(tmp_path / "profile") as page:
        page.resize(360, 740, mobile=True)
        page.open(path.as_uri())
        assert page.ask("document.documentElement.scrollWidth") <= 360
        assert page.ask(names) == ["Nà Đon", "Hoa Lư", "Sin Câu"]
        page.ask("document.querySelectorAll('table[data-sort] th button')[2].click()")
        assert page.ask(names) == ["Sin Câu", "Hoa Lư", "Nà Đon"]
        assert page.errors == []
        assert [r for r in page.requests if not r.startswith(("file:", "data:"))] == []
