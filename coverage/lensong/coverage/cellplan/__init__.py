"""Cell plans in the forms that engineers have: plain, Atoll, Planet, OpenCelliD, lists of sites.

Start at `build_network`: tables in, network and import report out. Nothing here opens a file.
"""

from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.build import PlanFormat, build_network
from lensong.coverage.cellplan.carriers import CARRIER_GRAMMAR, parse_carrier
from lensong.coverage.cellplan.checks import check_on_land, within_land
from lensong.coverage.cellplan.report import ImportReport, describe_import
from lensong.coverage.cellplan.rows import CellTables, HeightUnit, PowerKind

__all__ = [
    "CARRIER_GRAMMAR",
    "Assumptions",
    "CellTables",
    "HeightUnit",
    "ImportReport",
    "PlanFormat",
    "PowerKind",
    "build_network",
    "check_on_land",
    "describe_import",
    "parse_carrier",
    "within_land",
]
