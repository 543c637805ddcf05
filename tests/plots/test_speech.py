"""The figures of unit 11 draw what they are given, with units, in the places that the axes say."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor.measure import Interval
from kdtutor.plots import speech as figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_a_word_is_drawn_three_times_over_one_axis_of_seconds():
    power, features = torch.rand(4, 9), torch.rand(4, 3)
    figure = figures.wave_to_features(torch.linspace(-1, 1, 80), power, features, 80, 16)
    wave, spectrum, mel = figure.axes
    assert wave.lines[0].get_xdata()[-1] == pytest.approx(79 / 80)
    assert spectrum.images[0].get_array().shape == (9, 4)
    assert mel.images[0].get_array().tolist() == pytest.approx(features.T.numpy())
    assert mel.images[0].get_extent() == pytest.approx([0, 0.8, 0, 3])
    assert mel.get_xlabel() == "seconds"


def test_filters_stand_over_the_frequencies_of_their_bins():
    filters = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    (axis,) = figures.mel_triangles(filters, 8000).axes
    assert [line.get_ydata().tolist() for line in axis.lines] == filters.tolist()
    assert list(axis.lines[0].get_xdata()) == [0, 2, 4]


def test_stages_show_every_network_and_the_mean():
    (axis,) = figures.accuracy_by_stage({"whole": [0.9, 0.92], "cut": [0.7, 0.8]}).axes
    assert axis.lines[0].get_xdata().tolist() == pytest.approx([90, 92])
    assert [box.lines[0].get_xdata()[0] for box in axis.containers] == pytest.approx([91, 75])
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["whole", "cut"]
    assert [text.get_text() for text in axis.texts] == ["91.0 %", "75.0 %"]


def test_answers_stand_where_their_frames_end_and_the_likeliest_are_named():
    probabilities = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])
    top, bottom = figures.answers_over_time(torch.rand(2, 4), probabilities, ["a", "b", "c"], 16.0).axes
    assert bottom.lines[0].get_xdata() == pytest.approx([32, 48])
    assert bottom.lines[0].get_ydata().tolist() == pytest.approx([0.5, 0.9])
    assert [text.get_text() for text in bottom.get_legend().get_texts()] == ["b", "a", "c"]
    assert top.images[0].get_extent() == [0, 32, 0, 4]


def test_waiting_and_accuracy_have_an_interval_each():
    point = Interval(300.0, 290.0, 310.0, 10), Interval(0.8, 0.7, 0.9, 10)
    (axis,) = figures.sooner_or_better({0.9: point}, point).axes
    assert axis.containers[0].lines[0].get_xdata().tolist() == [300.0]
    assert axis.containers[0].lines[0].get_ydata().tolist() == pytest.approx([80])
    assert [text.get_text() for text in axis.texts] == ["0.9", "at the end"]
