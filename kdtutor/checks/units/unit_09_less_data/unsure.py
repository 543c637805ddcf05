"""The samples on which a model is most unsure, or least."""

from typing import Any

import torch
from torch import Tensor

from kdtutor import reduce
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import distributions
from kdtutor.checks.units.unit_09_less_data.shared import Case, classes


def _coreset(probs: Tensor, k: int, mode: str = "unsure", labels: Tensor | None = None) -> Tensor:
    if mode not in ("unsure", "sure"):
        raise ValueError(f"mode is {mode!r}: one of 'unsure', 'sure' is needed")
    return reduce.entropy_coreset(probs, k, "sure" if mode == "sure" else "unsure", labels)


def _cases(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for rows, count, k in ((12, 3, 5), (30, 5, 12), (20, 2, 20), (25, 4, 1)):
        probs, y = distributions(g, rows, count), classes(g, rows, count)
        probs[0] = torch.eye(count)[0]  # a teacher without a doubt: 0 · log 0 is 0
        cases += [(probs, k, mode, labels) for mode in ("unsure", "sure") for labels in (None, y)]
    return cases


def _entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum(1)


def _chosen(score: Any) -> Solution:
    """Right but for the score, larger meaning less sure."""

    def chosen(probs: Tensor, k: int, mode: str = "unsure", labels: Tensor | None = None) -> Tensor:
        order = score(probs).argsort(descending=mode == "unsure", stable=True)
        return order[:k] if labels is None else _in_turns(order, labels)[:k]

    return chosen


def _in_turns(order: Tensor, labels: Tensor) -> Tensor:
    seen: dict[int, int] = {}
    turn = []
    for label in labels[order].tolist():
        turn.append(seen.get(label, 0))
        seen[label] = turn[-1] + 1
    return order[torch.tensor(turn).argsort(stable=True)]


def _queues(probs: Tensor, k: int, mode: str = "unsure", labels: Tensor | None = None) -> Tensor:
    entropies = _entropy(probs).tolist()
    sign = -1 if mode == "unsure" else 1
    order = sorted(range(len(probs)), key=lambda i: (sign * entropies[i], i))
    if labels is None:
        return torch.tensor(order[:k])
    chosen: list[int] = []
    while order and len(chosen) < k:
        met: set[int] = set()
        this_turn = [i for i in order if (c := int(labels[i])) not in met and not met.add(c)]  # type: ignore[func-returns-value]
        chosen += this_turn
        order = [i for i in order if i not in this_turn]
    return torch.tensor(chosen[:k])


def _shares(probs: Tensor, k: int, mode: str = "unsure", labels: Tensor | None = None) -> Tensor:
    """Class after class instead of in turns."""
    order = _chosen(_entropy)(probs, len(probs), mode, None)
    if labels is None:
        return order[:k]
    return torch.cat([order[labels[order] == c] for c in labels.unique()])[:k]


def _balanced(f: Solution, g: torch.Generator) -> bool:
    labels = torch.arange(40) % 4
    chosen = f(distributions(g, 40, 4), 18, "unsure", labels)
    counts = labels[chosen].bincount(minlength=4)
    return int(counts.max() - counts.min()) <= 1


coreset = Exercise(
    reference=_coreset,
    inputs=_cases,
    example=(torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4]]), 2, "unsure", None),
    laws=[
        Law("is balanced where labels are given", _balanced,
            "The classes take turns, so their counts differ by one at most."),
        Law("chooses k different samples",
            lambda f, g: len(set(f(distributions(g, 20, 3), 9, "sure", None).tolist())) == 9, "No sample is chosen twice."),
        Law("begins with the choice for a smaller k",
            lambda f, g: torch.equal(f(p := distributions(g, 20, 3), 9, "unsure", None)[:4], f(p, 4, "unsure", None)),
            "First choice first: a smaller k is the beginning of a larger one."),
    ],
    mistakes=[
        Mistake("modes exchanged", lambda p, k, mode, y: _coreset(p, k, "sure" if mode == "unsure" else "unsure", y),
                "\"unsure\" gives you the samples that the model is sure of. High entropy means unsure."),
        Mistake("mode ignored", lambda p, k, mode, y: _coreset(p, k, "unsure", y),
                "Your choice is the same for both modes."),
        Mistake("labels ignored", lambda p, k, mode, y: _coreset(p, k, mode),
                "You take no notice of the labels. With them the classes take turns."),
        Mistake("largest probability", _chosen(lambda p: -p.amax(1)),
                "You rank by the largest probability. Entropy looks at all of them: 0.5, 0.5, 0 and 0.5, 0.25, 0.25 differ."),
        Mistake("gap of the two largest", _chosen(lambda p: -(t := p.topk(2, 1).values)[:, 0] + t[:, 1]),
                "You rank by the gap between the two largest probabilities. Entropy is asked for."),
        Mistake("0 · log 0", _chosen(lambda p: -(p * p.log()).sum(1)),
                "A probability of 0 makes 0 · log 0, which is NaN to the computer, and NaN is sorted as if it were the largest."),
        Mistake("constant in the logarithm", _chosen(lambda p: -((p + 0.05) * (p + 0.05).log()).sum(1)),
                "You added a constant to the probabilities, so that the logarithm exists. That changes the order: "
                "torch.special.xlogy(p, p) is 0 where p is."),
        Mistake("class after class", _shares,
                "You take all of the first class, then the next. The classes take turns: the best of each, then the second best."),
        Mistake("sorted by position", lambda p, k, mode, y: _coreset(p, k, mode, y).sort().values,
                "The right samples, sorted by position. The first choice comes first."),
        Mistake("a mask for positions", lambda p, k, mode, y: torch.zeros(len(p), dtype=torch.bool).index_fill(
                    0, _coreset(p, k, mode, y), True),
                "You return True and False for all samples. Asked for are the k positions, first choice first."),
    ],
    styles={
        "entropy by xlogy": _chosen(_entropy),
        "torch.special.entr": _chosen(lambda p: torch.special.entr(p).sum(1)),
        "queues": _queues,
    },
    hints=(
        "Entropy of each row, then argsort with stable=True, descending for \"unsure\". Without labels the first k are it.",
        "With labels: go through the sorted samples and note how many of its own class came before each one: its turn.",
        "Sort the sorted samples once more, by turn and stably. Everyone's first choice then comes before anyone's second.",
    ),
)  # fmt: skip
