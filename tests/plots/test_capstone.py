"""The figures of unit 12 draw what they are given; the front is what no other network beats."""

import matplotlib.pyplot as plt
import pytest

from kdtutor.measure import Interval
from kdtutor.plots import capstone as figures
from kdtutor.plots.capstone import Costs

CLASS = {
    "ada": Costs(8000, 0.5, 0.3),
    "bob": Costs(9000, 0.6, 0.3),  # beaten by ada in two and equal in one
    "eve": Costs(20000, 0.1, 0.9),  # large and slow, and loses least
}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_the_front_is_what_nobody_beats_and_equals_stay_both():
    assert figures.pareto_front(CLASS) == ["ada", "eve"]
    assert figures.pareto_front({"a": Costs(1, 1, 1), "b": Costs(1, 1, 1)}) == ["a", "b"]
    assert figures.pareto_front({}) == []


def test_each_network_is_a_point_filled_on_the_front_and_green_where_it_keeps_the_contract():
    (axis,) = figures.class_front(CLASS, Costs(16384, 1.5, 0.5)).axes
    points = {text.get_text().split(",")[0]: line for text, line in zip(axis.texts, axis.lines, strict=True)}
    assert [points[name].get_xdata()[0] for name in CLASS] == [8000, 9000, 20000]
    assert [points[name].get_ydata()[0] for name in CLASS] == [0.5, 0.6, 0.1]
    assert points["ada"].get_color() == points["bob"].get_color() != points["eve"].get_color()
    assert points["bob"].get_markerfacecolor() == "white"
    assert points["eve"].get_markerfacecolor() == points["eve"].get_color()
    assert axis.texts[0].get_text() == "ada, 3.3×"


def test_a_class_of_nobody_has_a_picture_too():
    (axis,) = figures.class_front({}, Costs(16384, 1.5, 0.5)).axes
    assert not axis.lines


def test_orders_stand_by_accuracy_in_percent_with_their_interval():
    orders = {"D P Q": Interval(0.8, 0.79, 0.82, 10), "Q P D": Interval(0.7, 0.6, 0.8, 10)}
    (axis,) = figures.accuracy_by_order(orders, "D P Q", 0.84).axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["Q P D", "D P Q"]
    assert [bar.lines[0].get_xdata()[0] for bar in axis.containers] == pytest.approx([70, 80])
    assert axis.lines[-1].get_xdata()[0] == pytest.approx(84)
