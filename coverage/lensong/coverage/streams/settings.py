"""Settings of how many streams hold at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.network import operator_key
from lensong.coverage.service import Handset, Service
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["StreamSettings"]

_LEAST_STREAM_MBPS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What is counted, and what of a cell its streams may use.

    Parameters
    ----------
    services : tuple of str
        Services whose streams are counted; empty: all that send at least 1 Mbit/s.
    most : int
        The most streams that are tried, 1..60; 0 counts none.
    sims : tuple of str
        Operators whose SIM cards the sellers have; empty: each takes the operator that suits.
    control_share : float
        Share of a cell's uplink blocks that control channels take, 0..1.
    other_uplink_load : float
        Share of the rest that other traffic takes, 0..1.
    """

    services: tuple[str, ...] = ()
    most: int = 20
    sims: tuple[str, ...] = ()
    control_share: float = 0.04
    other_uplink_load: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.most <= 60:
            raise OutOfRangeError("streams.most", self.most, 0, 60)
        for name in ("control_share", "other_uplink_load"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise OutOfRangeError(f"streams.{name}", value, 0.0, 1.0)

    @property
    def usable_share(self) -> float:
        """Return the share of a cell's uplink blocks that streams may use."""
        return (1.0 - self.control_share) * (1.0 - self.other_uplink_load)

    def check(self, model: LayerModel) -> None:
        """Refuse services and operators that are not planned, before hours of work.

        Raises
        ------
        InvalidInputError
        """
        self.counted(model.services)
        self.operators(model)

    def operators(self, model: LayerModel) -> list[str]:
        """Return the operators whose SIM cards the sellers have, sorted.

        Raises
        ------
        InvalidInputError
            When one is named that has no cell.
        """
        by_key = {operator_key(name): name for name in model.operators}
        for name in self.sims:
            if operator_key(name) not in by_key:
                raise InvalidInputError(
                    f"streams.sims has {name!r}, wanted operators of the cell list: "
                    f"{', '.join(sorted(name or '(no name)' for name in model.operators))}"
                )
        return sorted({by_key[operator_key(name)] for name in self.sims} or model.operators)

    def assumptions(
        self, services: Sequence[Service], handset: Handset, model_sigma_db: float
    ) -> tuple[str, ...]:
        """Say how streams are counted; nothing where none are."""
        counted = self.counted(services)
        if not counted:
            return ()
        whose = f"SIM cards of {', '.join(self.sims)}" if self.sims else "any operator's SIM card"
        return (
            "Streams at once: sellers stand where the people of a village live, have "
            f"{whose}, and each takes the fewest resource blocks that carry "
            f"{', '.join(f'{s.name} ({s.uplink_mbps:g} Mbit/s)' for s in counted)}. Control "
            f"channels take {self.control_share:.0%} of a cell's uplink blocks and other traffic "
            f"{self.other_uplink_load:.0%} of the rest. Of the scatter of the level "
            f"{model_sigma_db:g} dB, the error of the model, are shared by all of a village."
            + (
                " A phone streams on one carrier: uplink carrier aggregation does not count here."
                if handset.uplink_carrier_aggregation
                else ""
            ),
        )

    def counted(self, services: Sequence[Service]) -> list[Service]:
        """Return the services whose streams are counted.

        Raises
        ------
        InvalidInputError
            When one is named that is not planned, or sends nothing.
        """
        if self.most == 0:
            return []
        if not self.services:
            return [s for s in services if s.uplink_mbps >= _LEAST_STREAM_MBPS]
        by_name = {service.name: service for service in services}
        for name in self.services:
            if name not in by_name:
                raise InvalidInputError(
                    f"streams.services has {name!r}, wanted one of the services: "
                    f"{', '.join(by_name)}"
                )
            if by_name[name].uplink_mbps <= 0.0:
                raise InvalidInputError(
                    f"streams.services has {name!r}, which sends nothing (uplink_mbps is 0): "
                    "streams are counted by what they send"
                )
        return [by_name[name] for name in self.services]
