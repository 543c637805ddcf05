"""Fewer samples: a subset of the real ones, chosen by what a model is unsure of or by how well it covers the rest."""

from typing import Literal

import torch
from torch import Tensor

from kdtutor.reduce.arguments import (
    at_least_float32,
    require_count,
    require_labels,
    require_probabilities,
    require_samples,
)

Mode = Literal["unsure", "sure"]


def entropy_coreset(probs: Tensor, k: int, mode: Mode = "unsure", labels: Tensor | None = None) -> Tensor:
    """The k samples on which a model's prediction has the highest entropy ("unsure") or the lowest ("sure").

    With `labels` the choice is balanced: classes take turns, each giving its own most unsure (or sure) sample next, so
    their counts differ by at most one as long as none runs out. Without them hard or easy classes crowd the choice.

    probs: (N, C), rows that sum to 1. k: 1 to N. labels: (N,) class indices (true ones, or probs.argmax(1)) or None.
    Returns (k,) int64 positions, first choice first: the first j are the choice for k = j. Ties go to the earlier one.
    Raises TypeError for integer probs, ValueError for rows that are no distribution, k out of range, an unknown mode.
    Source: Lewis, Gale, "A Sequential Algorithm for Training Text Classifiers", 1994 (uncertainty sampling); Settles,
    "Active Learning Literature Survey", section 3.1, 2009 (entropy).
    """
    require_probabilities("probs", probs)
    require_count("k", k, 1, len(probs), why=f"probs has {len(probs)} rows")
    if mode not in ("unsure", "sure"):
        raise ValueError(f"mode is {mode!r}: one of 'unsure', 'sure' is needed")
    p = at_least_float32(probs)
    entropy = -torch.special.xlogy(p, p).sum(1)
    order = entropy.argsort(descending=mode == "unsure", stable=True)
    if labels is not None:
        require_labels(labels, probs)
        order = order[_turns(labels[order]).argsort(stable=True)]
    return order[:k]


def k_centre(x: Tensor, k: int) -> Tensor:
    """Greedy k-centre: start at the sample nearest the mean, then always take the one farthest from those taken.

    The largest distance from any sample to its nearest chosen one is at most twice the best that k samples can do.

    x: (N, D), features of a model or the data itself. k: 1 to N. Returns (k,) int64 positions in the order taken.
    Raises TypeError for integers, ValueError for other shapes, k out of range, NaN or infinity.
    Source: Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", 1985; Sener, Savarese, "Active
    Learning for Convolutional Neural Networks: A Core-Set Approach", section 4, 2018.
    """
    require_samples("x", x)
    require_count("k", k, 1, len(x), why=f"x has {len(x)} rows")
    points = at_least_float32(x)
    chosen = [(points - points.mean(0)).square().sum(1).argmin()]
    distance = (points - points[chosen[0]]).square().sum(1)
    while len(chosen) < k:
        # a chosen sample is never taken twice, also where copies leave every distance at 0
        distance[chosen[-1]] = -1
        chosen.append(distance.argmax())
        distance = distance.minimum((points - points[chosen[-1]]).square().sum(1))
    return torch.stack(chosen)


def _turns(labels: Tensor) -> Tensor:
    """For each entry how many of its class come before it."""
    members = torch.nn.functional.one_hot(labels.unique(return_inverse=True)[1])
    return (members.cumsum(0) * members).sum(1) - 1
