"""Routes of jobs: whole plans, causes, the best place; with progress, and a way to end them."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from starlette.responses import FileResponse, StreamingResponse

from lensong.planner.access import Access, Someone
from lensong.planner.best_place import best_place, mast_to_copy
from lensong.planner.bodies import CausesBody, JobBody
from lensong.planner.errors import NotThereError, NotYetError
from lensong.planner.events import Event
from lensong.planner.jobs import Job
from lensong.planner.open_plan import OpenPlan
from lensong.planner.standing import SETTLED, Standing
from lensong.planner.variants import Variant
from lensong.planner.whole_plan import result_file, whole_plan
from lensong.planner.why_here import asked_of, why_here

__all__ = ["job_routes"]

_LONGEST_S = 600.0
_LOOK_S = 0.5  # so soon somebody who ends a job is heard


def job_routes(access: Access) -> APIRouter:
    """Return the routes of jobs."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}")

    def settled(plan: OpenPlan, variant: Variant, job: Job) -> Standing:
        """Wait until the villages of a variant are planned, or the job is ended."""
        job.step("villages", 0, 1)
        network, until = None, monotonic() + _LONGEST_S
        while monotonic() < until:
            if variant.network is not network:  # at first, and where it is edited on
                network = variant.network
                with suppress(NotYetError):
                    plan.standing(variant, "villages", 0.0)  # so that it is planned
            found = plan.ready.settler.waited(network, "villages", _LOOK_S)
            if found is not None and SETTLED.index(found.settled) >= SETTLED.index("villages"):
                return found
            job.check()
        raise NotYetError(
            f"the villages of variant {variant.variant_id!r} are not planned after "
            f"{_LONGEST_S:g} s: look at the line below the map, then ask again"
        )

    @router.post("/variants/{variant_id}/causes", status_code=202)
    def causes(
        plan_id: str,
        variant_id: str,
        body: CausesBody,
        who: Annotated[Someone, Depends(access.looks)],
    ) -> dict[str, Any]:
        plan, variant = access.variant(plan_id, variant_id)
        who.takes("questions why")

        if plan.stored is not None:
            stored = plan.stored.why_here(body.village_id)
            return plan.jobs.begin("causes", variant_id, lambda _: stored, by=who.key).as_json()
        asked_of(plan.ready, body)  # what cannot be answered is refused now

        def work(job: Job) -> dict[str, Any]:
            return why_here(plan.ready, settled(plan, variant, job), body, job)

        return plan.jobs.begin("causes", variant_id, work, by=who.key).as_json()

    @router.post("/jobs", status_code=202)
    def begin(
        plan_id: str,
        body: JobBody,
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        plan, variant = access.variant(plan_id, body.variant_id)
        who.takes("jobs")
        ready, network, title = plan.ready, variant.network, plan.title
        revision = variant.revision
        if body.kind == "best_place":
            mast_to_copy(network, body)
        if variant.name:
            title = f"{title}: {variant.name}"

        def work(job: Job) -> dict[str, Any]:
            if body.kind == "best_place":
                return best_place(ready, settled(plan, variant, job), body, job)
            result = whole_plan(
                ready,
                network,
                title=title,
                folder=_folder(plan, job.job_id),
                cache=plan.cache,
                job=job,
            )
            return {"revision": revision, **result}

        return plan.jobs.begin(body.kind, body.variant_id, work, by=who.key).as_json()

    @router.get("/jobs")
    def jobs(plan_id: str) -> dict[str, Any]:
        return {"jobs": [job.as_json() for job in access.plan(plan_id).jobs.all()]}

    @router.get("/jobs/{job_id}")
    def job(plan_id: str, job_id: str) -> dict[str, Any]:
        return access.plan(plan_id).jobs.get(job_id).as_json()

    @router.delete("/jobs/{job_id}", status_code=202)
    def cancel(
        plan_id: str,
        job_id: str,
        who: Annotated[Someone, Depends(access.edits)],  # noqa: ARG001
    ) -> dict[str, Any]:
        found = access.plan(plan_id).jobs.get(job_id)
        found.cancel()
        return found.as_json()

    @router.get("/jobs/{job_id}/events")
    async def events(
        plan_id: str,
        job_id: str,
        who: Annotated[Someone, Depends(access.looks)],
        last_event_id: Annotated[int | None, Header(ge=0)] = None,
    ) -> StreamingResponse:
        plan = access.plan(plan_id)
        found = plan.jobs.get(job_id)

        async def told() -> AsyncIterator[str]:
            begin = plan.events.begin(last_event_id)
            yield Event(begin, "progress", found.as_json()).encoded()
            while not found.ended.is_set() and not plan.events.closed:
                async for text in plan.events.stream(
                    begin, lambda e: e.kind == "job", still=who.still
                ):
                    begin = plan.events.last
                    if text.startswith(":"):
                        yield text
                if not await who.still():
                    return
                yield Event(begin, "progress", found.as_json()).encoded()
            yield Event(begin, "done", found.as_json()).encoded()

        return StreamingResponse(told(), media_type="text/event-stream")

    @router.get("/jobs/{job_id}/files")
    def files(plan_id: str, job_id: str) -> dict[str, Any]:
        found = access.plan(plan_id).jobs.get(job_id)
        return {"files": (found.result or {}).get("files", [])}

    @router.get("/jobs/{job_id}/files/{path:path}")
    def file(plan_id: str, job_id: str, path: str) -> FileResponse:
        plan = access.plan(plan_id)
        found = plan.jobs.get(job_id)
        if path not in (found.result or {}).get("files", []):
            raise NotThereError(f"job {job_id!r} has no file {path!r}")
        return FileResponse(result_file(_folder(plan, job_id), path))

    return router


def _folder(plan: OpenPlan, job_id: str) -> Path:
    return plan.path.resolve().parent / ".lensong-planner" / "results" / plan.started / job_id
