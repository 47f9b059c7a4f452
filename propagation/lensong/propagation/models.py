"""Every model and correction by name.

A model is a record in its own file, which says what it needs, where it holds and how it is called.
Adding one means writing that file and naming it in the list below: the command line, maps,
comparison and validation take it from here.
"""

from __future__ import annotations

from difflib import get_close_matches

from lensong.propagation import (
    diffraction,
    free_space,
    hata,
    itm,
    knife_edges,
    p452,
    p530,
    p676,
    p833,
    p838,
    p1812,
    p2108,
    p2109,
    slant_clutter,
    tr38901,
)
from lensong.propagation.errors import ConfigError, InvalidInputError
from lensong.propagation.model import MapModel, Model

__all__ = ["MODELS", "map_models", "map_of", "model", "model_name", "registry"]


def registry(*groups: tuple[Model, ...]) -> dict[str, Model]:
    """Return models by name, in order.

    Raises
    ------
    InvalidInputError
        When two have one name.
    """
    found: dict[str, Model] = {}
    for entry in (entry for group in groups for entry in group):
        if entry.name in found:
            raise InvalidInputError(f"two models are called {entry.name}, wanted a name for each")
        found[entry.name] = entry
    return found


MODELS = registry(
    p1812.MODELS,
    free_space.MODELS,
    diffraction.MODELS,
    knife_edges.MODELS,
    hata.MODELS,
    tr38901.MODELS,
    p2108.MODELS,
    p2109.MODELS,
    p833.MODELS,
    p676.MODELS,
    p838.MODELS,
    p530.MODELS,
    p452.MODELS,
    slant_clutter.MODELS,
    itm.MODELS,
)
"""In the order in which they are listed."""


def model_name(spelling: str) -> str:
    """Return the name of a model by any of its spellings, what is none of them unchanged.

    Case, spaces, points and hyphens do not count, and ``itu_r_`` may be left out.

    Examples
    --------
    >>> model_name("P.1812"), model_name("ITU-R P.1812"), model_name("free-space")
    ('itu_r_p1812', 'itu_r_p1812', 'free_space')
    """
    plain = spelling.strip().lower().replace(".", "").replace("-", "_").replace(" ", "_")
    return next((name for name in (plain, f"itu_r_{plain}") if name in MODELS), spelling)


def model(name: str) -> Model:
    """Return the record of a model, by any spelling of its name.

    Raises
    ------
    ConfigError
        For an unknown name; names the nearest known ones.
    """
    known = model_name(name)
    if known in MODELS:
        return MODELS[known]
    near = get_close_matches(name.lower(), MODELS, n=3, cutoff=0.4) or [
        n for n in MODELS if name in n
    ]
    guess = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(MODELS)}"
    raise ConfigError(f"model is {name!r}, wanted a known name: {guess}")


def map_models() -> tuple[str, ...]:
    """Return the names of the models that draw maps."""
    return tuple(name for name, entry in MODELS.items() if entry.draw is not None)


def map_of(name: str) -> tuple[Model, MapModel]:
    """Return a model that draws maps, and how it does.

    Raises
    ------
    ConfigError
        For an unknown name and for a model that draws none.
    """
    entry = MODELS.get(model_name(name))
    if entry is None or entry.draw is None:
        raise ConfigError(f"model is {name!r}, wanted one of {', '.join(sorted(map_models()))}")
    return entry, entry.draw
