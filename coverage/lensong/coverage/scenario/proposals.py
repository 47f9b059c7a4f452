"""A scenario that names the proposals of a siting study."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lensong.coverage.scenario.load import Scenario

__all__ = ["with_proposals"]


def with_proposals(scenario: Scenario, proposals: Path) -> Scenario:
    """Return a scenario that names a `siting.json`, in place of another one."""
    base = scenario.land.folder or Path()
    named = Path(os.path.relpath(proposals.resolve(), base.resolve())).as_posix()
    siting = {**scenario.settings.get("siting", {}), "proposals": named}
    return replace(
        scenario,
        network=replace(scenario.network, proposals=proposals),
        settings={**scenario.settings, "siting": siting},
    )
