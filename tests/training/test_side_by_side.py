"""Networks side by side compute and learn what each would alone, through whatever their weights are seen as."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdtutor import models
from kdtutor.training import Recipe
from kdtutor.training.side_by_side import SideBySide, fit_side_by_side


def _nets(count=3):
    return [models.mlp(6, 5, 4, seed=seed) for seed in range(count)]


def _samples():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(40, 6, generator=generator), torch.randint(4, (40,), generator=generator)


def test_each_network_gives_its_own_logits():
    nets, x = _nets(), torch.randn(3, 7, 6, generator=torch.Generator().manual_seed(1))
    together = SideBySide(nets, lambda i, w: w)(x)
    for net, own, logits in zip(nets, x, together, strict=True):
        assert torch.allclose(net(own), logits, atol=1e-6)


def test_layers_multiply_by_what_is_seen_and_the_gradient_arrives_at_the_weights():
    nets, x = _nets(), torch.ones(3, 2, 6)
    doubled = SideBySide(nets, lambda i, w: 2 * w if i == 0 else w)
    first, _, last = nets[1][1:]
    assert torch.allclose(doubled(x)[1], last((x[1] @ (2 * first.weight).T + first.bias).relu()), atol=1e-6)
    doubled(x).sum().backward()
    assert all(weight.grad is not None for weight in doubled.weights)


def test_one_step_is_the_step_of_each_network_alone():
    nets, (x, y) = _nets(), _samples()
    side = SideBySide(nets, lambda i, w: w)
    recipe = Recipe(epochs=1, batch_size=40, lr=0.1, optimizer="sgd", schedule="constant", momentum=0.0)
    fit_side_by_side(side, x, y, recipe, seeds=[3, 4, 5])
    for number, net in enumerate(nets):
        F.cross_entropy(net(x), y).backward()
        assert torch.allclose(side.weights[0][number], net[1].weight - 0.1 * net[1].weight.grad, atol=1e-6)


def test_each_network_meets_the_samples_in_its_own_order():
    seen = []
    x, y = _samples()
    side = SideBySide(_nets(2), lambda i, w: w)
    side.register_forward_pre_hook(lambda module, batch: seen.append(batch[0]))
    fit_side_by_side(side, x, y, Recipe(epochs=1, batch_size=8), seeds=[0, 1])
    first, second = torch.cat(seen, 1)
    assert not torch.equal(first, second)
    for own in (first, second):
        assert torch.equal(own.sort(0).values, x.sort(0).values)


def test_extra_parameters_are_trained_and_accuracies_are_those_of_each_network():
    nets, (x, y) = _nets(), _samples()
    factor = nn.Parameter(torch.ones(3, 1, 1))
    side = SideBySide(nets, lambda i, w: factor * w, [factor])
    from_each = [(net(x).argmax(-1) == y).double().mean().item() for net in nets]
    assert side.accuracies(x, y) == pytest.approx(from_each)
    fit_side_by_side(side, x, y, Recipe(epochs=1), seeds=[0, 1, 2])
    assert not torch.equal(factor.detach(), torch.ones(3, 1, 1))


def test_what_does_not_fit_is_refused():
    x, y = _samples()
    with pytest.raises(ValueError, match="one a network"):
        fit_side_by_side(SideBySide(_nets(), lambda i, w: w), x, y, seeds=[0])
    with pytest.raises(ValueError, match="rows"):
        fit_side_by_side(SideBySide(_nets(), lambda i, w: w), x, y[:3], seeds=[0, 1, 2])
    with pytest.raises(ValueError, match="perceptrons"):
        SideBySide([models.cnn(4, seed=0)], lambda i, w: w)
