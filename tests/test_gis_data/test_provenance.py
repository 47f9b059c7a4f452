from __future__ import annotations

import hashlib
from pathlib import Path

from lensong.gis_data.provenance import content_sha256


def test_the_hash_of_one_file_is_the_one_that_sha256sum_prints(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"heights")
    assert content_sha256([tmp_path / "a.tif"]) == hashlib.sha256(b"heights").hexdigest()


def test_the_hash_of_several_files_depends_on_content_alone(tmp_path: Path) -> None:
    for folder, names in (("one", "ab"), ("two", "yx")):
        (tmp_path / folder).mkdir()
        for name, content in zip(names, (b"1", b"2"), strict=True):
            (tmp_path / folder / name).write_bytes(content)
    one = [tmp_path / "one" / "a", tmp_path / "one" / "b"]
    two = [tmp_path / "two" / "x", tmp_path / "two" / "y"]
    assert content_sha256(one) == content_sha256(two)
    (tmp_path / "two" / "x").write_bytes(b"3")
    assert content_sha256(one) != content_sha256(two)


def test_a_shapefile_changes_with_its_attributes(tmp_path: Path) -> None:
    shp = tmp_path / "villages.shp"
    shp.write_bytes(b"shapes")
    shp.with_suffix(".dbf").write_bytes(b"names")
    before = content_sha256([shp])
    shp.with_suffix(".dbf").write_bytes(b"other names")
    assert content_sha256([shp]) != before
