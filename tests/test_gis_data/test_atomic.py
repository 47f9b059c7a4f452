from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lensong.gis_data.atomic import atomic_path
from lensong.propagation.errors import DataError


def test_file_appears_under_its_name_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "villages [1].csv"
    with atomic_path(target) as part:
        part.write_text("new", encoding="utf-8")
        Path(f"{part}-journal").write_text("x", encoding="utf-8")
        assert part.suffix == ".csv"
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "new"
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_any_failure_leaves_the_old_file_and_no_half_file(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "rsrp.tif"
    target.write_text("old", encoding="utf-8")

    def write() -> None:
        with atomic_path(target) as part:
            part.write_text("half", encoding="utf-8")
            part.with_name(part.name + ".aux.xml").write_text("half", encoding="utf-8")
            raise failure

    with pytest.raises(failure):
        write()
    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["rsrp.tif"]


def test_folder_below_a_file_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with (
        pytest.raises(DataError, match=r"cannot write .*out.*choose an output folder"),
        atomic_path(tmp_path / "out" / "villages.csv"),
    ):
        pass


def test_folder_without_permission_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with (
        pytest.raises(DataError, match="Permission denied: choose an output folder"),
        atomic_path(tmp_path / "villages.csv"),
    ):
        pytest.fail("the block must not run")
    assert os.listdir(tmp_path) == []


def test_refusal_at_the_rename_is_told(tmp_path: Path) -> None:
    (tmp_path / "villages.csv").mkdir()
    with (
        pytest.raises(DataError, match="Is a directory"),
        atomic_path(tmp_path / "villages.csv") as part,
    ):
        part.write_text("x", encoding="utf-8")
    assert os.listdir(tmp_path) == ["villages.csv"]


def test_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_path(tmp_path / "villages.csv") as part:
            part.write_text("half", encoding="utf-8")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match=r"disk is full.*MB are free.*make room"):
        write()
    assert os.listdir(tmp_path) == []


def test_error_about_another_file_is_not_taken_for_ours(tmp_path: Path) -> None:
    with (
        pytest.raises(PermissionError),
        atomic_path(tmp_path / "out" / "villages.csv"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/dem.tif")
