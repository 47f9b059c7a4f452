"""``lensong compare``: one scenario by several models, and where they disagree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.console import Console, grouped
from lensong.cli.errors import explains_errors
from lensong.cli.options import cache_folder, run_options

if TYPE_CHECKING:
    from lensong.coverage.compare import Comparison
    from lensong.gis_data.array_store import ArrayStore

__all__ = ["compare"]


@click.command(short_help="Plan by several models and show where they disagree.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--models",
    required=True,
    help="Names with commas, e.g. p1812,itm,free_space; others are held against the first.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the result; made if missing.",
)
@run_options
@explains_errors
def compare(
    scenario: Path,
    models: str,
    out: Path,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Plan SCENARIO once by each model and tell which villages and pixels differ, and why.

    `lensong models` lists the models; those with a star can be compared. The model that the
    scenario names is not looked at.
    """
    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        from lensong.cli.model_names import full_model_name
        from lensong.cli.plan_command import check_writable
        from lensong.coverage.compare import compare as hold_together
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario

        names = [full_model_name(name) for name in models.split(",") if name.strip()]
        asked = load_scenario(scenario)
        check_writable(out)
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress)
        propagation, land = read_climate(asked, land)
        with _store(None if no_cache else cache_folder(cache)) as store:
            found = hold_together(
                land,
                network,
                names,
                title=asked.title,
                services=asked.services,
                handset=asked.handset,
                propagation=propagation,
                classes=asked.classes,
                settings=asked.settings,
                cache=store,
                workers=workers,
                progress=console.progress,
            )
        _write(found, out)
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_text(found, out))


@contextmanager
def _store(folder: Path | None) -> Iterator[ArrayStore]:
    """Yield where sweeps are kept; without a cache, for this run alone."""
    from tempfile import TemporaryDirectory

    from lensong.gis_data.array_store import ArrayStore

    if folder is not None:
        yield ArrayStore(folder)
        return
    with TemporaryDirectory(prefix="lensong-sweeps-") as temporary:
        yield ArrayStore(temporary)


def _write(found: Comparison, out: Path) -> None:
    from importlib.metadata import version

    import pandas as pd

    from lensong.coverage.compare import Difference
    from lensong.coverage.model_pages.comparison_page import (
        BREAKS_DB,
        difference_legend,
        render_comparison,
    )
    from lensong.coverage.results.rasters import rgba
    from lensong.gis_data.atomic import atomic_path
    from lensong.gis_data.cog import LegendClass, write_cog
    from lensong.gis_data.vector_write import write_csv

    page = render_comparison(found, version=version("lensong"))
    numbers = json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n"
    for name, text in (("comparison.html", page), ("comparison.json", numbers)):
        with atomic_path(out / name, needed_bytes=len(text)) as part:
            part.write_text(text, encoding="utf-8")
    write_csv(out / "villages.csv", found.villages)
    fields = list(Difference.__slots__)
    rows = [{name: getattr(d, name) for name in fields} for d in found.differences]
    write_csv(out / "differences.csv", pd.DataFrame(rows, columns=fields))
    legend = [
        LegendClass(value=low, label=words, rgba=rgba(colour))
        for low, (colour, words) in zip(
            (float("-inf"), *BREAKS_DB), difference_legend(), strict=True
        )
    ]
    for (technology, model), values in found.maps_db.items():
        write_cog(
            out / f"{technology.lower()}_rsrp_difference_db_{model}.tif",
            values,
            found.first.land.grid,
            nodata=float("nan"),
            name="rsrp_difference_db",
            unit="dB",
            description=(
                f"RSRP by {model} minus RSRP by {found.models[0]}, {technology}"
                f"{'; SYNTHETIC DATA' if found.first.synthetic else ''}"
            ),
            legend=legend,
            provenance=_provenance(found, version("lensong")),
            dtype="float32",
        )


def _provenance(found: Comparison, lensong_version: str) -> dict[str, Any]:
    return {
        "lensong": lensong_version,
        "title": found.first.title,
        "models": list(found.models),
        "synthetic": found.first.synthetic,
        "inputs": [
            {"role": s.role, "path": s.path, "sha256": s.sha256} for s in found.first.land.sources
        ],
        "settings": found.first.settings,
    }


def _text(found: Comparison, out: Path) -> str:
    summary = found.summary()
    width = max(len(name) for name in found.models) + 2
    lines = [
        f"{found.first.title}: {summary['villages_that_differ']} of {summary['villages']} villages "
        "are in another class by another model",
        "",
        f"{'model':<{width}}{'covered':>9}{'patchy':>9}{'no signal':>11}{'people served':>15}",
    ]
    for name in found.models:
        by_class = summary["villages_by_class"][name]
        lines.append(
            f"{name:<{width}}{by_class['covered']:>9}{by_class['patchy']:>9}"
            f"{by_class['no_signal']:>11}{grouped(summary['people_served'][name]):>15}"
        )
    lines += ["", f"level minus that by {found.models[0]} [dB]"]
    lines.append(f"{'':<52}{'pixels':>10}{'mean':>7}{'sd':>7}{'p5':>7}{'p95':>7}")
    for d in found.differences:
        if d.split in ("all", "path"):
            label = f"{d.technology} {d.model}" if d.split == "all" else f"  {d.label}"
            lines.append(
                f"{label:<52}{d.pixels:>10,}{d.mean_db:>+7.1f}{d.sd_db:>7.1f}"
                f"{d.p5_db:>+7.1f}{d.p95_db:>+7.1f}"
            )
    if found.first.synthetic:
        lines += ["", "  SYNTHETIC  invented data, no real place"]
    lines += ["", f"  page       {out / 'comparison.html'}"]
    return "\n".join(lines)
