"""Sites of one operator that fall together: one outage with a name, in place of as many alarms."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from lensong.coverage.network import operator_key
from lensong.monitoring.clock import rfc3339

__all__ = ["Change", "OperatorOutage", "OutageWatch", "Seen", "outage_of"]

_TOGETHER = timedelta(minutes=10)
_LEAST_SITES = 3
_OF_PROVINCE, _OF_COMMUNES = 0.2, 0.5
"""Share of what is known of an operator, in the province or in the communes concerned, that fell:
three of forty sites that fall within minutes all over a province may be chance."""

_SETTLED, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=2)
"""An outage is told when no site joined for so long, and after so long in any case."""

_SILENT = timedelta(hours=24)
"""A site that fell and then says nothing counts as down for so long."""

_OVER = 0.8
"""It is over when this share of its sites is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a site right now.

    Parameters
    ----------
    down : bool or None
        Whether its network or stream is gone; None where nothing is known.
    quiet : bool
        Somebody knows of it: maintenance, or muted.
    """

    site_id: str
    commune_code: str
    province_code: str
    operator: str
    synthetic: bool
    down: bool | None
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOutage:
    """Sites of one operator in one province that fell within minutes of each other.

    Parameters
    ----------
    site_ids : tuple of str
        That fell and are not back.
    fell : int
        That fell altogether.
    of_sites : int
        Of how many sites of the operator in the province anything was known.
    commune_codes : tuple of str
        In which they lie, the hardest hit first.
    """

    outage_id: str
    operator: str
    province_code: str
    began_at: datetime
    site_ids: tuple[str, ...]
    fell: int
    of_sites: int
    commune_codes: tuple[str, ...]
    synthetic: bool = False

    @property
    def share(self) -> float:
        """Return which share of the operator's sites is down [1]."""
        return len(self.site_ids) / max(1, self.of_sites)

    def to_dict(self) -> dict[str, Any]:
        """Return it as events hold it."""
        return {
            "outage_id": self.outage_id,
            "operator": self.operator,
            "province": self.province_code,
            "began_at": rfc3339(self.began_at),
            "site_ids": list(self.site_ids),
            "fell": self.fell,
            "of_sites": self.of_sites,
            "share": round(self.share, 3),
            "communes": list(self.commune_codes),
            "synthetic": self.synthetic,
        }


def outage_of(body: Mapping[str, Any]) -> OperatorOutage:
    """Return the outage that an event holds."""
    return OperatorOutage(
        outage_id=body["outage_id"],
        operator=body["operator"],
        province_code=body["province"],
        began_at=datetime.fromisoformat(body["began_at"]),
        site_ids=tuple(body["site_ids"]),
        fell=body["fell"],
        of_sites=body["of_sites"],
        commune_codes=tuple(body["communes"]),
        synthetic=body["synthetic"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be told: ``operator.fell``, again when it has doubled, ``operator.recovered``."""

    kind: str
    outage: OperatorOutage


_Key = tuple[str, str, bool]


@dataclass(slots=True)
class OutageWatch:
    """Sees sites fall, and says when those of one operator fell together.

    A site that is down when it is first seen fell nobody knows when: it belongs to no outage.
    """

    _was_down: dict[str, bool] = field(default_factory=dict)
    _fell_at: dict[str, datetime] = field(default_factory=dict)
    _open: dict[_Key, OperatorOutage] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)

    @property
    def outages(self) -> tuple[OperatorOutage, ...]:
        """Return the outages that last."""
        return tuple(self._open.values())

    def resume(self, outages: Iterable[OperatorOutage]) -> None:
        """Take outages over that lasted when the service stopped."""
        for outage in outages:
            self._open[_key_of(outage)] = outage
            self._told[outage.outage_id] = outage.fell
            for site_id in outage.site_ids:
                self._was_down[site_id] = True
                self._fell_at[site_id] = outage.began_at

    def look(self, sites: Iterable[Seen], now: datetime) -> tuple[Change, ...]:
        """Return what has changed, now that the sites stand so."""
        groups: dict[_Key, list[Seen]] = {}
        for site in sites:
            fell_at = self._fell_at.get(site.site_id)
            if site.down is None:
                if fell_at is None or now - fell_at > _SILENT:
                    self._fell_at.pop(site.site_id, None)
                    continue  # nothing is known of it
            elif not site.down:
                self._fell_at.pop(site.site_id, None)
            elif fell_at is None and self._was_down.get(site.site_id) is False and not site.quiet:
                self._fell_at[site.site_id] = now
            if site.down is not None:
                self._was_down[site.site_id] = site.down
            groups.setdefault(_key_of(site), []).append(site)
        changes: list[Change] = []
        for key, members in groups.items():
            changes += self._of_group(key, members, now)
        for key in self._open.keys() - groups.keys():  # nothing is known of any of them any more
            changes.append(Change(kind="operator.recovered", outage=self._close(key)))
        return tuple(changes)

    def _of_group(self, key: _Key, members: Sequence[Seen], now: datetime) -> list[Change]:
        outage = self._open.get(key)
        if outage is None:
            fresh = [
                site
                for site in members
                if now - self._fell_at.get(site.site_id, now - 2 * _TOGETHER) <= _TOGETHER
            ]
            if not self._is_outage(fresh, members, now):
                return []
            outage = OperatorOutage(
                outage_id=secrets.token_hex(8),
                operator=fresh[0].operator,
                province_code=fresh[0].province_code,
                began_at=min(self._fell_at[site.site_id] for site in fresh),
                site_ids=tuple(site.site_id for site in fresh),
                fell=len(fresh),
                of_sites=len(members),
                commune_codes=_communes(fresh),
                synthetic=fresh[0].synthetic,
            )
            self._open[key] = outage
            self._told[outage.outage_id] = outage.fell
            return [Change(kind="operator.fell", outage=outage)]
        down = [
            site
            for site in members
            if (at := self._fell_at.get(site.site_id)) is not None and at >= outage.began_at
        ]
        back = outage.fell - len(down)
        outage = replace(
            outage,
            site_ids=tuple(site.site_id for site in down),
            fell=max(outage.fell, len(down)),
            of_sites=len(members),
            commune_codes=_communes(down) or outage.commune_codes,
        )
        self._open[key] = outage
        if back >= _OVER * outage.fell:
            return [Change(kind="operator.recovered", outage=self._close(key))]
        if outage.fell >= 2 * self._told[outage.outage_id]:
            self._told[outage.outage_id] = outage.fell
            return [Change(kind="operator.fell", outage=outage)]
        return []

    def _is_outage(self, fresh: Sequence[Seen], members: Sequence[Seen], now: datetime) -> bool:
        if len(fresh) < _LEAST_SITES:
            return False
        times = [self._fell_at[site.site_id] for site in fresh]
        if now - max(times) < _SETTLED and now - min(times) < _LONGEST_WAIT:
            return False
        hit = {site.commune_code for site in fresh}
        near = sum(site.commune_code in hit for site in members)
        return len(fresh) >= _OF_PROVINCE * len(members) or len(fresh) >= _OF_COMMUNES * near

    def _close(self, key: _Key) -> OperatorOutage:
        outage = self._open.pop(key)
        self._told.pop(outage.outage_id, None)
        return outage


def _key_of(item: Seen | OperatorOutage) -> _Key:
    return operator_key(item.operator), item.province_code, item.synthetic


def _communes(sites: Iterable[Seen]) -> tuple[str, ...]:
    counted = Counter(site.commune_code for site in sites)
    return tuple(code for code, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0])))
