"""Real Prometheus, Alertmanager and nginx on loopback, with the shipped files made faster."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import yaml

from tests.ports import free_port
from tests.waiting import PATIENCE_S, wait_until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

_FASTER_S = 1  # every interval of the shipped configuration, in tests


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return what a condition gives as soon as it is true, or fail; who is asked may be away."""
    return wait_until(condition, what, but=(httpx.TransportError,))


@contextmanager
def program(
    command: list[str], folder: Path, ready_url: str, *, status: int = 200
) -> Iterator[None]:
    """Run a program until the block ends; it has begun once an address answers with a status."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
        try:

            def is_ready() -> bool:
                assert process.poll() is None, log.read_text("utf-8", "replace")[-3_000:]
                return httpx.get(ready_url).status_code == status

            wait_for(is_ready, ready_url)
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def served(app: Callable[..., Any], port: int) -> Iterator[None]:
    """Serve an application in a thread until the block ends."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started, "the application")
        yield
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def _faster_rules(folder: Path, wait: str) -> None:
    for path in (folder / "rules").glob("*.yml"):
        content = yaml.safe_load(path.read_text("utf-8"))
        for group in content["groups"]:
            group["interval"] = f"{_FASTER_S}s"
            for rule in group["rules"]:
                if "for" in rule:
                    rule["for"] = wait
        path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")


def shipped_prometheus(
    folder: Path, *, service: int, alertmanager: int, token: str = "token", wait: str = "2s"
) -> Path:
    """Return a copy of the shipped configuration with other ports and shorter times."""
    shutil.copytree(DEPLOY / "prometheus", folder)
    (folder / "lensong-token").write_text(token)
    path = folder / "prometheus.yml"
    text = path.read_text("utf-8")
    for old, new in (("127.0.0.1:8790", service), ("127.0.0.1:9093", alertmanager)):
        assert old in text
        text = text.replace(old, f"127.0.0.1:{new}")
    config = yaml.safe_load(text)
    config["global"] = dict.fromkeys(config["global"], f"{_FASTER_S}s")
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None)
        for discovery in job.get("http_sd_configs", ()):
            discovery["refresh_interval"] = f"{_FASTER_S}s"
    path.write_text(yaml.safe_dump(config), "utf-8")
    _faster_rules(folder, wait)
    return path


def shipped_alertmanager(folder: Path, *, webhook: str) -> Path:
    """Return a copy of the shipped configuration with another receiver and shorter times."""
    shutil.copytree(DEPLOY / "alertmanager", folder)
    path = folder / "alertmanager.yml"
    config = yaml.safe_load(path.read_text("utf-8"))
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = webhook
    routes = [config["route"], *config["route"]["routes"]]
    for route in routes:
        for name in ("group_wait", "group_interval"):
            if name in route:
                route[name] = f"{_FASTER_S}s"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@contextmanager
def prometheus(config: Path) -> Iterator[str]:
    """Run Prometheus; yields its address."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent / 'data'}",
        f"--web.listen-address={address}",
        "--rules.alert.resend-delay=1s",
    ]
    with program(command, config.parent, f"http://{address}/-/ready"):
        yield f"http://{address}"


@contextmanager
def alertmanager(config: Path, port: int) -> Iterator[str]:
    """Run Alertmanager, alone; yields its address."""
    command = [
        "prometheus-alertmanager",
        f"--config.file={config}",
        f"--storage.path={config.parent / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with program(command, config.parent, f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


def query(address: str, expression: str) -> list[dict[str, Any]]:
    """Return the samples of an instant query; a query that Prometheus refuses fails."""
    answer = httpx.post(f"{address}/api/v1/query", data={"query": expression}).json()
    assert answer["status"] == "success", f"{expression}: {json.dumps(answer)}"
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result
