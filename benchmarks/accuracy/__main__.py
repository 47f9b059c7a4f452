"""All tables of docs/accuracy.md from the data at hand.

python -m benchmarks.accuracy --shared ../shared
python -m benchmarks.accuracy --shared ../shared --json accuracy.json --write docs/accuracy.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.accuracy import cork, lora, over_terrain, paths
from benchmarks.accuracy.tables import NotAtHandError, Table, written

SETS: dict[str, Callable[[Path], list[Table]]] = {
    "Martin Acres": paths.martin_acres,
    "Salt Lake City": paths.salt_lake_city,
    "Somerset": paths.somerset,
    "Crystal Palace to Mursley": over_terrain.mursley,
    "Saint-Eynard": lora.refuge_du_gouter,
    "Cork": cork.scatter,
}


def main(arguments: list[str] | None = None) -> None:
    """Print all tables; write them where the arguments (default: the command line's) say."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--shared", type=Path, default=Path("../shared"), help="folder of the data")
    asked.add_argument("--json", type=Path, help="file for all tables as JSON")
    asked.add_argument("--write", type=Path, help="page whose tables are replaced")
    options = asked.parse_args(arguments)
    tables: list[Table] = []
    skipped: dict[str, str] = {}
    for name, make in SETS.items():
        try:
            made = make(options.shared)
        except NotAtHandError as reason:
            skipped[name] = str(reason)
            print(f"\n{name}: skipped, {reason}", flush=True)
            continue
        tables += made
        for table in made:
            print(f"\n{table.name}\n\n{table.markdown()}", flush=True)
    if options.json is not None:
        found = {"tables": [table.to_json() for table in tables], "skipped": skipped}
        part = options.json.with_suffix(".part")
        part.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(options.json)
    if options.write is not None:
        text = written(options.write.read_text(encoding="utf-8"), tables)
        part = options.write.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(options.write)


if __name__ == "__main__":
    main()
