"""Scale and zero-point of a range."""

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_07_quantisation.shared import Case, ends, uniform


def _ranges(g: torch.Generator) -> list[Case]:
    around_zero = [
        (uniform(g, -3, -0.5, *shape), uniform(g, 0.5, 6, *shape), bits)
        for shape in ((), (3,), (4, 1))
        for bits in (8, 4, 2)
    ]
    beside_zero = [
        (uniform(g, 1, 2, 3), uniform(g, 3, 5, 3), 8),
        (uniform(g, -5, -3, 2, 1), uniform(g, -2, -1, 2, 1), 3),
        (uniform(g, 2, 3), uniform(g, 4, 5), 4),
    ]
    return [*around_zero, *beside_zero]


def _unwidened(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    q_min, q_max = ends(bits)
    scale = (high - low) / (q_max - q_min)
    return scale, (q_min - (low / scale).round()).int()


def _unwidened_clamped(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale, zero_point = _unwidened(low, high, bits)
    return scale, zero_point.clamp(*ends(bits))


def _widened(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    return low.clamp(max=0), high.clamp(min=0)


def _affine_by(low: Tensor, high: Tensor, bits: int, steps: int) -> tuple[Tensor, Tensor]:
    low, high = _widened(low, high)
    scale = (high - low) / steps
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return scale, (ends(bits)[0] - (low / scale).round()).int()


def _affine_floored(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale, _ = quantize.affine_parameters(low, high, bits)
    return scale, (ends(bits)[0] - (low.clamp(max=0) / scale).floor()).int()


def _affine_fractional(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale, _ = quantize.affine_parameters(low, high, bits)
    return scale, ends(bits)[0] - low.clamp(max=0) / scale


def _affine_unsigned(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale, zero_point = quantize.affine_parameters(low, high, bits)
    return scale, zero_point - ends(bits)[0]


def _affine_wrong_sign(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale, _ = quantize.affine_parameters(low, high, bits)
    return scale, (ends(bits)[0] + (low.clamp(max=0) / scale).round()).int()


def _affine_centred(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale = quantize.symmetric_scale(torch.maximum(low.abs(), high.abs()), bits)
    return scale, torch.zeros_like(scale, dtype=torch.int32)


def _affine_no_step(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    low, high = _widened(low, high)
    scale = (high - low) / (2**bits - 1)
    return scale, (ends(bits)[0] - (low / scale).round()).nan_to_num().int()


def _affine_from_the_top(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    low, high = torch.minimum(low, torch.zeros_like(low)), torch.maximum(high, torch.zeros_like(high))
    scale = (high - low) / (2**bits - 1)
    scale[scale == 0] = 1.0
    return scale, torch.round(2 ** (bits - 1) - 1 - high / scale).to(torch.int64)


def _affine_number_by_number(low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scales, zero_points = [], []
    for least, most in zip(low.flatten().tolist(), high.flatten().tolist(), strict=True):
        least, most = min(least, 0.0), max(most, 0.0)
        step = (most - least) / (2**bits - 1) or 1.0
        scales.append(step)
        zero_points.append(-(2 ** (bits - 1)) - round(least / step))
    return torch.tensor(scales).reshape(low.shape), torch.tensor(zero_points, dtype=torch.int32).reshape(low.shape)


def _right_for_nothing_but_zero(f: Solution, g: torch.Generator) -> bool:
    scale, zero_point = f(torch.tensor([0.0, -1.0]), torch.tensor([0.0, 1.5]), 8)
    return near(scale[0], 1.0) and -128 <= int(zero_point[0]) <= 127


def _zero_has_a_code(f: Solution, g: torch.Generator) -> bool:
    _, zero_point = f(torch.tensor([-1.0, 2.0, -4.0]), torch.tensor([2.0, 6.0, -1.0]), 4)
    return bool(((zero_point >= -8) & (zero_point <= 7) & (zero_point == zero_point.round())).all())


affine_parameters = Exercise(
    reference=quantize.affine_parameters,
    inputs=_ranges,
    example=(torch.tensor(-1.0), torch.tensor(2.0), 2),
    laws=[
        Law("gives zero a code of its own", _zero_has_a_code,
            "The zero-point is the code of 0: a whole number, and one of the codes."),
        Law("has a step of 1 for a range that is nothing but 0", _right_for_nothing_but_zero,
            "A layer whose inputs are all 0 has no width. Dividing by a step of 0 gives NaN.", edge=True),
    ],
    mistakes=[
        Mistake("zero left out", _unwidened,
                "Right for ranges around 0. For a range such as [1, 3] your zero-point is none of the codes: the range has to "
                "contain 0 before anything is divided."),
        Mistake("zero left out, then clamped", _unwidened_clamped,
                "Right for ranges around 0. For a range such as [1, 3] you clamp the zero-point, and the whole range moves. "
                "Widen the range to contain 0 first."),
        Mistake("as many steps as codes", lambda low, high, bits: _affine_by(low, high, bits, 2**bits),
                "Your scale is a little too small: b bits have 2^b codes. How many steps lie between them?"),
        Mistake("steps of half the codes", lambda low, high, bits: _affine_by(low, high, bits, 2 ** (bits - 1) - 1),
                "Your scale is about twice too large: only the codes on one side of 0 are used for the whole range."),
        Mistake("fractional zero-point", _affine_fractional,
                "Your zero-point is not rounded. It is a code, an integer, so that the value 0 has no rounding error."),
        Mistake("floor for round", _affine_floored,
                "You round the zero-point down. To the nearest code the range moves by half a step at most."),
        Mistake("unsigned codes", _affine_unsigned,
                "Your zero-point belongs to codes 0 ... 2^b - 1. Here the lowest code is -2^(b-1)."),
        Mistake("sign of the zero-point", _affine_wrong_sign,
                "The sign before low / s is reversed. The lower end has to land on the lowest code: solve low = s (q_min - o) for o."),
        Mistake("range centred on zero", _affine_centred,
                "You set the zero-point to 0 and cover [-max, max]. An affine range covers low to high, and no more."),
        Mistake("order of the two", lambda low, high, bits: quantize.affine_parameters(low, high, bits)[::-1],
                "You return the zero-point first. The order is scale, zero-point."),
        Mistake("always eight bits", lambda low, high, bits: quantize.affine_parameters(low, high, 8),
                "Your answer is the same for every number of bits. How many codes do b bits have?"),
        Mistake("step of zero", _affine_no_step,
                "Right wherever the range has a width. For a range that is nothing but 0 your step is 0, and dividing by "
                "it gives NaN: take 1."),
    ],
    styles={
        "clamp and where": lambda low, high, bits: _affine_by(low, high, bits, 2**bits - 1),
        "solved at the upper end": _affine_from_the_top,
        "number by number": _affine_number_by_number,
    },
    hints=(
        "Three steps: make the range contain 0, divide its width by the number of steps, then find the code on which 0 falls.",
        "2^b codes have 2^b - 1 steps between them. The lowest code, -2^(b-1), has to stand for the lower end.",
        "low = s · (q_min - o) solved for o, and rounded to an integer. torch.where replaces a step of 0.",
    ),
)  # fmt: skip
