"""Which sites a wall or a list shows: by state, province, commune, operator, stream profile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from lensong.coverage.network import operator_key
from lensong.monitoring.access import Action, Principal
from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.live.standing import STANDINGS
from lensong.monitoring.records import Site
from lensong.monitoring.service import Service
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.paging import Asked
from lensong.monitoring.web.pages.rendering import PageNeeds

__all__ = ["AskedFor", "SiteFilter", "choices_of", "operators_seen"]

_PARTS = ("commune", "operator", "profile", "state")
"""By what sites are chosen, but for the province."""

_NAMES = ("province", *_PARTS, "villages")
_NOTHING = ""
"""In place of a value that nobody has: no site fits it, and all such are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFilter:
    """What is asked for; None is any.

    Parameters
    ----------
    villages : str, optional
        "shown": how a coverage plan classes the villages stands on the map.
    """

    province: str | None = None
    commune: str | None = None
    operator: str | None = None
    profile: str | None = None
    state: str | None = None
    villages: str | None = None

    @classmethod
    def of(cls, service: Service, principal: Principal, **asked: str | None) -> SiteFilter:
        """Return the filter of an address, with values that somebody has and no others."""
        directory = service.directory
        known: dict[str, Collection[str]] = {
            "province": directory.provinces,
            "commune": directory.communes,
            "operator": () if not asked.get("operator") else _keys_seen(service, principal),
            "profile": directory.profiles,
            "state": STANDINGS,
            "villages": ("shown",),
        }
        values = {name: value or None for name, value in asked.items()}
        if (operator := values.get("operator")) is not None:
            values["operator"] = operator_key(operator)
        return cls(
            **{
                name: value if value is None or value in known[name] else _NOTHING
                for name, value in values.items()
            }
        )

    @classmethod
    def of_query(
        cls, service: Service, principal: Principal, query: Mapping[str, str]
    ) -> SiteFilter:
        """Return the filter of the query of an address."""
        return cls.of(service, principal, **{name: query.get(name) for name in _NAMES})

    def fits_site(self, service: Service, site: Site) -> bool:
        """Return whether a site is asked for, whatever its state."""
        coming = service.board.coming(site.site_id) if self.profile is not None else ()
        return (
            (self.province is None or self.province == service.directory.province_of(site).code)
            and self.commune in (None, site.commune_code)
            and (
                self.profile is None
                or self.profile in {session.profile_code for session, _ in coming}
            )
            and (
                self.operator is None
                or operator_key(site.operators[0] if site.operators else "") == self.operator
            )
        )

    def fits(self, site: SiteSnapshot, state: str | None = None) -> bool:
        """Return whether a site is asked for; ``state`` None leaves the state aside."""
        return (
            self.province in (None, site.province_code)
            and self.commune in (None, site.commune_code)
            and self.profile in (None, site.profile_code, *(one.profile_code for one in site.lanes))
            and (self.operator is None or operator_key(site.operator or "") == self.operator)
            and (state is None or self.state in (None, state))
        )

    def at(self, path: str, **more: object) -> Asked:
        """Return the address of a page with this filter, and what else is asked of it."""
        return Asked(path, {name: self[name] for name in _NAMES} | more)

    def href(self, path: str, **changed: str | None) -> str:
        """Return the address of a page with this filter, but for what is changed."""
        return self.at(path).href(**changed)

    def __getitem__(self, name: str) -> str | None:
        """Return what is asked for by the name of a part: for templates."""
        value: str | None = getattr(self, name)
        return value

    @property
    def is_set(self) -> bool:
        """Return whether sites are chosen by anything but their province."""
        return any(getattr(self, name) is not None for name in _PARTS)


async def asked_for(
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
    province: str | None = None,
    commune: str | None = None,
    operator: str | None = None,
    profile: str | None = None,
    state: str | None = None,
    villages: str | None = None,
) -> SiteFilter:
    """Return the filter that an address asks for."""
    return SiteFilter.of(
        service,
        principal,
        province=province,
        commune=commune,
        operator=operator,
        profile=profile,
        state=state,
        villages=villages,
    )


AskedFor = Annotated[SiteFilter, Depends(asked_for)]


def _keys_seen(service: Service, principal: Principal) -> set[str]:
    return {operator_key(name) for name in operators_seen(service, principal)}


def operators_seen(service: Service, principal: Principal) -> tuple[str, ...]:
    """Return the operators of the sites that somebody sees, each in one spelling."""
    found: dict[str, str] = {}
    for site in service.directory.visible_to(principal):
        if site.operators:
            found.setdefault(operator_key(site.operators[0]), site.operators[0])
    return tuple(sorted(found.values()))


def choices_of(service: Service, principal: Principal) -> dict[str, list[tuple[str, str]]]:
    """Return what a wall or list can be asked for: values and names by part of it."""
    directory = service.directory
    codes = {site.commune_code for site in directory.visible_to(principal)}
    communes = sorted(
        (item for item in directory.communes.values() if item.code in codes),
        key=lambda item: item.name,
    )
    operators = operators_seen(service, principal)
    return {
        "commune": [(item.code, item.name) for item in communes],
        "operator": [(operator_key(name), name) for name in operators],
        "profile": [(item.code, item.name) for item in directory.profiles.values()],
    }
