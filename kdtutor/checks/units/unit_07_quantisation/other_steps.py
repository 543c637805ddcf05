"""Powers of two, and the mean as a step."""

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_07_quantisation.shared import Case, coded_by, ends


def _values_with_zeros(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape in ((40,), (5, 6), (2, 3, 4)):
        for bits in (2, 3, 4, 8):
            x = 0.3 * torch.randn(shape, generator=g)
            x.view(-1)[1] = 0.0
            cases.append((x, bits))
    return cases


def _powers(x: Tensor, bits: int) -> Tensor:
    """The exponent nearest to each |x| by distance; zeros get a very small one."""
    return (x.abs().clamp_min(1e-35) / 0.75).log2().floor()


def _by_grid(x: Tensor, bits: int) -> Tensor:
    top, count = int(_powers(x, bits).max()), 2 ** (bits - 1) - 1
    powers = 2.0 ** torch.arange(top - count + 1, top + 1)
    grid = torch.cat([-powers, torch.zeros(1), powers])
    return grid[(x.unsqueeze(-1) - grid).abs().argmin(-1)]


def _by_exponent(x: Tensor, bits: int) -> Tensor:
    exponent = _powers(x, bits)
    lowest = exponent.max() - 2 ** (bits - 1) + 2
    power = 2.0 ** exponent.clamp_min(lowest)
    return x.sign() * torch.where(x.abs() < 2.0**lowest / 2, 0.0, power)


def _by_candidates(x: Tensor, bits: int) -> Tensor:
    top, best = int(_powers(x, bits).max()), torch.zeros_like(x)
    for exponent in range(top - 2 ** (bits - 1) + 2, top + 1):
        for power in (2.0**exponent, -(2.0**exponent)):
            best = torch.where((x - power).abs() < (x - best).abs(), torch.tensor(power), best)
    return best


def _nearest_logarithm(x: Tensor, bits: int) -> Tensor:
    exponent = x.abs().clamp_min(1e-35).log2().round()
    lowest = exponent.max() - 2 ** (bits - 1) + 2
    return x.sign() * torch.where(x.abs() < 2.0**lowest / 2, 0.0, 2.0 ** exponent.clamp_min(lowest))


def _counting(count: Solution) -> Solution:
    def rounded(x: Tensor, bits: int) -> Tensor:
        exponent = _powers(x, bits)
        lowest = exponent.max() - count(bits) + 1
        return x.sign() * torch.where(x.abs() < 2.0**lowest / 2, 0.0, 2.0 ** exponent.clamp_min(lowest))

    return rounded


def _without_zero(x: Tensor, bits: int) -> Tensor:
    exponent = _powers(x, bits)
    return x.sign() * 2.0 ** exponent.clamp_min(exponent.max() - 2 ** (bits - 1) + 2)


def _cut_at_the_lowest(x: Tensor, bits: int) -> Tensor:
    exponent = _powers(x, bits)
    lowest = exponent.max() - 2 ** (bits - 1) + 2
    return x.sign() * torch.where(x.abs() < 2.0**lowest, 0.0, 2.0**exponent)


def _rounded_down(x: Tensor, bits: int) -> Tensor:
    exponent = x.abs().clamp_min(1e-35).log2().floor()
    lowest = exponent.max() - 2 ** (bits - 1) + 2
    return x.sign() * torch.where(x.abs() < 2.0**lowest / 2, 0.0, 2.0 ** exponent.clamp_min(lowest))


power_of_two = Exercise(
    reference=quantize.power_of_two,
    inputs=_values_with_zeros,
    example=(torch.tensor([3.1, -0.8, 0.4, 0.0]), 3),
    laws=[
        Law("keeps the sign", lambda f, g: torch.equal(f(-(x := torch.randn(30, generator=g)), 4), -f(x, 4)),
            "The logarithm is taken of the magnitude; the sign is put back."),
        Law("keeps an exact zero", lambda f, g: float(f(torch.tensor([0.0, 1.0, -0.3]), 3)[0]) == 0,
            "0 is one of the values, and no power of two."),
        Law("doubles with its input", lambda f, g: torch.equal(f(2 * (x := torch.randn(30, generator=g)), 4), 2 * f(x, 4)),
            "The powers follow the largest value."),
    ],
    mistakes=[
        Mistake("logarithm of the raw value", lambda x, bits: 2.0 ** x.log2().round(),
                "You take the logarithm of x itself. It is NaN for every negative value: take that of |x| and put the sign back."),
        Mistake("sign lost", lambda x, bits: quantize.power_of_two(x, bits).abs(),
                "Your values are right but for their sign."),
        Mistake("nearest by logarithm", _nearest_logarithm,
                "You round the logarithm. Between 2 and 4 that changes sides at 2.83; by distance the middle is 3."),
        Mistake("rounded down", _rounded_down,
                "You take the power below |x|. 3.9 then becomes 2, though 4 is nearer."),
        Mistake("as many powers as codes", _counting(lambda bits: 2 ** (bits - 1)),
                "You use 2^(b-1) powers for either sign. With 0 that makes one value more than b bits have codes."),
        Mistake("powers without end", _counting(lambda bits: 120),
                "You keep every power, whatever bits says. b bits hold 2^(b-1) - 1 of them for either sign."),
        Mistake("no zero", _without_zero,
                "Small values become the smallest power. Below half of it 0 is nearer."),
        Mistake("cut at the smallest power", _cut_at_the_lowest,
                "Everything below the smallest power becomes 0. From half of it upwards that power is nearer."),
        Mistake("powers from one downwards", lambda x, bits: _by_grid(torch.cat([x.flatten(), torch.ones(1)]), bits)[:-1].view(x.shape),
                "Your largest power is 1. It is the one nearest to the largest |x|."),
    ],
    styles={
        "nearest on a grid": _by_grid,
        "exponents": _by_exponent,
        "candidate by candidate": _by_candidates,
    },
    hints=(
        "List the values that b bits can name: 0 and n powers of either sign. Then each x takes the nearest.",
        "n = 2^(b-1) - 1. The largest power is the one nearest to max|x|, the others are its halves.",
        "The power nearest to a number m by distance is 2^floor(log2(m / 0.75)). With a tensor of all values, "
        "(x.unsqueeze(-1) - values).abs().argmin(-1) finds the nearest.",
    ),
)  # fmt: skip


def _bell_curves(g: torch.Generator) -> list[Case]:
    return [
        (width * torch.randn(shape, generator=g), bits)
        for shape, width in (((50,), 1.0), ((6, 8), 0.1), ((2, 3, 9), 4.0))
        for bits in (8, 3, 2)
    ]


def _by_step(step: Solution) -> Solution:
    return lambda x, bits: coded_by(x, step(x), bits)


def _article_mean(x: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    scale = x.mean()
    return (x / scale).round(), scale


def _mean_or_one(x: Tensor) -> Tensor:
    scale = x.abs().mean()
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def _mean_by_hand(x: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    values = x.flatten().tolist()
    step = sum(abs(value) for value in values) / len(values) or 1.0
    top = 2 ** (bits - 1) - 1
    codes = [max(-top, min(top, round(value / step))) for value in values]
    return torch.tensor(codes, dtype=torch.int8).reshape(x.shape), torch.tensor(step)


mean_quantize = Exercise(
    reference=quantize.mean_quantize,
    inputs=_bell_curves,
    example=(torch.tensor([0.6, -2.0, 0.1, 1.3]), 2),
    laws=[
        Law("does not care for a sign", lambda f, g: near(f(-(x := torch.randn(40, generator=g)), 4)[1], f(x, 4)[1]),
            "The step is a mean of magnitudes."),
        Law("has the step 1 for nothing but zeros", lambda f, g: near(f(torch.zeros(4), 4)[1], 1.0),
            "The mean of zeros is 0, and one cannot divide by it.", edge=True),
    ],
    mistakes=[
        Mistake("signed mean", _by_step(lambda x: x.mean()),
                "You divide by the signed mean. Weights lie on both sides of 0, so it is almost nothing, with any sign."),
        Mistake("signed mean, no clamp", _article_mean,
                "You divide by the signed mean and keep whatever comes. That is the article's formula: read the part above again."),
        Mistake("absolute value of the mean", _by_step(lambda x: x.mean().abs()),
                "You average first and take the absolute value after. The other way round."),
        Mistake("root mean square", _by_step(lambda x: x.square().mean().sqrt()),
                "Your step is the root of the mean square. The mean absolute value is smaller, about 0.8 of it."),
        Mistake("largest value", _by_step(lambda x: x.abs().max()),
                "Your step is the largest value, so nothing but -1, 0 and 1 comes out."),
        Mistake("lowest code used", lambda x, bits: ((x / _mean_or_one(x)).round().clamp(*ends(bits)).to(torch.int8), _mean_or_one(x)),
                "Your codes go down to -2^(b-1). The scheme is symmetric: -(2^(b-1) - 1) is the lowest."),
        Mistake("never clamped", lambda x, bits: ((x / _mean_or_one(x)).round().to(torch.int8), _mean_or_one(x)),
                "You do not clamp, or always to the codes of 8 bits. With 2 bits the codes are -1, 0 and 1."),
        Mistake("codes left as floats", lambda x, bits: (quantize.mean_quantize(x, bits)[0].float(), _mean_or_one(x)),
                "Your codes are right and still floating point: cast them to torch.int8 at the end."),
        Mistake("order of the two", lambda x, bits: quantize.mean_quantize(x, bits)[::-1],
                "You return the scale first. The order is codes, scale."),
        Mistake("step of zero", _by_step(lambda x: x.abs().mean()),
                "Right wherever x holds a value. For zeros alone your step is 0, and 0 / 0 is NaN: take 1."),
    ],
    styles={
        "mean of magnitudes": _by_step(_mean_or_one),
        "norm over count": lambda x, bits: coded_by(x, x.norm(p=1) / x.numel() if bool(x.any()) else torch.ones(()), bits),
        "by hand": _mean_by_hand,
    },
    hints=(
        "It is the symmetric scheme of per_channel with another step, one for the whole tensor.",
        "The step is the average of what the weights are worth without their signs.",
        "abs, then mean; replace 0 by 1; divide, round, clamp to ±(2^(b-1) - 1), cast to int8.",
    ),
)  # fmt: skip
