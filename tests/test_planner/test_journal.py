"""Edits outlive the server: what was answered is there again, what was cut off is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lensong.planner.journal import Journal
from lensong.propagation.errors import DataError
from tests.test_planner.conftest import opened
from tests.test_planner.test_routes import move


def test_after_a_restart_a_page_goes_on_at_its_revision(tmp_path: Path) -> None:
    folder = tmp_path / "valley"
    for page in opened(folder, tmp_path / "cache"):
        variant = page.variant("kept")
        page.edit(variant, 0, move("K1", 64.0, 78.0))
        page.edit(variant, 1, {"kind": "remove_mast", "mast_id": "K5"})
        page.post(f"/variants/{variant}/undo", {"revision": 2})
        page.client.patch(page.at(f"/variants/{variant}"), json={"comment": "họp thứ Hai"})
        network = page.get(f"/variants/{variant}/network")
        page.variant("gone")
        page.client.delete(page.at("/variants/v2"))
    journal = folder / ".lensong-planner" / "scenario.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"do":"edit","variant":"v1","edi')  # the power went
    for page in opened(folder, tmp_path / "cache"):
        listed = page.get("/variants")["variants"]
        assert [v["variant_id"] for v in listed] == ["base", variant]
        assert (listed[1]["revision"], listed[1]["comment"]) == (3, "họp thứ Hai")
        assert listed[1]["can_redo"]
        assert page.get(f"/variants/{variant}/network") == network
        assert page.edit(variant, 3, move("K2", 80.0, 108.0))["revision"] == 4
    cells = folder / "cells.csv"
    lines = cells.read_text(encoding="utf-8").splitlines(keepends=True)
    cells.write_text("".join(x for x in lines if not x.startswith("K1,")), encoding="utf-8")
    for page in opened(folder, tmp_path / "cache"):
        told = page.get("/variants")["variants"][1]["why"]
        assert "the scenario has changed" in told
        assert "K1" in told
        refused = page.edit(variant, 0, move("K2", 80.0, 108.0), status=409)
        assert refused["code"] == "read_only"


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text('{"do":"create"}\nnonsense\n{}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 2 cannot be read"):
        list(Journal(path).read())
