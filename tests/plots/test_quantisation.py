"""The figures of unit 07 draw what they are given, with units, in the places that the axes say."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor.measure import Interval, LatencyRatio
from kdtutor.plots import quantisation as figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_round_trips_draw_a_panel_a_way_with_the_values_given():
    x = torch.tensor([-1.0, 0.0, 2.0])
    figure = figures.round_trips(x, {"saturated": x.clamp(max=1), "wrapped": -x}, -1.0, 1.0)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["saturated", "wrapped"]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [-1.0, 0.0, 1.0]
    assert figure.axes[1].lines[1].get_ydata().tolist() == [1.0, 0.0, -2.0]


def test_levels_stand_in_a_row_a_format_and_those_beyond_the_weights_are_left_out():
    weights = torch.tensor([-0.5, 0.1, 0.4])
    figure = figures.levels_over_weights(
        weights, {"coarse": torch.tensor([-0.5, 0.5]), "wide": torch.tensor([0.0, 9.0])}
    )
    top, bottom = figure.axes
    assert sum(bar.get_height() for bar in top.patches) == 3
    assert [line.get_xdata().tolist() for line in bottom.lines] == [[-0.5, 0.5], [0.0]]
    assert [tick.get_text() for tick in bottom.get_yticklabels()] == ["coarse", "wide"]


def test_calibrations_are_drawn_in_percent_with_float_as_a_line():
    row = {"minmax": Interval(0.2, 0.1, 0.3, 10), "error": Interval(0.8, 0.7, 0.9, 10)}
    figure = figures.accuracy_by_calibration({"8 bits": {"clean": row, "spoilt": row}}, floating=0.83)
    (axis,) = figure.axes
    assert axis.get_ylabel() == "accuracy in %"
    assert axis.containers[0].lines[0].get_ydata().tolist() == pytest.approx([20, 80])
    ends = [segment[:, 1].tolist() for segment in axis.containers[0].lines[2][0].get_segments()]
    assert [value for end in ends for value in end] == pytest.approx([10, 30, 70, 90])
    assert any(line.get_ydata() == pytest.approx([83, 83]) for line in axis.lines if len(line.get_ydata()) == 2)
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["clean", "spoilt"]


def test_accuracy_stands_over_the_bits_that_are_stored():
    curve = [(8.1, Interval(0.8, 0.79, 0.81, 10)), (4.1, Interval(0.6, 0.5, 0.7, 10))]
    figure = figures.accuracy_by_bits({"channel": curve, "tensor": curve}, Interval(0.83, 0.82, 0.84, 10))
    (axis,) = figure.axes
    assert axis.containers[0].lines[0].get_xdata().tolist() == [8.1, 4.1]
    assert axis.containers[0].lines[0].get_ydata().tolist() == pytest.approx([80, 60])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["channel", "tensor"]


def test_times_are_ratios_on_logarithmic_axes_and_parts_add_up_to_the_whole():
    ratios = {64: {1: LatencyRatio(4.0, 3.5, 4.5, 9, 1), 64: LatencyRatio(0.5, 0.4, 0.6, 9, 1)}}
    parts = {"small": {"range": 0.1, "quantise": 0.2, "product": 0.3, "scale": 0.4}}
    left, right = figures.time_against_float(ratios, parts).axes
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")
    assert left.containers[0].lines[0].get_ydata().tolist() == [4.0, 0.5]
    assert [bar.get_width() for bar in right.patches] == pytest.approx([10, 20, 30, 40])
    assert [bar.get_x() for bar in right.patches] == pytest.approx([0, 10, 30, 60])
