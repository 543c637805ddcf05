"""Gradients through the learner's functions, through callbacks, and into the learner's own parameters."""

import pytest
import torch

from kdtutor.grading.crossing.proxy import CannotCross

FUNCTIONS = """
import torch

def smooth(a, b, scale=2.0):
    return (a * scale).sin() @ b.exp(), (a ** 3).sum()

def leaves_out(a, b):
    return (a * b.detach()).sum()

def same(a):
    return a

def through(f, a):
    return f(a * 2).sum() * 3

def layer():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)

def in_place(a):
    a.mul_(2)
    return a.sum()
"""


@pytest.fixture
def functions(learner):
    inside = learner(FUNCTIONS, timeout=60)
    return lambda name: inside.stand_in(name)


def pair():
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(2, 3, generator=generator).double().requires_grad_() for _ in range(2))


def test_gradients_and_second_derivatives_are_right(functions):
    smooth = functions("smooth")
    a, b = pair()
    assert torch.autograd.gradcheck(lambda a, b: smooth(a, b.t()), (a, b))
    assert torch.autograd.gradgradcheck(lambda a, b: smooth(a, b.t()), (a, b))


def test_backward_fills_what_needs_a_gradient_and_nothing_else(functions):
    a, b = pair()
    loss = functions("leaves_out")(a, b)
    assert loss.requires_grad
    loss.backward()
    assert torch.equal(a.grad, b.detach())
    assert b.grad is None
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_longer_graph_outside_leads_through_the_inside(functions):
    a, b = pair()
    first, second = functions("smooth")(a * 2, (b + a).t())
    loss = first.pow(2).sum() + second
    found = torch.autograd.grad(loss, (a, b))
    loss = ((a * 4).sin() @ (b + a).t().exp()).pow(2).sum() + ((a * 2) ** 3).sum()
    for gradient, wanted in zip(found, torch.autograd.grad(loss, (a, b)), strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_an_argument_that_comes_back_is_the_argument(functions):
    a, _ = pair()
    assert functions("same")(a) is a


def test_without_grad_mode_there_is_no_graph(functions):
    a, b = pair()
    with torch.no_grad():
        assert not functions("leaves_out")(a, b).requires_grad
    assert not functions("leaves_out")(a.detach(), b).requires_grad


def test_gradients_lead_through_a_callback(functions):
    a, b = pair()
    weight = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))
    value = functions("through")(lambda x: (x * b).sin() * weight, a)
    value.backward()
    found = a.grad, b.grad, weight.grad
    for tensor in (a, b, weight):
        tensor.grad = None
    (((a * 2 * b).sin() * weight).sum() * 3).backward()
    for gradient, wanted in zip(found, (a.grad, b.grad, weight.grad), strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_a_layer_inside_is_trained_by_an_optimiser_outside(functions):
    theirs = functions("layer")()
    torch.manual_seed(0)
    ours = torch.nn.Linear(3, 2)
    assert isinstance(theirs, torch.nn.Linear)
    assert theirs.weight is theirs.weight
    assert isinstance(theirs.weight, torch.nn.Parameter)
    x = torch.randn(5, 3)
    for layer in (theirs, ours):
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            layer(x).pow(2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(theirs(x), ours(x))
    torch.testing.assert_close(theirs.state_dict(), dict(ours.state_dict()))


def test_backward_reaches_parameters_that_nobody_outside_has_seen_and_grad_does_not(functions):
    layer = functions("layer")()
    x = torch.randn(5, 3, requires_grad=True)
    torch.autograd.grad(layer(x).sum(), x)
    assert layer.bias.grad is None
    fresh = functions("layer")()
    fresh(x).sum().backward()
    assert fresh.bias.grad.tolist() == [5, 5]


def test_a_tensor_with_a_history_changed_in_place_is_refused_in_words(functions):
    a, _ = pair()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        functions("in_place")(a)
    with pytest.raises(CannotCross, match="changed in place"):
        functions("in_place")(a * 1)
