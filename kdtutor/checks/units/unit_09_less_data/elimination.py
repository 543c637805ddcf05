"""Recursive feature elimination."""

from typing import Any

import torch
from torch import Tensor

from kdtutor import reduce
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_09_less_data.shared import Case, table

Parts = tuple[Tensor, Tensor]


def ridge_weights(x: Tensor, y: Tensor) -> Tensor:
    """|w| of a linear fit with a small penalty, so that copies of a feature share their weight."""
    x = x - x.mean(0)
    return torch.linalg.solve(x.T @ x + 0.1 * torch.eye(x.shape[1]), x.T @ (y - y.mean())).abs()


def shrinking_variance(x: Tensor, y: Tensor) -> Tensor:
    """A score that changes with how many features are left."""
    return x.var(0) + torch.roll(x.var(0), 1) / x.shape[1]


def _recursive_elimination(fit_scores: Solution, x: Tensor, y: Tensor, k: int, step: int = 1) -> Parts:
    kept, ranking = reduce.recursive_elimination(fit_scores, x, y, k, step)
    return kept, ranking


def _eliminated(fit_scores: Solution, x: Tensor, y: Tensor, k: int, step: int, change: str = "") -> Parts:
    remaining, ranking = list(range(x.shape[1])), torch.ones(x.shape[1], dtype=torch.int64)
    rounds: list[list[int]] = []
    while len(remaining) > k:
        scores = fit_scores(x[:, remaining], y).tolist()
        count = step if change == "too many dropped" else min(step, len(remaining) - k)
        order = sorted(range(len(remaining)), key=lambda i: (scores[i], -i), reverse=change == "best dropped")
        out = [remaining[i] for i in order[:count]]
        rounds.append(out)
        remaining = [j for j in remaining if j not in out]
    for place, out in enumerate(reversed(rounds)):
        ranking[out] = place + 2
    return torch.tensor(remaining, dtype=torch.int64), ranking


def _cases(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for rows, columns, k, step in ((40, 6, 2, 1), (50, 9, 2, 3), (30, 5, 5, 1), (60, 8, 3, 2)):
        x = table(g, rows, columns) / (0.3 + torch.rand(columns, generator=g))
        y = x @ torch.randn(columns, generator=g) + torch.randn(rows, generator=g)
        cases += [(score, x, y, k, step) for score in (ridge_weights, shrinking_variance)]
    return cases


def _scored_once(fit_scores: Solution, x: Tensor, y: Tensor, k: int, step: int) -> Parts:
    scores = fit_scores(x, y)
    return _eliminated(
        lambda rest, _: scores[[int((x - c[:, None]).abs().sum(0).argmin()) for c in rest.T]], x, y, k, step
    )


def _inner_positions(fit_scores: Solution, x: Tensor, y: Tensor, k: int, step: int) -> Parts:
    """Positions among what was left, taken for positions among all features."""
    kept, ranking = _eliminated(fit_scores, x, y, k, step)
    last = x[:, (ranking <= 2).nonzero()[:, 0]]
    if last.shape[1] == x.shape[1] or k == x.shape[1]:
        return kept, ranking
    return reduce.select(fit_scores(last, y), k), ranking


def _answers(change: Any) -> Solution:
    return lambda f, x, y, k, step: change(*_eliminated(f, x, y, k, step), x)


def _keeps_one_of_two_copies(f: Solution, g: torch.Generator) -> bool:
    signal, weak = torch.randn(60, generator=g), torch.randn(60, generator=g)
    x = torch.stack([signal, weak, signal], 1)
    kept, _ = f(ridge_weights, x, signal + 0.7 * weak, 2, 1)
    return 1 in kept.tolist() and len(kept) == 2


def _by_mask(fit_scores: Solution, x: Tensor, y: Tensor, k: int, step: int) -> Parts:
    alive, ranking = torch.ones(x.shape[1], dtype=torch.bool), torch.ones(x.shape[1], dtype=torch.int64)
    while int(alive.sum()) > k:
        scores = torch.full((x.shape[1],), float("inf"))
        scores[alive] = fit_scores(x[:, alive], y)
        out = scores.flip(0).argsort(stable=True)[: min(step, int(alive.sum()) - k)]
        alive[x.shape[1] - 1 - out] = False
        ranking[~alive] += 1
    return alive.nonzero()[:, 0], ranking


def _by_recursion(fit_scores: Solution, x: Tensor, y: Tensor, k: int, step: int) -> Parts:
    def descend(left: Tensor) -> tuple[Tensor, dict[int, int]]:
        if len(left) <= k:
            return left, {}
        order = fit_scores(x[:, left], y).argsort(descending=True, stable=True)
        stay = left[order[: max(k, len(left) - step)].sort().values]
        kept, ranks = descend(stay)
        place = max(ranks.values(), default=1) + 1
        return kept, ranks | {int(j): place for j in left if j not in stay}

    kept, ranks = descend(torch.arange(x.shape[1]))
    return kept, torch.tensor([ranks.get(j, 1) for j in range(x.shape[1])])


recursive_elimination = Exercise(
    reference=_recursive_elimination,
    inputs=_cases,
    example=(shrinking_variance, torch.tensor([[0.0, 0.0, 0.0], [1.0, 3.0, 2.0]]), torch.tensor([0.0, 1.0]), 1, 1),
    laws=[
        Law("keeps one of two copies", _keeps_one_of_two_copies,
            "While both copies are there they share a weight, so one of them goes. Scored again, the other is strong."),
    ],
    mistakes=[
        Mistake("scored once", _scored_once,
                "You score all features once and keep the best. What makes it recursive is a fresh fit on what remains: a "
                "copy of a feature weighs more once the other copy is gone."),
        Mistake("best dropped", lambda f, x, y, k, step: _eliminated(f, x, y, k, step, "best dropped"),
                "You drop the highest scores. The lowest go."),
        Mistake("always one at a time", lambda f, x, y, k, step: _eliminated(f, x, y, k, 1),
                "You drop one feature a round, whatever step says."),
        Mistake("too many dropped", lambda f, x, y, k, step: _eliminated(f, x, y, k, step, "too many dropped"),
                "Your last round drops more than it may: fewer than k features are left."),
        Mistake("positions among what is left", _inner_positions,
                "Your positions count among the features that were left. Which columns of x are these?"),
        Mistake("best first", lambda f, x, y, k, step: (
                    (kept := _eliminated(f, x, y, k, step)[0])[f(x[:, kept], y).argsort(descending=True)],
                    _eliminated(f, x, y, k, step)[1]),
                "The right features, ordered by score. Positions are asked for in ascending order."),
        Mistake("ranking by round", _answers(lambda kept, rank, x: (
                    kept, torch.where(rank == 1, 1, rank.max() + 2 - rank))),
                "Your ranking counts rounds from the first. Those dropped last were the better ones and get 2."),
        Mistake("ranking from zero", _answers(lambda kept, rank, x: (kept, rank - 1)),
                "Your ranking starts at 0. What is kept gets 1, what was dropped last 2."),
        Mistake("a mask for positions", _answers(lambda kept, rank, x: (rank == 1, rank)),
                "You return True and False. The positions of the kept features are asked for."),
    ],
    styles={"lists": lambda f, x, y, k, step: _eliminated(f, x, y, k, step), "a mask": _by_mask, "by recursion": _by_recursion},
    hints=(
        "Keep a tensor of the positions that remain, at first all of them, and loop while there are more than k.",
        "fit_scores sees x[:, remaining] and returns one number for each of those; drop the min(step, how many too many) lowest.",
        "For the ranking: after each round, everything that has been dropped so far moves one place down.",
    ),
)  # fmt: skip
