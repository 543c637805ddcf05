"""N of every M neighbours kept."""

from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution


def _n_m_mask(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    return prune.n_m_mask(weight, n, m)


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    shapes = (((4, 8), 2, 4), ((8, 12), 1, 4), ((8, 16), 5, 8), ((4, 6), 1, 2), ((12, 4), 3, 4))
    return [(torch.randn(*shape, generator=g), n, m) for shape, n, m in shapes]


def _counts_with_ties(f: Solution, g: Generator) -> bool:
    weight = torch.randint(0, 2, (6, 8), generator=g).float() - 0.5
    return bool((f(weight, 2, 4).view(6, 2, 4).sum(-1) == 2).all())


def _grouped(weight: Tensor, m: int) -> Tensor:
    return weight.abs().unflatten(1, (-1, m))


def _down_the_columns(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    return prune.n_m_mask(weight, n, m, axis=0)


def _whole_rows(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    return prune.keep_highest_in_rows(weight.abs(), 1 - n / m)


def _anywhere(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    return prune.magnitude_mask(weight, 1 - n / m)


def _far_apart(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    apart = weight.unflatten(1, (m, -1)).mT
    return _n_m_mask(apart.flatten(1), n, m).view(apart.shape).mT.flatten(1)


def _by_threshold(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    sizes = _grouped(weight, m)
    return (sizes >= sizes.sort(-1, descending=True).values[..., n - 1 : n]).flatten(1)


def _by_topk(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    sizes = _grouped(weight, m)
    return torch.zeros_like(sizes).scatter_(-1, sizes.topk(n, dim=-1).indices, 1.0).bool().flatten(1)


def _by_ranks(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    ranks = _grouped(weight, m).argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
    return (ranks < n).view(weight.shape)


def _by_loops(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    mask = torch.zeros(weight.shape, dtype=torch.bool)
    for row, kept in zip(weight.tolist(), mask, strict=True):
        for start in range(0, len(row), m):
            best = sorted(range(start, start + m), key=lambda i: -abs(row[i]))[:n]
            kept[best] = True
    return mask


n_m_mask = Exercise(
    reference=_n_m_mask,
    inputs=_cases,
    example=(torch.tensor([[0.1, -0.9, 0.4, -0.2]]), 2, 4),
    laws=[
        Law("keeps exactly n of every m neighbours, also where magnitudes are equal", _counts_with_ties,
            "Some groups keep more or fewer. The hardware stores exactly n of m: rank inside the group and count."),
    ],
    mistakes=[
        Mistake("down the columns", _down_the_columns,
                "Your groups run along axis 0. The neighbours are inputs of one unit: along a row."),
        Mistake("n removed", lambda w, n=2, m=4: _n_m_mask(w, m - n, m),
                "You remove n of each m. n is the number that stays; for 2:4 the two are the same, for 1:4 they are not."),
        Mistake("smallest kept", lambda w, n=2, m=4: ~_n_m_mask(w, m - n, m),
                "You keep the smallest of each group."),
        Mistake("True for removed", lambda w, n=2, m=4: ~_n_m_mask(w, n, m),
                "Your mask is the right one, inverted: True means kept."),
        Mistake("signs not ignored", lambda w, n=2, m=4: _n_m_mask(w - w.min(), n, m),
                "You rank the weights with their signs, so large negative ones go first. Rank magnitudes."),
        Mistake("share of each row", _whole_rows,
                "Every row keeps the right share, but not every group of m: three of four may stay here and one there."),
        Mistake("share of the whole", _anywhere,
                "The share is right for the whole weight, not in each group of m neighbours."),
        Mistake("groups far apart", _far_apart,
                "Your groups take entries that lie far apart. The m of a group are next to each other."),
        Mistake("always the first n", lambda w, n=2, m=4: (torch.arange(w.shape[1]) % m < n).expand_as(w).clone(),
                "You keep the first n of each group whatever their size."),
        Mistake("ties all kept", _by_threshold,
                "With a threshold, equal magnitudes all stay, so that some groups keep more than n. Count instead of comparing."),
    ],
    styles={
        "topk and scatter": _by_topk,
        "ranks by two sorts": _by_ranks,
        "loops and sorted": _by_loops,
    },
    hints=(
        "Bring the weight into a shape in which a group of m is an axis of its own.",
        "weight.abs().view(rows, -1, m) has the groups along the last axis; .topk(n, dim=-1).indices are the places that stay.",
        "A mask of False in that shape, True scattered to those places (scatter_), and back to the weight's shape.",
    ),
)  # fmt: skip
