"""Reading a scenario file and saying, mistake by mistake, what to correct."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lensong.coverage.scenario.sections import FILE_KEYS, ScenarioFile
from lensong.coverage.scenario.toml_file import line_of, read_toml
from lensong.propagation.errors import ConfigError

__all__ = ["named_files", "read_scenario_file"]

_Keys = tuple[str | int, ...]


def read_scenario_file(path: str | Path) -> ScenarioFile:
    """Return the content of a scenario, checked key by key.

    Parameters
    ----------
    path : str or Path
        A TOML file; the files it names are looked for beside it.

    Raises
    ------
    ConfigError
        The file is missing or no TOML, a key is unknown, missing or has a value that cannot be,
        or a file that it names is not there. Every mistake is named, with its line.
    """
    path = Path(path)
    content, text = read_toml(path)
    try:
        scenario = ScenarioFile.model_validate(content)
    except ValidationError as error:
        faults = [_fault(dict(e), text) for e in error.errors()]
        raise ConfigError(_listed(path, faults)) from None
    faults = [*_contradictions(scenario, text), *_missing_files(scenario, path.parent, text)]
    if faults:
        raise ConfigError(_listed(path, faults))
    return scenario


def _listed(path: Path, faults: list[str]) -> str:
    if len(faults) == 1:
        return f"{path} {faults[0]}"
    return f"{path} has {len(faults)} mistakes:\n" + "\n".join(f"  {fault}" for fault in faults)


def _fault(error: dict[str, Any], text: str) -> str:
    """Return one sentence on a value that pydantic refused."""
    keys = tuple(error["loc"])
    # A union adds the name of the alternative to the place; those begin with a type name.
    keys = tuple(k for k in keys if k not in ("str", "list[str]"))
    name = _dotted(keys)
    if error["type"] == "extra_forbidden":
        return f"{_line(text, keys)}{_unknown_key(keys)}"
    if error["type"] == "missing":
        return f"{_line(text, keys[:-1])}{name} is missing: {_why_needed(keys)}"
    wanted = error["msg"][0].lower() + error["msg"][1:]
    wanted = wanted.replace("input should be ", "").replace("a valid ", "a ")
    hint = ""
    if isinstance(error["input"], str) and "," in error["input"] and "number" in wanted:
        hint = " with a decimal point and without quotes"
    elif isinstance(error["input"], str) and "number" in wanted:
        hint = " without quotes"
    return f"{_line(text, keys)}{name} is {_shown(error['input'])}, wanted {wanted}{hint}"


def _unknown_key(keys: _Keys) -> str:
    section = keys[:-1]
    known = _known_keys(section)
    wrong = str(keys[-1])
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    where = f"section [{_dotted(section)}]" if section else "the top of the file"
    elsewhere = [f"{s}.{wrong}" for s, ks in _all_sections() if wrong in ks and s]
    if near:
        hint = f"did you mean {near[0]}?"
    elif elsewhere:
        hint = f"it belongs in {elsewhere[0]}"
    else:
        hint = f"known are {', '.join(known)}"
    return f"{wrong} is no key of {where}: {hint}"


def _known_keys(section: _Keys) -> list[str]:
    model: Any = ScenarioFile
    for key in section:
        if isinstance(key, str):
            model = _section_model(model, key)
    return list(model.model_fields) if model else []


def _section_model(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the model of a section, looking through ``X | None`` and ``list[X]``."""
    annotation = model.model_fields[key].annotation
    for inner in (annotation, *getattr(annotation, "__args__", ())):
        part = getattr(inner, "__origin__", inner)  # Annotated[X, …] is of X
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _all_sections() -> Iterator[tuple[str, list[str]]]:
    todo: list[tuple[str, type[BaseModel]]] = [("", ScenarioFile)]
    while todo:
        name, model = todo.pop(0)
        yield name, list(model.model_fields)
        for key in model.model_fields:
            inner = _section_model(model, key)
            if inner is not None:
                todo.append((f"{name}.{key}" if name else key, inner))


def _why_needed(keys: _Keys) -> str:
    examples = {
        "elevation": 'add a section [elevation] with path = "dem.tif"',
        "elevation.path": 'add path = "dem.tif"',
        "villages": 'add a section [villages] with path = "villages.gpkg"',
        "villages.path": 'add path = "villages.gpkg"',
        "network": 'add a section [network] with cells = "cells.csv"',
    }
    name = _dotted(keys)
    return examples.get(name, f"add {keys[-1]} = …")


def _contradictions(scenario: ScenarioFile, text: str) -> Iterator[str]:
    area, network = scenario.area, scenario.network
    if area.boundary and area.bbox_deg is not None:
        yield f"{_line(text, ('area', 'bbox_deg'))}area has boundary and bbox_deg: keep one"
    if area.bbox_deg is not None:
        yield from _bbox_faults(area.bbox_deg, text)
    if bool(network.cells) == (network.atoll is not None):
        yield (
            f'{_line(text, ("network",))}network needs either cells = "cells.csv" or '
            'atoll = {sites = "…", transmitters = "…", cells = "…"}'
        )
    if network.atoll is not None and network.format not in ("auto", "atoll"):
        yield f'{_line(text, ("network", "format"))}network.atoll is given: set format = "atoll"'
    names = [service.name for service in scenario.service]
    if scenario.classes.service not in names:
        yield (
            f"{_line(text, ('classes', 'service'))}classes.service is "
            f"{scenario.classes.service!r}, wanted one of the services: {', '.join(names)}"
        )
    unknown = [name for name in scenario.streams.services if name not in names]
    if unknown:
        yield (
            f"{_line(text, ('streams', 'services'))}streams.services has {unknown[0]!r}, wanted "
            f"one of the services: {', '.join(names)}"
        )


def _bbox_faults(bbox_deg: list[float], text: str) -> Iterator[str]:
    west, south, east, north = bbox_deg
    line = _line(text, ("area", "bbox_deg"))
    if not (-180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0):
        swapped = " (lat and lon look swapped)" if abs(south) > 90.0 or abs(north) > 90.0 else ""
        yield (
            f"{line}area.bbox_deg is {bbox_deg}, wanted [west, south, east, north] in degrees "
            f"with west < east and south < north{swapped}"
        )


def _missing_files(scenario: ScenarioFile, folder: Path, text: str) -> Iterator[str]:
    for dotted, name in named_files(scenario):
        if not _exists(folder, name):
            yield (
                f"{_line(text, tuple(dotted.split('.')))}{dotted} is {name!r}, but there is no "
                f"such file or folder beside the scenario ({folder / name}): "
                f"{_near_file(folder, name)}"
            )


def named_files(scenario: ScenarioFile) -> Iterator[tuple[str, str]]:
    """Yield each key whose value is a file or folder beside the scenario, and each of its names."""
    for dotted in FILE_KEYS:
        value: Any = scenario
        for key in dotted.split("."):
            value = getattr(value, key, None)
        for entry in [value] if isinstance(value, str) else value or []:
            name = entry if isinstance(entry, str) else entry.path
            if name:
                yield dotted, name


def _exists(folder: Path, name: str) -> bool:
    return (folder / name).exists()


def _near_file(folder: Path, name: str) -> str:
    parent = (folder / name).parent
    present = sorted(p.name for p in parent.iterdir()) if parent.is_dir() else []
    near = difflib.get_close_matches(Path(name).name, present, n=1, cutoff=0.8)
    if near:
        return f"did you mean {(Path(name).parent / near[0]).as_posix()!r}?"
    return "correct the path or put the file there"


def _line(text: str, keys: _Keys) -> str:
    line = line_of(text, keys)
    return f"line {line}: " if line else ""


def _dotted(keys: _Keys) -> str:
    name = ""
    for key in keys:
        name += f"[{key + 1}]" if isinstance(key, int) else f".{key}" if name else key
    return name


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
