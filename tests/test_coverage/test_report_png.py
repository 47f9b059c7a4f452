from __future__ import annotations

import numpy as np
import pytest
from rasterio.io import MemoryFile

from lensong.coverage.report.png import palette_png
from lensong.propagation.errors import InvalidInputError


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_another_reader_finds_the_same_pixels_colours_and_transparency() -> None:
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    content = palette_png(indices, ["#ff0000", "#00ff7f"])
    with MemoryFile(content) as memory, memory.open() as dataset:
        assert dataset.read(1).tolist() == indices.tolist()
        colours = dataset.colormap(1)
    assert colours[0][3] == 0
    assert colours[1] == (255, 0, 0, 255)
    assert colours[2] == (0, 255, 127, 255)


def test_an_index_without_a_colour_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="colours"):
        palette_png(np.array([[3]], np.uint8), ["#ff0000"])
