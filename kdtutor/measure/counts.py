"""Counts that need no clock: parameters, non-zeros, multiply-accumulates."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from kdtutor.measure.evaluation import evaluation_mode


def parameters(model: nn.Module) -> int:
    """How many trainable and frozen parameters the model has, a shared one counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzeros(model: nn.Module) -> int:
    """How many of the model's parameters are not zero, a shared one counted once; -0.0 is zero.

    Counted as stored: while a mask lies beside a weight (torch.nn.utils.prune before `remove`), the weight that it
    hides still counts. Only what has been multiplied in is gone.
    """
    return sum(int(parameter.count_nonzero()) for parameter in model.parameters())


@torch.no_grad()
def macs(model: nn.Module, example: Tensor | tuple[Tensor, ...]) -> int:
    """Multiply-accumulates of one forward pass of `example`, in evaluation mode: give a batch of one for one sample's.

    Counted at the matrix products and convolutions that really run, with their shapes: a Linear layer from I to O
    is N · I · O, a convolution N · C_out · H_out · W_out · (C_in / groups) · K_h · K_w, attention and recurrent layers
    by the products they are made of. Biases, activations, norms and pooling are not counted. A weight that is
    zero costs as much as any other.

    example: the model's input, or a tuple of its inputs, on the model's device. Returns an exact integer; half of
    what torch.utils.flop_counter reports, which counts a multiplication and an addition as two.
    """
    from torch.utils.flop_counter import FlopCounterMode

    inputs = example if isinstance(example, tuple) else (example,)
    with evaluation_mode(model), _taken_apart(), FlopCounterMode(display=False, custom_mapping=_UNCOUNTED) as counter:
        model(*inputs)
    return counter.get_total_flops() // 2


def _vector_flops(matrix: torch.Size, *_: object, out_shape: object = None) -> int:
    return 2 * math.prod(matrix)


def _biased_vector_flops(_bias: torch.Size, matrix: torch.Size, *_: object, out_shape: object = None) -> int:
    return 2 * math.prod(matrix)


def _matrix_flops(a: torch.Size, b: torch.Size, *_: object, out_shape: object = None) -> int:
    return 2 * a[0] * a[1] * b[1]


# Products that torch 2.14's own registry leaves out: a matrix by a vector, and the int8 product.
_UNCOUNTED = {
    torch.ops.aten.mv: _vector_flops,
    torch.ops.aten.dot: _vector_flops,
    torch.ops.aten.addmv: _biased_vector_flops,
    torch.ops.aten._int_mm: _matrix_flops,
}


@contextmanager
def _taken_apart() -> Iterator[None]:
    """Fused attention and recurrent kernels hide their products from the counter, so run the plain ones."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fast = torch.backends.mha.get_fastpath_enabled()
    fused, *_ = torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mkldnn.set_flags(_enabled=fused, _fp32_precision=None)
        torch.backends.mha.set_fastpath_enabled(fast)
