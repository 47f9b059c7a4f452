"""What goes to the cluster as its own text: a scheduler needs no lensong, and a worker may lack it.

Nothing is imported here but the standard library, and lensong only inside functions.
"""

from __future__ import annotations

from typing import Any

__all__ = ["do", "lacking", "let_go", "probe", "state_of"]


def do(task: str, run: str, *arguments: Any) -> Any:
    """Return what a function of `lensong.coverage.cluster.work` makes of a run's folder."""
    from lensong.coverage.cluster import work

    return getattr(work, task)(run, *arguments)


async def let_go(runs: list[str]) -> list[str]:
    """Return what `lensong.coverage.cluster.work.forget` says, beside the worker's own traffic.

    What the worker has open may be guarded by the piece that it makes.
    """
    import asyncio

    from lensong.coverage.cluster import work

    return await asyncio.get_running_loop().run_in_executor(None, work.forget, runs)


def state_of(path: str) -> list[int]:
    """Return what tells that two machines see the same file or folder: files and bytes in it."""
    import os

    if not os.path.isdir(path):
        return [1, os.stat(path).st_size]
    count = total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            count += 1
            total += os.stat(os.path.join(folder, name)).st_size
    return [count, total]


def lacking(inputs: dict[str, list[int]]) -> list[str]:
    """Return sentences, without their subject, on inputs that are not here as they are elsewhere.

    Parameters
    ----------
    inputs : dict
        Path to what `state_of` says of it elsewhere.
    """
    unread: dict[str, list[str]] = {}
    problems = []
    for path, state in inputs.items():
        try:
            found = state_of(path)
        except OSError as error:
            unread.setdefault(str(error.strerror), []).append(path)
            continue
        if found != state:
            problems.append(
                f"sees another {path} ({found[0]} files, {found[1]} bytes; elsewhere {state[0]} "
                f"files, {state[1]} bytes): copy the same data there"
            )
    for reason, paths in unread.items():
        named = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        problems.append(
            f"cannot read {named} ({reason}): all machines must see the same data under the same "
            "path, on a shared disk or as a copy"
        )
    return problems


def probe(asked: dict[str, Any]) -> dict[str, Any]:
    """Return who a worker is and what keeps it from working on a plan.

    Parameters
    ----------
    asked : dict
        ``fingerprint`` of the client; ``inputs``: path to `state_of`; ``tokens``: file of a folder
        that is written to, to its content; ``cache_token``: the same of the cache, or None.

    Returns
    -------
    dict
        ``host``; ``problems``, sentences without their subject; ``sees_cache``.
    """
    import os
    import platform
    import uuid

    problems = []
    try:
        from lensong.coverage.cluster.fingerprint import fingerprint
    except ImportError as error:
        problems.append(
            f"cannot import lensong ({error}): install lensong[dask] there, of the same version"
        )
    else:
        own = fingerprint()
        differ = [
            f"{name} {own.get(name)} there, {wanted} here"
            for name, wanted in asked["fingerprint"].items()
            if own.get(name) != wanted
        ]
        if differ:
            problems.append(
                f"has other versions ({'; '.join(differ)}): install the same on all machines, "
                "e.g. with the constraints.txt of lensong, or from one image"
            )
    problems += lacking(asked["inputs"])
    for path, content in asked["tokens"].items():
        folder = os.path.dirname(path)
        try:
            with open(path, encoding="ascii") as file:
                if file.read() != content:
                    raise FileNotFoundError(2, "another folder of that name")
            own_file = os.path.join(folder, f".seen-{uuid.uuid4().hex}")
            with open(own_file, "w", encoding="ascii") as file:
                file.write(content)
            os.unlink(own_file)
        except OSError as error:
            problems.append(
                f"cannot work in {folder} ({error.strerror}): choose with --out a folder that all "
                "machines share and may write"
            )
    sees_cache = False
    if asked["cache_token"] is not None:
        path, content = asked["cache_token"]
        try:
            with open(path, encoding="ascii") as file:
                sees_cache = file.read() == content
        except OSError:
            sees_cache = False
    return {"host": platform.node(), "problems": problems, "sees_cache": sees_cache}
