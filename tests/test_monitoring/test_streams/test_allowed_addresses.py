"""A collector reaches what the list allows and nothing else, however it is led astray."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from lensong.monitoring.outbound import Lookup, look_up
from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import collect
from lensong.monitoring.streams.sample import CollectorError, CollectorFailure
from lensong.monitoring.streams.target import CollectorTarget
from lensong.propagation.errors import ConfigError, InvalidInputError
from tests.test_monitoring.test_streams.rough_server import answer, by_path, serving

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
PRIVATE = ("10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0")


def names(**addresses: list[str]) -> Lookup:
    async def lookup(host: str, _: int) -> list[str]:
        if host not in addresses:
            raise OSError("no such name")
        return addresses[host]

    return lookup


def ask(url: str, allow: AllowList, lookup: Lookup = look_up) -> object:
    async def once() -> object:
        async with GuardedClient(allow, lookup=lookup) as http:
            target = CollectorTarget(kind="srs", url=url)
            return await collect(target, http, now=lambda: NOW, timeout_s=2.0)

    return asyncio.run(once())


def code_of(outcome: object) -> str:
    assert isinstance(outcome, CollectorFailure), outcome
    return outcome.code


def test_loopback_alone_is_allowed_by_default() -> None:
    allow = AllowList.of()
    assert allow.permits("x", "127.0.0.1")
    assert allow.permits("x", "127.9.9.9")
    assert allow.permits("x", "::1")
    for address in ("10.0.0.1", "192.168.1.1", "169.254.169.254", "8.8.8.8", "fe80::1%eth0",
                    "0.0.0.0", "::", "224.0.0.1", "fd00::1"):  # fmt: skip
        assert not allow.permits("x", address), address


def test_a_listed_name_opens_public_addresses_only() -> None:
    allow = AllowList.of(networks=(), hosts=("Media.Example.VN",))
    assert allow.permits("media.example.vn.", "8.8.8.8")
    assert not allow.permits("other.example.vn", "8.8.8.8")
    for address in (*PRIVATE, "::ffff:10.0.0.1", "2002:0a00:0001::1", "::1", "fd00::1",
                    "224.0.0.1", "100.64.0.1"):  # fmt: skip
        assert not allow.permits("media.example.vn", address), address


def test_an_ipv4_address_in_an_ipv6_one_is_what_it_wraps() -> None:
    assert AllowList.of().permits("x", "::ffff:127.0.0.1")
    assert not AllowList.of(networks=("::/0",)).permits("x", "::ffff:10.0.0.1")


@pytest.mark.parametrize(
    "host",
    ["10.77.0.1", "169.254.169.254", "2886729728", "0xa.0.0.1", "[::ffff:10.0.0.1]", "0.0.0.0",
     "[fe80::1]"],
)  # fmt: skip
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    assert code_of(ask(f"http://{host}:9/", AllowList.of())) in ("forbidden_address", "unreachable")
    if host not in ("[fe80::1]",):
        assert code_of(ask(f"http://{host}:9/", AllowList.of())) == "forbidden_address"


def test_every_address_of_a_name_must_be_allowed() -> None:
    lookup = names(media=["127.0.0.1", "10.0.0.5"])
    assert code_of(ask("http://media:9/", AllowList.of(), lookup)) == "forbidden_address"


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """The zone answers with loopback once and with another address at each later question."""
    answers = iter([["127.0.0.1"], ["10.0.0.5"], ["10.0.0.5"]])
    questions: list[str] = []

    async def rebinding(host: str, _: int) -> list[str]:
        questions.append(host)
        return next(answers)

    asked: list[str] = []

    async def twice() -> list[object]:
        streams = by_path({"/api/v1/streams/": answer('{"code":0,"streams":[]}')}, asked)
        async with serving(streams) as url, GuardedClient(AllowList.of(), lookup=rebinding) as http:
            named = url.replace("127.0.0.1", "media.example.vn")
            target = CollectorTarget(kind="srs", url=named)
            return [await collect(target, http, now=lambda: NOW) for _ in range(2)]

    first, second = asyncio.run(twice())
    assert first == []
    assert code_of(second) == "forbidden_address"
    assert questions == ["media.example.vn"] * 2  # once for each connection, never again
    assert len(asked) == 1
    assert "host: media.example.vn:" in asked[0].lower()


def test_redirects_are_not_followed() -> None:
    asked: list[str] = []

    async def once() -> object:
        moved = answer("", status="302 Found", headers="Location: http://127.0.0.1:1/inner\r\n")
        streams = by_path({"/api/v1/streams/": moved}, asked)
        async with serving(streams) as url, GuardedClient(AllowList.of()) as http:
            return await collect(CollectorTarget(kind="srs", url=url), http, now=lambda: NOW)

    assert code_of(asyncio.run(once())) == "redirect"
    assert len(asked) == 1


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")

    async def once() -> object:
        streams = answer('{"code":0,"streams":[]}')
        async with serving(streams) as url, GuardedClient(AllowList.of()) as http:
            return await collect(CollectorTarget(kind="srs", url=url), http, now=lambda: NOW)

    assert asyncio.run(once()) == []


def test_a_name_without_an_address_is_unreachable() -> None:
    assert code_of(ask("http://nowhere.invalid:9/", AllowList.of(), names())) == "unreachable"
    assert code_of(ask("http://empty:9/", AllowList.of(), names(empty=[]))) == "unreachable"


def test_obs_goes_through_the_same_gate() -> None:
    async def once() -> object:
        async with GuardedClient(AllowList.of(), lookup=names(obs=["10.0.0.5"])) as http:
            target = CollectorTarget(kind="obs", url="ws://obs:4455", secret="x")
            return await collect(target, http, now=lambda: NOW)

    assert code_of(asyncio.run(once())) == "forbidden_address"


def test_files_only_out_of_listed_folders(tmp_path: Path) -> None:
    inside, outside = tmp_path / "stats", tmp_path / "other"
    inside.mkdir()
    outside.mkdir()
    (inside / "rx.json").write_text("{}")
    (outside / "secret").write_text("{}")
    (inside / "link").symlink_to(outside / "secret")
    allow = AllowList.of(folders=[inside])
    assert allow.file(inside / "rx.json") == (inside / "rx.json").resolve()
    for path, code in [
        (inside / "link", "forbidden_file"),
        (inside / ".." / "other" / "secret", "forbidden_file"),
        (inside, "forbidden_file"),
        (inside / "none", "unreachable"),
        (Path("/dev/zero"), "forbidden_file"),
    ]:
        with pytest.raises(CollectorError) as refused:
            allow.file(path)
        assert refused.value.code == code, path
    with pytest.raises(CollectorError):
        AllowList.of().file(inside / "rx.json")


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("nginx_rtmp", None),
        ("nginx_rtmp", "file:///etc/passwd"),
        ("nginx_rtmp", "gopher://127.0.0.1/"),
        ("nginx_rtmp", "http://"),
        ("nginx_rtmp", "http://user:w0rd@127.0.0.1/stat"),
        ("nginx_rtmp", "http://127.0.0.1/a b"),
        ("nginx_rtmp", "http://127.0.0.1/a\r\nHost: x"),
        ("nginx_rtmp", "http://127.0.0.1:99999/"),
        ("nginx_rtmp", "http://127.0.0.1/" + "a" * 600),
        ("srt", "file://host/etc/passwd"),
        ("obs", "http://127.0.0.1:4455"),
        ("ffmpeg", "http://127.0.0.1/"),
        ("icecast", "http://127.0.0.1/"),
    ],
)
def test_urls_that_no_collector_can_have_are_refused(kind: str, url: str | None) -> None:
    with pytest.raises(InvalidInputError) as refused:
        CollectorTarget(kind=kind, url=url)
    assert "w0rd" not in str(refused.value)


def test_secrets_do_not_show() -> None:
    target = CollectorTarget(
        kind="mediamtx", url="http://127.0.0.1:9997", stream_key="live/k3y", secret="u:w0rd"
    )
    assert "k3y" not in repr(target)
    assert "w0rd" not in repr(target)
    assert target.application_and_name == ("live", "k3y")
    assert CollectorTarget(kind="srt").application_and_name == (None, None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AllowList.of(networks=("10.0.0.1/8",)),
        lambda: AllowList.of(networks=("somewhere",)),
        lambda: AllowList.of(folders=("relative",)),
    ],
)
def test_a_malformed_list_is_refused(make: Callable[[], AllowList]) -> None:
    with pytest.raises(ConfigError):
        make()


def test_tls_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=media.example.vn", "-addext", "subjectAltName=DNS:media.example.vn",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("openssl cannot make a certificate here")
    serving_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving_tls.load_cert_chain(certificate, key)
    names_seen: list[str | None] = []
    serving_tls.sni_callback = lambda _socket, name, _context: names_seen.append(name)

    async def once(name: str) -> object:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await answer('{"code":0,"streams":[]}')("", writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=serving_tls)
        port = server.sockets[0].getsockname()[1]
        lookup = names(**{"media.example.vn": ["127.0.0.1"], "other.vn": ["127.0.0.1"]})
        async with GuardedClient(AllowList.of(), lookup=lookup) as http:
            trusting = ssl.create_default_context(cafile=str(certificate))
            http._transport._inner = httpx.AsyncHTTPTransport(verify=trusting)  # type: ignore[attr-defined] # the test's own authority
            target = CollectorTarget(kind="srs", url=f"https://{name}:{port}")
            outcome = await collect(target, http, now=lambda: NOW)
        server.close()
        return outcome

    assert asyncio.run(once("media.example.vn")) == []
    assert code_of(asyncio.run(once("other.vn"))) == "unreachable"
    assert names_seen == ["media.example.vn", "other.vn"]


def test_connecting_tries_each_address_in_turn() -> None:
    async def once() -> int:
        async with serving(answer("x")) as url:
            port = int(url.rpartition(":")[2])
            lookup = names(media=["127.0.0.9", "127.0.0.1"])  # nothing listens at the first
            async with GuardedClient(AllowList.of(), lookup=lookup) as http:
                with await http.connect("media", port) as connection:
                    assert connection.getpeername()[0] == "127.0.0.1"
                answered = await http.get(f"http://media:{port}/")
                return answered.status_code

    assert asyncio.run(once()) == 200


def test_an_address_is_checked_before_it_is_kept(tmp_path: Path) -> None:
    lookup = names(inside=["127.0.0.1"], outside=["10.0.0.1"], mixed=["127.0.0.1", "10.0.0.1"])
    allow = AllowList.of(folders=[tmp_path])

    def refused(url: str) -> str | None:
        async def once() -> str | None:
            async with GuardedClient(allow, lookup=lookup) as http:
                try:
                    await http.check(url)
                except CollectorError as error:
                    return error.code
            return None

        return asyncio.run(once())

    assert refused("http://inside:1985/x") is None
    assert refused("http://no-such-name:1985") is None  # perhaps tomorrow: asked again each time
    assert refused((tmp_path / "not-yet.json").as_uri()) is None
    assert refused("wss://outside") == "forbidden_address"
    assert refused("http://mixed") == "forbidden_address"
    assert refused("file:///etc/passwd") == "forbidden_file"
    assert refused(f"file://{tmp_path}/../x.json") == "forbidden_file"
    assert refused(f"file://{tmp_path}/%00") == "forbidden_file"
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    assert refused((tmp_path / "link.json").as_uri()) == "forbidden_file"


def test_a_name_that_is_not_answered_for_does_not_hold_up_the_form() -> None:
    async def never(host: str, port: int) -> list[str]:  # noqa: ARG001 (the lookup's signature)
        await asyncio.Event().wait()
        return []

    async def once() -> None:
        async with GuardedClient(AllowList.of(), lookup=never) as http:
            await http.check("http://slow:1985", longest_s=0.05)

    asyncio.run(once())
