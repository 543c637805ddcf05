"""A Linear layer that multiplies in int8."""

from torch import Tensor, nn

from kdtutor.quantize.arguments import require_floating
from kdtutor.quantize.int8 import quantize_input
from kdtutor.quantize.int8_layer import Int8Layer, Range


class Int8Linear(Int8Layer):
    """y = x Wᵀ + b with W and x as int8 codes and 32-bit sums; for inference, without gradients.

    Weights: symmetric, one scale an output channel. Input: affine, one scale for the whole tensor, measured at every
    call, or once when `input_range` is given. Use `Int8Linear.from_float(linear)`.
    Source: Jacob et al., 2018, section 2.2 to 2.4; Krishnamoorthi, 2018, section 3.
    """

    def __init__(self, linear: nn.Linear, input_range: Range | None = None) -> None:
        super().__init__(linear.weight, linear.bias, input_range)
        self.in_features, self.out_features = linear.in_features, linear.out_features

    @classmethod
    def from_float(cls, linear: nn.Linear, input_range: Range | None = None) -> "Int8Linear":
        """The int8 version of a layer, on its device. The layer stays as it is.

        input_range: (low, high) of the inputs, for instance from `observe_inputs`; None measures each input.
        Raises TypeError for anything but a Linear, ValueError for NaN or infinite weights (on the CPU).
        """
        if not isinstance(linear, nn.Linear):
            raise TypeError(f"linear is a {type(linear).__name__}: a torch.nn.Linear is needed")
        return cls(linear, input_range)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in), floating point. Returns (..., out) in x's dtype."""
        require_floating("x", x)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"x has shape {tuple(x.shape)}: (..., {self.in_features}) is needed")
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-1], self.out_features)
        # Each call into torch costs a microsecond, a tenth of a small product: none is made that changes nothing.
        rows = x.detach() if x.requires_grad else x
        if rows.ndim != 2:
            rows = rows.reshape(-1, self.in_features)
        scale, zero_point = self.input_parameters(rows)
        y = self.multiply(quantize_input(rows, scale, zero_point), scale, zero_point)
        if y.dtype != x.dtype:
            y = y.to(x.dtype)
        return y if x.ndim == 2 else y.view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        kind = "dynamic" if self.dynamic else "static"
        return f"in_features={self.in_features}, out_features={self.out_features}, {kind}"
