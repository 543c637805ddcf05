"""Small students to train alone and together, with data for them, and whether both ways came to the same."""

import pytest
import torch
from torch import nn

from kdtutor.distill import distillation_loss
from kdtutor.models import cnn, mlp, residual_cnn
from kdtutor.training import Recipe

N, C = 100, 6
RECIPE = Recipe(epochs=3, batch_size=32, weight_decay=0.05)
SGD = Recipe(epochs=3, batch_size=32, lr=0.05, optimizer="sgd", schedule="constant")


def data(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(N, 1, 8, 8, generator=generator, dtype=torch.float64).to(dtype)
    z = 3 * torch.randn(3, N, C, generator=generator, dtype=torch.float64).to(dtype)
    return x, z, torch.randint(C, (N,), generator=generator)


def students(make, count=3, dtype=torch.float64):
    return [make(seed).to(dtype) for seed in range(count)]


def small_mlp(seed):
    return mlp(64, 12, C, seed=seed)


def small_cnn(seed):
    return cnn(2, classes=C, size=8, dropout=0.0, seed=seed)


def small_residual(seed):
    return residual_cnn(3, 2, classes=C, seed=seed)


class Own(nn.Module):
    """No Sequential: a frozen layer, a tied weight and outputs with two parts."""

    def __init__(self, seed):
        super().__init__()
        self.layers = mlp(64, 10, 10, 10, C, seed=seed)
        self.layers[5].weight = self.layers[3].weight
        self.layers[1].requires_grad_(False)

    def forward(self, x):
        hidden = self.layers[:3](x)
        return self.layers[3:](hidden), {"hidden": hidden}


def two_part_loss(outputs, z, y):
    logits, parts = outputs
    return distillation_loss(logits, z, y) + parts["hidden"].pow(2).mean()


def assert_same(alone, together, histories_alone, histories, tolerance=1e-8):
    for number, (a, b) in enumerate(zip(alone, together, strict=True)):
        theirs = b.state_dict()
        for name, value in a.state_dict().items():
            torch.testing.assert_close(
                theirs[name], value, rtol=tolerance, atol=tolerance, msg=lambda m, n=number, k=name: f"{n} {k}: {m}"
            )
    for a, b in zip(histories_alone, histories, strict=True):
        assert b.losses == pytest.approx(a.losses, rel=tolerance)
        assert b.evaluations == pytest.approx(a.evaluations, rel=tolerance)
