"""Routes of layers: windows, pictures, tiles and points."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Header, Query, Response
from numpy.typing import NDArray

from lensong.gis_data.cog import write_cog
from lensong.planner.access import Access
from lensong.planner.layer_list import Layer
from lensong.planner.open_plan import OpenPlan, layer_of
from lensong.planner.places import point_said
from lensong.planner.shown import Shown
from lensong.planner.standing import SETTLED
from lensong.planner.variants import Variant
from lensong.planner.views import (
    Window,
    coloured,
    grey16,
    mercator_cells,
    values_at,
    window,
    window_grid,
)

__all__ = ["layer_routes"]


class _Asked:
    """One layer of one variant, as far as it is planned."""

    def __init__(
        self, plan: OpenPlan, variant: Variant, layer_id: str, *, whole: bool = False
    ) -> None:
        self.plan, self.variant = plan, variant
        self.revision = variant.revision
        self.now: Shown = plan.shown(variant)
        self.layer: Layer = layer_of(self.now.layers, layer_id)
        if whole and not self.now.has(self.layer):
            self.now = plan.shown(variant, self.layer.settles_with)
            self.layer = layer_of(self.now.layers, layer_id)
        self.grid = plan.opened.grid

    def headers(self, part: Window | None = None) -> dict[str, str]:
        layer = self.layer
        none = "" if layer.none is None else "nan" if layer.none != layer.none else str(layer.none)
        found = {
            "Lensong-Revision": str(self.revision),
            "Lensong-Settled": self.now.settled,
            "Lensong-Dtype": layer.dtype,
            "Lensong-None": none,
            "ETag": self.tag,
            "Cache-Control": "no-cache",
        }
        if part is not None:
            found["Lensong-Window"] = part.said
        return found

    @property
    def tag(self) -> str:
        """Return what changes with the values."""
        far = SETTLED.index(self.now.settled)
        if self.layer.settles_with == "levels":
            far = min(far, SETTLED.index("levels"))
        return f'"{self.plan.started}-{self.variant.variant_id}-{self.revision}-{far}"'


def layer_routes(access: Access) -> APIRouter:
    """Return the routes of layers."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}/variants/{{variant_id}}")

    def asked(plan_id: str, variant_id: str, layer_id: str) -> _Asked:
        plan, variant = access.variant(plan_id, variant_id)
        return _Asked(plan, variant, layer_id)

    def part_of(
        plan_id: str,
        row0: Annotated[int | None, Query(ge=0)] = None,
        col0: Annotated[int | None, Query(ge=0)] = None,
        rows: Annotated[int | None, Query(ge=1)] = None,
        cols: Annotated[int | None, Query(ge=1)] = None,
        step: Annotated[int, Query(ge=1, le=256)] = 1,
    ) -> Window:
        grid = access.plan(plan_id).opened.grid
        return Window.of(grid, row0, col0, rows, cols, step)

    Part = Annotated[Window, Depends(part_of)]  # noqa: N806 - a type
    Seen = Annotated[str | None, Header(alias="If-None-Match")]  # noqa: N806 - a type

    def answer(
        one: _Asked, media_type: str, seen: str | None, part: Window | None, make: Any
    ) -> Response:
        headers = one.headers(part)
        if seen is not None and seen == one.tag:
            return Response(status_code=304, headers=headers)
        with one.plan.goes_first():  # planned so far as it is: nothing is waited for here
            return Response(make(), media_type=media_type, headers=headers)

    def values(one: _Asked, part: Window) -> NDArray[Any]:
        return window(one.now.tiles, one.layer, part, one.now.tile_px)

    @router.get("/layers/{layer_id}.bin", response_class=Response)
    def numbers(
        plan_id: str, variant_id: str, layer_id: str, part: Part, seen: Seen = None
    ) -> Response:
        one = asked(plan_id, variant_id, layer_id)
        return answer(
            one, "application/octet-stream", seen, part, lambda: _bytes(values(one, part))
        )

    @router.get("/layers/{layer_id}.png", response_class=Response)
    def greys(
        plan_id: str, variant_id: str, layer_id: str, part: Part, seen: Seen = None
    ) -> Response:
        one = asked(plan_id, variant_id, layer_id)
        return answer(one, "image/png", seen, part, lambda: grey16(values(one, part), one.layer))

    @router.get("/layers/{layer_id}.tif", response_class=Response)
    def raster(
        plan_id: str, variant_id: str, layer_id: str, part: Part, seen: Seen = None
    ) -> Response:
        # what is kept as a file is all there
        one = _Asked(*access.variant(plan_id, variant_id), layer_id, whole=True)
        return answer(one, "image/tiff", seen, part, lambda: _tiff(one, part, values(one, part)))

    @router.get("/layers/{layer_id}/picture.png", response_class=Response)
    def picture(
        plan_id: str, variant_id: str, layer_id: str, part: Part, seen: Seen = None
    ) -> Response:
        one = asked(plan_id, variant_id, layer_id)
        network = one.variant.network
        return answer(
            one, "image/png", seen, part, lambda: coloured(values(one, part), one.layer, network)
        )

    def tile(one: _Asked, z: int, x: int, y: int) -> NDArray[Any]:
        row, col = mercator_cells(one.grid, z, x, y)
        found: NDArray[Any] = values_at(one.now.tiles, one.layer, row, col, one.now.tile_px)
        return found

    @router.get("/layers/{layer_id}/tiles/{z}/{x}/{y}.bin", response_class=Response)
    def tile_numbers(
        plan_id: str, variant_id: str, layer_id: str, z: int, x: int, y: int, seen: Seen = None
    ) -> Response:
        one = asked(plan_id, variant_id, layer_id)
        return answer(
            one, "application/octet-stream", seen, None, lambda: _bytes(tile(one, z, x, y))
        )

    @router.get("/layers/{layer_id}/tiles/{z}/{x}/{y}.png", response_class=Response)
    def tile_picture(
        plan_id: str, variant_id: str, layer_id: str, z: int, x: int, y: int, seen: Seen = None
    ) -> Response:
        one = asked(plan_id, variant_id, layer_id)
        network = one.variant.network
        return answer(
            one, "image/png", seen, None, lambda: coloured(tile(one, z, x, y), one.layer, network)
        )

    @router.get("/point")
    def point(
        plan_id: str,
        variant_id: str,
        lat_deg: Annotated[float, Query(ge=-90.0, le=90.0)],
        lon_deg: Annotated[float, Query(ge=-180.0, le=180.0)],
    ) -> dict[str, Any]:
        plan, variant = access.variant(plan_id, variant_id)
        return point_said(plan, variant, lat_deg, lon_deg)

    return router


def _bytes(values: NDArray[Any]) -> bytes:
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _tiff(one: _Asked, part: Window, values: NDArray[Any]) -> bytes:
    layer = one.layer
    with TemporaryDirectory(prefix="lensong-planner-") as folder:
        path = Path(folder) / "layer.tif"
        write_cog(
            path,
            np.ascontiguousarray(values),
            window_grid(one.grid, part),
            nodata=layer.none,
            name=layer.layer_id,
            unit=layer.unit,
            description=(
                f"{layer.layer_id} of variant {one.variant.name or one.variant.variant_id}, "
                f"revision {one.revision}, settled: {one.now.settled}"
            ),
        )
        return path.read_bytes()
