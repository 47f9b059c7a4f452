"""One file from a server that breaks off, answers late, lies, has moved, or has lost it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from lensong.gis_data.fetch.download import (
    Arrived,
    MissingFileError,
    download,
    head_bytes,
    open_client,
)
from lensong.propagation.errors import DataError
from tests.land_sources import Archives, playing

CONTENT = np.random.default_rng(0).bytes(300_000)


@pytest.fixture
def archives() -> Iterator[Archives]:
    with playing(Archives(files={"/a.tif": CONTENT})) as served:
        yield served


class Bringing:
    """Downloads into a folder, without waiting."""

    def __init__(self, archives: Archives, folder: Path) -> None:
        self.url, self.folder = archives.url, folder
        self.waited: list[float] = []
        self.counted = 0

    def __call__(self, *, published: bool = False, sha256: str = "") -> Arrived:
        with open_client("test") as client:
            client.timeout = httpx.Timeout(0.5, connect=5.0)
            return download(
                client,
                f"{self.url}/a.tif",
                self.folder / "a.tif",
                parts=self.folder / ".parts",
                verify=lambda _path: None,
                etag_is_md5=published,
                sha256=sha256,
                on_bytes=self._count,
                wait=self.waited.append,
            )

    def _count(self, size_bytes: int) -> None:
        self.counted += size_bytes

    def is_whole(self) -> bool:
        left = list((self.folder / ".parts").iterdir())
        return not left and (self.folder / "a.tif").read_bytes() == CONTENT


@pytest.fixture
def bring(archives: Archives, tmp_path: Path) -> Bringing:
    return Bringing(archives, tmp_path)


def test_a_file_comes_whole_with_its_sums(bring: Bringing) -> None:
    arrived = bring(published=True)
    assert bring.is_whole()
    assert arrived.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert arrived.md5_checked
    assert bring.counted == len(CONTENT)


@pytest.mark.parametrize("fault", ["cut", "stalled"])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    archives: Archives, bring: Bringing, fault: str
) -> None:
    archives.faults["/a.tif"] = [fault, "busy", "cut"]
    bring()
    assert bring.is_whole()
    assert archives.gets("/a.tif") == ["", "bytes=150000-", "bytes=150000-", "bytes=225000-"]
    assert bring.counted == len(CONTENT)
    assert len(bring.waited) == 3


def test_a_later_run_goes_on_where_the_first_one_gave_up(
    archives: Archives, bring: Bringing
) -> None:
    archives.faults["/a.tif"] = ["cut", *["busy"] * 6]
    with pytest.raises(DataError, match=r"503, 6 tries\); 0\.1 MB are kept and the same command"):
        bring()
    assert not (bring.folder / "a.tif").exists()
    bring.counted = 0
    bring()
    assert bring.is_whole()
    assert archives.gets("/a.tif")[-1] == "bytes=150000-"
    assert bring.counted == len(CONTENT)


@pytest.mark.parametrize("fault", ["changed", "whole"])
def test_what_does_not_fit_together_is_brought_anew(
    archives: Archives, bring: Bringing, fault: str
) -> None:
    archives.faults["/a.tif"] = ["cut", fault]
    bring()
    assert (bring.folder / "a.tif").read_bytes() == archives.files["/a.tif"]
    assert bring.counted == len(CONTENT)


def test_a_file_that_has_moved_is_followed(archives: Archives, bring: Bringing) -> None:
    archives.faults["/a.tif"] = ["moved"]
    assert bring().came_from == f"{archives.url}/elsewhere/a.tif"
    assert bring.is_whole()


def test_a_file_of_unknown_size_comes(archives: Archives, bring: Bringing) -> None:
    archives.faults["/a.tif"] = ["unnamed"]
    bring()
    assert bring.is_whole()


def test_a_flipped_byte_is_noticed_and_the_file_sent_again(
    archives: Archives, bring: Bringing
) -> None:
    archives.faults["/a.tif"] = ["flipped"]
    bring(sha256=hashlib.sha256(CONTENT).hexdigest())
    assert bring.is_whole()
    assert len(archives.gets("/a.tif")) == 2
    assert bring.counted == len(CONTENT)


def test_a_file_that_is_wrong_twice_is_refused(bring: Bringing) -> None:
    with pytest.raises(DataError, match=r"a\.tif: has the SHA-256 .*, published is 0{64}"):
        bring(sha256="0" * 64)
    assert not (bring.folder / "a.tif").exists()
    assert list((bring.folder / ".parts").iterdir()) == []


def test_a_missing_file_is_told_from_an_unreachable_server(
    archives: Archives, bring: Bringing
) -> None:
    archives.faults["/a.tif"] = ["gone"]
    with pytest.raises(MissingFileError, match=r"is not there \(404\).*--mirror"):
        bring()
    assert bring.waited == []
    archives.faults["/a.tif"] = ["denied"]
    with pytest.raises(DataError, match="answers 401 Unauthorized, wanted the file"):
        bring()
    archives.faults["/a.tif"] = ["packed"]
    with pytest.raises(DataError, match="comes packed as gzip"):
        bring()
    archives.url = "http://127.0.0.1:1"
    bring.url = archives.url
    with pytest.raises(DataError, match=r"refused.*6 tries\): check the network and its proxy"):
        bring()
    with open_client("test") as client, pytest.raises(DataError, match="cannot reach"):
        head_bytes(client, f"{archives.url}/a.tif")


def test_a_leftover_longer_than_the_file_is_given_up(archives: Archives, bring: Bringing) -> None:
    archives.faults["/a.tif"] = ["cut", *["busy"] * 6]
    with pytest.raises(DataError):
        bring()
    (bring.folder / ".parts" / "a.tif").write_bytes(CONTENT + b"more")
    bring()
    assert bring.is_whole()


def test_encryption_is_not_given_up_on_the_way(bring: Bringing) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://plain.example/a.tif"})
        return httpx.Response(200, content=CONTENT)

    with (
        httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client,
        pytest.raises(DataError, match="not encrypted"),
    ):
        download(
            client,
            "https://data.example/a.tif",
            bring.folder / "a.tif",
            parts=bring.folder / ".parts",
            verify=lambda _path: None,
        )
