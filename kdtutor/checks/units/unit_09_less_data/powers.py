"""Signed powers of two with an exact zero, as codes."""

import math
from typing import Any

import torch
from torch import Tensor

from kdtutor import reduce
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_09_less_data.shared import Case

Parts = tuple[Tensor, Tensor]


def _log_format(x: Tensor, bits: int = 4) -> Parts:
    encoded = reduce.log_format(x, bits)
    return encoded.codes, encoded.stored["exponent"]


def _meant(solution: Solution, x: Tensor, bits: int) -> Any:
    """The values that the codes stand for, the exponents, and whether the codes fit into their bits."""
    answer = solution(x, bits)
    if not isinstance(answer, tuple | list) or len(answer) != 2 or not all(isinstance(a, Tensor) for a in answer):
        return answer
    codes, exponent = answer
    if codes.is_floating_point() or codes.shape != x.shape or exponent.shape != x.shape[1:]:
        return {"codes": codes, "exponent": exponent}
    half = 2 ** (bits - 1)
    level, negative = codes.long() % half, codes.long() >= half
    size = 2.0 ** (exponent.double() - level + 1)
    return {
        "codes": torch.where(level == 0, 0.0, torch.where(negative, -size, size)),
        "exponent": exponent,
        "codes that fit": bool(((codes >= 0) & (codes < 2 * half)).all()),
    }


def _tables(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for rows, columns, bits in ((20, 3, 4), (30, 5, 3), (12, 2, 2), (40, 4, 6)):
        x = torch.randn(rows, columns, generator=g) * 4.0 ** torch.arange(columns) * 0.1
        x[::5] *= 0.01
        x[3] = 0
        cases.append((x, bits))
    return cases


def _coded(
    x: Tensor, bits: int, *, power: Any = torch.round, top: Any = None, levels: int | None = None, zero: bool = True
) -> Parts:
    """The right codes, but for one thing."""
    half = 2 ** (bits - 1)
    exponent = power(x.double().abs().log2())
    highest = (top or (lambda e: e.amax(0)))(exponent).nan_to_num(neginf=0)
    level = (highest - exponent + 1).clamp_min(1)
    last = half - 1 if levels is None else levels
    level = torch.where(level <= last, level, 0 if zero else last)
    return (level.long() + half * (x < 0)).to(torch.int64), highest.long()


def _raw_logarithm(x: Tensor, bits: int) -> Parts:
    half = 2 ** (bits - 1)
    exponent = x.double().log2().round()
    exponent = torch.where(exponent.isnan(), -torch.inf, exponent)
    highest = exponent.amax(0).nan_to_num(neginf=0)
    level = (highest - exponent + 1).clamp_min(1)
    return torch.where(level < half, level, 0).long(), highest.long()


def _from_the_small_end(x: Tensor, bits: int) -> Parts:
    codes, exponent = _coded(x, bits)
    half = 2 ** (bits - 1)
    level = codes % half
    return torch.where(level > 0, half - level, 0) + half * (x < 0), exponent


def _number_by_number(x: Tensor, bits: int) -> Parts:
    half = 2 ** (bits - 1)
    tops = [max((round(math.log2(abs(v))) for v in column if v), default=0) for column in x.T.tolist()]
    rows = []
    for row in x.tolist():
        levels = [tops[j] - round(math.log2(abs(v))) + 1 if v else 0 for j, v in enumerate(row)]
        rows.append([0 if not 1 <= n < half else n + half * (v < 0) for n, v in zip(levels, row, strict=True)])
    return torch.tensor(rows), torch.tensor(tops)


def _by_frexp(x: Tensor, bits: int) -> Parts:
    mantissa, power = torch.frexp(x.abs())
    exponent = torch.where(mantissa > math.sqrt(0.5), power, power - 1)
    exponent = torch.where(x == 0, torch.iinfo(torch.int16).min, exponent)
    top = exponent.amax(0)
    top = torch.where(top < -1000, 0, top)
    level = top - exponent + 1
    level = torch.where((level < 2 ** (bits - 1)) & (x != 0), level, 0)
    return (level + (x < 0) * 2 ** (bits - 1)).to(torch.uint8), top.to(torch.int16)


def _by_bits(x: Tensor, bits: int) -> Parts:
    codes, exponent = _coded(x, bits)
    return torch.bitwise_or(codes % 2 ** (bits - 1), (x < 0).long() << (bits - 1)).to(torch.int32), exponent.int()


def _within_root_two(f: Solution, g: torch.Generator) -> bool:
    x = torch.randn(50, 3, generator=g)
    x = x.sign() * x.abs().clamp(0.05, 2.0)
    back = _meant(f, x, 5)["codes"]
    ratio = back / x
    return bool((ratio > 0.7).all()) and bool((ratio < 1.4143).all())


def _nothing_stays_nothing(f: Solution, g: torch.Generator) -> bool:
    x = torch.stack([torch.zeros(4), torch.tensor([1.0, -2.0, 0.0, 0.5])], 1)
    _, exponent = f(x, 4)
    return torch.equal(_meant(f, x, 4)["codes"].float(), x) and exponent.tolist() == [0, 1]


log_format = Exercise(
    reference=_log_format,
    inputs=_tables,
    observe=_meant,
    example=(torch.tensor([[3.0], [-0.7], [0.0], [0.1]]), 3),
    laws=[
        Law("is never more than a factor √2 off", _within_root_two,
            "Rounding the exponent to the nearest whole number multiplies a value by 2^-0.5 to 2^0.5."),
        Law("keeps zeros, also where a feature is nothing else", _nothing_stays_nothing,
            "A feature of nothing but zeros has no largest exponent. Its codes are 0; store the exponent 0.", edge=True),
    ],
    mistakes=[
        Mistake("logarithm of the raw value", _raw_logarithm,
                "You take the logarithm of x itself, and a negative number has none. Take it of |x|; the sign has a bit of its own."),
        Mistake("sign lost", lambda x, bits: ((c := _coded(x, bits))[0] % 2 ** (bits - 1), c[1]),
                "Your codes have no sign: negative values come back positive."),
        Mistake("floor for round", lambda x, bits: _coded(x, bits, power=torch.floor),
                "You round the exponent down, so that 1.9 becomes 1. The nearest whole exponent is asked for."),
        Mistake("ceiling for round", lambda x, bits: _coded(x, bits, power=torch.ceil),
                "You round the exponent up, so that 1.1 becomes 2. The nearest whole exponent is asked for."),
        Mistake("one exponent for all", lambda x, bits: (
                    (c := _coded(x, bits, top=lambda e: e.amax()[None].expand(e.shape[1])))[0], c[1].clone()),
                "You use one largest exponent for the whole table. Each feature has its own."),
        Mistake("small values kept", lambda x, bits: _coded(x, bits, zero=False),
                "What lies below the last level gets the last level. It has to become 0."),
        Mistake("a level too few", lambda x, bits: _coded(x, bits, levels=2 ** (bits - 1) - 2),
                "You use one level less than there are: b - 1 bits count to 2^(b-1) - 1."),
        Mistake("levels from the small end", _from_the_small_end,
                "Your levels count up from the smallest power. Level 1 is the feature's largest power, 2 the next one down."),
        Mistake("levels from zero", lambda x, bits: (
                    ((c := _coded(x, bits))[0] % (h := 2 ** (bits - 1)) - 1).clamp_min(0) + h * (x < 0), c[1]),
                "Your largest power has the level 0. That one is taken: it stands for the number zero."),
        Mistake("smallest exponent stored", lambda x, bits: (
                    (c := _coded(x, bits))[0], c[1] - 2 ** (bits - 1) + 2),
                "Your codes are right, and you store the exponent of the last level. The largest one is asked for."),
        Mistake("natural logarithm", lambda x, bits: _coded(
                    x, bits, power=lambda e: (e * math.log(2)).round()),
                "Your exponents are those of e. Powers of two need the logarithm to the base 2."),
    ],
    styles={"mantissa and exponent": _by_frexp, "number by number": _number_by_number, "bits put together": _by_bits},
    hints=(
        "Three steps: the exponent of every |x|, the largest exponent of each feature, and how far below it a value lies.",
        "log2 of 0 is -inf, which is further down than any level, so it becomes 0 like everything else that is too small.",
        "level = top - exponent + 1 where that is at most 2^(b-1) - 1, otherwise 0; add 2^(b-1) where x is negative.",
    ),
)  # fmt: skip
