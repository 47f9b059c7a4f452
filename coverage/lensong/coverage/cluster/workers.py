"""Finding a cluster, and seeing to it that its workers can work on a plan."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lensong.coverage.cluster import by_value
from lensong.coverage.cluster.fingerprint import fingerprint
from lensong.propagation.errors import ConfigError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["admitted_workers", "connected"]

_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^/\s]+:\d{1,5}")
"""With another Dask waits half a minute and ends in a traceback."""

_CONNECT_S = 15
_WORKERS_S = 30


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Hold a client of a scheduler that has a worker.

    Raises
    ------
    ConfigError
        dask is not installed here, nobody answers, or there is no worker.
    """
    try:
        import cloudpickle
        from distributed import Client
    except ImportError as error:
        raise ConfigError(
            f"--scheduler needs Dask, which is not installed here ({error}): "
            "install lensong with its extra dask"
        ) from error
    if not _ADDRESS.fullmatch(address):
        raise ConfigError(f"--scheduler is {address!r}, wanted an address as tcp://10.0.0.1:8786")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on versions: `admitted_workers` tells them as an error
        try:
            client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, ImportError, TypeError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {address} ({_first_line(error)}): start one "
                "(dask scheduler), or correct the address; a firewall between here and there "
                "must let it through"
            ) from error
    cloudpickle.register_pickle_by_value(by_value)
    levels = _quiet()
    try:
        try:
            client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError:
            raise ConfigError(
                f"the scheduler at {address} has no worker: start one (dask worker {address}), "
                "or let the deployer keep one at least"
            ) from None
        yield client
    finally:
        cloudpickle.unregister_pickle_by_value(by_value)
        with suppress(Exception):  # a scheduler that is gone is told elsewhere
            client.close(timeout=5)
        for logger, level in levels.items():
            logger.setLevel(level)


def _quiet() -> dict[logging.Logger, int]:
    """Silence Dask's own log, which tells of lost connections what the errors tell already."""
    levels = {}
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] == "distributed":
            levels[logger] = logger.level
            logger.setLevel(logging.CRITICAL)
    return levels


def admitted_workers(
    client: Client,
    *,
    folders: Sequence[Path],
    inputs: Mapping[str, list[int]],
    cache: Path | None,
    say: Callable[[str], None],
) -> bool:
    """See whether all workers can work on some plans; return whether they share the cache.

    Parameters
    ----------
    client : Client
    folders : sequence of Path
        Of the runs; all workers must see them.
    inputs : mapping
        Path of each input to `lensong.coverage.cluster.by_value.state_of` here.
    cache : Path or None
    say : callable

    Raises
    ------
    ConfigError
        Names the workers that cannot, and what to do about each.
    """
    content = uuid4().hex
    tokens = {str(folder / "token"): content for folder in folders}
    cache_token = None
    try:
        for token in tokens:
            Path(token).write_text(content, encoding="ascii")
        if cache is not None:
            place = cache.resolve() / f".token-{content}"
            with suppress(OSError):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content, encoding="ascii")
                cache_token = (str(place), content)
        found = client.run(
            by_value.probe,
            {
                "fingerprint": fingerprint(),
                "inputs": dict(inputs),
                "tokens": tokens,
                "cache_token": cache_token,
            },
            on_error="return",
        )
    finally:
        for token in tokens:
            Path(token).unlink(missing_ok=True)
        if cache_token is not None:
            Path(cache_token[0]).unlink(missing_ok=True)
    _refuse(found)
    blind = [f"{w} ({told['host']})" for w, told in found.items() if not told["sees_cache"]]
    if cache is not None and blind:
        say(
            f"cache: {cache} is not one folder for all: {', '.join(blind[:3])} does not see it; "
            "path loss is kept for this plan alone, beside its result; choose a shared folder "
            "with --cache to keep it between runs"
        )
    return not blind


def _refuse(found: Mapping[str, Any]) -> None:
    """Raise what keeps workers from a plan, once for all that lack the same."""
    problems: dict[str, list[str]] = {}
    for worker, told in found.items():
        if isinstance(told, BaseException):
            problems.setdefault(f"could not be asked ({_first_line(told)})", []).append(worker)
        else:
            for one in told["problems"]:
                problems.setdefault(one, []).append(f"{worker} on {told['host']}")
    lines = []
    for problem, workers in problems.items():
        more = f" and {len(workers) - 3} more workers" if len(workers) > 3 else ""
        lines.append(f"worker {', '.join(workers[:3])}{more} {problem}")
    if lines:
        more = f"\n  and {len(lines) - 10} more" if len(lines) > 10 else ""
        shown = "\n  ".join(lines[:10])
        raise ConfigError(
            f"{len(lines)} things keep workers from this plan:\n  {shown}{more}"
            if len(lines) > 1
            else lines[0]
        )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
