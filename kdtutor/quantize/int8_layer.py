"""What the int8 layers share: weights as codes with one scale an output channel, and the scale of their input."""

from typing import cast

import torch
from torch import Tensor, nn

from kdtutor.quantize.affine import affine_parameters, at_least_float32
from kdtutor.quantize.arguments import refuse_infinite, require_values, values_are_readable
from kdtutor.quantize.granularity import quantize_per_channel
from kdtutor.quantize.int8 import input_parameters, rescale, trusted_product

Range = tuple[Tensor | float, Tensor | float]
ALL = slice(None)


class Int8Layer(nn.Module):
    """Codes of a weight matrix (out, K), symmetric with one scale an output channel; bias and scales stay float32.

    input_range None: the input's range is measured at every call (dynamic). Else (low, high), calibrated once (static):
    larger inputs saturate, and NaN in the input is not noticed.
    """

    weight_codes: Tensor
    weight_scale: Tensor
    weight_total: Tensor
    bias: Tensor
    input_scale: Tensor | None
    input_zero_point: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, input_range: Range | None) -> None:
        super().__init__()
        require_values("weight", weight)
        refuse_infinite("weight", weight)
        weight = at_least_float32(weight.detach()).float()
        codes, scale, _ = quantize_per_channel(weight, symmetric=True)
        scale = scale.squeeze(1)
        self.register_buffer("weight_codes", codes)
        self.register_buffer("weight_scale", scale)
        # The part of the zero-point's correction that does not depend on the input.
        self.register_buffer("weight_total", codes.sum(1) * scale)
        self.register_buffer("bias", torch.zeros_like(scale) if bias is None else bias.detach().float().clone())
        input_scale, zero_point = (None, None) if input_range is None else _static_parameters(*input_range)
        self.register_buffer("input_scale", None if input_scale is None else input_scale.to(weight.device))
        self.register_buffer("input_zero_point", None if zero_point is None else zero_point.to(weight.device))

    @property
    def dynamic(self) -> bool:
        """Whether the input's range is measured at every call."""
        return self.input_scale is None

    def input_parameters(self, x: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Scale and zero-point for this input: Python numbers on the CPU, scalar tensors elsewhere."""
        scale, zero_point = self._buffers["input_scale"], self._buffers["input_zero_point"]
        if scale is None or zero_point is None:
            return input_parameters(x)
        return (scale.item(), zero_point.item()) if values_are_readable(x) else (scale, zero_point)

    def multiply(
        self, codes: Tensor, scale: Tensor | float, zero_point: Tensor | float, channels: slice = ALL
    ) -> Tensor:
        """Rows of input codes (M, K) times the weights of some output channels, plus bias: float32 (M, channels)."""
        # Module attributes are looked up the slow way, which a product of one row would notice.
        held = cast(dict[str, Tensor], self._buffers)
        weight, steps, total, bias = held["weight_codes"], held["weight_scale"], held["weight_total"], held["bias"]
        if channels is not ALL:
            weight, steps, total, bias = (part[channels] for part in (weight, steps, total, bias))
        return rescale(trusted_product(codes, weight.t()), scale, zero_point, steps, total, bias)


def _static_parameters(low: Tensor | float, high: Tensor | float) -> tuple[Tensor, Tensor]:
    scale, zero_point = affine_parameters(low, high)
    if scale.ndim:
        raise ValueError(f"input_range has shape {tuple(scale.shape)}: one range for the whole input is needed")
    return scale.float(), zero_point.float()
