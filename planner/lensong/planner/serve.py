"""Serving the planner on loopback until it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from lensong.coverage.sweeps import SweepCache
from lensong.planner.app import planner_app
from lensong.planner.open_plan import OpenPlan

__all__ = ["serve"]


def serve(
    scenario: Path,
    *,
    port: int,
    cache: SweepCache | None,
    workers: int,
    started: Callable[[int], None],
    proposals: Path | None = None,
    measurements: Sequence[Path] = (),
) -> None:
    """Serve a scenario on loopback.

    Parameters
    ----------
    scenario : Path
    port : int
        0: any that is free.
    cache : SweepCache or None
    workers : int
        Threads that compute.
    started : callable
        Called with the port once it listens.
    proposals, measurements
        As of `OpenPlan`.
    """
    plan = OpenPlan(
        scenario, cache=cache, workers=workers, proposals=proposals, measurements=measurements
    )
    config = uvicorn.Config(
        planner_app([plan]),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    server = _Told(config, started, plan)
    server.run()


class _Told(uvicorn.Server):
    """A server that says when it listens, and ends beside pages that are open."""

    def __init__(
        self, config: uvicorn.Config, started: Callable[[int], None], plan: OpenPlan
    ) -> None:
        super().__init__(config)
        self._told, self._plan = started, plan

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then say on which port."""
        await super().startup(sockets)  # type: ignore[arg-type]
        for server in self.servers:
            for socket in server.sockets:
                self._told(int(socket.getsockname()[1]))
                return

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Let those go who follow the plan: their answers would never end by themselves."""
        self._plan.events.close()
        await super().shutdown(sockets)  # type: ignore[arg-type]
