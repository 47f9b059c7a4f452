"""The names and colours of a class raster's codes, as programs other than QGIS read them.

GDAL's auxiliary file lies beside the raster (``name.tif.aux.xml``) and holds what a GeoTIFF of
signed numbers has no place for: names of categories, colours, and a table of attributes with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lensong.gis_data.cog import LegendClass
from lensong.propagation.errors import InvalidInputError

__all__ = ["class_names_xml"]

# Columns of the table: name, GDAL's type (0 whole, 2 text) and usage (what a program does with it).
_COLUMNS = (
    ("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8),
    ("Alpha", 0, 9),
)  # fmt: skip
_MOST_CODE = 32_767  # of int16, which class rasters have at most


def class_names_xml(legend: Sequence[LegendClass]) -> str:
    """Return the text of the auxiliary file of a one-band raster of classes.

    Parameters
    ----------
    legend : sequence of LegendClass
        Codes 0 to 32767; those between them get no name and no colour.

    Raises
    ------
    InvalidInputError
        A code is no whole number in that range.
    """
    by_code: dict[int, LegendClass] = {}
    for entry in legend:
        if not (0 <= entry.value <= _MOST_CODE and float(entry.value).is_integer()):
            raise InvalidInputError(
                f"a class has the code {entry.value}, wanted a whole number 0 to {_MOST_CODE}"
            )
        by_code[int(entry.value)] = entry
    root = Element("PAMDataset")
    band = SubElement(root, "PAMRasterBand", band="1")
    names = SubElement(band, "CategoryNames")
    colours = SubElement(band, "ColorTable")
    for code in range(max(by_code, default=-1) + 1):
        known = by_code.get(code)
        SubElement(names, "Category").text = known.label if known else ""
        parts = known.rgba if known else (0, 0, 0, 0)
        SubElement(colours, "Entry", {f"c{n}": str(part) for n, part in enumerate(parts, 1)})
    table = SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(_COLUMNS):
        field = SubElement(table, "FieldDefn", index=str(index))
        for tag, value in (("Name", name), ("Type", kind), ("Usage", usage)):
            SubElement(field, tag).text = str(value)
    for index, (code, entry) in enumerate(sorted(by_code.items())):
        row = SubElement(table, "Row", index=str(index))
        for value in (code, entry.label, *entry.rgba):
            SubElement(row, "F").text = str(value)
    indent(root)
    return f"{tostring(root, encoding='unicode')}\n"
