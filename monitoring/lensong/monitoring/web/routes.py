"""What every route has in common: its action, the check of its area, the refusals it documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Receive, Scope, Send

from lensong.monitoring.access import MAY, Action, Role
from lensong.monitoring.web.addresses import path_within
from lensong.monitoring.web.guards import CHECKED_IN_PATH, Needs, anybody, tester
from lensong.monitoring.web.problem_document import MEDIA_TYPE

__all__ = ["DocumentedRoute", "EarlyRoute", "classified_routes", "refusals"]

_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "In Vietnamese or English by Accept-Language."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable word for programs."},
        "detail": {"type": "string"},
        "wait": {
            "type": "string",
            "description": "When it is worth another try, in the language of the title.",
        },
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string"},
                    "title": {"type": "string", "description": "In the same language."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}

_MEANINGS = {
    400: "The request cannot be read.",
    401: "No valid token or session came with the request.",
    403: "The asker's role does not allow that, or a form came without its CSRF token.",
    404: "There is no such thing in the asker's area.",
    408: "The body came too slowly.",
    409: "It does not fit what is there.",
    413: "The body is too large.",
    415: "The body is of a kind, or compressed in a way, that is not taken.",
    422: "A value is not what is wanted.",
    429: "Too much was asked at once; Retry-After tells when to ask again.",
    431: "Address and headers are too long.",
    503: "The database does not take it, or the service is stopping; nothing was stored.",
}

_NO_AREA = frozenset({Action.PUBLIC, Action.TEST, Action.ADMIN, Action.SCRAPE})
"""What is done by nobody in particular, by the site that its token names, or for all sites."""

_OF_NO_AREA = {
    "code": "a commune that is added lies in no area yet, one that is archived in none any more: "
    "`operations.places` sees to the province",
    "run_id": "the sites are named in the body: `operations.predictions` sees to them",
    "link_id": "looked up in the asker's area by `operations.shared_links`",
    "own_token_id": "looked up among the asker's own by `operations.person_tokens`",
    "own_browser_id": "looked up among the asker's own by `operations.push`",
    "kind": "what writes figures of the site",
    "test_id": "looked up at the site alone",
    **dict.fromkeys(
        (
            "plan_id",
            "variant_id",
            "layer_id",
            "job_id",
            "village_id",
            "set_id",
            "step",
            "path",
            "z",
            "x",
            "y",
        ),
        "of the plan of the network, which lies in no area: `plans` shows sites of the asker's",
    ),
}
"""Parts of paths that name no thing of an area, and why."""

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the entries of an OpenAPI operation for refusals of these kinds."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": _SCHEMA}},
        }
        for status in statuses
    }


class DocumentedRoute(APIRoute):
    """A route that documents the refusals which follow from its method and its action.

    What else it refuses it names itself: ``responses=refusals(409)``.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        super().__init__(path, endpoint, **settings)
        self.responses = refusals(*_following(self)) | self.responses


def _following(route: APIRoute) -> Iterator[int]:
    """Yield the refusals that follow from a route's method, action, path and body."""
    public = action_of(route.dependant) in (Action.PUBLIC, None)
    body = route.body_field is not None or "requestBody" in (route.openapi_extra or {})
    if not public:
        yield from (401, 403)
    if not public or body:
        yield 503
    if body:
        yield from (400, 408, 413, 415)
    given = any(
        part.path_params or part.query_params or part.header_params
        for part in _parts(route.dependant)
    )
    if body or given:
        yield 422
    methods = route.methods or set()
    if methods & _WRITES or not public:  # an address that guesses tokens is told to wait
        yield 429
    in_path = set(route.param_convertors)
    if in_path & set(CHECKED_IN_PATH.values()) or (in_path and "PUT" not in methods):
        yield 404


class EarlyRoute(BaseRoute):
    """Finds a route before all others are compared in turn; its path has one parameter or none.

    Parameters
    ----------
    route : APIRoute
        Which stands among the others too, where it is classified and documented.
    """

    def __init__(self, route: APIRoute) -> None:
        self.route = route
        before, _, rest = route.path.partition("{")
        self._name, _, after = rest.partition("}")
        self._before, self._after = before, after
        self._methods = frozenset(route.methods or ())

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether it is this route that is asked for."""
        if scope["type"] != "http" or scope["method"] not in self._methods:
            return Match.NONE, {}
        path = path_within(scope)
        if not self._name:
            found = path == self._before
            return (Match.FULL, {"route": self.route}) if found else (Match.NONE, {})
        if not (path.startswith(self._before) and path.endswith(self._after)):
            return Match.NONE, {}
        value = path[len(self._before) : len(path) - len(self._after)]
        if not value or "/" in value:
            return Match.NONE, {}
        return Match.FULL, {"path_params": {self._name: value}, "route": self.route}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer."""
        await self.route.app(scope, receive, send)


def classified_routes(app: FastAPI) -> list[tuple[str, str, Action]]:
    """Return method (``WS`` for a WebSocket), path and action of every route.

    Raises
    ------
    RuntimeError
        Nobody said who may use a route, or nobody looks whether what its path names lies in the
        asker's area.
    """
    found: list[tuple[str, str, Action]] = []
    documented = {id(route.original_route) for route in iter_route_contexts(app.routes)}
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, EarlyRoute):
            if id(route.original_route.route) not in documented:
                raise RuntimeError(f"{route.original_route.route.path} is found early alone")
            continue
        path = str(route.path)
        if isinstance(route.original_route, Mount):
            action: Action | None = Action.PUBLIC  # files of the package
        else:
            action = action_of(route.dependant)
            if action is not None:
                _check_path(route, path, action)
        if action is None:
            raise RuntimeError(f"{path} names no action: give it a dependency of web.guards")
        for method in sorted(route.methods or {"WS"}):
            found.append((method, path, action))
    return found


def _check_path(route: RouteContext, path: str, action: Action) -> None:
    checked = {CHECKED_IN_PATH.get(part.call) for part in _parts(route.dependant) if part.call}
    scoped = set(CHECKED_IN_PATH.values())
    for name in route.param_convertors:
        free = name not in scoped and (name in _OF_NO_AREA or action in _NO_AREA)
        if name not in checked and not free:
            raise RuntimeError(
                f"{path} takes {{{name}}} from anybody: let a dependency of web.guards look it up "
                "in the asker's area"
            )


def action_of(dependant: Dependant) -> Action | None:
    """Return the action that a route names, None where it names none or several.

    Of several that one role has more of than another it is the last: who may change may read.
    """
    found: set[Action] = set()
    for part in _parts(dependant):
        if isinstance(part.call, Needs):
            found.add(part.call.action)
        elif part.call is anybody:
            found.add(Action.PUBLIC)
        elif part.call is tester:
            found.add(Action.TEST)
    roles = {action: {role for role in Role if action in MAY[role]} for action in found}
    if not found:
        return None
    last = min(found, key=lambda action: len(roles[action]))
    if len(found) > 1 and (
        found & _NO_AREA or not all(roles[last] <= wider for wider in roles.values())
    ):
        return None
    return last


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    waiting = [dependant]
    while waiting:
        part = waiting.pop()
        waiting += part.dependencies
        yield part
