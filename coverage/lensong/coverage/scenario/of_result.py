"""The scenario of a result: its settings, beside the inputs that it was planned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from lensong.coverage.results.read import StoredResult
from lensong.coverage.scenario.load import Scenario, scenario_of
from lensong.coverage.scenario.scenario_file import named_files
from lensong.coverage.scenario.sections import ScenarioFile
from lensong.gis_data.land import Source
from lensong.propagation.errors import DataError

__all__ = ["InputsApartError", "check_same_inputs", "scenario_of_result"]

_ABOVE = 4  # folders above the result in which its inputs are looked for


class InputsApartError(DataError):
    """Inputs of a result do not lie together where they are looked for.

    Parameters
    ----------
    lacks : sequence of str
        As the scenario names them.
    looked : sequence of Path
    """

    def __init__(self, lacks: Sequence[str], looked: Sequence[Path]) -> None:
        more = f" and {len(lacks) - 3} more" if len(lacks) > 3 else ""
        self.brief = f"its inputs are not all there: {', '.join(lacks[:3])}{more}"
        super().__init__(
            f"{self.brief} (looked for in {', '.join(map(str, looked))}): put them there, or open "
            "the scenario itself"
        )


def scenario_of_result(stored: StoredResult) -> Scenario:
    """Return the scenario of a result whose inputs lie beside it or in a folder above.

    Raises
    ------
    DataError
        They do not, or the settings are those of another version; says what is missing and where
        it was looked for.
    """
    try:
        content = ScenarioFile.model_validate(stored.settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(
            f"its settings are those of another version "
            f"({'.'.join(str(k) for k in first['loc'])}: {first['msg']}): plan again"
        ) from error
    names = [*named_files(content)]
    if content.itu_maps is not None and content.itu_maps.path:
        names.append(("itu_maps.path", content.itu_maps.path))
    folder = stored.folder.resolve()
    looked = list(dict.fromkeys([folder, *folder.parents[:_ABOVE], Path.cwd()]))
    missing = {at: [name for _, name in names if not (at / name).exists()] for at in looked}
    found = next((at for at in looked if not missing[at]), None)
    if found is None:
        nearest = min(looked, key=lambda at: len(missing[at]))
        raise InputsApartError(missing[nearest], looked)
    return scenario_of(content, found, title=stored.title)


def check_same_inputs(stored: StoredResult, sources: Iterable[Source]) -> None:
    """Refuse inputs that are no longer those of a result.

    Raises
    ------
    DataError
        Names those that changed.
    """
    now = {source.role: source.sha256 for source in sources}
    changed = [
        f"{entry['role']} ({entry['path']})"
        for entry in stored.inputs
        if now.get(entry["role"]) != entry["sha256"]
    ]
    if changed:
        raise DataError(
            f"its inputs changed since: {', '.join(changed)}: plan again, or open the scenario "
            "itself"
        )
