"""k-means within each class."""

from typing import Any

import torch
from torch import Tensor

from kdtutor import reduce
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_09_less_data.shared import Case

Parts = tuple[Tensor, Tensor, Tensor]


def _prototypes(x: Tensor, y: Tensor, per_class: int) -> Parts:
    groups = {int(c): x[y == c] for c in y.unique()}
    found = [reduce.k_means(group, per_class, start=group[:per_class]) for group in groups.values()]
    counts = torch.cat([group.assignment.bincount(minlength=per_class) for group in found])
    labels = torch.tensor(list(groups)).repeat_interleave(per_class)
    return torch.cat([group.centroids for group in found]), labels, counts


def _lloyd(points: Tensor, centroids: Tensor, rounds: int = 100, power: int = 2) -> tuple[Tensor, Tensor]:
    """Centroids, and the members of each after the last round; an empty one stays where it is."""
    nearest = torch.cdist(points, centroids, p=power).argmin(1)
    for _ in range(rounds):
        centroids = torch.stack([points[nearest == j].mean(0) if j in nearest else c for j, c in enumerate(centroids)])
        before, nearest = nearest, torch.cdist(points, centroids, p=power).argmin(1)
        if torch.equal(before, nearest):
            break
    return centroids, nearest


def _by_class(x: Tensor, y: Tensor, per_class: int, cluster: Any) -> Parts:
    found = [cluster(x[y == c]) for c in y.unique()]
    counts = torch.cat([nearest.bincount(minlength=per_class) for _, nearest in found])
    return torch.cat([centroids for centroids, _ in found]), y.unique().repeat_interleave(per_class), counts


def _clouds(g: torch.Generator, rows: int, features: int, count: int, per_class: int) -> Case:
    """Classes of overlapping clouds on which no cluster ever runs empty, one round is not enough and the metric matters."""
    while True:
        y = torch.arange(rows) % count
        x = torch.randn(rows, features, generator=g) + 2.0 * torch.randn(rows, 1, generator=g)
        x = x + 0.7 * y.unsqueeze(1)
        found, once, absolute = (
            _by_class(x, y, per_class, lambda p, n=n, m=m: _lloyd(p, p[:per_class], n, m))
            for n, m in ((100, 2), (1, 2), (100, 1))
        )
        one_metric = per_class == 1 or features == 1
        if (
            bool((found[2] > 0).all())
            and bool(found[0].isfinite().all())
            and (per_class == 1 or not torch.equal(found[2], once[2]))
            and (one_metric or not torch.allclose(found[0], absolute[0], atol=0.05))
        ):
            order = _mixed(y, g)
            return x[order], y[order], per_class


def _mixed(y: Tensor, g: torch.Generator) -> Tensor:
    """An order that mixes the classes and keeps each class's own samples in theirs."""
    mixed = y[torch.randperm(len(y), generator=g)]
    order = torch.empty_like(y)
    for c in y.unique():
        order[mixed == c] = (y == c).nonzero()[:, 0]
    return order


def _labelled(g: torch.Generator) -> list[Case]:
    return [_clouds(g, *shape) for shape in ((40, 3, 2, 3), (60, 5, 3, 2), (45, 1, 3, 4), (24, 2, 3, 1))]


def _without_classes(x: Tensor, y: Tensor, per_class: int) -> Parts:
    labels = y.unique()
    centroids, nearest = _lloyd(x, x[: per_class * len(labels)])
    return centroids, labels.repeat_interleave(per_class), nearest.bincount(minlength=len(centroids))


def _across_classes(x: Tensor, y: Tensor, per_class: int) -> Parts:
    points, labels, _ = _prototypes(x, y, per_class)
    return points, labels, torch.cdist(x, points).argmin(1).bincount(minlength=len(points))


def _samples_nearest(x: Tensor, y: Tensor, per_class: int) -> Parts:
    points, labels, counts = _prototypes(x, y, per_class)
    apart = torch.cdist(points, x) + 1e9 * (labels[:, None] != y)
    return x[apart.argmin(1)], labels, counts


def _loops(x: Tensor, y: Tensor, per_class: int) -> Parts:
    points, labels, counts = [], [], []
    for c in sorted(set(y.tolist())):
        members = [row for row, label in zip(x, y.tolist(), strict=True) if label == c]
        centroids, before = members[:per_class], None
        while True:
            nearest = [
                int(torch.stack([(row - point).pow(2).sum() for point in centroids]).argmin()) for row in members
            ]
            if nearest == before:
                break
            before = nearest
            for j in range(per_class):
                mine = [row for row, n in zip(members, nearest, strict=True) if n == j]
                centroids[j] = torch.stack(mine).mean(0) if mine else centroids[j]
        points += centroids
        labels += [c] * per_class
        counts += [nearest.count(j) for j in range(per_class)]
    return torch.stack(points), torch.tensor(labels), torch.tensor(counts)


def _by_one_hot(x: Tensor, y: Tensor, per_class: int) -> Parts:
    def cluster(points: Tensor) -> tuple[Tensor, Tensor]:
        centroids = points[:per_class]
        for _ in range(60):
            squares = (points[:, None] - centroids[None]).square().sum(-1)
            members = torch.nn.functional.one_hot(squares.argmin(1), per_class).float()
            sizes = members.sum(0)[:, None]
            centroids = torch.where(sizes > 0, members.T @ points / sizes.clamp_min(1), centroids)
        return centroids, squares.argmin(1)

    return _by_class(x, y, per_class, cluster)


def _answers(change: Any) -> Solution:
    return lambda x, y, per_class: change(*_prototypes(x, y, per_class), x, y, per_class)


def _stands_still(f: Solution, g: torch.Generator) -> bool:
    x, y, per_class = _clouds(g, 40, 2, 2, 3)
    points, labels, counts = f(x, y, per_class)
    for c in y.unique():
        mine, centroids = x[y == c], points[labels == c]
        nearest = torch.cdist(mine, centroids).argmin(1)
        means = torch.stack([mine[nearest == j].mean(0) for j in range(len(centroids))])
        if not torch.allclose(means, centroids, atol=1e-4):
            return False
        if not torch.equal(nearest.bincount(minlength=len(centroids)), counts[labels == c].long()):
            return False
    return True


def _lost_all(f: Solution, g: torch.Generator) -> bool:
    points, _, counts = f(torch.full((4, 2), 2.0), torch.zeros(4, dtype=torch.int64), 3)
    return torch.equal(points, torch.full((3, 2), 2.0)) and counts.tolist() == [4, 0, 0]


prototypes = Exercise(
    reference=_prototypes,
    inputs=_labelled,
    example=(torch.tensor([[0.0], [10.0], [1.0], [12.0], [5.0]]), torch.tensor([0, 0, 0, 0, 1]), 1),
    laws=[
        Law("leaves a point that has lost all its samples where it is", _lost_all,
            "A point without samples has no mean: it stays where it is and stands for 0 samples.", edge=True),
        Law("stands still", _stands_still,
            "At the end every prototype is the mean of those samples of its class that are nearest to it."),
        Law("counts every sample once",
            lambda f, g: int(f(*(case := _clouds(g, 30, 2, 3, 2)))[2].sum()) == len(case[0]),
            "The counts say how many samples each prototype stands for, and together they are all samples."),
    ],
    mistakes=[
        Mistake("classes mixed", _without_classes,
                "You cluster all samples together, so a prototype averages several classes and its label means nothing. "
                "Cluster each class by itself."),
        Mistake("counted across classes", _across_classes,
                "Your points are right, your counts are not: a sample is counted with a prototype of another class. Compare "
                "it with those of its own class only."),
        Mistake("one round", lambda x, y, n: _by_class(x, y, n, lambda p: _lloyd(p, p[:n], 1)),
                "You move the prototypes once. Then some samples are nearer to another one: repeat until none changes."),
        Mistake("no rounds", lambda x, y, n: _by_class(x, y, n, lambda p: _lloyd(p, p[:n], 0)),
                "Your prototypes are the samples that you started from. They have to move to the mean of their samples."),
        Mistake("samples instead of means", _samples_nearest,
                "You return the real samples nearest to the means. Those are medoids; the means themselves are asked for."),
        Mistake("absolute distances", lambda x, y, n: _by_class(x, y, n, lambda p: _lloyd(p, p[:n], 100, 1)),
                "Your nearest is by the sum of absolute differences. For means to be the best point, it has to be Euclidean."),
        Mistake("labels in turn", _answers(lambda p, own, c, x, y, n: (p, y.unique().repeat(n), c)),
                "Your labels take turns, 0 1 2 0 1 2, and your points do not: all of a class stand together, 0 0 1 1 2 2."),
        Mistake("shares for counts", _answers(lambda p, own, c, x, y, n: (p, own, c / len(x))),
                "You return shares. How many samples a prototype stands for is a whole number."),
        Mistake("last samples as the start", lambda x, y, n: _by_class(x, y, n, lambda p: _lloyd(p, p[-n:])),
                "You start somewhere else, and k-means ends somewhere else. Start from the first samples of each class."),
    ],
    styles={"broadcasting and one-hot": _by_one_hot, "loops": _loops,
            "cdist and masks": lambda x, y, n: _by_class(x, y, n, lambda p: _lloyd(p, p[:n]))},
    hints=(
        "Two loops: over the classes, and inside over rounds of k-means on the samples of that class alone.",
        "A round: torch.cdist(samples, centroids).argmin(1) says who belongs to whom; then every centroid becomes a mean.",
        "Stop when the assignment is the same as in the round before. At the end torch.bincount gives the counts.",
    ),
)  # fmt: skip
