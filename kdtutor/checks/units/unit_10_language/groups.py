"""Four bits a weight, with a scale and a zero-point for every few neighbours."""

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_10_language.shared import Case, Generator

Groups = tuple[Tensor, Tensor, Tensor]


def _group_quantize(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    return quantize.quantize_per_group(weight, group_size, bits)


def _cases(g: Generator) -> list[Case]:
    cases: list[Case] = []
    for rows, columns, size, bits in ((3, 8, 4, 4), (4, 6, 2, 3), (2, 12, 12, 4), (6, 6, 3, 8), (1, 10, 5, 2)):
        spread = torch.logspace(-1, 1, columns // size).repeat_interleave(size)
        cases.append((spread * torch.randn(rows, columns, generator=g), size, bits))
    beside_zero = 2 + torch.rand(2, 6, generator=g)
    return [*cases, (beside_zero, 3, 4), (-beside_zero, 2, 4)]


def _grouped(
    low: str = "widened", steps: int = 0, symmetric: bool = False, along: int = -1, whole: str = "", eight: bool = False
) -> Solution:
    """Codes by groups with one of the choices exchanged."""

    def coded(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
        bits = 8 if eight else bits
        x = weight.t() if along == 0 else weight
        size = {"rows": x.shape[1], "": group_size}[whole] if along else _fits(x.shape[1], group_size)
        groups = x.reshape(len(x), -1, size)
        least, most = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
        if low == "widened":
            least, most = least.clamp(max=0), most.clamp(min=0)
        q_min, q_max = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        if symmetric:
            scale, zero = torch.maximum(-least, most) / q_max, torch.zeros_like(least)
        else:
            scale = (most - least) / (2**bits - 1 + steps)
            zero = q_min - (least / scale).round()
        codes = ((groups / scale).round() + zero).clamp(q_min, q_max).reshape(x.shape)
        codes, scale, zero = codes.to(torch.int8), scale.squeeze(-1), zero.squeeze(-1).int()
        return (codes.t(), scale.t(), zero.t()) if along == 0 else (codes, scale, zero)

    return coded


def _fits(length: int, size: int) -> int:
    return size if length % size == 0 else length


def _floored(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    _, scale, zero = _group_quantize(weight, group_size, bits)
    steps = weight / scale.repeat_interleave(group_size, -1)
    codes = steps.floor() + zero.repeat_interleave(group_size, -1)
    return codes.clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int8), scale, zero


def _unsigned(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    codes, scale, zero = _group_quantize(weight, group_size, bits)
    return (codes.int() + 2 ** (bits - 1)).to(torch.uint8), scale, zero + 2 ** (bits - 1)


def _cast_early(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    """Whole numbers before the zero-point, and never clamped."""
    _, scale, zero = _group_quantize(weight, group_size, bits)
    steps = (weight / scale.repeat_interleave(group_size, -1)).round().to(torch.int8)
    return steps, scale, zero


def _spread_out(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    codes, scale, zero = _group_quantize(weight, group_size, bits)
    return codes, scale.repeat_interleave(group_size, -1), zero.repeat_interleave(group_size, -1)


def _dead_groups(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    groups = weight.unflatten(-1, (-1, group_size))
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    zero = -(2 ** (bits - 1)) - (low / scale).round()
    steps = (groups / scale.unsqueeze(-1)).round() + zero.unsqueeze(-1)
    codes = steps.nan_to_num().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).flatten(-2)
    return codes.to(torch.int8), scale, zero.nan_to_num().int()


def _by_slices(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    q_min, q_max = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    parts = []
    for columns in weight.split(group_size, -1):
        low, high = columns.min(-1, keepdim=True)[0].clamp(max=0), columns.max(-1, keepdim=True)[0].clamp(min=0)
        scale = (high - low) / (q_max - q_min)
        scale = torch.where(scale == 0, torch.ones_like(scale), scale)
        zero = torch.round(q_min - low / scale)
        parts.append(((torch.round(columns / scale) + zero).clamp(q_min, q_max).char(), scale, zero.long()))
    codes, scale, zero = (torch.cat(column, -1) for column in zip(*parts, strict=True))
    return codes, scale, zero


def _number_by_number(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    codes, scales, zeros = [], [], []
    for row in weight.tolist():
        for start in range(0, len(row), group_size):
            group = row[start : start + group_size]
            low, high = min(*group, 0.0), max(*group, 0.0)
            step = (high - low) / (2**bits - 1) or 1.0
            zero = -(2 ** (bits - 1)) - round(low / step)
            codes += [min(max(round(w / step) + zero, -(2 ** (bits - 1))), 2 ** (bits - 1) - 1) for w in group]
            scales.append(step)
            zeros.append(zero)
    shape = (len(weight), -1)
    return (
        torch.tensor(codes, dtype=torch.int8).view(weight.shape),
        torch.tensor(scales).view(shape),
        torch.tensor(zeros, dtype=torch.int32).view(shape),
    )


def _as_rows(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    rows = weight.reshape(-1, group_size)
    ends = torch.stack([rows.amin(1), rows.amax(1), torch.zeros(len(rows))])
    low, high = ends.amin(0), ends.amax(0)
    scale = (high - low) / (2**bits - 1)
    scale[scale == 0] = 1
    zero = (-(2 ** (bits - 1)) - low / scale).round().to(torch.int16)
    codes = (torch.addcdiv(zero[:, None].float(), rows, scale[:, None])).round()
    codes = codes.clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int8)
    return codes.view_as(weight), scale.view(len(weight), -1), zero.view(len(weight), -1)


def _half_a_step(f: Solution, g: Generator) -> bool:
    weight = torch.logspace(-2, 1, 4).repeat_interleave(8) * torch.randn(5, 32, generator=g)
    codes, scale, zero = f(weight, 8, 4)
    scale, zero = scale.repeat_interleave(8, -1), zero.repeat_interleave(8, -1)
    return bool(((scale * (codes - zero) - weight).abs() <= 0.501 * scale).all())


def _an_outlier_stays_at_home(f: Solution, g: Generator) -> bool:
    weight = torch.randn(2, 8, generator=g)
    spoilt = weight.clone()
    spoilt[0, 1] = 50.0
    return near(f(weight, 4, 4)[1].flatten()[1:], f(spoilt, 4, 4)[1].flatten()[1:])


def _codes_fit(f: Solution, g: Generator) -> bool:
    """A group from -7.5 to 7.5 has steps of 1, both ends half a step from a code: rounded each for itself, one too many."""
    for bits in (4, 8):
        ends = torch.tensor([[-1.0, 1.0]]) * (2**bits - 1) / 2
        codes, scale, zero = f(ends, 2, bits)
        inside = bool((codes >= -(2 ** (bits - 1))).all() and (codes <= 2 ** (bits - 1) - 1).all())
        if not inside or bool(((scale * (codes - zero) - ends).abs() > 0.501).any()):
            return False
    return True


def _unclamped(weight: Tensor, group_size: int, bits: int = 4) -> Groups:
    _, scale, zero = _group_quantize(weight, group_size, bits)
    steps = (weight / scale.repeat_interleave(group_size, -1)).round() + zero.repeat_interleave(group_size, -1)
    return steps.to(torch.int16).to(torch.int8), scale, zero


def _survives_a_group_of_zeros(f: Solution, g: Generator) -> bool:
    codes, scale, zero = f(torch.tensor([[0.0, 0.0, 1.0, -0.5]]), 2, 4)
    return bool((scale > 0).all()) and int(codes[0, 0]) == int(zero[0, 0])


group_quantize = Exercise(
    reference=_group_quantize,
    inputs=_cases,
    example=(torch.tensor([[-1.0, 2.0, 0.0, 30.0]]), 2, 2),
    laws=[
        Law("is half a step away at most", _half_a_step, "Each group covers its own smallest and largest weight."),
        Law("keeps an outlier in its own group", _an_outlier_stays_at_home, "A large weight widens the steps of its group alone."),
        Law("keeps every code within its bits", _codes_fit,
            "Rounding w / s and l / s each for itself may lead one code too far: clamp before the cast.", edge=True),
        Law("has a positive step for a group of zeros", _survives_a_group_of_zeros,
            "A group that was pruned away has no width. Its step has to be something that one can divide by.", edge=True),
    ],
    mistakes=[
        Mistake("one scale a row", _grouped(whole="rows"), "You share one scale along a whole row. Each group of neighbours has its own."),
        Mistake("groups down the columns", _grouped(along=0),
                "Your groups run down the columns. A row holds the weights of one output, and its neighbours share a scale."),
        Mistake("symmetric", _grouped(symmetric=True),
                "Your zero-point is always 0. Here a group's range runs from its smallest to its largest weight."),
        Mistake("zero left out", _grouped(low="as it is"),
                "Right for groups with weights on both sides of 0. A range that does not contain 0 is widened first."),
        Mistake("as many steps as codes", _grouped(steps=1), "Your scale is a little too small: 2^b codes have 2^b - 1 steps between them."),
        Mistake("always eight bits", _grouped(eight=True), "Your codes have 8 bits, whatever bits says."),
        Mistake("floor for round", _floored, "You round down: the error is up to a whole step. Take the nearest code."),
        Mistake("unsigned codes", _unsigned, "Your codes run from 0. Here they run from -2^(b-1), as int8."),
        Mistake("zero-point left out", _cast_early, "Your codes are round(w / s), without the zero-point that you return."),
        Mistake("a scale a weight", _spread_out,
                "You return a scale for every weight. One a group is stored: shape (out, in / group_size)."),
        Mistake("never clamped", _unclamped,
                "Right nearly everywhere. For a group from -7.5 to 7.5 rounding leads one code too far, and at 8 bits that wraps."),
        Mistake("step of zero", _dead_groups,
                "Right where a group has a width. A group of zeros gets the step 0, which nothing can be divided by: take 1."),
    ],
    styles={
        "slices of columns": _by_slices,
        "number by number": _number_by_number,
        "groups as rows": _as_rows,
    },
    hints=(
        "Give the groups an axis of their own; the rest is affine quantisation along that axis.",
        "weight.unflatten(-1, (-1, group_size)) is (out, groups, group_size). Smallest and largest along the last axis, widened "
        "to contain 0.",
        "s = (high - low) / (2^b - 1), 1 where that is 0; o = -2^(b-1) - round(low / s); codes round(w / s) + o, clamped, as "
        "int8; flatten(-2) brings the columns back.",
    ),
)  # fmt: skip
