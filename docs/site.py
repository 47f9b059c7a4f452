"""What the site has beyond the pages of this folder; called by mkdocs, see mkdocs.yml.

The pages of the models and of the library's modules are listed by themselves, and files of the
repository that a page links to come along.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ("propagation", "gis_data", "coverage")
_LINK = re.compile(r"\]\((?!\w+:|#|/)([^)\s#]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the models, and the modules of the library."""
    nav: list[dict[str, Any]] = config.nav
    models = sorted(path.name for path in (ROOT / "docs/models").glob("*.md"))
    for part in nav:
        if "Models" in part:
            part["Models"] += [f"models/{name}" for name in models if name != "README.md"]
        elif "Reference" in part:
            part["Reference"].append({"Python": [{name: _tree(name)} for name in LIBRARY]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each module, and the files of the repository that pages link to."""
    for package in LIBRARY:
        for module in _modules(package):
            files.append(File.generated(config, _page(module), content=_text(module)))
    waiting = [file for file in files if file.is_documentation_page()]
    while waiting:
        page = waiting.pop()
        for uri, path in _linked(page):
            if files.get_file_from_path(uri) is None:
                new = File.generated(config, uri, abs_src_path=str(path))
                new.inclusion = new.inclusion.NOT_IN_NAV
                files.append(new)
                if new.is_documentation_page():
                    waiting.append(new)
    return files


def on_page_markdown(markdown: str, page: Page, **_more: Any) -> str:
    """Let links to files of the repository lead to their copies."""

    def moved(link: re.Match[str]) -> str:
        uri = _copy_uri(page.file.src_uri, link[1])
        if uri is None:
            return link[0]
        there = posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".")
        return f"]({there}{link[2] or ''})"

    return _LINK.sub(moved, markdown)


def _linked(page: File) -> list[tuple[str, Path]]:
    """Return the files outside of this folder to which a page links, and the names of copies."""
    found = []
    for target, _ in _LINK.findall(page.content_string):
        uri = _copy_uri(page.src_uri, target)
        if uri is not None:
            found.append((uri, ROOT / uri.removeprefix("repository/")))
    return found


def _copy_uri(page_uri: str, target: str) -> str | None:
    """Return the name of a file's copy in the site; None where the site has it anyway."""
    folder = posixpath.dirname(page_uri)
    if folder == "repository" or folder.startswith("repository/"):
        path = posixpath.normpath(
            posixpath.join(folder.removeprefix("repository").lstrip("/"), target)
        )
    else:
        path = posixpath.normpath(posixpath.join("docs", folder, target))
    if path.startswith((".", "docs/")) or not (ROOT / path).is_file():
        return None
    return f"repository/{path}"


def _modules(package: str) -> list[str]:
    """Return the modules of a package that are meant for others."""
    root = ROOT / package
    names = []
    for path in sorted((root / "lensong" / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if any(part.startswith("_") for part in parts) or not _has_public_names(path):
            continue
        names.append(".".join(parts))
    return names


def _has_public_names(path: Path) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        for node in ast.parse(path.read_text("utf-8")).body
    )


def _tree(package: str) -> list[Any]:
    """Return the navigation of a package: modules, and folders of modules."""
    tree: list[Any] = []
    folders: dict[str, list[Any]] = {}
    for module in _modules(package):
        _, _, *inner = module.split(".")
        where = tree
        for depth in range(1, len(inner)):
            name = ".".join(inner[:depth])
            if name not in folders:
                folders[name] = []
                where.append({inner[depth - 1]: folders[name]})
            where = folders[name]
        where.append({inner[-1]: _page(module)})
    return tree


def _page(module: str) -> str:
    return f"reference/python/{module.removeprefix('lensong.').replace('.', '/')}.md"


def _text(module: str) -> str:
    return f"# {module}\n\n::: {module}\n"
