"""One way to the service: with a server and without one, the same question, the same answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from lensong.cli.service_access import Remote, ServerRefusedError, Target
from lensong.propagation.errors import ConfigError

Answer = Callable[[httpx.Request], httpx.Response]


def asked(answer: Answer, *, address: str | None, work: Callable[[Remote], Awaitable[Any]]) -> Any:
    import asyncio

    async def working() -> Any:
        transport = httpx.MockTransport(answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await work(Remote(address=address, client=client))

    return asyncio.run(working())


def refused(answer: Answer, address: str | None) -> ServerRefusedError:
    with pytest.raises(ServerRefusedError) as caught:
        asked(answer, address=address, work=lambda remote: remote.ask("GET", "/api/v1/sites"))
    return caught.value


def problem(_: httpx.Request) -> httpx.Response:
    document = {
        "status": 422,
        "code": "invalid",
        "title": "Not valid",
        "detail": "nothing was imported",
        "errors": [
            {"pointer": "/3/vĩ độ~1kinh độ", "detail": "north is no number"},
            {"pointer": "/4", "detail": "the commune is unknown"},
        ],
    }
    return httpx.Response(422, content=json.dumps(document))


def test_a_refusal_names_its_server_where_there_is_one() -> None:
    assert str(refused(problem, "http://x")) == (
        "http://x refused (422 invalid): nothing was imported"
    )
    assert str(refused(problem, None)) == "nothing was imported"


@pytest.mark.parametrize("address", ["http://x", None])
def test_rows_are_told_by_their_columns_own_names(address: str | None) -> None:
    assert refused(problem, address).rows == (
        "row 3, vĩ độ/kinh độ: north is no number",
        "row 4: the commune is unknown",
    )


def test_somebody_elses_page_is_told() -> None:
    page = refused(lambda _: httpx.Response(404, text="<html>"), "http://x")
    assert "is that a lensong service?" in str(page)


def test_an_answer_without_a_document_is_an_empty_one() -> None:
    done = asked(
        lambda _: httpx.Response(204),
        address="http://x",
        work=lambda remote: remote.ask("POST", "/api/v1/sign-out"),
    )
    assert done == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": "http://x", "db": "sqlite:///x.db"},
        {"server": None, "person": "lan"},
        {"server": None, "token": "secret"},
    ],
)
def test_options_that_contradict_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Target(**wrong)
