"""The figures of unit 09 draw what they are given, with units, in the places that the axes say."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor.measure import Interval
from kdtutor.plots import less_data as figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_a_row_of_pictures_a_name():
    figure = figures.pictures_in_rows({"one": torch.zeros(2, 3, 4), "other": torch.ones(2, 3, 4)})
    assert [axis.get_ylabel() for axis in figure.axes] == ["one", "", "other", ""]
    assert figure.axes[3].images[0].get_array().tolist() == [[1.0] * 4] * 3


def test_kept_pixels_are_dark_where_they_lie():
    (axis,) = figures.kept_pixels({"some": torch.tensor([0, 5])}, 2, 3).axes
    assert axis.images[0].get_array().tolist() == [[1, 0, 0], [0, 0, 1]]
    assert axis.get_title(loc="center") == "some"


def test_panels_share_axes_and_the_grey_reference():
    points = [(2000.0, Interval(0.8, 0.7, 0.9, 10)), (1000.0, Interval(0.5, 0.4, 0.6, 10))]
    panels = {"samples": {"a": points}, "numbers": {"b": points, "c": points}}
    left, right = figures.accuracy_by_data(panels, ("random", points), Interval(0.9, 0.9, 0.9, 9)).axes
    assert left.get_xscale() == "log"
    assert left.get_xlim() == right.get_xlim()
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["random", "b", "c"]
    line = left.containers[1].lines[0]
    assert line.get_xdata().tolist() == pytest.approx([2, 1])
    assert line.get_ydata().tolist() == pytest.approx([80, 50])
    assert left.lines[0].get_ydata() == pytest.approx([90, 90])


def test_labels_are_open_and_the_teacher_is_filled():
    low, high = Interval(0.5, 0.4, 0.6, 10), Interval(0.7, 0.6, 0.8, 10)
    (axis,) = figures.labels_and_teacher({"few": (low, high)}, (high, high)).axes
    opened, filled = (container.lines[0] for container in axis.containers[:2])
    assert opened.get_xdata().tolist() == pytest.approx([50])
    assert filled.get_xdata().tolist() == pytest.approx([70])
    assert (opened.get_markerfacecolor(), filled.get_markerfacecolor()) == ("white", "#0072B2")
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["few", "all pictures"]
