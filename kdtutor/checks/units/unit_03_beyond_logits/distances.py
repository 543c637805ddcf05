"""Relational distillation by distances."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_03_beyond_logits.shared import (
    TEACHER_IN_THE_GRAPH,
    THREE_ON_A_LINE,
    both,
    feature_pairs,
    off_diagonal,
    spares_the_teacher,
    trains,
    turned,
    value_and_gradient,
)


def _distances(x: Tensor, power: float = 0.5) -> Tensor:
    """‖x_i - x_j‖ of the pairs i < j, (N (N - 1) / 2,)."""
    i, j = torch.triu_indices(len(x), len(x), 1)
    return ((x.flatten(1)[i] - x.flatten(1)[j]) ** 2).sum(1) ** power


def _relative(d: Tensor) -> Tensor:
    return d / d.mean()


def _rkd(s: Tensor, t: Tensor, compare: Callable[[Tensor, Tensor], Tensor] = F.smooth_l1_loss) -> Tensor:
    return compare(_relative(_distances(s)), _relative(_distances(t.detach())))


def _matrix_distances(x: Tensor) -> Tensor:
    """All N² distances by hand: right values, and a slope of infinity times zero on the diagonal."""
    rows = x.flatten(1)
    return ((rows.unsqueeze(0) - rows.unsqueeze(1)) ** 2).sum(-1).sqrt()


def _with_cdist(s: Tensor, t: Tensor) -> Tensor:
    return F.huber_loss(*both(lambda x: _relative(off_diagonal(torch.cdist(x.flatten(1), x.flatten(1)))), s, t))


def _distances_by_loop(s: Tensor, t: Tensor) -> Tensor:
    psi = []
    for x in (s, t.detach()):
        d = [torch.dist(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        psi.append([each / (sum(d) / len(d)) for each in d])
    total = torch.zeros(())
    for a, b in zip(*psi, strict=True):
        gap = (a - b).abs()
        total = total + torch.where(gap < 1, 0.5 * gap**2, gap - 0.5)
    return total / len(psi[0])


def _with_ones_on_the_diagonal(s: Tensor, t: Tensor) -> Tensor:
    N = len(s)

    def relative(x: Tensor) -> Tensor:
        squared = ((x.unsqueeze(0) - x.unsqueeze(1)) ** 2).sum(-1) + torch.eye(N)
        d = squared.sqrt() * (1 - torch.eye(N))
        return d * N * (N - 1) / d.sum()

    gaps = F.smooth_l1_loss(relative(s.flatten(1)), relative(t.detach().flatten(1)), reduction="sum")
    return gaps / (N * (N - 1))


rkd_distance_loss = Exercise(
    reference=distill.rkd_distance_loss,
    inputs=feature_pairs([((4, 7), (4, 3)), ((8, 2), (8, 6)), ((3, 2, 2, 2), (3, 5)), ((6, 4), (6, 4))]),
    example=(torch.tensor([[0.0], [1.0], [2.0]]), THREE_ON_A_LINE),
    observe=value_and_gradient,
    laws=[
        trains(),
        Law("is zero when the student's features are the teacher's, turned and 5 times larger",
            lambda f, g: near(f(5 * turned(t := logits(g, 5, 4), g), t), 0.0),
            "Distances survive a rotation, and the mean distance takes out the size."),
        Law("does not change when all of the student's features are shifted",
            lambda f, g: near(f((s := logits(g, 5, 4)) + 3, t := logits(g, 5, 3)), f(s, t), 1e-3),
            "Only differences of features enter."),
        spares_the_teacher(),
    ],
    mistakes=[
        Mistake("not divided by the mean", lambda s, t: F.smooth_l1_loss(_distances(s), _distances(t.detach())),
                "You compare distances as they are. Student and teacher have features of different size: divide each by "
                "its own mean distance."),
        Mistake("the teacher's mean for both",
                lambda s, t: F.smooth_l1_loss(_distances(s) / (d := _distances(t.detach())).mean(), d / d.mean()),
                "You divide both by the teacher's mean. Each network has its own unit of length."),
        Mistake("squared distances", lambda s, t: F.smooth_l1_loss(_relative(_distances(s, 1)), _relative(_distances(t.detach(), 1))),
                "You use squared distances. Take the root."),
        Mistake("averaged over N² entries", lambda s, t: _rkd(s, t) * (len(s) - 1) / len(s),
                "You average over all N² entries, and N of them are a sample's distance to itself. The authors' program "
                "does that too; the paper, and this exercise, average over the pairs of two different samples."),
        Mistake("the diagonal in the mean",
                lambda s, t: F.smooth_l1_loss(*both(lambda x: _relative(_distances(x)) * len(x) / (len(x) - 1), s, t)),
                "Your mean distance counts each sample's distance 0 to itself. It runs over pairs of different samples."),
        Mistake("the diagonal everywhere",
                lambda s, t: F.smooth_l1_loss(*both(lambda x: _relative(torch.cdist(x.flatten(1), x.flatten(1))), s, t)),
                "Each sample's distance 0 to itself counts in your mean distance and in your loss. Leave those N entries out."),
        Mistake("squared error", lambda s, t: _rkd(s, t, F.mse_loss),
                "Your penalty is the squared gap. Huber's is half of that up to a gap of 1, and a straight line beyond."),
        Mistake("half the squared error", lambda s, t: 0.5 * _rkd(s, t, F.mse_loss),
                "Right for gaps up to 1. Beyond, Huber's loss goes on as a straight line, so that one odd pair does not "
                "rule the batch."),
        Mistake("absolute error", lambda s, t: _rkd(s, t, F.l1_loss),
                "Your penalty is the absolute gap. Huber's loss is half the square up to a gap of 1."),
        Mistake("summed over pairs", lambda s, t: _rkd(s, t) * len(s) * (len(s) - 1),
                "You sum over the pairs. Take the mean, or the loss grows with the square of the batch."),
        Mistake("NaN on the diagonal",
                lambda s, t: F.smooth_l1_loss(*both(lambda x: _relative(off_diagonal(_matrix_distances(x))), s, t)),
                "The value is right and the gradient is NaN: the root has an infinite slope at 0, and infinity times 0 is "
                "NaN even where the diagonal is left out afterwards. Leave it out before the root; torch.cdist does."),
        Mistake("teacher in the graph", lambda s, t: F.smooth_l1_loss(_relative(_distances(s)), _relative(_distances(t))),
                TEACHER_IN_THE_GRAPH),
    ],
    styles={
        "torch.cdist without the diagonal": _with_cdist,
        "torch.pdist": lambda s, t: F.smooth_l1_loss(*both(lambda x: _relative(F.pdist(x.flatten(1))), s, t)),
        "pairs by index": _rkd,
        "ones on the diagonal": _with_ones_on_the_diagonal,
        "pair by pair": _distances_by_loop,
    },
    hints=(
        "For each network alone: the distance of every two samples, divided by the mean of those distances.",
        "torch.cdist(x, x) gives all N² distances. The N on its diagonal are 0 and belong neither into the mean nor into the "
        "loss: a mask from torch.eye selects the others.",
        "Detach the teacher, flatten to (N, D), compute both relative distances, and give them to F.smooth_l1_loss, which is "
        "Huber's loss with threshold 1 and its mean.",
    ),
)  # fmt: skip
