"""The figure of unit 13 draws the rates it is given, with their spread and in their order."""

import matplotlib.pyplot as plt
import pytest

from kdtutor.plots import at_scale


def test_each_way_has_a_bar_its_spread_and_its_number_in_order_from_the_top():
    figure = at_scale.throughput({"asked": (100.0, 90.0, 120.0), "cached": (2300.0, 2200.0, 2350.0)})
    (axis,) = figure.axes
    bars = [bar for bar in axis.patches if bar.get_height() == pytest.approx(0.6)]
    assert [bar.get_width() for bar in bars] == [100.0, 2300.0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["asked", "cached"]
    assert axis.yaxis_inverted()
    (spread,) = axis.containers[0].lines[2]
    assert [segment[:, 0].tolist() for segment in spread.get_segments()] == [[90.0, 120.0], [2200.0, 2350.0]]
    assert [text.get_text() for text in axis.texts] == ["100", "2,300"]
    assert "a second" in axis.get_xlabel()
    plt.close(figure)
