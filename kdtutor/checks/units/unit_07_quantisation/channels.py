"""One scale an output channel."""

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_07_quantisation.shared import Case, coded_by


def _per_channel(weight: Tensor, bits: int = 8) -> tuple[Tensor, Tensor]:
    codes, scale, _ = quantize.quantize_per_channel(weight, 0, bits)
    return codes, scale


def _weights(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape in ((6, 10), (5, 5), (4, 3, 3, 3), (3, 7)):
        rows = torch.logspace(-1, 1, shape[0]).view(-1, *[1] * (len(shape) - 1))
        cases += [(rows * torch.randn(shape, generator=g), bits) for bits in (8, 4)]
    return cases


def _row_bound(weight: Tensor) -> Tensor:
    return weight.abs().flatten(1).amax(1).view(-1, *[1] * (weight.ndim - 1))


def _one_scale(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    return coded_by(weight, (weight.abs().max() / (2 ** (bits - 1) - 1)), bits)


def _one_scale_spread(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    bound = weight.abs().max() * torch.ones_like(_row_bound(weight))
    return coded_by(weight, bound / (2 ** (bits - 1) - 1), bits)


def _columns(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    codes, scale, _ = quantize.quantize_per_channel(weight, 1, bits)
    return codes, scale


def _signed_bound(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    largest = weight.flatten(1).amax(1).view(_row_bound(weight).shape)
    return coded_by(weight, largest / (2 ** (bits - 1) - 1), bits)


def _one_axis_only(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    return coded_by(weight, weight.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1), bits)


def _affine_rows(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    codes, scale, _ = quantize.quantize_per_channel(weight, 0, bits, symmetric=False)
    return codes, scale


def _floored_rows(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale = _per_channel(weight, bits)[1]
    return (weight / scale).floor().to(torch.int8), scale


def _flat_scale(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    codes, scale = _per_channel(weight, bits)
    return codes, scale.flatten()


def _dead_rows(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    return coded_by(weight, _row_bound(weight) / (2 ** (bits - 1) - 1), bits)


def _by_a_loop(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    top = 2 ** (bits - 1) - 1
    bounds = [float(row.abs().max()) or float(top) for row in weight]
    scales = [bound / top for bound in bounds]
    codes = torch.stack([(row / step).round().to(torch.int8) for row, step in zip(weight, scales, strict=True)])
    return codes, torch.tensor(scales).view(-1, *[1] * (weight.ndim - 1))


def _by_where(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale = _row_bound(weight) / (2 ** (bits - 1) - 1)
    return coded_by(weight, torch.where(scale > 0, scale, torch.ones_like(scale)), bits)


def _by_amax(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    others = tuple(range(1, weight.ndim))
    bound = torch.maximum(weight.amax(others, keepdim=True), -weight.amin(others, keepdim=True))
    scale = bound / (2 ** (bits - 1) - 1)
    scale[scale == 0] = 1
    return torch.round(weight / scale).char(), scale


def _each_row_fills_its_codes(f: Solution, g: torch.Generator) -> bool:
    codes, _ = f(torch.logspace(-2, 1, 4).view(4, 1) * torch.randn(4, 20, generator=g), 4)
    return bool((codes.abs().amax(1) == 7).all())


def _survives_a_row_of_zeros(f: Solution, g: torch.Generator) -> bool:
    codes, scale = f(torch.tensor([[0.0, 0.0], [1.0, -0.5]]), 8)
    return bool((codes[0] == 0).all()) and bool((scale > 0).all())


per_channel = Exercise(
    reference=_per_channel,
    inputs=_weights,
    example=(torch.tensor([[0.3, -0.7], [6.0, 2.0]]), 4),
    laws=[
        Law("gives every row's largest weight the outermost code", _each_row_fills_its_codes,
            "Each row has its own scale, set by its own largest weight."),
        Law("keeps the sign", lambda f, g: torch.equal(f(-(w := torch.randn(3, 8, generator=g)), 8)[0], -f(w, 8)[0]),
            "Symmetric codes: the code of -w is minus the code of w."),
        Law("has a positive step for a row of zeros", _survives_a_row_of_zeros,
            "A row that was pruned away has no largest weight. Its step has to be something that one can divide by.", edge=True),
    ],
    mistakes=[
        Mistake("one scale for the tensor", _one_scale,
                "You share one scale among all rows. Each output channel needs its own: shape (out, 1)."),
        Mistake("one scale, repeated", _one_scale_spread,
                "Your scale has the right shape and the same number in every row: the maximum was taken over the whole weight."),
        Mistake("a scale a column", _columns,
                "Your scales belong to the inputs: one a column. The output channels are the rows, axis 0."),
        Mistake("maximum without absolute value", _signed_bound,
                "You take the largest weight of a row with its sign. A row whose most negative weight is larger saturates."),
        Mistake("one axis reduced", _one_axis_only,
                "Right for matrices. A convolution's weight has four axes, and one scale belongs to all but the first."),
        Mistake("affine rows", _affine_rows,
                "Your steps span from the smallest to the largest weight. Weights are coded symmetrically here: o = 0."),
        Mistake("as many steps as codes", lambda w, bits: coded_by(w, _row_bound(w) / 2 ** (bits - 1), bits),
                "You divide by 2^(b-1). The largest symmetric code is 2^(b-1) - 1, so the largest weight saturates."),
        Mistake("floor for round", _floored_rows, "You round down. The nearest code is wanted."),
        Mistake("scales flattened", _flat_scale,
                "Your scales are right, in shape (out,). Against (out, in) that broadcasts along the wrong axis: keep the axes."),
        Mistake("always eight bits", lambda w, bits: _per_channel(w, 8),
                "Your codes are those of 8 bits, whatever bits says."),
        Mistake("order of the two", lambda w, bits: _per_channel(w, bits)[::-1],
                "You return the scale first. The order is codes, scale."),
        Mistake("row of zeros", _dead_rows,
                "Right wherever a row has a weight. A row of zeros gets a step of 0, and 0 / 0 is NaN: give it the step 1."),
    ],
    styles={
        "rows flattened": _by_where,
        "a loop over rows": _by_a_loop,
        "two extremes": _by_amax,
    },
    hints=(
        "It is the symmetric scheme, max|w| / (2^(b-1) - 1), with the maximum taken in every row by itself.",
        "amax takes several axes at once, and keepdim=True leaves them in place with length 1.",
        "All axes but the first: tuple(range(1, weight.ndim)). Then replace a step of 0 by 1, divide, round, cast.",
    ),
)  # fmt: skip
