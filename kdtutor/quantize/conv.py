"""A Conv2d layer that multiplies in int8."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.quantize.arguments import require_floating
from kdtutor.quantize.int8 import quantize_input
from kdtutor.quantize.int8_layer import ALL, Int8Layer, Range


class Int8Conv2d(Int8Layer):
    """A convolution as a product of int8 patches (N · H' · W', h · w · C) and weights, with 32-bit sums.

    Scales as in `Int8Linear`. The border is padded before the input is quantised, so a padded 0 has the zero-point for
    its code and the zero-point's correction is the same everywhere. The patches take h · w bytes for each input value.
    Groups run one after the other: a depthwise convolution is slow this way. Use `Int8Conv2d.from_float(conv)`.
    Source: Jacob et al., 2018, section 2.
    """

    def __init__(self, conv: nn.Conv2d, input_range: Range | None) -> None:
        # Channels last: a patch then lies in memory as few long runs.
        super().__init__(conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias, input_range)
        self.in_channels, self.out_channels, self.groups = conv.in_channels, conv.out_channels, conv.groups
        self.kernel_size, self.stride, self.dilation = conv.kernel_size, conv.stride, conv.dilation
        self.border = list(conv._reversed_padding_repeated_twice)
        self.padding_mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode

    @classmethod
    def from_float(cls, conv: nn.Conv2d, input_range: Range | None = None) -> "Int8Conv2d":
        """The int8 version of a layer, on its device: any stride, padding, dilation and groups. The layer stays.

        input_range: as in `Int8Linear.from_float`. Raises TypeError for anything but a Conv2d, ValueError for NaN or
        infinite weights (on the CPU).
        """
        if not isinstance(conv, nn.Conv2d):
            raise TypeError(f"conv is a {type(conv).__name__}: a torch.nn.Conv2d is needed")
        return cls(conv, input_range)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W), floating point. Returns (N, out, H', W') in x's dtype, channels last in memory."""
        require_floating("x", x)
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"x has shape {tuple(x.shape)}: (N, {self.in_channels}, H, W) is needed")
        x = x.detach()
        if any(self.border):
            x = F.pad(x, self.border, mode=self.padding_mode)
        height, width = (
            (length - dilation * (kernel - 1) - 1) // stride + 1
            for length, kernel, stride, dilation in zip(
                x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True
            )
        )
        if height < 1 or width < 1:
            raise ValueError(
                f"x has shape {tuple(x.shape)} with its border: smaller than the kernel {self.kernel_size}"
            )
        out = self.out_channels
        if len(x) == 0:
            return x.new_zeros(0, out, height, width)
        scale, zero_point = self.input_parameters(x)
        patches = self._patches(quantize_input(x, scale, zero_point), height, width)
        depth, share = self.in_channels // self.groups, out // self.groups
        parts = []
        for group in range(self.groups):
            rows = patches[..., group * depth : (group + 1) * depth].reshape(len(x) * height * width, -1)
            channels = ALL if self.groups == 1 else slice(group * share, (group + 1) * share)
            parts.append(self.multiply(rows, scale, zero_point, channels))
        y = parts[0] if self.groups == 1 else torch.cat(parts, 1)
        return y.view(len(x), height, width, out).permute(0, 3, 1, 2).to(x.dtype)

    def extra_repr(self) -> str:
        kind = "dynamic" if self.dynamic else "static"
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, {kind}"

    def _patches(self, codes: Tensor, height: int, width: int) -> Tensor:
        """What each output sees, as a view (N, H', W', h, w, C) without a copy."""
        codes = codes.permute(0, 2, 3, 1).contiguous()
        sample, row, column, channel = codes.stride()
        (down, right), (gap_down, gap_right) = self.stride, self.dilation
        return codes.as_strided(
            (len(codes), height, width, *self.kernel_size, self.in_channels),
            (sample, row * down, column * right, row * gap_down, column * gap_right, channel),
        )
