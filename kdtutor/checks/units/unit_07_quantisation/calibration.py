"""The range to cover: the extremes, percentiles, or the one with the smallest error."""

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_07_quantisation.shared import Case, ends, uniform

METHODS = ("minmax", "percentile", "error")


def _calibrate(x: Tensor, method: str, bits: int = 8) -> tuple[Tensor, Tensor]:
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: one of {', '.join(map(repr, METHODS))} is needed")
    return quantize.calibrate(x, method, bits)  # type: ignore[arg-type]


def _activations(g: torch.Generator) -> list[Case]:
    bell = torch.randn(900, generator=g)
    spoilt = torch.cat([torch.randn(700, generator=g).relu(), torch.tensor([18.0])])
    many = torch.cat([torch.randn(10_000, generator=g), torch.tensor([-18.0])])  # here clipping pays at 8 bits too
    table = torch.randn(30, 20, generator=g) * 2 + 0.7
    away_from_zero = uniform(g, 1.5, 2.5, 400)
    plain = [
        (x, method, bits)
        for x in (bell, spoilt, table, away_from_zero)
        for method, bits in zip(METHODS, (8, 4, 3), strict=True)
    ]
    return [*plain, (bell, "error", 4), (many, "error", 3)]


def _searching(loss: Solution) -> Solution:
    """Right but for the search over γ, which has its own idea of an error: loss(x, x̂, low, high), a number a γ.

    All hundred ranges at once: x is (1, values), x̂ (100, values), the ends (100, 1).
    """

    def calibrated(x: Tensor, method: str, bits: int) -> tuple[Tensor, Tensor]:
        if method != "error":
            return _calibrate(x, method, bits)
        low, high = x.min().clamp(max=0), x.max().clamp(min=0)
        shares = torch.arange(100, 0, -1).unsqueeze(1) / 100
        scale, zero_point = quantize.affine_parameters(shares * low, shares * high, bits)
        values = x.reshape(1, -1)
        back = (values / scale).round_().add_(zero_point).clamp_(*ends(bits)).sub_(zero_point).mul_(scale)
        best = shares[loss(values, back, shares * low, shares * high).argmin()].squeeze()
        return best * low, best * high

    return calibrated


_least_squares = _searching(lambda x, back, low, high: (x - back).square().mean(1))


def _with_percentile(low: float, high: float) -> Solution:
    def calibrated(x: Tensor, method: str, bits: int) -> tuple[Tensor, Tensor]:
        if method != "percentile":
            return _least_squares(x, method, bits)
        return torch.quantile(x, low).clamp(max=0), torch.quantile(x, high).clamp(min=0)

    return calibrated


def _zero_outside(x: Tensor, method: str, bits: int) -> tuple[Tensor, Tensor]:
    if method == "minmax":
        return x.min(), x.max()
    if method == "percentile":
        return torch.quantile(x, 0.001), torch.quantile(x, 0.999)
    return _least_squares(x, method, bits)


def _magnitudes(x: Tensor, method: str, bits: int) -> tuple[Tensor, Tensor]:
    if method != "percentile":
        return _least_squares(x, method, bits)
    bound = torch.quantile(x.abs(), 0.999)
    return -bound, bound


def _by_a_loop(x: Tensor, method: str, bits: int) -> tuple[Tensor, Tensor]:
    p = 0.001 if method == "percentile" else 0.0
    low, high = torch.quantile(x, p).clamp(max=0), torch.quantile(x, 1 - p).clamp(min=0)
    if method != "error":
        return low, high
    errors = []
    for step in range(1, 101):
        scale, zero_point = quantize.affine_parameters(step / 100 * low, step / 100 * high, bits)
        codes = quantize.quantize_affine(x, scale, zero_point, bits)
        errors.append(float((quantize.dequantize_affine(codes, scale, zero_point) - x).pow(2).sum()))
    best = (errors.index(min(errors)) + 1) / 100
    return best * low, best * high


def _by_ranks(x: Tensor, method: str, bits: int) -> tuple[Tensor, Tensor]:
    if method != "percentile":
        return _least_squares(x, method, bits)
    values = sorted(x.flatten().tolist())

    def at(place: float) -> float:
        below = int(place)
        above = min(below + 1, len(values) - 1)
        return values[below] + (place - below) * (values[above] - values[below])

    last = len(values) - 1
    return torch.tensor(min(at(0.001 * last), 0.0)), torch.tensor(max(at(0.999 * last), 0.0))


def _wide_enough(f: Solution, g: torch.Generator) -> bool:
    low, high = f(uniform(g, 2, 3, 50), "minmax", 8)
    return bool(low <= 0) and bool(high >= 2)


def _never_worse(f: Solution, g: torch.Generator) -> bool:
    x = torch.cat([torch.randn(500, generator=g), torch.tensor([9.0])])

    def error(method: str) -> float:
        low, high = f(x, method, 3)
        scale, zero_point = quantize.affine_parameters(low, high, 3)
        back = quantize.dequantize_affine(quantize.quantize_affine(x, scale, zero_point, 3), scale, zero_point)
        return float((back - x).square().sum())

    return error("error") <= error("minmax")


calibrate = Exercise(
    reference=_calibrate,
    inputs=_activations,
    example=(torch.tensor([0.0, 0.5, 2.0]), "minmax", 8),
    laws=[
        Law("contains 0", _wide_enough, "Every range contains 0, also that of values which all lie to one side of it."),
        Law("has no larger error than min-max when the error is searched for", _never_worse,
            "The search tries a hundred ranges, the whole one among them."),
    ],
    mistakes=[
        Mistake("zero left out", _zero_outside,
                "Right where values lie on both sides of 0. For values from 1.5 to 2.5 your range does not contain 0."),
        Mistake("half of the share on either side", _with_percentile(0.0005, 0.9995),
                "Your percentile range is a little too wide: 0.1 % is left out on either side, not in total."),
        Mistake("ten times the share", _with_percentile(0.01, 0.99),
                "Your percentile range is too narrow: it leaves 1 % out on either side, and 0.1 % is asked for."),
        Mistake("upper end only", _with_percentile(0.0, 0.999),
                "You clip the upper end alone. The outermost 0.1 % go on either side."),
        Mistake("percentile of magnitudes", _magnitudes,
                "You take the percentile of |x| and a range around 0. Activations after a ReLU then waste half of their codes."),
        Mistake("clipping error alone", _searching(lambda x, back, low, high: (x - x.clamp(low, high)).square().sum(1)),
                "You measure what clipping costs and leave rounding out, so the widest range always wins. Compare x with what "
                "comes back from its codes."),
        Mistake("rounding error alone", _searching(lambda x, back, low, high: (back - x.clamp(low, high)).square().sum(1)),
                "You compare with the clipped x, so clipping costs nothing and the narrowest range always wins."),
        Mistake("absolute error", _searching(lambda x, back, low, high: (x - back).abs().sum(1)),
                "You add up absolute errors. The squared error is asked for: it minds a few large errors more."),
        Mistake("largest error", _searching(lambda x, back, low, high: (x - back).abs().amax(1)),
                "You minimise the largest error, which is a clipped outlier's, so hardly anything is clipped. Sum the squares."),
        Mistake("mean of the error, unsquared", _searching(lambda x, back, low, high: (x - back).mean(1).abs()),
                "You average signed errors, which cancel. Square them first."),
        Mistake("always eight bits", lambda x, method, bits: _least_squares(x, method, 8),
                "Your search quantises to 8 bits, whatever bits says. The fewer the bits, the more it pays to clip."),
        Mistake("always the extremes", lambda x, method, bits: _calibrate(x, "minmax", bits),
                "Your range is that of min-max for every method."),
        Mistake("order of the ends", lambda x, method, bits: _least_squares(x, method, bits)[::-1],
                "You return the upper end first. The order is low, high."),
    ],
    styles={
        "a loop over shares": _by_a_loop,
        "all ranges at once": _least_squares,
        "percentile by ranks": _by_ranks,
    },
    hints=(
        "All three begin with two numbers, a lower and an upper end, and all three end by making the range contain 0.",
        "torch.quantile(x, 0.001) is the value below which 0.1 % lie. For the error, try the shares 1/100 ... 100/100 of the "
        "min-max range, one after the other.",
        "For each share: affine_parameters of the smaller range, codes, values again, sum of squared differences to x. "
        "Keep the share with the smallest sum.",
    ),
)  # fmt: skip
