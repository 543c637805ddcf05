"""Fewer bits a number: what a data set looks like, and weighs, in each format.

Every format takes x, (N, D), and returns an `Encoded`: the tensors to store, `decode()` back to numbers in x's shape
and dtype, and `nbytes`, the bytes of those tensors. Parameters belong to a feature (a column of x); pass
`x.reshape(-1, 1)` for one set of parameters in all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kdtutor.reduce.arguments import require_count, require_samples

ZERO_POINT_LIMIT = 2**30


@dataclass(frozen=True)
class Encoded:
    """A data set in a number format.

    stored: every tensor that goes to disk, by name; codes of b bits are packed without gaps into bytes. bits: b.
    shape, dtype: those of the data, which a file's header holds and `nbytes` leaves out.
    """

    stored: dict[str, Tensor]
    bits: int
    shape: tuple[int, int]
    dtype: torch.dtype
    values: Callable[["Encoded"], Tensor]

    @property
    def nbytes(self) -> int:
        """Bytes of the stored tensors: packed codes and all parameters."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.stored.values())

    @property
    def codes(self) -> Tensor:
        """The integer codes, (N, D), 0 to 2^bits - 1."""
        return _unpacked(self.stored["codes"], self.bits, self.shape)

    def decode(self) -> Tensor:
        """The numbers that the codes stand for, (N, D), in the data's dtype."""
        largest = torch.finfo(self.dtype).max
        return self.values(self).clamp(-largest, largest).to(self.dtype)


def affine_format(x: Tensor, bits: int = 8) -> Encoded:
    """Equal steps between a feature's smallest and largest value: q = round(x / s) + o, x ≈ s · (q - o).

    s = (max - min) / (2^b - 1), o = -round(min / s), q from 0 to 2^b - 1. The error is at most s/2 (and the rounding of
    the dtype); a zero in a feature that spans zero stays exactly zero, a constant feature stays what it is. The
    zero-point o is stored in 32 bits, unclamped, so that a feature far from zero keeps all its steps.

    x: (N, D). bits: 1 to 8. Stored: N·D·b/8 bytes of codes, rounded up, and 8 bytes a feature (s float32, o int32).
    Raises TypeError for integer x, ValueError for other shapes, bits out of range, NaN, infinity, a range beyond
    float32. Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", section 2.1, 2018.
    """
    require_samples("x", x)
    require_count("bits", bits, 1, 8)
    data = x.detach().double()
    low, high = data.amin(0), data.amax(0)
    largest = torch.maximum(low.abs(), high.abs())
    span = (high - low) / (2**bits - 1)
    scale = torch.where(high > low, span.maximum(largest / ZERO_POINT_LIMIT), largest)
    scale = _as_float32("the range of x", scale)
    zero_point = -(low / scale.double()).round()
    codes = ((data / scale.double()).round() + zero_point).clamp(0, 2**bits - 1)
    stored = {"codes": _packed(codes, bits), "scale": scale, "zero_point": zero_point.to(torch.int32)}
    return Encoded(stored, bits, (x.shape[0], x.shape[1]), x.dtype, _affine_values)


def log_format(x: Tensor, bits: int = 4) -> Encoded:
    """Signed powers of two and an exact zero: x ≈ sign(x) · 2^round(log2|x|).

    The sign takes one bit; the other b-1 count how many powers below the feature's largest, E, a value lies, with 0 for
    the number zero: levels 1 ... 2^(b-1)-1 stand for 2^E, 2^(E-1), ... Whatever rounds below the last level becomes 0.
    Every other value is at most a factor √2 off, small or large: relative precision, where `affine_format` gives
    absolute. The logarithm is of |x|, never of x: a negative number has none.

    x: (N, D). bits: 2 to 8. Stored: N·D·b/8 bytes of codes, rounded up, and 2 bytes a feature (E, int16).
    Raises TypeError for integer x, ValueError for other shapes, bits out of range, NaN or infinity.
    Source: Miyashita, Lee, Murmann, "Convolutional Neural Networks using Logarithmic Data Representation", section 3,
    2016.
    """
    require_samples("x", x)
    require_count("bits", bits, 2, 8, why="one bit is the sign")
    size = x.detach().double().abs()
    exponent = size.log2().round()  # -inf where x is 0: below every level
    # the largest value must not round up beyond the largest power that the dtype holds
    highest = math.frexp(torch.finfo(x.dtype).max)[1] - 1
    top = exponent.amax(0).clamp_max(highest).nan_to_num(neginf=0)
    level = (top - exponent + 1).clamp_min(1)
    level = torch.where(level < 2 ** (bits - 1), level, 0)
    codes = level + (x < 0) * 2 ** (bits - 1)
    stored = {"codes": _packed(codes, bits), "exponent": top.to(torch.int16)}
    return Encoded(stored, bits, (x.shape[0], x.shape[1]), x.dtype, _log_values)


def mean_format(x: Tensor, bits: int = 8) -> Encoded:
    """Whole multiples of a feature's mean size: q = round(x / m), m = mean|x|, x ≈ m · q.

    The mean is of |x|: the signed mean of centred data is near 0 with a sign of chance, and so would be the step.
    Even so the step is as large as a typical value: most of what is smaller than m/2 becomes 0, and more bits reach
    further out without a finer step. Codes are clamped to ±(2^(b-1) - 1).

    x: (N, D). bits: 2 to 8. Stored: N·D·b/8 bytes of codes, rounded up, and 4 bytes a feature (m, float32).
    Raises TypeError for integer x, ValueError for other shapes, bits out of range, NaN, infinity.
    """
    require_samples("x", x)
    require_count("bits", bits, 2, 8, why="one bit is the sign")
    data = x.detach().double()
    mean = _as_float32("the mean size of x", data.abs().mean(0))
    reach = 2 ** (bits - 1) - 1
    codes = (data / mean.double()).round().clamp(-reach, reach) + reach
    stored = {"codes": _packed(codes, bits), "mean": mean}
    return Encoded(stored, bits, (x.shape[0], x.shape[1]), x.dtype, _mean_values)


def float_format(x: Tensor, dtype: torch.dtype) -> Encoded:
    """Floating-point numbers of 16, 32 or 64 bits as they are: float16 has 11 significant bits, bfloat16 8.

    x: (N, D). dtype: torch.float16, bfloat16, float32 or float64. Stored: N·D numbers, no parameters.
    Raises TypeError for integer x, ValueError for another dtype or a value that it cannot hold (float16: over 65504).
    """
    require_samples("x", x)
    if dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise ValueError(f"dtype is {dtype}: torch.float16, bfloat16, float32 or float64 is needed")
    numbers = x.detach().to(dtype)
    if bool(numbers.isinf().any()):
        raise ValueError(
            f"x reaches {float(x.abs().max()):.4g}: {str(dtype).removeprefix('torch.')} ends at "
            f"{torch.finfo(dtype).max:.4g} (bfloat16 and float32 reach 3.4e38)"
        )
    return Encoded({"numbers": numbers}, torch.finfo(dtype).bits, (x.shape[0], x.shape[1]), x.dtype, _float_values)


def _affine_values(encoded: Encoded) -> Tensor:
    return encoded.stored["scale"].double() * (encoded.codes - encoded.stored["zero_point"].double())


def _log_values(encoded: Encoded) -> Tensor:
    half = 2 ** (encoded.bits - 1)
    level, negative = encoded.codes % half, encoded.codes >= half
    size = torch.ldexp(torch.ones_like(level, dtype=torch.float64), encoded.stored["exponent"].long() - level + 1)
    return torch.where(level == 0, 0.0, torch.where(negative, -size, size))


def _mean_values(encoded: Encoded) -> Tensor:
    return encoded.stored["mean"].double() * (encoded.codes - (2 ** (encoded.bits - 1) - 1))


def _float_values(encoded: Encoded) -> Tensor:
    return encoded.stored["numbers"].double()


def _as_float32(what: str, step: Tensor) -> Tensor:
    """A step as it is stored; never 0, so that a feature of zeros encodes as zeros."""
    stored = step.float()
    if bool(stored.isinf().any()):
        raise ValueError(f"{what} needs a step of {float(step.max()):.4g}: the step is stored in float32, up to 3.4e38")
    return stored.clamp_min(torch.finfo(torch.float32).tiny)


def _packed(codes: Tensor, bits: int) -> Tensor:
    """b-bit codes without gaps, lowest bit first, the last byte filled up with zeros: uint8."""
    flat = codes.to(torch.uint8).flatten()[:, None]
    ones = (flat >> torch.arange(bits, dtype=torch.uint8, device=codes.device) & 1).flatten()
    ones = torch.nn.functional.pad(ones, (0, -len(ones) % 8)).reshape(-1, 8)
    return (ones << torch.arange(8, dtype=torch.uint8, device=codes.device)).sum(1, dtype=torch.uint8)


def _unpacked(packed: Tensor, bits: int, shape: tuple[int, int]) -> Tensor:
    count = shape[0] * shape[1]
    ones = (packed[:, None] >> torch.arange(8, dtype=torch.uint8, device=packed.device) & 1).flatten()
    places = ones[: count * bits].reshape(count, bits) << torch.arange(bits, dtype=torch.uint8, device=packed.device)
    return places.sum(1, dtype=torch.int64).reshape(shape)
