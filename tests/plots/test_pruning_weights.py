"""The figures of unit 05 draw the numbers they are given, with units and intervals."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor.measure import Interval
from kdtutor.plots import pruning_weights


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_kept_by_pixel_draws_every_mask_on_one_scale():
    grids = {"a": torch.arange(4.0).view(2, 2), "b": torch.full((2, 2), 7.0)}
    figure = pruning_weights.kept_by_pixel(grids)
    images = [axis.images[0] for axis in figure.axes[:2]]
    assert [image.get_clim() for image in images] == [(0, 7), (0, 7)]
    assert images[0].get_array().tolist() == [[0, 1], [2, 3]]


def test_accuracy_by_sparsity_gives_a_name_one_colour_in_all_panels_and_draws_its_interval():
    low, high = {0.5: Interval(40.0, 35.0, 45.0, 10)}, {0.5: Interval(80.0, 79.0, 81.0, 10)}
    panels = {"before": {"random": low}, "after": {"global": high, "random": low}}
    figure = pruning_weights.accuracy_by_sparsity(panels, whole=Interval(85.0, 84.0, 86.0, 10))
    before, after = figure.axes
    drawn = {line.get_label(): line for line in after.lines}
    assert drawn["global"].get_xdata().tolist() == [50.0]
    assert drawn["global"].get_ydata().tolist() == [80.0]
    assert {line.get_label(): line for line in before.lines}["random"].get_color() == drawn["random"].get_color()
    band = after.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (79.0, 81.0)
    assert "%" in before.get_xlabel()
    assert "%" in before.get_ylabel()


def test_revived_names_its_curves_at_their_ends():
    points = [Interval(0.0, 0.0, 0.0, 10), Interval(0.5, 0.4, 0.6, 10)]
    figure = pruning_weights.revived([0, 1], {"plain": points, "masked": points[:1] * 2})
    axis = figure.axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[0.0, 0.5], [0.0, 0.0]]
    assert {text.get_text(): text.xy for text in axis.texts} == {"plain": (1, 0.5), "masked": (1, 0.0)}


def test_the_path_of_a_weight_is_drawn_from_step_0():
    figure = pruning_weights.one_weight({"stays": [0.1, 0.0], "jumps": [0.1, -0.1]})
    curves = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert curves["stays"] == [0.1, 0.0]
    assert curves["jumps"] == [0.1, -0.1]


def test_tickets_stand_over_their_sparsity_with_their_interval():
    curve = {0.5: Interval(85.0, 84.0, 87.0, 10), 0.9: Interval(72.0, 70.0, 73.0, 10)}
    figure = pruning_weights.tickets({"ticket": curve, "control": {0.9: curve[0.9]}}, whole=curve[0.5])
    axis = figure.axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["50% removed", "90% removed"]
    data, _, (bars,) = axis.containers[0]
    assert [round(place) for place in data.get_xdata()] == [0, 1]
    assert [bar[:, 1].tolist() for bar in bars.get_segments()] == [[84.0, 87.0], [70.0, 73.0]]
    assert round(axis.containers[1][0].get_xdata()[0]) == 1


def test_schedules_are_drawn_in_per_cent():
    figure = pruning_weights.sparsity_by_step({"meant": [0.0, 0.5], "run": [0.0, 0.9]})
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[0.0, 50.0], [0.0, 90.0]]
