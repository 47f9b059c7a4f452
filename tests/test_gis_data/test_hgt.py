from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lensong.gis_data.hgt import degree_tile_name, hgt_tiles, is_hgt, south_west_corner
from lensong.propagation.errors import DataError

POSTS = 1201


def tile_bytes(posts: int = POSTS) -> bytes:
    heights = np.arange(posts * posts, dtype=np.int64) % 3000
    return heights.astype(">i2").tobytes()


def test_one_and_three_arc_seconds_are_told_by_the_byte_count(tmp_path: Path) -> None:
    (tmp_path / "N22E103.hgt").write_bytes(tile_bytes(1201))
    (tmp_path / "N22E104.hgt").write_bytes(b"\0" * 25_934_402)
    assert hgt_tiles(tmp_path / "N22E103.hgt")[0].posts == 1201
    assert hgt_tiles(tmp_path / "N22E104.hgt")[0].posts == 3601


def test_plain_gzipped_and_zipped_tiles_hold_the_same_heights(tmp_path: Path) -> None:
    content = tile_bytes()
    plain, packed, zipped = (
        tmp_path / f"N22E103{end}" for end in (".hgt", ".hgt.gz", ".SRTMGL3.hgt.zip")
    )
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content, 1))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("N22E103.hgt", content)
    heights = [hgt_tiles(path)[0].read() for path in (plain, packed, zipped)]
    assert heights[0][0, 1] == 1
    assert heights[0][1, 0] == POSTS
    np.testing.assert_array_equal(heights[0], heights[1])
    np.testing.assert_array_equal(heights[0], heights[2])


def test_an_archive_that_lies_about_its_size_is_unpacked_no_further(tmp_path: Path) -> None:
    path = tmp_path / "N22E103.SRTMGL3.hgt.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("N22E103.hgt", bytes(50_000_000))
    packed = bytearray(path.read_bytes())
    told = (50_000_000).to_bytes(4, "little")
    assert packed.count(told) == 2
    path.write_bytes(packed.replace(told, len(tile_bytes()).to_bytes(4, "little")))
    with pytest.raises(DataError, match="cut short or damaged"):
        hgt_tiles(path)[0].read()


def test_an_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "N22E103.SRTMGL3.hgt.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("N22E103.hgt", tile_bytes())
    packed = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(signature) + at] |= 1
    path.write_bytes(packed)
    with pytest.raises(DataError, match="cannot be unpacked"):
        hgt_tiles(path)[0].read()


def test_posts_lie_on_the_whole_degrees(tmp_path: Path) -> None:
    path = tmp_path / "S01W078.hgt"
    path.write_bytes(tile_bytes())
    tile = hgt_tiles(path)[0]
    first_post = tile.transform @ (0.5, 0.5)
    last_post = tile.transform @ (POSTS - 0.5, POSTS - 0.5)
    assert first_post == pytest.approx((-78.0, 0.0), abs=1e-12)
    assert last_post == pytest.approx((-77.0, -1.0), abs=1e-9)


def test_the_geotiff_of_a_tile_agrees_with_gdals_own_reader(tmp_path: Path) -> None:
    path = tmp_path / "N22E103.hgt"
    path.write_bytes(tile_bytes())
    hgt_tiles(path)[0].write_geotiff(tmp_path / "tile.tif")
    with rasterio.open(path) as theirs, rasterio.open(tmp_path / "tile.tif") as ours:
        np.testing.assert_array_equal(theirs.read(1), ours.read(1))
        assert ours.transform.almost_equals(theirs.transform, 1e-12)
        assert ours.crs == theirs.crs
        assert ours.nodata == theirs.nodata == -32768


def test_an_archive_of_several_tiles_gives_them_all(tmp_path: Path) -> None:
    path = tmp_path / "F48.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("F48/N21E103.hgt", tile_bytes())
        archive.writestr("F48/N20E103.hgt", tile_bytes())
        archive.writestr("F48/readme.txt", "x")
    assert [(tile.south_deg, tile.west_deg) for tile in hgt_tiles(path)] == [(20, 103), (21, 103)]


@pytest.mark.parametrize(
    ("name", "corner"),
    [
        ("N22E103.hgt", (22, 103)),
        ("n05w009.hgt.gz", (5, -9)),
        ("Copernicus_DSM_COG_10_S03_00_E103_00_DEM.tif", (-3, 103)),
        ("ASTGTMV003_N21E104_dem.tif", (21, 104)),
        ("dem.tif", None),
        ("N95E103.hgt", None),
        ("scan22e103.tif", None),
    ],
)
def test_the_corner_is_read_from_the_name(name: str, corner: tuple[int, int] | None) -> None:
    assert south_west_corner(name) == corner


@pytest.mark.parametrize("corner", [(21, 105), (-3, 9), (0, -1)])
def test_a_tile_name_reads_back_as_its_corner(corner: tuple[int, int]) -> None:
    assert south_west_corner(degree_tile_name(*corner)) == corner


def test_a_file_cut_short_is_refused_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "N22E103.hgt"
    path.write_bytes(tile_bytes()[:-100])
    with pytest.raises(DataError, match=r"N22E103\.hgt has 2,884,702 bytes.*get it again"):
        hgt_tiles(path)


def test_a_name_without_a_corner_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lai-chau.hgt"
    path.write_bytes(tile_bytes())
    with pytest.raises(DataError, match="named without a corner"):
        hgt_tiles(path)


@pytest.mark.parametrize("name", ["N22E103.hgt.gz", "N22E103.hgt.zip"])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"<html>not found</html>")
    assert is_hgt(path)
    with pytest.raises(DataError, match="get it again"):
        hgt_tiles(path)


def test_a_gzip_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "N22E103.hgt.gz"
    path.write_bytes(gzip.compress(tile_bytes(), 1)[:-5000])
    with pytest.raises(DataError, match="damaged"):
        hgt_tiles(path)


def test_the_real_sierra_nevada_tile_has_mount_whitney(shared_dir: Path) -> None:
    path = shared_dir / "data" / "dem-sierra-nevada-3arcsec" / "N36W119.hgt.zip"
    if not path.exists():
        pytest.skip("the Sierra Nevada tile is not in ../shared")
    tile = hgt_tiles(path)[0]
    heights = tile.read()
    assert (tile.south_deg, tile.west_deg, tile.posts) == (36, -119, 1201)
    assert (heights.min(), heights.max()) == (140, 4404)
    row, col = np.unravel_index(heights.argmax(), heights.shape)
    lon_deg, lat_deg = tile.transform @ (col + 0.5, row + 0.5)
    assert (lat_deg, lon_deg) == pytest.approx((36.5785, -118.2923), abs=0.002)  # Mount Whitney
