"""Scores against explicit sums, against torch's own pruning, and against the loss they claim to predict."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from kdtutor.prune import keep_channels, neuron_scores, taylor_scores, wanda_scores

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(shapes, st.data())
def test_neuron_scores_are_the_norms_of_slices(shape, data):
    weight = torch.randn(shape, dtype=torch.float64)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    slices = [weight.select(axis, j).flatten().tolist() for j in range(shape[axis])]
    l1 = [sum(abs(w) for w in one) for one in slices]
    l2 = [math.sqrt(sum(w * w for w in one)) for one in slices]
    torch.testing.assert_close(neuron_scores(weight, axis=axis).tolist(), l1)
    torch.testing.assert_close(neuron_scores(weight, "l2", axis=axis).tolist(), l2)


@pytest.mark.parametrize(("norm", "order"), [("l1", 1), ("l2", 2)])
@pytest.mark.parametrize("axis", [0, 1])
def test_neurons_kept_agree_with_torch_s_structured_pruning(norm, order, axis):
    conv = nn.Conv2d(6, 10, 3)
    mask = torch_prune.LnStructured(amount=0.4, n=order, dim=axis).compute_mask(
        conv.weight, torch.ones_like(conv.weight)
    )
    theirs = mask.movedim(axis, 0).flatten(1).amax(1).bool()
    assert torch.equal(keep_channels(neuron_scores(conv.weight, norm, axis=axis), 0.4), theirs)


def test_l1_and_l2_order_groups_differently_though_they_order_weights_alike():
    weight = torch.tensor([[3.0, 0.0, 0.0], [1.5, 1.0, 1.0]])
    assert neuron_scores(weight, "l1").argmax() == 1
    assert neuron_scores(weight, "l2").argmax() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_scores_stay_finite_in_half_precision_follow_the_device_and_carry_no_gradient(dtype, device):
    weight = torch.full((2, 300), 1e4, dtype=dtype, device=device, requires_grad=True)
    for scores in (
        neuron_scores(weight, "l2"),
        taylor_scores(weight, weight.detach(), axis=0),
        wanda_scores(weight, torch.full((300,), 1e4, device=device)),
    ):
        assert scores.isfinite().all()
        assert scores.device.type == device.type
        assert scores.dtype == torch.float32
        assert not scores.requires_grad


def test_taylor_scores_equal_the_change_of_a_linear_loss_exactly():
    inputs, direction = torch.randn(16, 5, dtype=torch.float64), torch.randn(16, 3, dtype=torch.float64)
    weight = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)

    def loss(w):
        return (F.linear(inputs, w) * direction).sum()

    (gradient,) = torch.autograd.grad(loss(weight), weight)
    for out in range(3):
        without_neuron = weight.detach().clone()
        without_neuron[out] = 0
        change = (loss(weight) - loss(without_neuron)).abs()
        torch.testing.assert_close(taylor_scores(weight, gradient, axis=0)[out], change.detach())
        for into in range(5):
            without = weight.detach().clone()
            without[out, into] = 0
            change = (loss(weight) - loss(without)).abs()
            torch.testing.assert_close(taylor_scores(weight, gradient)[out, into], change.detach())


def test_opposite_terms_of_a_neuron_cancel_in_its_taylor_score():
    weight, gradient = torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0, -2.0]])
    assert taylor_scores(weight, gradient).tolist() == [[2.0, 2.0]]
    assert taylor_scores(weight, gradient, axis=0).tolist() == [0.0]


def test_wanda_scores_multiply_each_column_by_its_input_s_norm():
    weight = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    norm = torch.rand(12, dtype=torch.float64)
    expected = [[abs(w) * norm[i].item() for i, w in enumerate(row)] for row in weight.flatten(1).tolist()]
    torch.testing.assert_close(wanda_scores(weight, norm).flatten(1).tolist(), expected)


two_by_three = torch.ones(2, 3)
REFUSED = [
    (lambda: neuron_scores(two_by_three, "l3"), ValueError, "norm is 'l3': one of 'l1', 'l2'"),
    (lambda: neuron_scores(two_by_three, axis=2), ValueError, r"axis is 2: weight has shape \(2, 3\)"),
    (lambda: neuron_scores(two_by_three.long()), TypeError, "weight has dtype int64"),
    (
        lambda: taylor_scores(two_by_three, torch.ones(3, 2)),
        ValueError,
        r"gradient has shape \(3, 2\), weight \(2, 3\)",
    ),
    (lambda: taylor_scores(two_by_three, None), TypeError, "gradient is a NoneType"),
    (lambda: wanda_scores(two_by_three, torch.ones(2)), ValueError, r"input_norm has shape \(2,\), weight \(2, 3\)"),
    (lambda: wanda_scores(torch.ones(3), torch.ones(3)), ValueError, r"weight needs \(out, in\)"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
