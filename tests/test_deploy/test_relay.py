"""The shipped relay: ffmpeg over a shaped link, nginx-rtmp, and a second one as the platform."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from shutil import which
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import yaml

from lensong.monitoring.streams.allowed import AllowList
from lensong.monitoring.streams.polling import WatchedStream
from lensong.monitoring.streams.target import CollectorTarget
from tests import netlab
from tests.test_deploy.programs import DEPLOY
from tests.test_monitoring.test_streams import media_lab
from tests.test_monitoring.test_streams.stream_watch import CONFIGURED_BPS, Watch, run
from tests.waiting import PATIENCE_S, wait_until

RELAY = DEPLOY / "relay"
PLATFORM = "live-api-s.facebook.com"
"""The name that the shipped file asks the certificate for; here it is the second nginx."""
PLATFORM_KEY = "FB-9-0?s_bl=1&a=Abz"
PHONE_NAME = "9f2c41d7a0"
TLS_PORT, RTMP_PORT, PLATFORM_STAT_PORT = 20443, 20935, 20088
_STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def certificate(folder: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", "platform.key", "-out", "platform.pem"],
        cwd=folder, check=True, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip


def shipped(folder: Path, *, key: str = PLATFORM_KEY) -> Path:
    """Write the shipped files with the places, and the platform, of this test."""
    text = (RELAY / "nginx.conf").read_text("utf-8")
    for old, new in (
        ("/etc/lensong-relay/", f"{folder}/"),
        ("/run/lensong-relay/", f"{folder}/"),
        ("/etc/ssl/certs/ca-certificates.crt", f"{folder}/platform.pem"),
        (f"proxy_pass {PLATFORM}:443", f"proxy_pass 127.0.0.1:{TLS_PORT}"),
        ("proxy_pass a.rtmps.youtube.com:443", f"proxy_pass 127.0.0.1:{TLS_PORT}"),
    ):
        assert old in text
        text = text.replace(old, new)
    if os.geteuid() == 0:  # the folder of a test is its owner's alone
        text = text.replace("user www-data;", "user root;")
    path = folder / "relay.conf"
    path.write_text(f"daemon off;\n{text}")
    for name in ("platforms", "publishers"):
        example = (RELAY / f"{name}.conf.example").read_text("utf-8")
        example = example.replace("KEY-OF-FACEBOOK", key).replace("NAME-OF-THE-PHONE", PHONE_NAME)
        # one platform: the other's port stands for nobody here
        lines = [line for line in example.splitlines() if "KEY-OF-YOUTUBE" not in line]
        kept = folder / f"{name}.conf"
        kept.write_text("\n".join(lines))
        kept.chmod(0o600)
    return path


def start_platform(lab: netlab.NetLab, folder: Path) -> subprocess.Popen[Any]:
    """Start a second nginx that takes RTMP over TLS, and shows what it got."""
    path = folder / "platform.conf"
    path.write_text(
        f"""
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
load_module {_STREAM_MODULE};
daemon off; worker_processes 1; pid {folder}/platform.pid; error_log {folder}/platform.log;
events {{}}
rtmp {{ server {{ listen 127.0.0.1:{RTMP_PORT}; application rtmp {{ live on; }} }} }}
stream {{ server {{
    listen 127.0.0.1:{TLS_PORT} ssl; proxy_pass 127.0.0.1:{RTMP_PORT};
    ssl_certificate {folder}/platform.pem; ssl_certificate_key {folder}/platform.key;
}} }}
http {{
    access_log off;
    client_body_temp_path {folder}/p1; proxy_temp_path {folder}/p2; fastcgi_temp_path {folder}/p3;
    uwsgi_temp_path {folder}/p4; scgi_temp_path {folder}/p5;
    server {{ listen 127.0.0.1:{PLATFORM_STAT_PORT}; location /stat {{ rtmp_stat all; }} }}
}}
"""
    )
    process = lab.popen("server", ["nginx", "-c", str(path)], stderr=subprocess.DEVNULL)
    lab.wait_for_port("server", TLS_PORT)
    lab.wait_for_port("server", RTMP_PORT)
    return process


def start_relay(lab: netlab.NetLab, folder: Path, config: Path) -> None:
    with (folder / "relay.log").open("wb") as log:
        process = lab.popen("server", ["nginx", "-c", str(config)], stderr=log)

    def serves() -> bool:
        assert process.poll() is None, (folder / "relay.log").read_text("utf-8", "replace")
        page = lab.run("server", ["curl", "-s", "http://127.0.0.1:8088/stat"], check=False)
        return "<rtmp>" in page.stdout

    wait_until(serves, "the relay's page of statistics")


def kill(process: subprocess.Popen[Any]) -> None:
    """End a program and its workers without a goodbye."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)


def published(page: str) -> set[str]:
    """Return the names that somebody publishes on a page of statistics."""
    return {
        stream.findtext("name", "")
        for stream in ET.fromstring(page).iter("stream")
        if stream.find("publishing") is not None
    }


def unavailable() -> str | None:
    if reason := media_lab.unavailable("nginx", "openssl", "curl"):
        return reason
    return None if _STREAM_MODULE.exists() else "nginx has no stream module (libnginx-mod-stream)"


@pytest.mark.slow
def test_either_side_of_the_relay_is_killed_and_it_is_told(tmp_path: Path) -> None:
    if reason := unavailable():
        pytest.skip(reason)
    certificate(tmp_path, PLATFORM)
    config = shipped(tmp_path)
    pages: dict[str, str] = {}

    with netlab.link() as lab:
        lab.run("server", ["ip", "link", "set", "lo", "up"])
        lab.set_rate(up_mbit=4.0)
        platform = start_platform(lab, tmp_path)
        start_relay(lab, tmp_path, config)
        address = f"rtmp://{lab.server_address}:1935/cho-binh-lu"
        progress = tmp_path / "progress.txt"
        # whoever does not know the name is turned away, and nothing of his reaches the platform
        stranger = media_lab.start_ffmpeg(
            lab, tmp_path / "stranger.txt", "-f", "flv", f"{address}/guessed"
        )
        assert stranger.wait(PATIENCE_S) != 0
        encoder = media_lab.start_ffmpeg(lab, progress, "-f", "flv", f"{address}/{PHONE_NAME}")

        async def stat(port: int) -> str:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/stat")).text

        async def scenario(watch: Watch) -> None:
            nonlocal platform
            await watch.until(
                "relay", lambda health: "forwarded" in {r.code for r in health.reasons}
            )
            await watch.until("relay", lambda health: (health.lag_s or 9.0) < 1.0)
            pages["both"] = await stat(8088)
            pages["platform"] = await stat(PLATFORM_STAT_PORT)

            lab.set_rate(up_mbit=1.2)  # the phone's link: lag comes by itself through the relay
            await watch.until("relay", lambda health: (health.lag_s or 0.0) > 2.0)
            lab.set_rate(up_mbit=10.0)
            await watch.until("relay", lambda health: health.state == "ok")

            kill(platform)
            await watch.until(
                "relay", lambda health: "forward_gone" in {r.code for r in health.reasons}
            )
            assert watch.told["relay"][-1][1].state == "not_ok"
            pages["platform gone"] = await stat(8088)
            platform = start_platform(lab, tmp_path)
            await watch.until("relay", lambda health: health.state == "ok")
            assert published(await stat(PLATFORM_STAT_PORT)) == {PLATFORM_KEY.split("?")[0]}

            kill(encoder)
            await watch.until("relay", lambda health: health.state == "down")
            pages["publisher gone"] = await stat(8088)

        stream = WatchedStream(
            site_id="relay",
            target=CollectorTarget(
                kind="nginx_rtmp",
                url="http://127.0.0.1:8088/stat",
                stream_key=f"cho-binh-lu/{PHONE_NAME}",
            ),
            configured_bps=CONFIGURED_BPS,
        )
        watch = run(lab, AllowList.of(), [stream], scenario, progress=progress)

    assert published(pages["both"]) == {PHONE_NAME}
    assert published(pages["platform"]) == {PLATFORM_KEY.split("?")[0]}
    assert "ngx-local-relay" in pages["both"]
    assert "ngx-local-relay" not in pages["platform gone"]
    assert published(pages["platform gone"]) == {PHONE_NAME}
    assert published(pages["publisher gone"]) == set()
    log = (tmp_path / "relay.log").read_text("utf-8", "replace")
    for text in (*pages.values(), log):
        assert text is pages["platform"] or "FB-9-0" not in text  # the key is the server's alone
    assert "FB-9-0" not in repr(watch.told)
    assert PHONE_NAME not in repr(watch.told)


@pytest.mark.slow
def test_a_platform_with_a_certificate_of_another_name_gets_nothing(tmp_path: Path) -> None:
    if reason := unavailable():
        pytest.skip(reason)
    certificate(tmp_path, "somebody-else.example")
    config = shipped(tmp_path)
    with netlab.link() as lab:
        lab.run("server", ["ip", "link", "set", "lo", "up"])
        start_platform(lab, tmp_path)
        start_relay(lab, tmp_path, config)
        address = f"rtmp://{lab.server_address}:1935/cho-binh-lu/{PHONE_NAME}"
        media_lab.start_ffmpeg(lab, tmp_path / "progress.txt", "-f", "flv", address)
        log = tmp_path / "relay.log"
        wait_until(
            lambda: "does not match" in log.read_text("utf-8", "replace"), "the refusal of the name"
        )
        page = lab.run("server", ["curl", "-s", f"http://127.0.0.1:{PLATFORM_STAT_PORT}/stat"])
        assert published(page.stdout) == set()


@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.skipif(not Path("/usr/sbin/nginx").exists(), reason="nginx is not installed")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    unit = tmp_path / "lensong-relay.service"
    unit.write_bytes((RELAY / "lensong-relay.service").read_bytes())
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True,
                          check=False, timeout=PATIENCE_S)  # fmt: skip
    about_us = [line for line in done.stderr.splitlines() if "lensong" in line]
    assert (done.returncode, about_us) == (0, [])


def test_the_shipped_nginx_has_one_worker() -> None:
    """Each worker has streams and a page of its own."""
    lines = (RELAY / "nginx.conf").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("worker_processes")] == [
        "worker_processes 1;"
    ]


def test_no_key_is_in_the_shipped_files() -> None:
    """What is shipped has words in capitals where a key or a name is to be put."""
    pushes = re.findall(r"playpath=([^\"]*)", (RELAY / "platforms.conf.example").read_text("utf-8"))
    assert pushes
    assert all(re.fullmatch(r"KEY-OF-[A-Z]+", key) for key in pushes)


def test_the_mediamtx_file_opens_nothing_but_what_phones_need() -> None:
    config = yaml.safe_load((RELAY / "mediamtx.yml").read_text("utf-8"))
    assert config["apiAddress"].startswith("127.0.0.1:")
    assert config["rtspAddress"].startswith("127.0.0.1:")
    anybody = [user for user in config["authInternalUsers"] if user["user"] == "any"]
    assert all(user["ips"] == ["127.0.0.1", "::1"] for user in anybody)
    (path,) = config["paths"].values()
    assert "rtmp" not in path["runOnReady"]  # the platform's address comes out of the environment
