"""The figures of unit 02 draw the numbers they are given."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor.measure import Interval
from kdtutor.plots import distillation as figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def points(*means):
    return [Interval(mean, mean - 0.1, mean + 0.1, 10) for mean in means]


def written(axis):
    return [text.get_text() for text in axis.texts]


def test_every_occasion_shows_the_classes_that_the_first_one_found_likeliest():
    answers = {"once": torch.tensor([0.1, 0.6, 0.3]), "again": torch.tensor([0.5, 0.2, 0.3])}
    figure = figures.asked_again(torch.zeros(4, 4), answers, "abc", top=2)
    for axis, (occasion, probs) in zip(figure.axes[1:], answers.items(), strict=True):
        assert axis.get_title(loc="left") == occasion
        assert [tick.get_text() for tick in axis.get_yticklabels()] == ["b", "c"]
        assert [bar.get_width() for bar in axis.patches] == pytest.approx(probs[[1, 2]].tolist())


def test_learning_rates_are_drawn_on_a_logarithmic_axis_with_bands_and_names():
    figure = figures.accuracy_by_learning_rate([0.01, 0.1], {"labels": points(0.5, 0.6), "distilled": points(0.4, 0.8)})
    axis = figure.axes[0]
    assert axis.get_xscale() == "log"
    assert [line.get_ydata().tolist() for line in axis.lines] == [[0.5, 0.6], [0.4, 0.8]]
    band = axis.collections[1].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.3, 0.9))
    assert written(axis) == ["labels", "distilled"]


def test_paired_runs_join_the_two_results_of_a_seed_and_their_means():
    figure = figures.paired_runs({"a": ([0.1, 0.3], [0.2, 0.6]), "b": ([0.5], [0.4])}, ("labels", "distilled"))
    lines = [line.get_ydata().tolist() if hasattr(line.get_ydata(), "tolist") else list(line.get_ydata())
             for line in figure.axes[0].lines]  # fmt: skip
    assert lines[:2] == [[0.1, 0.2], [0.3, 0.6]]
    assert lines[2] == pytest.approx([0.2, 0.4])
    assert [tick.get_text() for tick in figure.axes[1].get_xticklabels()] == ["labels", "distilled"]


def test_the_map_writes_every_accuracy_into_its_square():
    figure = figures.temperature_alpha_map([1.0, 4.0], [0.5, 1.0], torch.tensor([[0.1, 0.2], [0.3, 0.4]]), 0.05)
    axis = figure.axes[0]
    assert written(axis) == ["10.0%", "20.0%", "30.0%", "40.0%"]
    assert axis.get_title(loc="left") == "labels alone (α = 0): 5.0%"
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["1", "4"]


def test_the_result_without_labels_is_a_level_line_beside_the_curves():
    level = Interval(0.9, 0.88, 0.92, 10)
    figure = figures.accuracy_by_labels([200, 800], {"labels": points(0.4, 0.6)}, ("no labels", level))
    axis = figure.axes[0]
    assert list(axis.lines[-1].get_ydata()) == [0.9, 0.9]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["200", "800"]
    assert written(axis) == ["labels", "no labels"]


def test_shifts_are_drawn_a_panel_a_measure_with_the_chosen_one_marked():
    panels = {"recall": {"distilled": points(0.1, 0.5)}, "accuracy": {"distilled": points(0.6, 0.7)}}
    figure = figures.by_shift([0.0, 4.0], panels, Interval(2.0, 1.5, 2.5, 10))
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["recall", "accuracy"]
    marked = figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
    assert (marked.x0, marked.x1) == pytest.approx((1.5, 2.5))


def test_rare_and_common_puts_a_dot_with_its_interval_for_every_group_on_every_line():
    rows = {name: {"rare": points(0.2)[0], "common": points(0.8)[0]} for name in ("labels", "distilled")}
    axis = figures.rare_and_common(rows).axes[0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["labels", "distilled"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["rare", "common"]
    rare = axis.containers[0]
    assert list(rare[0].get_xdata()) == [0.2, 0.2]
    assert rare[2][0].get_segments()[0][:, 0].tolist() == pytest.approx([0.1, 0.3])


@pytest.mark.parametrize("count", [3, 4, 7])
def test_every_fault_has_a_panel_with_the_right_loop_beside_it(count):
    faults = {f"fault {i}": [0.1 * i, 0.2] for i in range(count)}
    figure = figures.faulty_loops([0.5, 0.9], faults)
    shown = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in shown] == list(faults)
    for axis, values in zip(shown, faults.values(), strict=True):
        assert [list(line.get_ydata()) for line in axis.lines] == [[0.5, 0.9], values]
    assert any("the right loop" in written(axis) for axis in figure.axes)
