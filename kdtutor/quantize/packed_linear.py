"""A Linear layer whose weight is stored in few bits: small in memory, computed in floating point."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.quantize.affine import at_least_float32
from kdtutor.quantize.arguments import require_floating
from kdtutor.quantize.granularity import dequantize_per_group, quantize_per_group
from kdtutor.quantize.packing import pack_bits, unpack_bits


class PackedLinear(nn.Module):
    """y = x Ŵᵀ + b with Ŵ kept as packed codes of b bits (4 unless said), one scale and zero-point a group of inputs.

    At every call the weight is unpacked to x's dtype: this saves memory and bytes, and costs time. With groups of 32
    and 4 bits a weight takes 4 + (32 + 8) / 32 = 5.25 bits. For inference; the input does receive its gradient.
    Use `PackedLinear.from_float(linear)`. Source: Frantar et al., "GPTQ", section 4, 2022 (there with better rounding).
    """

    packed: Tensor
    scale: Tensor
    zero_point: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, bits: int, group_size: int) -> None:
        super().__init__()
        codes, scale, zero_point = quantize_per_group(at_least_float32(weight.detach()), group_size, bits)
        self.out_features, self.in_features = weight.shape
        self.bits, self.group_size = bits, group_size
        self.register_buffer("packed", pack_bits(codes, bits, signed=True))
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", zero_point.char())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    @classmethod
    def from_float(cls, linear: nn.Linear, bits: int = 4, group_size: int = 32) -> "PackedLinear":
        """The packed version of a layer, on its device; the last group of a row may be shorter. The layer stays.

        Raises TypeError for anything but a Linear, ValueError for NaN or infinite weights (on the CPU), bits outside
        1 to 8 or groups below 1.
        """
        if not isinstance(linear, nn.Linear):
            raise TypeError(f"linear is a {type(linear).__name__}: a torch.nn.Linear is needed")
        return cls(linear.weight, linear.bias, bits, group_size)

    def weight(self) -> Tensor:
        """Ŵ, (out, in), in float32 (float64 for a float64 layer)."""
        codes = unpack_bits(self.packed, self.bits, self.out_features * self.in_features, signed=True)
        codes = codes.view(self.out_features, self.in_features)
        return dequantize_per_group(codes, self.scale, self.zero_point, self.group_size)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in), floating point. Returns (..., out) in x's dtype."""
        require_floating("x", x)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"x has shape {tuple(x.shape)}: (..., {self.in_features}) is needed")
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight().to(x.dtype), bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bits={self.bits}, group_size={self.group_size}"
