"""Rounding by chance, so that the mean is right."""

from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution

_DRAWS = 40_000  # the mean of that many coins is off by 0.0025 at most, standard deviation


def _stochastic_round(x: Tensor, generator: Generator) -> Tensor:
    return quantize.stochastic_round(x, generator)


def _cases(g: Generator) -> list[tuple[Tensor, Generator]]:
    return [
        (torch.tensor([0.25, -0.25, 1.7, -2.9, 0.5, -0.5]), g),
        (10 * torch.randn(2, 3, generator=g).round() + 0.1 + 0.8 * torch.rand(2, 3, generator=g), g),
        (torch.tensor([3.0, -4.0, 0.0, 0.1]), g),
    ]


def _many_draws(f: Solution, x: Tensor, generator: Generator) -> dict[str, Any]:
    """What must be so whichever way the coins fall: the mean, and that no value but the two neighbours occurs."""
    own = Generator()
    own.set_state(generator.get_state())
    drawn = f(x.expand(_DRAWS, *x.shape).clone(), own)
    if not isinstance(drawn, Tensor) or drawn.shape != (_DRAWS, *x.shape) or not drawn.is_floating_point():
        return {"value": drawn}
    return {"value": drawn.mean(0), "lowest value": drawn.amin(0), "highest value": drawn.amax(0)}


def _repeated(f: Solution, g: Generator) -> bool:
    x = torch.randn(50, generator=g)
    first, second = (f(x, Generator().manual_seed(7)) for _ in range(2))
    return bool((first == second).all())


def _drawn_anew(f: Solution, g: Generator) -> bool:
    x, generator = torch.full((50,), 0.5), Generator().manual_seed(8)
    return bool((f(x, generator) != f(x, generator)).any())


def _apart(f: Solution, g: Generator) -> bool:
    """Two entries of 0.5 each agree in about half of 2,000 draws (standard deviation 22)."""
    drawn = f(torch.full((2000, 2), 0.5), Generator().manual_seed(9))
    return 850 < int((drawn[:, 0] == drawn[:, 1]).sum()) < 1150


def _up_with(x: Tensor, chance: Tensor | float, generator: Generator) -> Tensor:
    return x.floor() + (torch.rand(x.shape, generator=generator) < chance).to(x.dtype)


def _one_coin_a_row(x: Tensor, generator: Generator) -> Tensor:
    coins = torch.rand(x.shape[0], *[1] * (x.ndim - 1), generator=generator)
    return x.floor() + (coins < x - x.floor()).to(x.dtype)


def _towards_zero(x: Tensor, generator: Generator) -> Tensor:
    return x.trunc() + (torch.rand(x.shape, generator=generator) < x - x.trunc()).to(x.dtype)


def _as_integers(x: Tensor, generator: Generator) -> Tensor:
    return _stochastic_round(x, generator).long()


def _by_bernoulli(x: Tensor, generator: Generator) -> Tensor:
    return x.floor() + torch.bernoulli((x - x.floor()).clamp(0, 1), generator=generator)


def _by_noise(x: Tensor, generator: Generator) -> Tensor:
    return (x + torch.rand(x.shape, generator=generator, dtype=x.dtype)).floor()


def _by_where(x: Tensor, generator: Generator) -> Tensor:
    fraction = torch.remainder(x, 1)
    down = x - fraction
    return torch.where(torch.rand(x.size(), generator=generator) >= fraction, down, down + 1)


stochastic_round = Exercise(
    reference=_stochastic_round,
    inputs=_cases,
    observe=_many_draws,
    rtol=0.0,
    atol=0.02,
    laws=[
        Law("is repeated by a generator in the same state", _repeated,
            "Everything random has to come from the generator that is handed in, or nobody can repeat the run."),
        Law("falls differently at the next draw", _drawn_anew,
            "Two calls with one generator should not give the same coins."),
        Law("draws for every entry by itself", _apart,
            "Two entries of one tensor should not be tied to the same coin."),
    ],
    mistakes=[
        Mistake("rounded to nearest", lambda x, g: x.round(),
                "No chance is involved: 0.25 is always 0. Up with the probability of the fraction, so that the mean is 0.25."),
        Mistake("always down", lambda x, g: x.floor(),
                "You always round down."),
        Mistake("a fair coin", lambda x, g: _up_with(x, 0.5, g),
                "Your coin is fair, so the mean is floor + 1/2 whatever x is, and even an integer moves. The chance of going up is the "
                "fraction of x."),
        Mistake("chances exchanged", lambda x, g: _up_with(x, 1 - (x - x.floor()), g),
                "You go *down* with the probability of the fraction: 0.25 becomes 1 three times in four."),
        Mistake("noise before rounding", lambda x, g: (x + torch.rand(x.shape, generator=g)).round(),
                "You add noise between 0 and 1 and round to nearest: the mean is half a unit too high."),
        Mistake("towards zero", _towards_zero,
                "Right for positive values. For negative ones the cut goes towards zero and the fraction is negative, so nothing ever "
                "moves: floor goes down on both sides."),
        Mistake("a coin for a whole row", _one_coin_a_row,
                "All entries of a row share one coin, so their errors add up instead of cancelling. Draw one number for each entry."),
        Mistake("torch's own stream", lambda x, g: x.floor() + (torch.rand(x.shape) < x - x.floor()),
                "You draw from torch's global generator. Use the one that is handed in, or the run cannot be repeated."),
        Mistake("the same coins every time", lambda x, g: _stochastic_round(x, Generator().manual_seed(0)),
                "Every call draws the same coins. Do not seed the generator: each draw moves it on."),
        Mistake("an integer type", _as_integers,
                "You return integers of an integer type. The dtype of x is wanted: what comes next multiplies by a scale."),
    ],
    styles={
        "floor and comparison": lambda x, g: _up_with(x, x - x.floor(), g),
        "bernoulli": _by_bernoulli,
        "noise, then floor": _by_noise,
        "where and remainder": _by_where,
    },
    hints=(
        "There are two candidates, floor(x) and floor(x) + 1. Which probability of the upper one makes the mean x?",
        "The fraction x - floor(x) lies from 0 to 1, for negative x too. A uniform number is smaller than it with that probability.",
        "torch.rand(x.shape, generator=generator) < fraction is True with the right chance; add it to the floor, in the dtype of x.",
    ),
)  # fmt: skip
