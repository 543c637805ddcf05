"""Figures of the explorers show the data they are given, in colours that can be told from their ground."""

import pytest
import torch
from matplotlib.colors import to_rgb

from kdtutor.plots import live_pruning, live_quantising, live_temperature
from kdtutor.plots.style import house_style, palette

both_themes = pytest.mark.parametrize("theme", ["light", "dark"])


def contrast(a: str, b: str) -> float:
    """WCAG 2.2's contrast ratio."""

    def luminance(colour: str) -> float:
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@both_themes
def test_words_and_the_leading_colours_stand_out_from_the_ground(theme) -> None:
    colours = palette(theme)
    assert contrast(colours.ink, colours.ground) > 12
    assert contrast(colours.muted, colours.ground) > 4.5
    assert min(contrast(colour, colours.ground) for colour in colours.cycle[:3]) > 3


def test_an_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="'sepia': 'light' or 'dark'"), house_style("sepia"):  # type: ignore[arg-type]
        pass


@both_themes
def test_a_theme_is_gone_after_its_figures(theme) -> None:
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    with house_style(theme):
        assert plt.rcParams["figure.facecolor"].lower() in ("white", palette(theme).ground.lower())
    assert dict(plt.rcParams) == before


@both_themes
def test_bars_carry_their_probabilities_and_names(theme) -> None:
    figure = live_temperature.picture_and_bars(torch.rand(16, 16), {"O": 0.7, "Q": 0.2}, "T = 2", theme)
    picture, bars = figure.axes
    assert [bar.get_width() for bar in bars.patches] == [0.7, 0.2]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["O", "Q"]
    assert picture.images[0].get_array().shape == (16, 16)


def test_the_mark_lies_on_the_curve() -> None:
    figure = live_temperature.entropy_along([1, 2, 4], [0.5, 1.0, 2.0], 2, 3.6)
    ceiling, curve, mark = figure.axes[0].lines
    assert (*mark.get_xdata(), *mark.get_ydata()) in [*zip(curve.get_xdata(), curve.get_ydata(), strict=True)]
    assert ceiling.get_ydata()[0] == 3.6
    figure = live_temperature.gradient_along([1, 2, 4], {"a": [3.0, 2.0, 1.0], "b": [1.0, 1.0, 1.0]}, 4)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines[1::2]] == [1.0, 1.0]
    figure = live_pruning.accuracy_along([0, 50, 90], {"a": [9.0, 8.0, 7.0], "b": [9.0, 5.0, 1.0]}, "b", 50)
    assert figure.axes[0].lines[-1].get_ydata()[0] == 5.0


def test_two_bars_with_what_they_reach() -> None:
    axis = live_pruning.bars({"whole": 4.0, "pruned": 1.0}, "ms", reach={"whole": (3.0, 5.0)}).axes[0]
    assert [bar.get_width() for bar in axis.patches] == [4.0, 1.0]
    assert tuple(axis.lines[0].get_xdata()) == (3.0, 5.0)
    assert [text.get_text() for text in axis.texts] == ["4", "1"]


def test_levels_lie_below_the_histogram_and_what_they_do_not_reach_is_shaded() -> None:
    figure = live_quantising.values_and_levels([1.0, 9.0, 2.0], [-1.0, 0.0, 1.0, 2.0], [-0.5, 0.0, 0.5], "weights")
    axis = figure.axes[0]
    assert sorted(path[0, 0] for path in axis.collections[0].get_segments()) == [-0.5, 0.0, 0.5]
    assert [patch.get_x() + patch.get_width() for patch in axis.patches[:1]] == [-0.5]
    figure = live_quantising.error_by_layer({"layer 1": 12.0, "layer 2": 250.0})
    assert [bar.get_height() for bar in figure.axes[0].patches] == [12.0, 250.0]
    figure = live_quantising.accuracy_by_bits([2, 3, 4], [10.0, 80.0, 85.0], 86.0, 3)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == [86.0, 10.0, 80.0]
