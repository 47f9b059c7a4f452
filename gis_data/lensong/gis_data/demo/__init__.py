"""The built-in demo: an invented mountain basin with villages, people, masts and land cover."""

from __future__ import annotations

from lensong.gis_data.demo.inputs import write_demo

__all__ = ["write_demo"]
