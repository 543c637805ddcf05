"""The race's figures say what they are given, before, during and after the race."""

import pytest

from kdtutor.plots.race import growing_curves, growing_difference
from kdtutor.plots.style import palette

CURVES = {"labels": [[0.2, 0.4], [0.5, 0.7]], "distilled": [[0.3, 0.5], [0.6, 0.9]]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_curves_start_at_chance_and_bands_go_from_worst_to_best(theme) -> None:
    (axes,) = growing_curves(CURVES, 8, theme, chance=0.1).axes
    assert [line.get_ydata() for line in axes.lines] == [
        pytest.approx([0.1, 0.3, 0.6]),
        pytest.approx([0.1, 0.4, 0.75]),
    ]
    reach = [collection.get_paths()[0].vertices[:, 1] for collection in axes.collections]
    assert [(values.min(), values.max()) for values in reach] == [pytest.approx((0.1, 0.7)), pytest.approx((0.1, 0.9))]
    assert [line.get_color() for line in axes.lines] == list(palette(theme).cycle[:2])
    assert axes.get_xlim()[1] >= 8
    assert [note.get_text() for note in axes.texts] == ["labels 60.0%", "distilled 75.0%"]


def test_before_the_first_epoch_there_are_axes_and_names() -> None:
    (axes,) = growing_curves({"labels": [], "distilled": []}, 4).axes
    assert [note.get_text() for note in axes.texts] == ["labels", "distilled"]
    assert growing_difference([], [], 4).axes


def test_the_difference_is_taken_seed_by_seed_in_percentage_points() -> None:
    (axes,) = growing_difference(CURVES["distilled"], CURVES["labels"], 8).axes
    _zero, first, second, mean = axes.lines
    assert first.get_ydata() == pytest.approx([10, 10])
    assert second.get_ydata() == pytest.approx([10, 20])
    assert mean.get_ydata() == pytest.approx([10, 15])
    assert axes.get_ylim()[1] > 20
