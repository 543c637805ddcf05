"""From values to codes, and back."""

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_07_quantisation.shared import Case, ends, uniform


def _values_to_code(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, channels in (((40,), ()), ((4, 9), (4, 1)), ((2, 3, 4, 4), ()), ((3, 2, 5), (3, 1, 1))):
        for bits in (8, 4):
            low, high = ends(bits)
            scale = uniform(g, 0.02, 0.3, *channels)
            zero_point = torch.randint(low, high + 1, channels, generator=g, dtype=torch.int32)
            x = scale * 2**bits * torch.randn(shape, generator=g)
            cases.append((x, scale, zero_point, bits))
    return cases


def _codes(steps: Tensor, bits: int) -> Tensor:
    return steps.clamp(*ends(bits)).to(torch.int8)


def _cast_first(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    return _codes((x / s).round().to(torch.int8) + o, bits)


def _coded_in_numpy(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    import numpy

    steps = numpy.rint(x.numpy() / s.numpy()) + o.numpy()
    return torch.from_numpy(numpy.asarray(numpy.clip(steps, *ends(bits)).astype(numpy.int8)))


def _saturates(f: Solution, g: torch.Generator) -> bool:
    x = torch.tensor([1.01, 1e30, float("inf"), -1.5, -1e30, -float("inf")])
    return f(x, torch.tensor(1 / 127), torch.tensor(0, dtype=torch.int32), 8).tolist() == [127] * 3 + [-128] * 3


def _half_a_step(f: Solution, g: torch.Generator) -> bool:
    scale, zero_point = torch.tensor(0.05), torch.tensor(-20, dtype=torch.int32)
    x = uniform(g, -5.3, 7.3, 200)
    return float((scale * (f(x, scale, zero_point, 8).float() - zero_point) - x).abs().max()) <= 0.025 * 1.001


quantize_affine = Exercise(
    reference=quantize.quantize_affine,
    inputs=_values_to_code,
    example=(torch.tensor([-1.2, 0.0, 0.4, 5.0]), torch.tensor(0.5), torch.tensor(1, dtype=torch.int32), 3),
    laws=[
        Law("returns int8", lambda f, g: f(torch.ones(3), torch.tensor(0.1), torch.tensor(0), 8).dtype == torch.int8,
            "Codes of up to 8 bits fit into one byte each: the last step is .to(torch.int8)."),
        Law("is off by half a step at most inside the range", _half_a_step,
            "Every value inside the range has a code within half a step."),
        Law("saturates at the outermost code, however large the value", _saturates,
            "A value beyond the range takes the nearest code there is. Clamp while the numbers are still floating point.",
            edge=True),
    ],
    mistakes=[
        Mistake("cast before the zero-point", _cast_first,
                "You cast to int8 before the zero-point is added. 129 does not fit into int8 and comes back as -127: the "
                "cast is the last step."),
        Mistake("never clamped", lambda x, s, o, bits: ((x / s).round() + o).to(torch.int8),
                "You cast without clamping. A code of 129 comes back as -127: a large value becomes a small one."),
        Mistake("cast, then clamped", lambda x, s, o, bits: ((x / s).round() + o).to(torch.int8).clamp(*ends(bits)),
                "You clamp after the cast. By then 129 has become -127, which every clamp lets through."),
        Mistake("clamped before the zero-point", lambda x, s, o, bits: (_codes((x / s).round(), bits).int() + o).to(torch.int8),
                "You clamp before the zero-point is added, so the sum may leave the codes again."),
        Mistake("floor for round", lambda x, s, o, bits: _codes((x / s).floor() + o, bits),
                "You round down. That is off by up to a whole step, and always to the same side."),
        Mistake("cut off for round", lambda x, s, o, bits: _codes((x / s).trunc() + o, bits),
                "You cut the fraction off, which rounds towards 0. The nearest code is wanted."),
        Mistake("zero-point subtracted", lambda x, s, o, bits: _codes((x / s).round() - o, bits),
                "You subtract the zero-point. x = s (q - o) solved for q adds it."),
        Mistake("zero-point forgotten", lambda x, s, o, bits: _codes((x / s).round(), bits),
                "Your codes do not move with the zero-point. The value 0 has to get the code o."),
        Mistake("multiplied by the scale", lambda x, s, o, bits: _codes((x * s).round() + o, bits),
                "You multiply by the scale. It is the width of a step: how many steps is x away from 0?"),
        Mistake("always eight bits", lambda x, s, o, bits: quantize.quantize_affine(x, s, o, 8),
                "You clamp to -128 ... 127 for every number of bits."),
        Mistake("lowest code unused", lambda x, s, o, bits: ((x / s).round() + o).clamp(-ends(bits)[1], ends(bits)[1]).to(torch.int8),
                "You never use the lowest code. That is right for a symmetric range; an affine one uses all 2^b codes."),
        Mistake("codes left as floats", lambda x, s, o, bits: ((x / s).round() + o).clamp(*ends(bits)),
                "Your numbers are right and still floating point, four bytes each: cast them to torch.int8 at the end."),
        Mistake("codes left wide", lambda x, s, o, bits: ((x / s).round() + o).clamp(*ends(bits)).int(),
                "Your numbers are right and take four bytes each: cast them to torch.int8 at the end."),
    ],
    styles={
        "one expression": lambda x, s, o, bits: _codes((x / s).round() + o, bits),
        "zero-point inside the rounding": lambda x, s, o, bits: torch.clip(
            torch.round(x / s + o), min=-(2 ** (bits - 1)), max=2 ** (bits - 1) - 1).char(),
        "minimum and maximum": lambda x, s, o, bits: torch.minimum(
            torch.maximum(torch.round(x.double() / s) + o, torch.tensor(-(2.0 ** (bits - 1)))),
            torch.tensor(2.0 ** (bits - 1) - 1)).to(torch.int8),
        "in numpy": _coded_in_numpy,
    },
    hints=(
        "Solve x = s · (q - o) for q. Then three things are left: rounding, saturating, casting.",
        "How many steps is x away from 0? Round that, move it by the zero-point, and keep it among the codes.",
        "The order is round, add o, clamp to -2^(b-1) ... 2^(b-1) - 1, and only then .to(torch.int8).",
    ),
)  # fmt: skip


def _codes_to_value(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, channels in (((40,), ()), ((4, 9), (4, 1)), ((2, 3, 4), ()), ((3, 2, 5), (3, 1, 1))):
        codes = torch.randint(-128, 128, shape, generator=g, dtype=torch.int8)
        zero_point = torch.randint(-128, -60, channels, generator=g, dtype=torch.int32)
        cases.append((codes, uniform(g, 0.02, 0.3, *channels), zero_point))
        cases.append((codes, uniform(g, 0.02, 0.3, *channels), -zero_point - 1))
    return cases


def _wrapped_difference(codes: Tensor, s: Tensor, o: Tensor) -> Tensor:
    return s * (codes - o.to(torch.int8))


def _one_by_one(codes: Tensor, s: Tensor, o: Tensor) -> Tensor:
    triples = zip(*(part.expand(codes.shape).flatten().tolist() for part in (codes, s, o)), strict=True)
    return torch.tensor([step * (code - zero) for code, step, zero in triples]).reshape(codes.shape)


def _spans_the_range(f: Solution, g: torch.Generator) -> bool:
    codes, o = torch.tensor([-128, 0, 127], dtype=torch.int8), torch.tensor(-128, dtype=torch.int32)
    return near(f(codes, torch.tensor(0.1), o), torch.tensor([0.0, 12.8, 25.5]))


dequantize_affine = Exercise(
    reference=quantize.dequantize_affine,
    inputs=_codes_to_value,
    example=(torch.tensor([-1, 1, 2, 3], dtype=torch.int8), torch.tensor(0.5), torch.tensor(1, dtype=torch.int32)),
    laws=[
        Law("is right across the whole range of codes", _spans_the_range,
            "127 - (-128) is 255, which int8 cannot hold: subtract in a wider type."),
        Law("turns the zero-point into exactly 0",
            lambda f, g: float(f(torch.tensor([7], dtype=torch.int8), torch.tensor(0.3), torch.tensor(7)).abs().max()) == 0,
            "The zero-point is the code of 0."),
    ],
    mistakes=[
        Mistake("difference in int8", _wrapped_difference,
                "You subtract in int8. 127 - (-128) is 255 and comes back as -1: make the codes wider first."),
        Mistake("zero-point added", lambda q, s, o: s * (q.int() + o),
                "You add the zero-point. The code o has to stand for the value 0."),
        Mistake("zero-point outside the bracket", lambda q, s, o: s * q - o,
                "You subtract the zero-point from the value. It is a number of steps: it goes inside the bracket."),
        Mistake("zero-point forgotten", lambda q, s, o: s * q,
                "You leave the zero-point out, so the code o does not stand for 0."),
        Mistake("divided by the scale", lambda q, s, o: (q.int() - o) / s,
                "You divide by the scale. It is the width of a step, and q - o is a number of steps."),
        Mistake("sign", lambda q, s, o: s * (o - q.int()),
                "The sign is reversed: codes above the zero-point stand for positive values."),
        Mistake("left as integers", lambda q, s, o: (s * (q.int() - o)).int(),
                "You cut the values to integers. They are floating point again."),
    ],
    styles={
        "codes as floats": lambda q, s, o: s * (q.float() - o),
        "two products": lambda q, s, o: s * q.to(torch.float32) - s * o.float(),
        "wider integers": lambda q, s, o: torch.sub(q.long(), o).mul(s),
        "one by one": _one_by_one,
    },
    hints=(
        "The equation at the top of this part is the whole answer: x̂ = s (q - o).",
        "How many steps is the code away from the zero-point, and how wide is a step?",
        "Mind the type in which q - o is computed: it can be as large as 255.",
    ),
)  # fmt: skip
