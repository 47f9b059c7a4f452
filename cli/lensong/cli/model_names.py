"""Short names of models, as the command line takes them."""

from __future__ import annotations

from lensong.propagation.models import MODELS, model

__all__ = ["full_model_name"]


def full_model_name(name: str) -> str:
    """Return the registered name of a model: ``p1812`` for ``itu_r_p1812``.

    Raises
    ------
    ConfigError
        For an unknown name.
    """
    plain = name.strip().lower().replace("-", "_").replace(".", "")
    return next((n for n in (plain, f"itu_r_{plain}") if n in MODELS), "") or model(name).name
