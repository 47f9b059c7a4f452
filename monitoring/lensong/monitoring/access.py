"""Who may do what: roles, actions, and the scope in which they hold.

One table says which role may do which action; the scope (a site, a commune, a province, all) says
to which sites it applies. The web asks here; it decides nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["MAY", "Action", "Principal", "Role"]


class Role(StrEnum):
    """What somebody, or a token, is."""

    DEVICE = "device"
    """A site's token: a phone or a probe."""

    SITE = "site"
    COMMUNE = "commune"
    PROVINCE = "province"
    ADMIN = "admin"
    SCRAPER = "scraper"


class Action(StrEnum):
    """What can be asked of the service."""

    PUBLIC = "public"
    """Anybody, signed in or not."""

    READ = "read"
    """See what is known of a site, its sessions and verdicts."""

    REPORT = "report"
    """Send measurements and stream samples of a site."""

    TEST = "test"
    """Test the uplink of a site: with its token alone, which the test's own protocol asks for."""

    PLAN = "plan"
    """Plan, change and call off sessions of a site."""

    HANDLE = "handle"
    """Acknowledge trouble, announce maintenance, mute messages."""

    EQUIP = "equip"
    """Hand out and revoke tokens and join links of a site."""

    MANAGE = "manage"
    """Add, change and remove sites and communes; import lists and coverage runs."""

    ADMIN = "admin"
    """People, profiles, media servers, webhooks, the audit trail."""

    SCRAPE = "scrape"
    """Read metrics, probes and the list of targets."""


MAY: dict[Role, frozenset[Action]] = {
    Role.DEVICE: frozenset({Action.READ, Action.REPORT, Action.TEST}),
    Role.SITE: frozenset({Action.READ, Action.REPORT, Action.PLAN, Action.HANDLE}),
    Role.COMMUNE: frozenset({Action.READ, Action.REPORT, Action.PLAN, Action.HANDLE, Action.EQUIP}),
    Role.PROVINCE: frozenset(
        {Action.READ, Action.REPORT, Action.PLAN, Action.HANDLE, Action.EQUIP, Action.MANAGE}
    ),
    Role.ADMIN: frozenset(Action) - {Action.TEST},
    Role.SCRAPER: frozenset({Action.SCRAPE}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks.

    Parameters
    ----------
    actor : str
        As the audit trail names them: ``token:1a2b``, ``person:lan``.
    scope : str
        Site, commune or province code; empty for all.
    csrf : str, optional
        What a form must carry, where the browser's cookie was all that proved who asks.
    """

    actor: str
    name: str
    role: Role
    scope: str = ""
    csrf: str | None = None

    def may(self, action: Action) -> bool:
        """Return whether the role may do that at all."""
        return action is Action.PUBLIC or action in MAY[self.role]

    def governs(self, *, province_code: str, commune_code: str = "") -> bool:
        """Return whether the scope is that commune, or the province; a site's is never either."""
        places = {Role.COMMUNE: commune_code, Role.PROVINCE: province_code}
        return self.role is Role.ADMIN or (
            self.role in places and self.scope != "" and self.scope == places[self.role]
        )

    def sees(self, *, site_id: str, commune_code: str, province_code: str) -> bool:
        """Return whether a site lies in the scope."""
        # asked of every site for every wall
        match self.role:
            case Role.ADMIN:
                return True
            case Role.PROVINCE:
                return self.scope == province_code
            case Role.COMMUNE:
                return self.scope == commune_code
            case Role.SITE | Role.DEVICE:
                return self.scope == site_id
            case _:
                return False
