"""Weights, networks and masks that the exercises are compared on."""

import itertools

import torch
from torch import Generator, Tensor, nn

Masks = dict[str, Tensor]


def draw(g: Generator, *shape: int, scale: float = 0.4) -> Tensor:
    """Normally distributed weights, no two of them of one magnitude."""
    return scale * torch.randn(*shape, generator=g)


def removed(mask: Tensor) -> int:
    """How many a mask removes."""
    return int((~mask).sum())


def perceptron(g: Generator, *widths: int) -> nn.Sequential:
    """Linear layers of the given widths with ReLU between them, their weights drawn."""
    layers: list[nn.Module] = []
    for wide, narrow in itertools.pairwise(widths):
        layers += [nn.Linear(wide, narrow), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(draw(g, *parameter.shape, scale=0.8))
    return model


def prunable(model: nn.Module) -> list[str]:
    """The names of the weights, without biases and norms."""
    return [name for name, parameter in model.named_parameters() if parameter.ndim > 1]


@torch.no_grad()
def mask_weights(model: nn.Module, masks: Masks) -> None:
    """Multiply the weights by their masks, in place."""
    for name, mask in masks.items():
        model.get_parameter(name).mul_(mask)
