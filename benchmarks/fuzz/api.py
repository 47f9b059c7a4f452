"""Whatever the OpenAPI document allows and forbids, asked of a running service (schemathesis)."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lensong.monitoring.records import Session
from tests.service_process import ServiceProcess, populated, service_process
from tests.waiting import PATIENCE_S

__all__ = ["fuzz_api"]

EXAMPLES = 10
"""Of one operation, before the next one's turn."""

MOST_RESIDENT_BYTES = 1_500_000_000
"""What the service may hold at the end of a round."""

_CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_NEVER = (
    "/api/v1/events",  # does not end
    "/api/v1/sign-out",  # would end what asks
    "/api/v1/webhooks",  # would send events to addresses of anybody
)
_THERE = {"site_id": "site-0000", "session_id": "session-1", "code": "voice-still"}


def fuzz_api(duration_s: float, first_seed: int) -> list[str]:
    """Ask a service of its own until the time is over; return what was wrong, once each."""
    now = datetime.now(UTC)
    session = Session(
        session_id="session-1",
        site_id="site-0000",
        title="Synthetic",
        profile_code="voice-still",
        starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=2),
    )
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        db = f"sqlite:///{Path(name) / 'lensong.db'}"
        there = populated(db, 3, (session,))
        with service_process(Path(name), db) as service:
            return _ask(service, there.admin_headers, duration_s, first_seed)


def _ask(
    service: ServiceProcess, headers: dict[str, str], duration_s: float, first_seed: int
) -> list[str]:
    document: Any = schemathesis.openapi.from_url(
        f"{service.url}/api/v1/openapi.json", timeout=PATIENCE_S
    )
    document.hook(map_path_parameters)
    operations = [found.ok() for found in document.exclude(path=list(_NEVER)).get_all_operations()]
    until_s = time.monotonic() + duration_s
    wrong: dict[str, str] = {}
    asked: Counter[str] = Counter()
    number = first_seed
    while time.monotonic() < until_s and len(wrong) < len(operations):
        number += 1
        random.Random(number).shuffle(operations)  # a short run reaches others each time
        for operation in operations:
            for mode in GenerationMode:
                if operation.label in wrong or time.monotonic() >= until_s:
                    continue
                told = _first_failure(operation, mode, headers, number, asked)
                if told is not None:
                    wrong[operation.label] = told
                    print(f"BROKEN {operation.label}: {told}", flush=True)
        held = service.resident_bytes()
        if held > MOST_RESIDENT_BYTES:
            wrong["memory"] = f"the service holds {held / 1e6:.0f} MB after round {number}"
            break
    if service.get("/-/ready")[0] != 200:
        wrong["ready"] = "/-/ready is not 200 any more"
    if "Traceback" in (log := service.log()):
        wrong["log"] = log[log.index("Traceback") :][:2_000]
    print(f"{sum(asked.values())} requests of {len(asked)} of {len(operations)} operations")
    return [f"{label}: {told}" for label, told in wrong.items()]


def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Name things that are there in two of three requests: else nearly all would be 404."""
    if not path_parameters or sum(str(path_parameters).encode()) % 3 == 0:
        return path_parameters
    return {name: _THERE.get(name, value) for name, value in path_parameters.items()}


def _first_failure(
    operation: Any,
    mode: GenerationMode,
    headers: dict[str, str],
    number: int,
    asked: Counter[str],
) -> str | None:
    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_as_documented(case: Any) -> None:
        asked[operation.label] += 1
        case.call_and_validate(headers=headers, checks=_CHECKS, timeout=20.0)

    try:
        answers_as_documented()
    except Unsatisfiable:
        return None  # a request that takes no values has none that are wrong
    except Exception as error:  # every operation is to be looked at, whatever the others did
        return str(error)[:2_000]
    return None
