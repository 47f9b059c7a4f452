"""Setting which media server is asked about the stream of a site."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import FieldError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.streams import StreamSource, delete_source, put_source
from lensong.monitoring.streams.sample import CollectorError
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["remove_source", "set_source"]


async def set_source(
    service: Service, principal: Principal, site_id: str, target: CollectorTarget
) -> StreamSource:
    """Say where the figures of a site's stream come from.

    Raises
    ------
    NotFoundError
        There is no such site in the asker's area.
    FieldError
        An address is none of those that the configuration allows.
    """
    service.directory.site_for(principal, site_id)
    source = StreamSource(site_id=site_id, target=target, created_at=service.clock.now())
    await _check_allowed(service, target)

    async def work(connection: AsyncConnection) -> None:
        await put_source(connection, source)
        kind = {"kind": target.kind}
        await noted(connection, service, principal.actor, "stream-source.put", site_id, kind)

    await service.writer.run(work)
    await service.streams.reload()
    return source


async def remove_source(service: Service, principal: Principal, site_id: str) -> None:
    """Ask a site's media server no more.

    Raises
    ------
    NotFoundError
        There is no such site in the asker's area, or it has no media server.
    """
    service.directory.site_for(principal, site_id)

    async def work(connection: AsyncConnection) -> None:
        await delete_source(connection, site_id)
        await noted(connection, service, principal.actor, "stream-source.delete", site_id)

    await service.writer.run(work)
    await service.streams.reload()


async def _check_allowed(service: Service, target: CollectorTarget) -> None:
    for field, url in (("url", target.url), ("media_url", target.media_url)):
        if url is None:
            continue
        try:
            await service.streams.http.check(url)
        except CollectorError as error:
            raise FieldError(error.detail, field=field, reason=error.code) from error
