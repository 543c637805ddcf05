"""The drawing explorer's figures: every answer is in them, and a picture keeps its ink on any ground."""

import pytest
import torch

from kdtutor.plots.answers import answers_side_by_side, seen

ANSWERS = {"teacher": [("O", 0.9), ("Q", 0.08)], "int8": [("0", 0.5), ("O", 0.4)]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_network_class_probability_and_note_is_there(theme) -> None:
    figure = answers_side_by_side(ANSWERS, {"teacher": "10 bytes", "int8": "3 bytes"}, theme)
    (axes,) = figure.axes
    words = [text.get_text() for text in axes.texts]
    assert words == ["teacher", "10 bytes", "O", "90.0%", "Q", "8.0%", "int8", "3 bytes", "0", "50.0%", "O", "40.0%"]
    widths = [bar.get_width() for bar in axes.patches]
    assert [width for width in widths if width != 1.0] == pytest.approx([0.9, 0.08, 0.5, 0.4])
    assert figure.get_size_inches()[0] <= 4.6


def test_ink_is_dark_on_light_and_light_on_dark() -> None:
    picture = torch.zeros(4, 4)
    picture[1, 2] = 1
    maps = [seen(picture, theme).axes[0].images[0] for theme in ("light", "dark")]
    assert [image.get_array()[1, 2] for image in maps] == [1, 1]
    assert [image.get_cmap()(1.0)[0] for image in maps] == pytest.approx([0, 1])
