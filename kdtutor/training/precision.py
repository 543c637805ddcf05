"""Mixed precision: the model under autocast, everything around it as it was."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kdtutor.training.recipe import Precision


def at_precision(forward: Callable[..., Any], precision: Precision, device: torch.device) -> Callable[..., Any]:
    """`forward` itself for "full"; for "bfloat16" under autocast, with its floating-point outputs in float32.

    The loss is then computed in float32: a softmax of bfloat16 logits keeps two digits. bfloat16 has the range of
    float32, so gradients need no scaling.
    """
    if precision == "full":
        return forward

    def mixed(*inputs: Any) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            outputs = forward(*inputs)
        return map_tensors(lambda output: output.float() if output.is_floating_point() else output, outputs)

    return mixed


def map_tensors(fn: Callable[[Tensor], Tensor], outputs: Any) -> Any:
    """`fn` of every tensor in a model's outputs: a tensor, or tuples, lists and dictionaries of them."""
    if isinstance(outputs, Tensor):
        return fn(outputs)
    if isinstance(outputs, dict):
        return {name: map_tensors(fn, output) for name, output in outputs.items()}
    if isinstance(outputs, tuple | list):
        return type(outputs)(map_tensors(fn, output) for output in outputs)
    return outputs
