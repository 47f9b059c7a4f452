"""The planner's page as it is served: words, what it loads, pasted places."""

from __future__ import annotations

import asyncio
import json
import re
from importlib.resources import files
from typing import get_args, get_type_hints

import httpx
import pytest
from fastapi import FastAPI

from lensong.coverage.network import AsRead
from lensong.coverage.report.messages import catalogue, read_catalogue
from lensong.planner.pages import pages_router
from lensong.planner.pages.places import read_place
from lensong.planner.pages.words import LANGUAGES, preferred_language, words_of_language
from lensong.propagation.errors import InvalidInputError

PAGES = files("lensong.planner.pages")
SCRIPTS = {
    entry.name: entry.read_text("utf-8")
    for entry in PAGES.joinpath("static").iterdir()
    if entry.name.endswith(".js")
}


class Client:
    """Asks the pages, and keeps cookies as a browser does."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.include_router(pages_router())
        self.cookies = httpx.Cookies()

    def get(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://planner", cookies=self.cookies
            ) as client:
                answer = await client.get(path, headers=headers, params=params)
                self.cookies = httpx.Cookies(client.cookies)
                return answer

        return asyncio.run(ask())


@pytest.fixture
def client() -> Client:
    return Client()


def test_every_message_has_both_languages_and_a_key_of_its_own() -> None:
    own = read_catalogue("lensong.planner.pages", "messages")
    assert not own.keys() & catalogue().keys()
    for key, entry in own.items():
        for language in LANGUAGES:
            assert entry[language].strip(), key
        holes = [set(re.findall(r"\{(\w+)", entry[language])) for language in LANGUAGES]
        assert holes[0] == holes[1], key


def test_scripts_say_only_what_there_is() -> None:
    words = words_of_language("vi")
    for name, text in SCRIPTS.items():
        for key in re.findall(r'\bsay\(\s*"([a-z_.]+)"', text):
            assert key in words, f"{name} says {key}"


def test_what_became_of_a_row_has_words() -> None:
    words = words_of_language("vi")
    for fate in get_args(get_type_hints(AsRead)["fate"]):
        assert f"fate.{fate.replace(' ', '_')}" in words


def test_scripts_import_only_what_is_exported() -> None:
    for name, text in SCRIPTS.items():
        for wanted, source in re.findall(r'import \{([^}]*)\} from "\./([a-z_]+\.js)"', text):
            for one in re.findall(r"\w+", wanted):
                exported = rf"export (?:async )?(?:const|let|function|class) {one}\b"
                assert re.search(exported, SCRIPTS[source]), f"{name}: {one} of {source}"


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(client: Client) -> None:
    answer = client.get("/planner", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "://" not in policy
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    for address in loaded:
        assert address.startswith(("/planner", "#")), address
        if "/static/" in address:
            assert client.get(address).status_code == 200
    assert not re.search(r"\son\w+=|<style|style=", answer.text)
    assert client.get("/planner/static/older/main.js").status_code == 404
    words = re.search(r'id="words">(.*?)</script>', answer.text, re.DOTALL)
    assert words is not None
    assert json.loads(words[1])["tab.masts"] == "Masts"


def test_a_chosen_language_is_kept(client: Client) -> None:
    assert 'lang="vi"' in client.get("/planner").text
    assert 'lang="en"' in client.get("/planner?language=en").text
    assert 'html lang="en"' in client.get("/planner").text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en-GB,en;q=0.9,vi;q=0.8", "en"),
        ("fr, en;q=0.4, vi;q=0.9", "vi"),
        ("en;q=0, vi;q=0.1", "vi"),
        ("", "vi"),
        ("de", "vi"),
    ],
)
def test_the_browsers_language_is_taken(accepted: str, language: str) -> None:
    assert preferred_language(accepted) == language


@pytest.mark.parametrize(
    "text",
    [
        "22.4, 103.65",
        "22.4 103.65",
        "22,4; 103,65",
        "22°24'N 103°39'E",
        "22°24'00\"N, 103°39'00\"E",
        "B 22,4; Đ 103,65",
        "POINT (103.65 22.4)",
        "361036.8 2477726.4",
        "E 361036.8, N 2477726.4",
        "2477726.4, 361036.8",
        "X 2477726.4 Y 361036.8",
        "X=361036.8; Y=2477726.4",
        "2477726.4 mN 361036.8 mE",
        "48Q 361036.8 2477726.4",
        "UTM 48 Q 361036.8E 2477726.4N",
        "N22 24.0 E103 39.0",
        "103.65E 22.4N",
        "B 22°24'00\" Đ 103°39'",
        "22d24m00sN 103d39m00sE",
        "lat: 22.4, lon: 103.65",
        "longitude 103,65 latitude 22,4",
        "Vĩ độ 22,4 kinh độ 103,65",
        "geo:22.4,103.65?z=15",
        "https://www.google.com/maps/@22.4,103.65,15z",
        "https://www.google.com/maps/place/B%E1%BA%A3n/@21.0,105.0,17z/data=!3d22.4!4d103.65",
        "https://maps.google.com/?q=22.4,103.65",
        "https://www.google.com/maps/search/?api=1&query=22.4%2C103.65",
        "https://www.openstreetmap.org/?mlat=22.4&mlon=103.65#map=12/21.0/105.0",
        "https://www.openstreetmap.org/#map=15/22.4/103.65",
    ],
)
def test_a_pasted_place_is_read(client: Client, text: str) -> None:
    place = client.get("/planner/place", params={"text": text, "crs": "EPSG:32648"}).json()
    assert place["lat_deg"] == pytest.approx(22.4, abs=1e-6)
    assert place["lon_deg"] == pytest.approx(103.65, abs=1e-6)  # metres are given to 0.1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("18S UJ 23483 06479", (38.88947, -77.03524)),  # the Washington Monument
        ("48QUK6103677726", (22.4, 103.65)),
        ("56H LH 345 522", (-33.8568, 151.2113)),  # the opera house of Sydney
        ("7FG49QCJ+2VX", (20.3701125, 2.782234375)),  # of the specification's own tests, as next
        ("9QCJ+2VX, Reading", (51.3701125, -1.217765625)),
        ("8FVC2222+22", (47.0000625, 8.0000625)),
    ],
)
def test_squares_with_a_name_are_read(text: str, place: tuple[float, float]) -> None:
    found = read_place(text, near=(51.3708675, -1.217765625))
    assert found == pytest.approx(place, abs=1e-3 if text.startswith("56H") else 2e-5)


def test_a_plus_code_without_its_first_digits_wants_a_place_near(client: Client) -> None:
    with pytest.raises(InvalidInputError, match="write all of them"):
        read_place("9QCJ+2VX")
    asked = {"text": "9QCJ+2VX", "near_lat_deg": "51.4", "near_lon_deg": "-1.2"}
    answer = client.get("/planner/place", params=asked)
    assert answer.json()["lat_deg"] == pytest.approx(51.3701125)
    answer = client.get("/planner/place", params=asked | {"near_lat_deg": "nan"})
    assert "near_lat_deg" in answer.text
    assert "lat_deg" not in answer.json()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bản 7",
        "48Q AK 61036 77726",
        "48Q UK 6103 77726",
        "103.65, 22.4",
        "400000 2477000",
        "91, 0",
        "77Q 361036 2477726",
    ],
)
def test_what_is_no_place_is_refused_with_what_was_wanted(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"wanted|give degrees"):
        read_place(text)


def test_turned_coordinates_are_named(client: Client) -> None:
    answer = client.get("/planner/place", params={"text": "103.65, 22.4"})
    assert answer.status_code == 422
    assert "write 22.4, 103.65" in answer.json()["detail"]
