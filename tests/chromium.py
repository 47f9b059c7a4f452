"""Headless Chromium over the DevTools protocol: open a page, ask it things, look at it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.waiting import PATIENCE_S

BINARY = next((found for name in ("chromium", "chromium-browser", "google-chrome")
               if (found := shutil.which(name))), None)  # fmt: skip
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--lang=vi",
    "--accept-lang=vi",
    "--remote-debugging-port=0",
)


class Page:
    """One tab. Everything that it asks of a network and every error it reports is kept."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket, self._session, self._count = socket, session, 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._loaded: set[str] = set()
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a DevTools command; events met on the way are kept."""
        self._count += 1
        request = {"id": self._count, "method": method, "params": parameters}
        self._socket.send(json.dumps(request | {"sessionId": self._session}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("id") == self._count and message.get("sessionId") == self._session:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                answer: dict[str, Any] = message["result"]
                return answer
            self._keep(message)

    def open(self, url: str) -> None:
        """Load a page and wait for its load event, not for one of the page before."""
        loader = self.call("Page.navigate", url=url).get("loaderId")  # none within one document
        while loader is not None and loader not in self._loaded:
            self._keep(json.loads(self._socket.recv(timeout=PATIENCE_S)))

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def click(self, x: float, y: float) -> None:
        """Click the left button at a place of the window [CSS px]."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="none" if kind == "mouseMoved" else "left",
                clickCount=int(kind != "mouseMoved"),
            )

    def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Give the window a size [CSS px]."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **(
            {"clip": self._whole_page()} if whole else {}
        ))  # fmt: skip
        path.write_bytes(base64.b64decode(answer["data"]))

    def print_pdf(self) -> bytes:
        """Return the page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _whole_page(self) -> dict[str, float]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def _keep(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method", ""), message.get("params", {})
        if method == "Page.lifecycleEvent" and parameters["name"] == "load":
            self._loaded.add(parameters["loaderId"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            self.errors.append(json.dumps(parameters["args"])[:600])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(json.dumps(parameters["entry"])[:600])


def wait_for(page: Page, expression: str, what: Callable[[Any], bool] = bool) -> Any:
    """Return the value of an expression once it is what is wanted; errors in it pass too."""
    until = time.monotonic() + PATIENCE_S
    value: Any = None
    while time.monotonic() < until:
        try:
            if what(value := page.ask(expression)):
                return value
            page.ask("new Promise((done) => setTimeout(done, 50))")
        except RuntimeError as error:  # the page is just being left for another one
            value = error
    shown = page.ask("document.body.innerText")
    raise AssertionError(f"{expression} is {value!r} after {PATIENCE_S} s: {shown}")


def press_key(page: Page, key: str, code: int) -> None:
    """Press a key and let it go."""
    for kind in ("keyDown", "keyUp"):
        page.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code=key,
            windowsVirtualKeyCode=code,
            text="\r" if key == "Enter" and kind == "keyDown" else "",
        )


@contextmanager
def chromium_page(profile: Path, *extra_flags: str) -> Iterator[Page]:
    """Yield a tab of a Chromium that is started with a fresh profile and ended afterwards."""
    if BINARY is None:
        raise RuntimeError("no chromium on this machine")
    command = [BINARY, *_FLAGS, *extra_flags, f"--user-data-dir={profile}", "about:blank"]
    browser = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        # a busy browser may be late to answer a ping
        with connect(_address(browser), max_size=None, proxy=None, ping_interval=None) as socket:
            yield Page(socket, _attach(socket))
    finally:
        browser.terminate()
        browser.communicate(timeout=PATIENCE_S)


def _address(browser: subprocess.Popen[bytes]) -> str:
    """Return the socket that Chromium announces on its standard error."""
    assert browser.stderr is not None
    for line in browser.stderr:
        if b"DevTools listening on " in line:
            return line.split(b"listening on ")[1].decode().strip()
    raise RuntimeError("chromium ended before it listened")


def _attach(socket: ClientConnection) -> str:
    def ask(number: int, method: str, **parameters: Any) -> dict[str, Any]:
        socket.send(json.dumps({"id": -number, "method": method, "params": parameters}))
        while True:
            message: dict[str, Any] = json.loads(socket.recv(timeout=PATIENCE_S))
            if message.get("id") == -number:
                result: dict[str, Any] = message["result"]
                return result

    target = ask(1, "Target.createTarget", url="about:blank")["targetId"]
    session = ask(2, "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    return str(session)
