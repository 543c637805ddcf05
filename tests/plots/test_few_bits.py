"""The figures of unit 08 draw what they are given, with units, in the places that the axes say."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor.measure import Interval
from kdtutor.plots import few_bits as figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_the_staircase_stands_beside_its_slopes():
    x = torch.tensor([-1.0, 0.0, 1.0])
    figure = figures.staircase(x, x.round(), x, {"yours": torch.ones(3), "other": torch.zeros(3)}, -1.0, 1.0)
    left, right = figure.axes
    assert [line.get_ydata().tolist() for line in left.lines] == [[-1, 0, 1], [-1, 0, 1]]
    assert [line.get_ydata().tolist() for line in right.lines] == [[1, 1, 1], [0, 0, 0]]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["yours", "other"]


def test_accuracy_is_in_percent_over_bits_and_what_was_not_trained_is_dashed():
    points = {8: Interval(0.8, 0.79, 0.81, 10), 2: Interval(0.6, 0.5, 0.7, 10)}
    figure = figures.accuracy_by_bits({"afterwards": points, "trained": points}, Interval(0.83, 0.82, 0.84, 10))
    (axis,) = figure.axes
    _, dashed, solid = axis.lines
    assert dashed.get_xdata().tolist() == [8, 2]
    assert dashed.get_ydata().tolist() == pytest.approx([80, 60])
    assert (dashed.get_linestyle(), solid.get_linestyle()) == ("--", "-")
    assert axis.get_ylabel() == "accuracy in %"


def test_errors_are_drawn_against_draws_and_accuracies_over_bits():
    points = {8: Interval(0.8, 0.7, 0.9, 10), 2: Interval(0.5, 0.4, 0.6, 10)}
    figure = figures.rounded_gradients(
        [1, 10], {"nearest": [0.5, 0.5]}, {"nearest": points}, Interval(0.8, 0.8, 0.8, 9)
    )
    left, right = figure.axes
    assert left.lines[0].get_ydata().tolist() == [0.5, 0.5]
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")
    assert right.containers[0].lines[0].get_ydata().tolist() == pytest.approx([80, 50])
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["2", "8"]
    assert right.containers[0].lines[0].get_xdata().tolist() == pytest.approx([0.94, -0.06])


def test_parts_of_a_file_add_up_and_each_is_named_once():
    files = {"plain": {"codes": 3000}, "coded": {"codes": 900, "head": 100}}
    (axis,) = figures.bytes_by_part(files, 4000).axes
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([3, 0.9, 0.1])
    assert [bar.get_x() for bar in axis.patches] == pytest.approx([0, 0, 0.9])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["codes", "head"]
    assert "1.0 kB, 4.0 times less" in [text.get_text() for text in axis.texts]
