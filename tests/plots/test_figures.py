"""A figure draws what it is given, says its units, and leaves matplotlib's settings alone."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor import data, plots
from kdtutor.measure import Interval
from kdtutor.plots.show import show


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_the_gallery_shows_every_class_and_refuses_one_that_has_too_few_samples():
    glyphs = data.load("glyphs")
    figure = plots.glyph_gallery(glyphs.validation.x, glyphs.validation.y, glyphs.classes)
    labels = [tick.get_text() for axis in figure.axes for tick in axis.get_xticklabels()]
    assert labels == list(glyphs.classes)
    with pytest.raises(ValueError, match="3 are needed"):
        plots.glyph_gallery(glyphs.test.x[:4], glyphs.test.y[:4], glyphs.classes)


def test_softened_bars_have_the_probabilities_given_in_the_coolest_order():
    logits = torch.tensor([0.0, 3.0, 1.0, 2.0])
    probs = {T: (logits / T).softmax(-1) for T in (1.0, 4.0)}
    figure = plots.softened(torch.zeros(4, 4), probs, "abcd", top=3)
    for axis, T in zip(figure.axes[1:], (1.0, 4.0), strict=True):
        assert axis.get_title(loc="left") == f"T = {T:g}"
        assert [tick.get_text() for tick in axis.get_yticklabels()] == ["b", "d", "c"]
        widths = [bar.get_width() for bar in axis.patches]
        assert widths == pytest.approx(probs[T][[1, 3, 2]].tolist())


def test_entropy_curves_lie_under_the_ceiling_they_are_given():
    figure = plots.entropy_by_temperature([1.0, 2.0], {"x": [0.1, 0.5], "y": [0.2, 0.6]}, ceiling=1.0)
    curves = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines if line.get_label() in "xy"}
    assert curves == {"x": [0.1, 0.5], "y": [0.2, 0.6]}
    assert "nats" in figure.axes[0].get_ylabel()


def test_the_gradient_figure_draws_means_and_bands_on_logarithmic_axes():
    points = [Interval(1.0, 0.5, 2.0, 10), Interval(0.1, 0.05, 0.2, 10)]
    figure = plots.gradient_by_temperature((1.0, 4.0), {"with": points, "without": points})
    axis = figure.axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert axis.lines[0].get_ydata().tolist() == [1.0, 0.1]
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.05, 2.0)


def test_look_alikes_shows_the_five_largest_rivals_of_each_class():
    rivals = dict(zip("bcdefg", (0.1, 0.3, 0.2, 0.05, 0.02, 0.01), strict=True))
    figure = plots.look_alikes({"a": rivals, "z": rivals}, temperature=4.0)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["c", "d", "b", "e", "f"]


def test_a_figure_is_shown_with_its_alternative_text_and_closed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **options: shown.append((thing, options)))
    show(plots.look_alikes({"a": {"b": 0.1}, "z": {"b": 0.1}}, 4.0), alt="Two bars & no more")
    picture, options = shown[0]
    assert picture["image/png"].startswith(b"\x89PNG")
    assert options["metadata"]["image/png"]["alt"] == "Two bars & no more"
    assert "Two bars &amp; no more" in shown[1][0].data
    assert plt.get_fignums() == []


def test_a_figure_without_alternative_text_is_refused():
    with pytest.raises(ValueError, match="alt is empty"):
        show(plt.figure(), alt=" ")


def test_drawing_in_the_house_style_leaves_matplotlib_s_settings_alone():
    before = dict(plt.rcParams)
    plots.look_alikes({"a": {"b": 0.1}, "z": {"b": 0.1}}, 4.0)
    assert dict(plt.rcParams) == before
