"""The figures of unit 04 draw the intervals they are given, and say their units."""

import matplotlib.pyplot as plt
import pytest

from kdtutor.measure import Comparison, Interval
from kdtutor.plots import teachers


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def points(*means):
    return [Interval(mean, mean - 1, mean + 2, 10) for mean in means]


def drawn(axis):
    """The curves with a marker, as lists of heights."""
    return [line.get_ydata().tolist() for line in axis.lines if line.get_marker() == "o" and len(line.get_xdata()) > 1]


def test_the_sweep_draws_teachers_students_and_the_student_alone():
    figure = teachers.capacity_sweep((8, 32), points(50, 70), points(60, 75), Interval(74, 73, 75, 10))
    axis = figure.axes[0]
    assert drawn(axis) == [[50, 70], [60, 75]]
    assert axis.get_xscale() == "log"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["8", "32"]
    assert {text.get_text() for text in axis.texts} == {"student on labels alone", "teacher", "its student"}
    assert "%" in axis.get_ylabel()


def test_gains_are_drawn_with_their_intervals_and_coloured_by_verdict():
    gain = Comparison(2.0, 1.0, 3.0, 10, 0.5, 0.95, "gain")
    loss = Comparison(-1.0, -2.0, -0.5, 10, 0.5, 0.95, "no gain")
    axis = teachers.paired_gains({"a": gain, "b": loss}, "labels").axes[0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["a", "b"]
    bars = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_ydata()[0] == line.get_ydata()[1]]
    assert [list(bar.get_xdata()) for bar in bars] == [[1.0, 3.0], [-2.0, -0.5]]
    assert [bar.get_color() for bar in bars] == [teachers.VERDICT_COLOURS[v] for v in ("gain", "no gain")]
    assert [text.get_text() for text in axis.texts] == ["gain", "no gain"]
    assert "labels" in axis.get_xlabel()


def test_bytes_are_on_a_logarithmic_axis_with_the_classes_kept_beside_them():
    students = {"rest": points(74, 78), "renormalised": points(75, 78)}
    figure = teachers.accuracy_by_bytes([5.0, 110.0], students, Interval(75, 74, 76, 10), [1, 36])
    axis = figure.axes[0]
    assert axis.get_xscale() == "log"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["5\nk = 1", "110\nk = 36"]
    assert drawn(axis) == [[74, 78], [75, 78]]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["rest", "renormalised"]


def test_the_pull_is_drawn_evenly_spaced_with_strengths_as_they_are():
    axis = teachers.pull_trade_off((0, 0.01, 1), points(57, 53, 24), points(50, 57, 73)).axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0", "0.01", "1"]
    assert drawn(axis) == [[57, 53, 24], [50, 57, 73]]


def test_a_stream_has_one_curve_and_one_legend_entry_a_student():
    axis = teachers.along_a_stream([0, 30], {"frozen": points(80, 40), "online": points(80, 70)}, "angle").axes[0]
    assert drawn(axis) == [[80, 40], [80, 70]]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["frozen", "online"]
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (39, 82)
