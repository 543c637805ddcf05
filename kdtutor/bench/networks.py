"""The perceptron that int8 and pruning are timed on, and what a forward pass of it needs."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from kdtutor.bench.case import Setting
from kdtutor.models import mlp

# The teacher of Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 3, 2015.
WIDTHS, REHEARSED = (784, 1200, 1200, 10), (64, 48, 48, 10)


def network(setting: Setting) -> nn.Sequential:
    """The perceptron 784-1200-1200-10 in evaluation mode, on the device."""
    return mlp(*setting.size(WIDTHS, REHEARSED), seed=0).to(setting.device).eval()


def batch(setting: Setting, rows: int) -> Tensor:
    """`rows` inputs in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(rows, setting.size(WIDTHS, REHEARSED)[0], generator=generator).to(setting.device)


def inference(model: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Tensor]:
    """A call of the model without a graph."""
    return partial(torch.inference_mode()(model), x)


def least_seconds(setting: Setting, model: nn.Module, rows: int, dtype: str) -> float | None:
    """The roofline of a forward pass: every weight read once and multiplied with every row."""
    weights = sum(p.numel() for p in model.parameters() if p.ndim == 2)
    size = {"int8": 1, "bf16": 2, "fp32": 4}[dtype]
    return setting.ceilings.least_seconds(moved=size * weights, operations=2 * rows * weights, dtype=dtype)
