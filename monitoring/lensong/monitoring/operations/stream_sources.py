"""Setting which media server is asked about the stream of a site."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import FieldError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.streams import (
    StreamSource,
    delete_source,
    put_source,
    sources_of,
)
from lensong.monitoring.streams.sample import CollectorError
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["remove_source", "set_source"]


async def set_source(
    service: Service, principal: Principal, site_id: str, target: CollectorTarget, lane: int = 1
) -> StreamSource:
    """Say where the figures of the stream of a site's lane come from.

    Raises
    ------
    NotFoundError
        There is no such site in the asker's area.
    FieldError
        An address is none of those that the configuration allows; the site has no such lane; or
        the stream could not be told from that of another lane.
    """
    site = service.directory.site_for(principal, site_id)
    if lane > site.sessions_at_once:
        raise FieldError(
            f"lane is {lane}, but {site_id} takes {site.sessions_at_once} sessions at once: choose "
            "one of its lanes, or raise sessions_at_once of the site",
            field="lane",
            reason="no_such_lane",
            n=str(site.sessions_at_once),
        )
    source = StreamSource(site_id=site_id, target=target, created_at=service.clock.now(), lane=lane)
    await _check_allowed(service, target)

    async def work(connection: AsyncConnection) -> None:
        for other in await sources_of(connection, site_id):
            if other.lane != lane and target.url is not None and _is_same(other.target, target):
                raise FieldError(
                    f"lane {other.lane} of {site_id} reads the same stream of the same server: "
                    "give each lane its stream_key",
                    field="stream_key",
                    reason="same_stream",
                    lane=str(other.lane),
                )
        await put_source(connection, source)
        kind = {"kind": target.kind, "lane": lane}
        await noted(connection, service, principal.actor, "stream-source.put", site_id, kind)

    await service.writer.run(work)
    await service.streams.reload()
    return source


async def remove_source(
    service: Service, principal: Principal, site_id: str, lane: int = 1
) -> None:
    """Ask the media server of a site's lane no more.

    Raises
    ------
    NotFoundError
        There is no such site in the asker's area, or its lane has no media server.
    """
    service.directory.site_for(principal, site_id)

    async def work(connection: AsyncConnection) -> None:
        await delete_source(connection, site_id, lane)
        detail = {"lane": lane}
        await noted(connection, service, principal.actor, "stream-source.delete", site_id, detail)

    await service.writer.run(work)
    await service.streams.reload()


def _is_same(one: CollectorTarget, other: CollectorTarget) -> bool:
    """Return whether two targets read one stream: without a key any of the server is taken."""
    if (one.kind, one.url) != (other.kind, other.url):
        return False
    return one.stream_key is None or other.stream_key is None or one.stream_key == other.stream_key


async def _check_allowed(service: Service, target: CollectorTarget) -> None:
    for field, url in (("url", target.url), ("media_url", target.media_url)):
        if url is None:
            continue
        try:
            await service.streams.http.check(url)
        except CollectorError as error:
            raise FieldError(error.detail, field=field, reason=error.code) from error
