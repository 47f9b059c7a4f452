"""What may be told to people who look at a plan on somebody else's machine."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["without_folders"]

_FOLDERS = re.compile(r"(?<![\w.:/-])/(?:[^/\s'\",:;()]+/)+")


def without_folders(text: str, plan: Path) -> str:
    """Return a text in which files are named without the folders that they lie in.

    Parameters
    ----------
    text : str
    plan : Path
        Of the scenario or the result: names of the folders above it may have spaces.

    Examples
    --------
    >>> plan = Path("/srv/my plans/north/scenario.toml")
    >>> without_folders("/srv/my plans/dem.tif has no CRS: set it in /srv/p/scenario.toml", plan)
    'dem.tif has no CRS: set it in scenario.toml'
    >>> without_folders("1/2 of the villages; 'a/b.csv' is not there", plan)
    "1/2 of the villages; 'a/b.csv' is not there"
    """
    for folder in plan.resolve().parents:
        if folder.name:
            text = text.replace(f"{folder}/", "")
    return _FOLDERS.sub("", text)
