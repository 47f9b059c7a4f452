"""Runs a notebook as a reader does, from top to bottom in a kernel of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def read_notebook(path: Path) -> nbformat.NotebookNode:
    content: nbformat.NotebookNode = nbformat.read(  # type: ignore[no-untyped-call]  # untyped
        path, as_version=4
    )
    return content


def run_notebook(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a notebook in a folder and return its number of pictures, which all say synthetic."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("IPYTHONDIR", str(folder))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = read_notebook(NOTEBOOKS / name)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": os.fspath(folder)}},
    )
    client.execute()
    pictures = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                pictures += 1
                assert re.search(r"base_map\(|mark_synthetic\(|synthetic=True", cell.source)
    return pictures
