"""What a person is told of a plan that is done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lensong.coverage.result import PlanResult
from lensong.coverage.results import files

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The headline numbers of a result; fields as those of `PlanResult`."""

    title: str
    synthetic: bool
    class_service: str
    summary: dict[str, Any]
    sweeps_total: int
    sweeps_reused: int
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, result: PlanResult) -> Outcome:
        """Return what is told of a result."""
        return cls(
            title=result.title,
            synthetic=result.synthetic,
            class_service=result.class_service,
            summary=result.summary,
            sweeps_total=result.sweeps_total,
            sweeps_reused=result.sweeps_reused,
            assumptions=result.assumptions,
            warnings=result.warnings,
        )

    @classmethod
    def of_folder(cls, folder: Path, plan_key: str) -> Outcome | None:
        """Return what is told of a result on disk; None unless it is whole and of that plan."""
        try:
            record = json.loads((folder / files.RUN).read_text("utf-8"))
            if record["plan_key"] != plan_key:
                return None
            for entry in record["files"]:
                if (folder / entry["name"]).stat().st_size != entry["bytes"]:
                    return None
            return cls(
                title=record["title"],
                synthetic=record["synthetic"],
                class_service=record["settings"]["classes"]["service"],
                summary=record["summary"],
                sweeps_total=record["sweeps_total"],
                sweeps_reused=record["sweeps_reused"],
                assumptions=tuple(record["assumptions"]),
                warnings=tuple(record["warnings"]),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
