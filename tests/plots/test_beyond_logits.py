"""The figures of unit 03 draw the numbers that they are given."""

import matplotlib.pyplot as plt
import pytest
import torch

from kdtutor import plots
from kdtutor.measure import Interval


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_attention_maps_stand_below_their_pictures_layer_by_layer():
    maps = {"early": torch.arange(8.0).view(2, 4), "late": torch.ones(2, 1)}
    figure = plots.attention_maps(torch.zeros(2, 3, 3), maps)
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["picture", "early", "late"]
    assert figure.axes[3].images[0].get_array().tolist() == [[4, 5], [6, 7]]


def test_similarity_matrices_share_one_scale_and_name_each_class_once():
    figure = plots.similarity_matrices({"a": torch.eye(3), "b": 2 * torch.ones(3, 3)}, ["X", "X", "Y"])
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["X", "Y"]
    assert list(figure.axes[0].get_xticks()) == [0.5, 2]
    assert {axis.images[0].get_clim() for axis in figure.axes[:2]} == {(0.0, 2.0)}


def test_losses_by_scale_are_drawn_on_one_axis():
    figure = plots.loss_by_scale([0.5, 1, 2], {"KD": [1.0, 0.0, 2.0], "DIST": [0.1, 0.0, 0.2]})
    assert list(figure.axes[0].lines[0].get_ydata()) == [1.0, 0.0, 2.0]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_accuracy_by_weight_is_in_percent_beside_the_students_without_the_loss():
    curves = {str(number): [0.5, 0.625, 0.75] for number in range(7)}
    figure = plots.accuracy_by_weight([0.1, 1, 10], curves, without=0.25)
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert len(shown) == 7
    assert list(shown[0].lines[0].get_ydata()) == [50, 62.5, 75]
    assert list(shown[0].lines[1].get_ydata()) == [25, 25]


def test_gains_are_drawn_with_their_intervals_and_lined_up_with_what_others_report():
    measured = {"KD": Interval(0.02, 0.01, 0.03, 10), "x": Interval(-0.01, -0.02, 0.0, 10)}
    reported = {"KD": [1.5, 2.5], "other": [3.0]}
    figure = plots.gains_beside_reported(measured, reported, {"KD": "last epoch", "other": "best on test"})
    ours, theirs = figure.axes
    assert [tick.get_text() for tick in ours.get_yticklabels()] == ["KD", "x", "other"]
    assert ours.lines[0].get_xdata() == pytest.approx([1, 3])
    assert list(theirs.lines[1].get_ydata()) == [2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["last epoch", "best on test"]


def test_the_reported_epoch_is_marked_for_each_of_three_choices():
    figure = plots.chosen_epochs([0.5, 0.8, 0.7, 0.6], [0.5, 0.6, 0.75, 0.7])
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines[2:]]
    assert points == [(3, 75), (2, 60), (4, 70)]
