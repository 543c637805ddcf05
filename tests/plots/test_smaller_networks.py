"""The figures of unit 06 draw the numbers they are given, with units and intervals."""

import matplotlib.pyplot as plt
import pytest

from kdtutor.measure import Interval, LatencyRatio
from kdtutor.plots import smaller_networks


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def ratio(median):
    return LatencyRatio(median, median - 0.1, median + 0.2, 20, 1)


def test_fewer_units_are_further_right_and_the_interval_is_a_band():
    curve = {128: Interval(85.0, 84.0, 86.0, 10), 64: Interval(70.0, 66.0, 74.0, 10)}
    figure = smaller_networks.accuracy_by_units({"L1": curve}, whole=curve[128])
    (axis,) = figure.axes
    drawn = {line.get_label(): line for line in axis.lines}["L1"]
    assert (drawn.get_xdata().tolist(), drawn.get_ydata().tolist()) == ([128, 64], [85.0, 70.0])
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (66.0, 86.0)
    assert axis.xaxis_inverted()
    assert "%" in axis.get_ylabel()


def test_each_panel_has_its_own_promise_and_one_point_a_batch_size():
    measured = {"half": {1: ratio(0.9), 64: ratio(0.6)}, "quarter": {1: ratio(0.8), 64: ratio(0.4)}}
    figure = smaller_networks.promised_and_measured({"half": 0.5, "quarter": 0.25}, measured, baseline="the whole")
    half, quarter = figure.axes
    assert [tick.get_text() for tick in half.get_xticklabels()] == ["1", "64"]
    promises = [{line.get_label(): line for line in axis.lines}["MACs promise"] for axis in (half, quarter)]
    assert [line.get_ydata()[0] for line in promises] == [0.5, 0.25]
    data, _, (bars,) = quarter.containers[0]
    assert data.get_ydata().tolist() == [0.8, 0.4]
    assert bars.get_segments()[1][:, 1].tolist() == pytest.approx([0.3, 0.6])
    assert "the whole" in half.get_ylabel()


def test_widths_are_drawn_where_they_lie_and_named():
    figure = smaller_networks.time_by_width({63: ratio(1.2), 64: ratio(1.0)}, {63: 0.97, 64: 1.0}, base=64)
    (axis,) = figure.axes
    data, _, _ = axis.containers[0]
    assert (data.get_xdata().tolist(), data.get_ydata().tolist()) == ([63, 64], [1.2, 1.0])
    assert [text.get_text() for text in axis.texts] == ["63", "64"]
    assert {line.get_label(): line for line in axis.lines}["MACs promise"].get_ydata().tolist() == [0.97, 1.0]
    assert "64 channels" in axis.get_ylabel()


def test_ways_stand_in_order_from_the_top_with_their_interval():
    ways = {"scratch": Interval(80.0, 79.0, 82.0, 10), "pruned": Interval(83.0, 82.0, 83.5, 10)}
    figure = smaller_networks.accuracy_by_way(ways, whole=Interval(90.0, 89.0, 91.0, 10))
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["scratch", "pruned"]
    data, _, (bars,) = axis.containers[0]
    assert data.get_xdata().tolist() == [80.0, 83.0]
    assert [bar[:, 0].tolist() for bar in bars.get_segments()] == [[79.0, 82.0], [82.0, 83.5]]
    assert axis.yaxis_inverted()
    assert axis.lines[0].get_xdata()[0] == 90.0
