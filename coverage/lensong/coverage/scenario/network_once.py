"""One list of cells that many scenarios share, read once: a country's takes minutes."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from lensong.coverage.cellplan import ImportReport
from lensong.coverage.network import Network
from lensong.coverage.scenario.inputs import read_network
from lensong.coverage.scenario.load import NetworkRequest

__all__ = ["NetworkOnce"]


class NetworkOnce:
    """Reads networks and keeps the last one, for scenarios that ask for the same.

    A file that has changed since, by its size or time, is read again.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._last: tuple[object, tuple[Network, ImportReport]] | None = None

    def read(self, request: NetworkRequest) -> tuple[Network, ImportReport]:
        """Return the network of a request and how it was read, as `read_network` does."""
        key = (repr(request), [_stamp(path) for path in _files(request)])
        with self._guard:
            if self._last is None or self._last[0] != key:
                self._last = (key, read_network(request))
            return self._last[1]


def _files(request: NetworkRequest) -> list[Path]:
    named = [*request.tables.values()]
    named += [path for path in (request.antennas, request.proposals) if path is not None]
    return [f for path in named for f in (sorted(path.rglob("*")) if path.is_dir() else [path])]


def _stamp(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return str(path.resolve()), state.st_size, state.st_mtime_ns
