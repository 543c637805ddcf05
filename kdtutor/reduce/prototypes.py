"""Fewer samples: a few points that stand for many, by k-means within each class. The features stay as many."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.reduce.arguments import (
    at_least_float32,
    require_count,
    require_generator,
    require_labels,
    require_samples,
)


class Clusters(NamedTuple):
    """centroids: (k, D). assignment: (N,), index of each sample's nearest centroid. inertia: Σ‖x - centroid‖²."""

    centroids: Tensor
    assignment: Tensor
    inertia: Tensor


class Prototypes(NamedTuple):
    """x: (C·per_class, D). y: (C·per_class,), classes ascending. counts: how many samples each one stands for."""

    x: Tensor
    y: Tensor
    counts: Tensor


def k_means(
    x: Tensor,
    clusters: int,
    *,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
    iterations: int = 300,
) -> Clusters:
    """Lloyd's algorithm: every sample to its nearest centroid, every centroid to the mean of its samples, until still.

    Minimises Σ_i min_c ‖x_i - μ_c‖², locally: the result depends on the start. Without `start` the first centroids are
    drawn by k-means++ (each next one with probability proportional to its squared distance from those drawn). A
    cluster that lost all samples moves to the sample farthest from its centroid; it stays empty only where there are
    fewer distinct samples than clusters.

    x: (N, D). clusters: 1 to N. start: (clusters, D) or None. generator: randomness of the start, torch's own if None.
    Computed in float32 at least, returned in x's dtype and on its device (float16: the inertia may overflow to inf).
    Raises TypeError for integers, ValueError for other shapes, more clusters than samples, NaN or infinity.
    Source: Lloyd, "Least Squares Quantization in PCM", 1982; Arthur, Vassilvitskii, "k-means++: The Advantages of
    Careful Seeding", section 2.2, 2007.
    """
    require_samples("x", x)
    require_count("clusters", clusters, 1, x.shape[0], why="one sample a cluster at least")
    require_count("iterations", iterations, 1, 10**9)
    require_generator(generator)
    points = at_least_float32(x)
    if start is None:
        centroids = _spread_start(points, clusters, generator)
    else:
        require_samples("start", start)
        if start.shape != (clusters, x.shape[1]):
            raise ValueError(f"start has shape {tuple(start.shape)}: ({clusters}, {x.shape[1]}) is needed")
        centroids = start.detach().to(points)
    assignment, squares = _nearest(points, centroids)
    for _ in range(iterations):
        centroids = _centroids_of(points, assignment, squares, centroids)
        before = assignment
        assignment, squares = _nearest(points, centroids)
        if torch.equal(assignment, before):
            break
    return Clusters(centroids.to(x.dtype), assignment, squares.sum().to(x.dtype))


def prototypes(x: Tensor, y: Tensor, per_class: int, *, generator: torch.Generator | None = None) -> Prototypes:
    """`per_class` centroids of each class, labelled with it: N samples become C·per_class, D features stay D.

    x: (N, D). y: (N,) class indices. per_class: 1 to the size of the smallest class.
    Returns points and labels with how many samples each stands for, a weight for training; 0 only for the copies that
    a class of fewer distinct samples than per_class leaves over. Deterministic for a seeded generator.
    Raises TypeError for integer x or float y, ValueError for shapes that do not fit, a class that is too small, NaN.
    Source: Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", section 13.2.1, 2009.
    """
    require_samples("x", x)
    require_labels(y, x)
    classes, sizes = y.unique(return_counts=True)
    smallest = int(sizes.argmin())
    require_count("per_class", per_class, 1, int(sizes[smallest]), why=f"samples of class {int(classes[smallest])}")
    groups = [k_means(x[y == c], per_class, generator=generator) for c in classes]
    counts = [group.assignment.bincount(minlength=per_class) for group in groups]
    return Prototypes(
        torch.cat([group.centroids for group in groups]), classes.repeat_interleave(per_class), torch.cat(counts)
    )


def _spread_start(points: Tensor, clusters: int, generator: torch.Generator | None) -> Tensor:
    chosen = [_draw(torch.ones_like(points[:, 0]), generator)]
    squares = _squared_distances(points, points[chosen[0]][None])[:, 0]
    while len(chosen) < clusters:
        chosen.append(_draw(squares if bool((squares > 0).any()) else torch.ones_like(squares), generator))
        squares = squares.minimum(_squared_distances(points, points[chosen[-1]][None])[:, 0])
    return points[torch.stack(chosen)]


def _draw(weights: Tensor, generator: torch.Generator | None) -> Tensor:
    """An index with probability proportional to its weight; the draw itself happens where the generator lives."""
    device = weights.device if generator is None else generator.device
    portion = torch.rand((), generator=generator, device=device, dtype=torch.float64).to(weights.device)
    sums = (weights.double() / weights.max()).cumsum(0)
    return torch.searchsorted(sums, portion * sums[-1], right=True).clamp_max(weights.nonzero().max())


def _nearest(points: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    squares, assignment = _squared_distances(points, centroids).min(1)
    return assignment, squares


def _squared_distances(points: Tensor, centroids: Tensor) -> Tensor:
    # ‖a‖² - 2ab + ‖b‖² would lose the digits of near neighbours far from the origin
    return torch.cdist(points, centroids, compute_mode="donot_use_mm_for_euclid_dist") ** 2


def _centroids_of(points: Tensor, assignment: Tensor, squares: Tensor, centroids: Tensor) -> Tensor:
    members = F.one_hot(assignment, len(centroids)).to(points)
    counts = members.sum(0)
    means = torch.where(counts[:, None] > 0, members.T @ points / counts.clamp_min(1)[:, None], centroids)
    empty = (counts == 0).nonzero()[:, 0]
    farthest = squares.argsort(descending=True)[: len(empty)]
    off_centre = squares[farthest] > 0
    means[empty[off_centre]] = points[farthest[off_centre]]
    return means
