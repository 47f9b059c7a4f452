"""Whatever is asked of the API, it answers as its OpenAPI document says (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from lensong.monitoring.records import Session
from tests.service_process import Population, ServiceProcess, populated, service_process

pytestmark = pytest.mark.slow

EXAMPLES = 8
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]
NEVER = (
    "/api/v1/events",  # does not end; see test_events.py
    "/api/v1/sign-out",  # would end what asks
    "/api/v1/webhooks",  # would send events to addresses of anybody
)
REAL = {"site_id": "site-0000", "session_id": "session-1", "code": "voice-still"}


class Asked:
    """A running service, for the tests of one module."""

    service: ServiceProcess
    there: Population


def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Name things that are there in two of three requests: else nearly all would be 404."""
    if not path_parameters:
        return path_parameters
    if sum(str(path_parameters).encode()) % 3 == 0:
        return path_parameters
    return {name: REAL.get(name, value) for name, value in path_parameters.items()}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the document as the service gives it."""
    folder = tmp_path_factory.mktemp("document")
    db = f"sqlite:///{folder / 'lensong.db'}"
    now = datetime.now(UTC)
    session = Session(
        session_id="session-1",
        site_id="site-0000",
        title="Chợ phiên",
        profile_code="voice-still",
        starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=2),
    )
    Asked.there = populated(db, 3, (session,))
    with service_process(folder, db) as service:
        Asked.service = service
        loaded = schemathesis.openapi.from_url(f"{service.url}/api/v1/openapi.json")
        loaded.hook(map_path_parameters)
        yield loaded.exclude(path=list(NEVER))
        assert service.get("/-/ready")[0] == 200
        assert "Traceback" not in service.log()


def first_failure(operation: Any, mode: GenerationMode) -> str | None:
    """Return what was wrong with some answer, None where all were as documented."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_are_documented(case: Any) -> None:
        if case.headers:  # a token that is none has its answer held back for two seconds
            case.headers.pop("Authorization", None)
        case.call_and_validate(headers=Asked.there.admin_headers, checks=CHECKS, timeout=20.0)

    try:
        answers_are_documented()
    except Unsatisfiable:
        return None  # nothing can be wrong about a request that takes no values
    except Exception as error:  # every operation is to be looked at, whatever the others did
        return f"{operation.label}: {error}"
    return None


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_one_that_is_documented(document: Any, mode: GenerationMode) -> None:
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 50
    failures = [first_failure(operation, mode) for operation in operations]
    assert [failure for failure in failures if failure is not None] == []


def test_the_document_names_every_route_of_the_api(document: Any) -> None:
    told = document.raw_schema["paths"]
    assert len(told) > 40
    for path, item in told.items():
        for method, operation in item.items():
            statuses = set(operation["responses"])
            assert statuses & {"200", "201", "204"}, (method, path)
            if path.startswith("/api/v1/"):
                assert statuses - {"200", "201", "204"}, (method, path)
