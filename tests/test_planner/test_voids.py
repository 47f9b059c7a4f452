"""A mast may not be placed where there is no elevation: nothing could be planned of it."""

from __future__ import annotations

from tests.test_planner.conftest import Page
from tests.test_planner.small_valley import place_deg


def test_a_mast_in_a_void_is_refused_and_the_variant_stays_as_it_was(page: Page) -> None:
    variant = page.variant("void")
    lat, lon = place_deg(80.0, 124.0)
    place = {"mast_id": "K2", "lat_deg": lat, "lon_deg": lon}
    refused = page.edit(variant, 0, {"kind": "move_mast", **place}, status=422)
    assert "K2" in refused["errors"][0]["detail"]
    assert "no elevation" in refused["errors"][0]["detail"]
    copied = {"kind": "copy_mast", **place, "new_mast_id": "K2-2"}
    assert "no elevation" in page.edit(variant, 0, copied, status=422)["errors"][0]["detail"]
    assert page.get(f"/variants/{variant}")["revision"] == 0
