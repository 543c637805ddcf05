"""A test's models, optimisers and data in the learner's hands, and what became of them outside."""

import copy

import pytest
import torch
from torch import nn

from kdtutor import models
from kdtutor.grading.crossing.proxy import CannotCross

TRAINING = """
import torch
import torch.nn.functional as F

def train_step(model, optimizer, x, y, loss=F.cross_entropy):
    model.train()
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value.detach()

def teacher_logits(teacher, x):
    mode = teacher.training
    teacher.eval()
    with torch.no_grad():
        logits = teacher(x)
    teacher.train(mode)
    return logits

def prune(model, how):
    layer = model[0]
    if how == "data":
        layer.weight.data[0] = 0
    elif how == "new parameter":
        layer.weight = torch.nn.Parameter(layer.weight.detach() * 0)
    elif how == "buffer":
        layer.register_buffer("mask", layer.weight.detach() > 0)
    elif how == "layer":
        model[0] = torch.nn.Linear(4, 6)
    elif how == "flags":
        layer.out_features = 5
        for p in layer.parameters():
            p.requires_grad_(False)
    return model

def narrower(first):
    new = torch.nn.Linear(first.in_features, 2)
    with torch.no_grad():
        new.weight.copy_(first.weight[:2])
        new.bias.copy_(first.bias[:2])
    return new

def same_parameters(model, optimizer):
    return [p is q for p, q in zip(model.parameters(), optimizer.param_groups[0]["params"])]

class Student(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    def forward(self, x):
        return self.body(x)
"""


def network():
    # No bias before BatchNorm: its gradient is rounding noise about zero, which Adam would make a whole step of
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))


@pytest.fixture
def inside(learner):
    return learner(TRAINING, timeout=60)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("loss", [None, lambda z, y: nn.functional.cross_entropy(z, y) * 2])
def test_training_steps_inside_are_training_steps_outside(inside, kind, loss):
    train_step = inside.stand_in("train_step")
    theirs, ours = network(), network()
    x, y = torch.randn(8, 4), torch.randint(3, (8,))
    settings = {"momentum": 0.9} if kind == "SGD" else {}
    optimizers = [getattr(torch.optim, kind)(model.parameters(), lr=0.05, **settings) for model in (theirs, ours)]
    for _ in range(3):
        given = {} if loss is None else {"loss": loss}
        value = train_step(theirs, optimizers[0], x, y, **given)
        optimizers[1].zero_grad()
        wanted = (loss or nn.functional.cross_entropy)(ours(x), y)
        wanted.backward()
        optimizers[1].step()
        torch.testing.assert_close(value, wanted.detach())
    torch.testing.assert_close(dict(theirs.state_dict()), dict(ours.state_dict()))
    for left, right in zip(theirs.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad)
        mine, other = optimizers[0].state[left], optimizers[1].state[right]
        torch.testing.assert_close(dict(mine), dict(other))


def test_a_model_and_its_optimiser_share_their_parameters_inside(inside):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    assert all(inside.stand_in("same_parameters")(model, optimizer))


def test_a_mode_that_is_restored_is_restored_and_statistics_stay(inside):
    teacher = network().train()
    before = copy.deepcopy(teacher.state_dict())
    x = torch.randn(5, 4)
    logits = inside.stand_in("teacher_logits")(teacher, x)
    assert all(module.training for module in teacher.modules())
    torch.testing.assert_close(dict(before), dict(teacher.state_dict()), rtol=0, atol=0)
    torch.testing.assert_close(logits, teacher.eval()(x).detach())


def test_the_course_s_own_models_go_in(inside):
    model = models.mlp(16, 8, 4, seed=1)
    first = next(model.parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = first.detach().clone()
    inside.stand_in("train_step")(model, optimizer, torch.randn(6, 16), torch.randint(4, (6,)))
    assert not torch.equal(before, first)


def test_changes_of_a_model_in_place_come_back(inside):
    prune = inside.stand_in("prune")
    model = network()
    weight = model[0].weight
    assert prune(model, "data") is model
    assert model[0].weight is weight
    assert weight[0].tolist() == [0] * 4
    prune(model, "new parameter")
    assert isinstance(model[0].weight, nn.Parameter)
    assert not model[0].weight.any()
    prune(model, "buffer")
    assert model[0].mask.dtype == torch.bool
    prune(model, "flags")
    assert model[0].out_features == 5
    assert [p.requires_grad for p in model[0].parameters()] == [False]
    with pytest.raises(CannotCross, match="a module inside a model was replaced"):
        prune(model, "layer")


def test_a_new_layer_comes_back_as_one_that_runs_inside(inside):
    first = nn.Linear(4, 6)
    new = inside.stand_in("narrower")(first)
    assert isinstance(new, nn.Linear)
    assert isinstance(new, nn.Module)
    assert (new.in_features, new.out_features, tuple(new.weight.shape)) == (4, 2, (2, 4))
    x = torch.randn(3, 4)
    torch.testing.assert_close(new(x), first(x)[:, :2])


def test_a_class_of_the_learner_s_is_made_trained_and_copied(inside):
    model = inside.stand_in("Student")()
    assert isinstance(model, nn.Module)
    assert [name for name, _ in model.named_parameters()] == [
        f"body.{i}.{w}" for i in (0, 1) for w in ("weight", "bias")
    ]
    assert sum(p.numel() for p in model.parameters()) == 4 * 3 + 3 + 6
    twin = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(8, 4), torch.randint(3, (8,))
    first = inside.stand_in("train_step")(model, optimizer, x, y)
    assert inside.stand_in("train_step")(model, optimizer, x, y) < first
    assert not torch.equal(twin.body[0].weight, model.body[0].weight)
    model.eval()
    assert model.training is False


def test_a_model_that_a_test_cell_defines_goes_in(inside):
    pytest.importorskip("cloudpickle")

    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 3)

        def forward(self, x):
            return 2 * self.inner(x)

    model, x = Doubled(), torch.randn(2, 4)
    torch.testing.assert_close(inside.stand_in("teacher_logits")(model, x), model(x).detach())


def test_what_cannot_be_sent_is_a_fault_in_words(inside):
    model = network()
    model.register_forward_hook(lambda module, args, output, g=(i for i in range(3)): None)
    with pytest.raises(CannotCross, match="cannot be sent"):
        inside.stand_in("teacher_logits")(model, torch.randn(2, 4))
