"""The figures of unit 10 draw what they are given, with units, in the places that the axes say."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor.measure import Interval
from kdtutor.plots import language as figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_a_fit_is_a_line_over_the_bars_of_the_truth():
    truth, fit = torch.tensor([0.7, 0.1, 0.2]), torch.tensor([0.5, 0.3, 0.2])
    figure = figures.fits_of_one_context(truth, {"forward": fit, "reverse": truth}, ("ba", "be", "bi"))
    left, right = figure.axes
    assert [axis.get_title(loc="left") for axis in (left, right)] == ["forward", "reverse"]
    assert [bar.get_height() for bar in left.patches] == pytest.approx([0.7, 0.1, 0.2])
    assert left.lines[0].get_ydata().tolist() == pytest.approx([0.5, 0.3, 0.2])


def test_a_student_stands_at_its_two_losses_and_both_axes_begin_at_zero():
    results = {"forward": (Interval(0.4, 0.3, 0.6, 10), Interval(0.7, 0.6, 0.9, 10))}
    (axis,) = figures.against_the_truth(results, (0.02, 0.03)).axes
    (line,) = axis.containers[0].lines[0].get_xydata().tolist()
    assert line == pytest.approx([0.4, 0.7])
    ends = sorted(segment.tolist() for bars in axis.containers[0].lines[2] for segment in bars.get_segments())
    flat = [number for end in ends for point in end for number in point]
    assert flat == pytest.approx([0.3, 0.7, 0.6, 0.7, 0.4, 0.6, 0.4, 0.9])
    assert axis.get_xlim()[0] == axis.get_ylim()[0] == 0
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["the teacher", "forward"]


def test_losses_stand_in_the_order_given():
    results = {"labels": Interval(0.5, 0.4, 0.6, 10), "teacher": Interval(0.1, 0.05, 0.2, 10)}
    (axis,) = figures.losses_by_text(results).axes
    assert axis.containers[0].lines[0].get_xydata().tolist() == [[0.5, 0.0], [0.1, 1.0]]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["labels", "teacher"]
    assert axis.get_xscale() == "log"


def test_memory_is_drawn_in_megabytes_on_logarithmic_axes():
    (axis,) = figures.memory_by_chunk({"yours": {8: 3_000_000, 64: 9_000_000}}, logits=16_000_000).axes
    assert axis.lines[0].get_xydata().tolist() == [[8.0, 3.0], [64.0, 9.0]]
    assert list(axis.lines[1].get_ydata()) == [16.0, 16.0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert axis.get_ylabel() == "peak memory in MB"


def test_rounding_stands_over_the_bits_that_are_stored():
    curve = [(5.25, Interval(0.02, 0.01, 0.03, 10)), (4.5, Interval(0.05, 0.04, 0.06, 10))]
    (axis,) = figures.nats_by_bits({"4 bits": curve}).axes
    assert axis.containers[0].lines[0].get_xydata().tolist() == [[5.25, 0.02], [4.5, 0.05]]
    assert axis.get_ylim()[0] == 0
