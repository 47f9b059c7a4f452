"""The service as an administrator starts it: who is let in, who is refused, how it ends."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from lensong.cli.main import lensong
from lensong.monitoring.process.server import DrainingServer
from tests.test_cli.served import Served, run, serving
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

PASSWORD = "chợ phiên Bình Lư 2026"


def lines(served: Served) -> list[str]:
    return [line for line in served.text.splitlines() if line]


def test_an_empty_database_lets_the_first_administrator_in_once(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        assert served.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{served.url}/-/ready").text == "ready\n"
        admin = served.welcome(PASSWORD)
        me = admin.get("/api/v1/me").json()
        assert (me["actor"], me["role"]) == ("person:admin", "admin")
        again = httpx.post(
            f"{served.url}/api/v1/welcome", json={"secret": served.link(), "password": PASSWORD}
        )
        assert again.status_code == 404
        admin.close()
        assert served.end() == 0
    assert (tmp_path / "lensong.db").stat().st_mode & 0o077 == 0
    with serving(tmp_path) as served:  # the administrator has a password: no more links
        assert "/welcome/" not in served.text
        with served.client() as client:
            signed_in = client.post(
                "/api/v1/sign-in", json={"person_id": "admin", "password": PASSWORD}
            )
            assert signed_in.status_code == 200


def test_a_link_that_was_lost_locks_nobody_out(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        lost = served.link()
        assert served.end() == 0
    with serving(tmp_path) as served:
        assert served.link() != lost
        served.welcome(PASSWORD).close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero_and_streams_end_first(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving(tmp_path) as served:
        admin = served.welcome(PASSWORD)
        heard: list[str] = []
        listening = threading.Event()

        def listen() -> None:
            with admin.stream("GET", "/api/v1/events") as stream:
                for line in stream.iter_lines():
                    heard.append(line)
                    listening.set()
            heard.append("END")

        thread = threading.Thread(target=listen)
        thread.start()
        assert listening.wait(PATIENCE_S)
        assert served.end(number) == 0
        thread.join(PATIENCE_S)
        assert heard[-1] == "END"  # to its end, not torn
        admin.close()
    assert "Traceback" not in served.text
    assert "Cancel" not in served.text  # as the server says when it has to cut off


def test_a_second_one_on_the_same_database_is_refused(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path}/lensong.db"
    with serving(tmp_path) as served:
        second = run("serve", "--db", db, "--port", "0", cwd=tmp_path)
        assert second.returncode == 2
        assert f"in use by process {served.process.pid}" in second.stderr
        # a link to the same file is the same file
        (tmp_path / "other.db").symlink_to(tmp_path / "lensong.db")
        linked = run("serve", "--db", f"sqlite:///{tmp_path}/other.db", "--port", "0", cwd=tmp_path)
        assert linked.returncode == 2
        served.process.kill()  # not even a chance to tidy up
        served.process.wait()
    with serving(tmp_path) as served:
        assert httpx.get(f"{served.url}/-/ready").status_code == 200


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "--behind-proxy"),
        (["--host", "::"], "--behind-proxy"),
        (["--host", "192.0.2.1"], "--tls-certificate"),
        (["--host", "example.org"], "can be reached by others"),
        (["--tls-key", "key.pem"], "TLS needs both"),
        (["--tls-certificate", "no.pem", "--tls-key", "no.pem"], "make no TLS"),
        (["--public-url", "lensong.example.org"], "wanted one like https://"),
        (["--config", "missing.toml"], "cannot read missing.toml"),
        (["--db", "mysql://x/y"], "wanted sqlite:///path"),
        (["--db", "sqlite:///no/such/folder/x.db"], "is no folder"),
        (["--demo", "--db", "sqlite:///x.db"], "leave out --db"),
    ],
)
def test_what_is_not_safe_or_not_right_is_refused_in_words(
    tmp_path: Path, options: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(*_: object) -> None:
        raise AssertionError(f"it serves with {options}")

    monkeypatch.setattr(DrainingServer, "run", begun)
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(lensong, ["serve", "--port", "0", *options])
    assert ended.exit_code == 2, ended.output
    assert ended.stderr.startswith("error: ")
    assert told in ended.stderr
    assert ended.stdout == ""
    assert not list(tmp_path.glob("*.db"))  # nothing was begun


def test_the_environment_is_held_to_the_same_rules(tmp_path: Path) -> None:
    refused = run("serve", "--port", "0", cwd=tmp_path, LENSONG_HOST="0.0.0.0")
    assert refused.returncode == 2
    assert "--behind-proxy" in refused.stderr
    with serving(tmp_path, LENSONG_HOST="0.0.0.0", LENSONG_BEHIND_PROXY="true") as served:
        port = served.url.rpartition(":")[2]
        assert httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200
        # the link is one that can be opened here
        assert f"http://127.0.0.1:{port}/welcome/" in served.text


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run("serve", "--db", "sqlite:///x.db", "--port", port, cwd=tmp_path)
    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    assert run("db", "migrate", "--db", "sqlite:///x.db", cwd=tmp_path).returncode == 0
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    ended = run("serve", "--db", "sqlite:///x.db", "--port", "0", cwd=tmp_path)
    assert ended.returncode == 2
    assert "written by a newer lensong" in ended.stderr.replace("\n", " ")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate of 127.0.0.1 and its key, made by openssl."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=lensong", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
             "-out", str(chain)],
            check=True, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no openssl on this machine")
    return chain, key


def test_it_serves_https_by_itself(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    options = ["--tls-certificate", str(chain), "--tls-key", str(key), "--host", "0.0.0.0"]
    with serving(tmp_path, *options) as served:
        assert served.url.startswith("https://")
        port = served.url.rpartition(":")[2]
        context = ssl.create_default_context(cafile=str(chain))
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=context) as client:
            assert client.get("/-/ready").status_code == 200
            me = client.post(
                "/api/v1/welcome", json={"secret": served.link(), "password": PASSWORD}
            )
            assert "Secure" in me.headers["set-cookie"]


def test_a_busy_run_leaves_no_secret_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path, "--log", "json", "--log-requests") as served:
        admin = served.welcome(PASSWORD)
        secrets = [served.link(), PASSWORD, str(admin.cookies.get("lensong_session"))]
        secrets.append(admin.headers["X-CSRF-Token"])
        sites = "name,commune_code,commune,province_code,province\nChợ,1,Một,12,Lai Châu\n"
        csv = {"Content-Type": "text/csv"}
        admin.post("/api/v1/import/sites", content=sites.encode(), headers=csv)
        secrets.append(admin.post("/api/v1/scrapers", json={"label": "p"}).json()["secret"])
        token = admin.post("/api/v1/sites/cho/tokens", json={"label": "t"}).json()["secret"]
        join = admin.post("/api/v1/sites/cho/joins", json={}).json()["url"].rpartition("/")[2]
        hook = admin.post(
            "/api/v1/webhooks",
            json={"url": "http://127.0.0.1:9/k3y-of-the-hook", "kinds": ["session.planned"]},
        )
        secrets += [token, join, hook.json()["secret"], "k3y-of-the-hook"]
        starts = datetime.now(UTC) + timedelta(hours=1)
        admin.post(
            "/api/v1/sessions",
            json={
                "site_id": "cho",
                "title": "Phiên",
                "profile_code": "voice-still",
                "starts_at": starts.isoformat(),
                "ends_at": (starts + timedelta(hours=1)).isoformat(),
            },
        )
        bearer = {"Authorization": f"Bearer {token}"}
        with served.client() as client:
            for path in (
                f"/welcome/{served.link()}",
                f"/p/{join}",
                f"/nowhere/{token}",
                f"/api/v1/sites/cho?access_token={token}",
                f"/ndt/v7/upload?access_token={token}",
            ):
                client.get(path, headers=bearer)
            client.post("/api/v1/join", json={"secret": join})
            client.get("/api/v1/sites/cho", headers={"Authorization": f"Bearer x{token}"})
            client.post(
                "/api/v1/sites/cho/measurements",
                headers=bearer,
                json={
                    "client_id": "phone 0912345678",
                    "measurements": [
                        {
                            "seq": 1,
                            "started_at": datetime.now(UTC).isoformat(),
                            "method": "cli",
                            "result": "failure",
                        }
                    ],
                },
            )
        websocket(served.url, f"/ndt/v7/upload?access_token={token}")
        admin.close()
        assert served.end() == 0
    told = [json.loads(line) for line in lines(served) if line.startswith("{")]
    assert len([line for line in told if line["logger"] == "lensong.requests"]) > 12
    assert {"at", "level", "logger", "message"} <= set(told[0])
    log = "\n".join(line for line in lines(served) if "/welcome/" not in line or "{" in line)
    for secret in [*secrets, "0912345678"]:
        assert secret not in log, secret


def websocket(url: str, path: str) -> None:
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    ndt7 = Subprotocol("net.measurementlab.ndt.v7")
    address = url.replace("http://", "ws://") + path
    with connect(address, subprotocols=[ndt7], open_timeout=PATIENCE_S) as socket:
        socket.send(b"x" * 1000)


def test_the_demo_says_that_it_is_invented_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo", TMPDIR=str(tmp_path)) as served:
        (folder,) = tmp_path.glob("lensong-demo-*")
        admin = served.welcome(PASSWORD)
        sites = admin.get("/api/v1/sites", params={"limit": 500}).json()["items"]
        assert len(sites) > 10
        assert all(site["synthetic"] for site in sites)
        admin.close()
        assert served.end() == 0
    assert not folder.exists()


def test_a_demo_that_is_ended_while_it_fills_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from lensong.cli.main import main; main()", "serve",
         "--demo", "--port", "0"],
        cwd=tmp_path, env={"TMPDIR": str(tmp_path), "PATH": ""}, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(
            lambda: list(tmp_path.glob("lensong-demo-*/demo.db")) or process.poll() is not None,
            "the database of the demo",
        )
        assert process.poll() is None
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert not list(tmp_path.glob("lensong-demo-*"))
