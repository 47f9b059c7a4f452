"""What the reference says is what the program does: settings, routes, roles, commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lensong.cli.main import lensong
from lensong.monitoring.access import MAY, Role
from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.lists.csv_lists import SESSION_COLUMNS, SITE_COLUMNS
from lensong.monitoring.lists.rows import MOST_ROWS
from lensong.monitoring.names import bare
from lensong.monitoring.web.routes import classified_routes
from tests.running_service import Running

DOCS = Path(__file__).resolve().parents[2] / "docs"


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of the tables in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next one of its depth."""
    depth = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert depth is not None, title
    rest = text[depth.end() :]
    end = re.search(rf"^{depth[1]} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def shown(value: Any) -> str:
    """Return a default as the reference writes it."""
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_setting_is_told_with_its_default() -> None:
    text = (DOCS / "reference" / "configuration.md").read_text("utf-8")
    parts: dict[str, type[BaseModel]] = {"The service": ServiceConfig}
    for name, field in ServiceConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts[f"[{name}]"] = field.annotation
    for title, model in parts.items():
        told = {row[0].strip("`"): row[1] for row in rows(section(text, title))[2:]}
        assert told == {
            name: shown(field.default)
            for name, field in model.model_fields.items()
            if f"[{name}]" not in parts
        }, title


@pytest.mark.anyio
async def test_every_route_is_told_with_who_may(light: Running) -> None:
    text = section((DOCS / "reference" / "api.md").read_text("utf-8"), "All requests")
    told = {(row[0].strip("`"), row[1]) for row in rows(text) if row[0].startswith("`")}
    served = {
        (f"{method} {path}", str(action))
        for method, path, action in classified_routes(light.app)
        if method != "HEAD"
        and path.startswith(("/api/v1", "/ndt", "/uplink", "/metrics", "/probe", "/-/"))
        and path != "/api/v1/openapi.json"
    }
    assert told == served


def test_the_table_of_roles_is_the_programs_own() -> None:
    text = section((DOCS / "reference" / "api.md").read_text("utf-8"), "Who may do what")
    header, _, *told = rows(text)
    for row in told:
        may = {name for name, cell in zip(header[2:], row[2:], strict=True) if cell == "yes"}
        allowed = {str(action) for action in MAY[Role(row[0])]} - {"public"}
        assert may == allowed, row[0]
    assert [row[0] for row in told] == [str(role) for role in Role]


def test_the_columns_that_are_told_are_read() -> None:
    text = section((DOCS / "reference" / "api.md").read_text("utf-8"), "Lists")
    sites, sessions = text.split("| sessions |")
    for table, known in ((sites, SITE_COLUMNS), (f"| sessions |{sessions}", SESSION_COLUMNS)):
        meaning = {bare(alias): name for name, others in known.items() for alias in (name, *others)}
        named: set[str] = set()
        for names, others, *_ in rows(table)[2:]:
            named |= set(re.findall(r"`(\w+)`", names))
            for alias in filter(None, (a.strip() for a in re.split("[,;]", others))):
                assert meaning.get(bare(alias)) in re.findall(r"`(\w+)`", names), alias
        assert named == set(known) - {"session_id"}  # told of in the text
    assert f"{MOST_ROWS:,} rows" in text.replace("\n", " ")


def test_every_command_is_told() -> None:
    text = (DOCS / "reference" / "cli.md").read_text("utf-8")
    listed = set(re.findall(r"^lensong (\S+)", text, re.MULTILINE)) - {"--version"}
    assert listed == set(lensong.list_commands(None))  # type: ignore[arg-type]  # it needs none


def test_links_of_these_pages_lead_somewhere() -> None:
    for name in ("reference/configuration.md", "reference/api.md", "reference/cli.md",
                 "how-to/serve.md"):  # fmt: skip
        page = DOCS / name
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), (name, target)
