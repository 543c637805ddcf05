"""How long each symbol's code is, so that the whole is shortest."""

import heapq
import math
from typing import Any

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution


def _lengths(counts: Tensor) -> Tensor:
    return quantize.huffman_code_lengths(counts)


def _cases(g: torch.Generator) -> list[tuple[Tensor]]:
    def skewed(n: int, power: float) -> Tensor:
        return (1000 * torch.rand(n, generator=g) ** power).long() + 1

    with_absent = skewed(9, 4)
    with_absent[[0, 4, 8]] = 0
    lone = torch.tensor([0, 7, 0, 0])
    return [
        (skewed(8, 3),),
        (skewed(5, 1),),
        (with_absent,),
        (torch.tensor([1, 1, 2, 3, 5, 8, 13, 21]),),
        (torch.tensor([900, 20, 30, 10, 25, 15]),),
        (torch.tensor([4, 4, 4, 4, 4]),),
        (torch.tensor([15, 7, 6, 6, 5]),),
        (torch.tensor([3, 9]),),
        (lone,),
    ]


def _is_optimal(lengths: Tensor, counts: Tensor) -> bool:
    best = _lengths(counts)
    present = counts > 0
    return (
        bool((lengths[~present] == 0).all())
        and bool((lengths[present] > 0).all())
        and float((0.5 ** lengths[present].double()).sum()) <= 1
        and int((counts * lengths).sum()) == int((counts * best).sum())
    )


def _up_to_ties(f: Solution, counts: Tensor) -> Any:
    """The reference's own answer for every other best one: where counts tie, several are equally good."""
    lengths = f(counts)
    if isinstance(lengths, (list, tuple)):
        lengths = torch.tensor(lengths)
    if (
        isinstance(lengths, Tensor)
        and lengths.shape == counts.shape
        and not lengths.is_floating_point()
        and _is_optimal(lengths, counts)
    ):
        return _lengths(counts)
    return lengths


def _merged(counts: Tensor, *, largest: bool = False, absent: bool = False, lone: int = 1) -> Tensor:
    """Huffman's tree, its symbols carried along as lists."""
    lengths = torch.zeros_like(counts)
    sign = -1 if largest else 1
    heap = [(sign * n, [k]) for k, n in enumerate(counts.tolist()) if n > 0 or absent]
    if len(heap) == 1:
        lengths[heap[0][1][0]] = lone
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, first), (b, second) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[first + second] += 1
        heapq.heappush(heap, (a + b, first + second))
    return lengths


def _fixed(counts: Tensor) -> Tensor:
    return torch.full_like(counts, max(1, math.ceil(math.log2(len(counts))))) * (counts > 0)


def _shannon(counts: Tensor) -> Tensor:
    p = counts / counts.sum()
    return torch.where(counts > 0, (-p.clamp(min=1e-30).log2()).ceil(), torch.tensor(0.0)).long().clamp(min=0)


def _rounded_surprise(counts: Tensor) -> Tensor:
    p = counts / counts.sum()
    return torch.where(counts > 0, (-p.clamp(min=1e-30).log2()).round(), torch.tensor(0.0)).long()


def _by_rank(counts: Tensor) -> Tensor:
    """1, 2, 3, ... in the order of frequency, the last two alike."""
    present = int((counts > 0).sum())
    lengths = torch.zeros_like(counts)
    for place, k in enumerate(counts.argsort(descending=True, stable=True)[:present].tolist()):
        lengths[k] = max(1, min(place + 1, present - 1))
    return lengths


def _split_in_halves(counts: Tensor) -> Tensor:
    """Fano's way: from the top, each group cut where the two halves weigh most alike."""
    lengths = torch.zeros_like(counts)

    def split(group: list[int]) -> None:
        if len(group) < 2:
            return
        lengths[group] += 1
        weights = [int(counts[k]) for k in group]
        cut = min(range(1, len(group)), key=lambda c: abs(sum(weights[:c]) - sum(weights[c:])))
        split(group[:cut])
        split(group[cut:])

    order = [k for k in counts.argsort(descending=True, stable=True).tolist() if counts[k] > 0]
    split(order)
    if len(order) == 1:
        lengths[order[0]] = 1
    return lengths


def _by_sorting(counts: Tensor) -> list[int]:
    """A plain list that is sorted again before every merger."""
    lengths = [0] * len(counts)
    groups = [(n, [k]) for k, n in enumerate(counts.tolist()) if n]
    if len(groups) == 1:
        lengths[groups[0][1][0]] = 1
    while len(groups) > 1:
        groups.sort(key=lambda group: (group[0], len(group[1])))
        (a, first), (b, second), *rest = groups
        for k in first + second:
            lengths[k] += 1
        groups = [*rest, (a + b, first + second)]
    return lengths


def _by_parents(counts: Tensor) -> Tensor:
    """Two queues and a table of parents; depths are read off from the root down."""
    order = [k for k in counts.argsort(stable=True).tolist() if counts[k] > 0]
    weights = [int(counts[k]) for k in order]
    n, parents = len(weights), [0] * (2 * len(weights) - 1)
    leaf, inner = 0, n
    for node in range(n, 2 * n - 1):
        total = 0
        for _ in range(2):
            if leaf < n and (inner >= node or weights[leaf] <= weights[inner]):
                chosen, leaf = leaf, leaf + 1
            else:
                chosen, inner = inner, inner + 1
            parents[chosen] = node
            total += weights[chosen]
        weights.append(total)
    depths = [0] * (2 * n - 1)
    for node in range(2 * n - 3, -1, -1):
        depths[node] = depths[parents[node]] + 1
    lengths = torch.zeros_like(counts)
    for place, k in enumerate(order):
        lengths[k] = depths[place] or 1
    return lengths


def _between_entropy_and_one_more(f: Solution, g: torch.Generator) -> bool:
    counts = torch.tensor([600, 200, 90, 60, 30, 20])
    p = counts / counts.sum()
    entropy = -(p * p.log2()).sum()
    mean = (p * torch.as_tensor(f(counts))).sum()
    return bool(entropy - 1e-5 <= mean < entropy + 1)


huffman_code_lengths = Exercise(
    reference=_lengths,
    inputs=_cases,
    observe=_up_to_ties,
    example=(torch.tensor([5, 1, 1, 1]),),
    laws=[
        Law("has a mean length from the entropy up to one bit more", _between_entropy_and_one_more,
            "Below the entropy nothing could be decoded; a bit above it something shorter exists."),
        Law("does not depend on the unit of the counts",
            lambda f, g: bool((torch.as_tensor(f(c := torch.tensor([40, 7, 19, 2, 11]))) == torch.as_tensor(f(3 * c))).all()),
            "Three times as many of everything changes no code."),
    ],
    mistakes=[
        Mistake("one length for all", _fixed,
                "All symbols get the same length. The frequent ones should be shorter, and the rare ones pay for it."),
        Mistake("each surprise rounded up", _shannon,
                "You round each -log2 p up. That can be decoded, and it wastes: bits are left over that the mergers of a tree would use."),
        Mistake("each surprise rounded", _rounded_surprise,
                "You round each -log2 p to nearest. The sum of 2^-length must not be above 1, and rounding does not look at it: such codes "
                "may not exist, or waste bits."),
        Mistake("one more for every rank", _by_rank,
                "Your lengths are 1, 2, 3 ... by rank. That is best only where each count exceeds the sum of all rarer ones."),
        Mistake("cut from the top", _split_in_halves,
                "You cut the symbols into halves from the top. That is Fano's way, and not always the shortest: build from the bottom, by "
                "joining the two rarest."),
        Mistake("most frequent joined first", lambda c: _merged(c, largest=True),
                "You join the two most frequent first, so they end deepest. Which two can best afford one more bit?"),
        Mistake("absent symbols coded", lambda c: _merged(c, absent=True),
                "Symbols that never occur have a code in yours. They need none, and they take room from the others: their length is 0."),
        Mistake("a lone symbol without bits", lambda c: _merged(c, lone=0),
                "Right but for a lone symbol: with codes of 0 bits a decoder could not count them. Give it 1 bit."),
        Mistake("root counted", lambda c: _merged(c) + (c > 0),
                "Each of your lengths is one too many: the number of mergers counts, not the number of nodes."),
    ],
    styles={
        "a heap of lists": _merged,
        "sorted before every merger": _by_sorting,
        "two queues and parents": _by_parents,
    },
    hints=(
        "Every merger puts one more bit in front of all codes below it. So join what is rarest, again and again.",
        "Keep groups (count, symbols). Take the two with the smallest counts, add 1 to the length of each symbol in them, put back the "
        "joined group with the sum of the counts.",
        "heapq does it: start with (count, [symbol]) for every count above 0; while more than one is left, pop two and push one. Treat "
        "the case of a single symbol by itself.",
    ),
)  # fmt: skip
