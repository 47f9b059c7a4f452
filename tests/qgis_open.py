"""Opens files as QGIS does, for the interpreter that has QGIS: Debian's own.

    /usr/bin/python3 qgis_open.py FOLDER PICTURE

Prints as JSON what the project in FOLDER holds and how each file there looks when it is opened by
itself; writes what the project shows first as PICTURE.
"""

import json
import sys
from pathlib import Path
from typing import Any  # what QGIS gives has no types

from qgis.core import (
    QgsApplication,
    QgsLayerTreeGroup,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize


def described(layer: Any) -> dict[str, Any]:
    renderer = layer.renderer()
    found = {
        "name": layer.name(),
        "valid": layer.isValid(),
        "source": layer.source(),
        "crs": layer.crs().authid(),
        "renderer": renderer.type(),
    }
    if isinstance(layer, QgsRasterLayer):
        found["classes"] = [
            [label, colour.name()] for label, colour in renderer.legendSymbologyItems()
        ]
    else:
        found["classes"] = [
            [item.label(), item.symbol().color().name()] for item in renderer.legendSymbolItems()
        ]
        found["labels"] = layer.labelsEnabled()
        found["features"] = layer.featureCount()
    return found


def tree(node: Any) -> dict[str, Any]:
    return {
        "name": node.name(),
        "shown": node.isVisible(),
        "members": [tree(child) for child in node.children()]
        if isinstance(node, QgsLayerTreeGroup)
        else None,
    }


def picture(project: Any, path: str) -> None:
    settings = QgsMapSettings()
    settings.setLayers([n.layer() for n in project.layerTreeRoot().findLayers() if n.isVisible()])
    settings.setDestinationCrs(project.crs())
    settings.setExtent(project.viewSettings().defaultViewExtent())
    settings.setOutputSize(QSize(900, 900))
    settings.setOutputDpi(96)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)


def main(folder: Path, image: str) -> None:
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    file = next(folder.glob("*.qgz"))
    opened = project.read(str(file))
    found = {
        "opened": opened,
        "title": project.title(),
        "crs": project.crs().authid(),
        "layers": [described(n.layer()) for n in project.layerTreeRoot().findLayers()],
        "tree": tree(project.layerTreeRoot())["members"],
        "alone": {},
    }
    picture(project, image)
    for raster in sorted(folder.glob("*.tif")):
        found["alone"][raster.name] = described(QgsRasterLayer(str(raster), raster.stem))
    for vectors in sorted(folder.glob("*.gpkg")):
        whole = QgsVectorLayer(str(vectors), vectors.stem)
        for sub in whole.dataProvider().subLayers():
            name = sub.split("!!::!!")[1]
            layer = QgsVectorLayer(f"{vectors}|layername={name}", name)
            found["alone"][f"{vectors.name}:{name}"] = described(layer)
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
