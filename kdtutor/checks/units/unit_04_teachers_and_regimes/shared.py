"""What the exercises of this unit share: modules filled from a generator, a loss with its gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn


def filled(make: Callable[[], nn.Module], g: Generator) -> nn.Module:
    """A module whose parameters and buffers come from the generator; the global one stays as it was."""
    with torch.random.fork_rng(devices=[]):
        module = make()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g))
        for buffer in module.buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand(buffer.shape, generator=g) + 0.5)
            else:
                buffer.fill_(int(torch.randint(3, 1000, (), generator=g)))
    return module


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer, copied, under its name."""
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensor.detach().clone() for name, tensor in named.items()}


def with_gradients(loss: Any, leaves: list[Tensor]) -> dict[str, Any]:
    """A loss beside its gradients; only what it is where it cannot be trained through."""
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"value": loss}
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    pairs = zip(found, leaves, strict=True)
    return {"value": loss, "gradients": [torch.zeros_like(leaf) if d is None else d for d, leaf in pairs]}
