"""A drawing becomes a picture such as those that the networks learned from."""

import pytest
import torch
import torch.nn.functional as F

from kdtutor.data.glyphs import CHARACTERS, DRAWN, _drawings
from kdtutor.demos.handwriting import HEIGHT, INK, as_glyph, as_pixels, ink


def box(picture: torch.Tensor) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the ink."""
    rows, columns = ((picture > INK).any(axis).nonzero().flatten().tolist() for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def on_paper(drawing: torch.Tensor, side: int, size: int, top: int, left: int) -> torch.Tensor:
    """A drawing as somebody would draw it on a canvas: larger or smaller, and anywhere."""
    paper = torch.zeros(side, side)
    paper[top : top + size, left : left + size] = F.interpolate(drawing[None, None], (size, size), mode="bilinear")
    return paper


def test_the_usual_height_is_that_of_the_typefaces_characters() -> None:
    heights = [b - t for t, b, *_ in (box(drawing) for face in _drawings() for drawing in face)]
    assert sorted(heights)[len(heights) // 2] == HEIGHT


@pytest.mark.parametrize("character", "A8KQ")
@pytest.mark.parametrize(("side", "size", "top", "left"), [(128, 128, 0, 0), (128, 70, 50, 3), (96, 60, 1, 30)])
def test_size_and_place_of_a_drawing_do_not_matter(character: str, side: int, size: int, top: int, left: int) -> None:
    drawing = _drawings()[CHARACTERS.index(character), 0]
    usual = as_glyph(drawing)
    moved = as_glyph(on_paper(drawing, side, size, top, left))
    assert usual is not None
    assert moved is not None
    assert moved.shape == (1, 1, 16, 16)
    assert (moved - usual).abs().mean() < 0.04


@pytest.mark.parametrize("character", "AMZ")
def test_a_centred_drawing_of_a_typeface_comes_out_as_the_data_set_makes_it(character: str) -> None:
    drawing = _drawings()[CHARACTERS.index(character), 0]
    assert box(drawing)[1] - box(drawing)[0] == HEIGHT
    made = as_glyph(drawing)
    assert made is not None
    assert torch.allclose(made, F.avg_pool2d(drawing[None, None], DRAWN // 16), atol=0.01)


def test_what_is_wide_is_not_cut_off_and_what_is_drawn_is_centred() -> None:
    dash = torch.zeros(100, 100)
    dash[90:94, 5:95] = 1
    made = as_glyph(dash)
    assert made is not None
    top, bottom, left, right = box(made[0, 0])
    assert right - left >= 14
    assert abs((top + bottom) - 16) <= 1
    assert abs((left + right) - 16) <= 1


def test_empty_paper_is_no_picture() -> None:
    assert as_glyph(torch.zeros(64, 64)) is None


def test_bytes_become_ink_row_by_row_and_come_back() -> None:
    drawing = ink(bytes([0, 255, 51, 0]), 2)
    assert drawing.tolist() == [[0, 1], [pytest.approx(0.2), 0]]
    assert as_pixels(drawing) == bytes([0, 255, 51, 0])


def test_another_number_of_bytes_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="pixels has 3 bytes: 2 × 2 need 4"):
        ink(b"abc", 2)
