"""Recipes: what they refuse, the learning rates and the optimisers they stand for."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kdtutor.training import Recipe
from kdtutor.training.recipe import optimizer_for


def test_a_recipe_counts_its_updates_short_last_batches_included():
    assert Recipe(epochs=3, batch_size=128).steps(256) == 6
    assert Recipe(epochs=3, batch_size=128).steps(257) == 9
    assert Recipe(epochs=3, batch_size=128).steps(1) == 3


@given(st.integers(1, 500), st.floats(1e-5, 1.0))
def test_one_cycle_rises_to_lr_falls_towards_zero_and_never_leaves_that_range(steps, lr):
    rates = [Recipe(lr=lr).learning_rate(step, steps) for step in range(steps)]
    assert all(0 < rate <= lr * (1 + 1e-12) for rate in rates)
    assert rates[0] == pytest.approx(lr / 25)
    top = rates.index(max(rates))
    assert abs(top - 0.3 * steps) <= 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert Recipe(lr=lr).learning_rate(steps, steps) == 0


def test_one_cycle_is_the_curve_that_torch_draws():
    steps, lr = 2000, 0.01
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1, cycle_momentum=False)
    for step in range(steps):
        assert Recipe(lr=lr).learning_rate(step, steps) == pytest.approx(schedule.get_last_lr()[0], abs=0.005 * lr)
        optimizer.step()
        schedule.step()


def test_the_constant_schedule_is_constant():
    recipe = Recipe(lr=0.1, schedule="constant")
    assert {recipe.learning_rate(step, 50) for step in range(50)} == {0.1}


def test_the_optimisers_make_the_step_of_their_formula():
    w, g, lr, decay = 2.0, 0.5, 0.1, 0.01
    for recipe, expected in [
        (Recipe(lr=lr, weight_decay=decay, optimizer="sgd", momentum=0.0), w - lr * (g + decay * w)),
        (Recipe(lr=lr, weight_decay=decay), w * (1 - lr * decay) - lr * g / (math.sqrt(g * g) + 1e-8)),
    ]:
        parameter = torch.tensor([w], dtype=torch.float64, requires_grad=True)
        parameter.grad = torch.tensor([g], dtype=torch.float64)
        optimizer_for(recipe, [parameter]).step()
        assert parameter.item() == pytest.approx(expected, rel=1e-12)


def test_momentum_keeps_a_share_of_the_last_step():
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_for(Recipe(lr=1.0, optimizer="sgd", momentum=0.5), [parameter])
    for gradient in (1.0, 0.0, 0.0):
        parameter.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
    assert parameter.item() == pytest.approx(-(1 + 0.5 + 0.25))


def test_only_what_is_trained_is_given_to_the_optimiser():
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    (group,) = optimizer_for(Recipe(), model.parameters()).param_groups
    assert group["params"] == [model.weight]
    with pytest.raises(ValueError, match="no parameter that is trained"):
        optimizer_for(Recipe(), model.requires_grad_(False).parameters())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs is 0: at least 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": math.nan}, "lr is nan"),
        ({"lr": math.inf}, "lr is inf"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"momentum": 1.0}, "momentum is 1.0"),
        ({"optimizer": "adam"}, "optimizer is 'adam': one of 'adamw', 'sgd'"),
        ({"schedule": "cosine"}, "schedule is 'cosine': one of 'one-cycle', 'constant'"),
        ({"precision": "float16"}, "precision is 'float16': one of 'full', 'bfloat16'"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_by_name(changes, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**changes)
