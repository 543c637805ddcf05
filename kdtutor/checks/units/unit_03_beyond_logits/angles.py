"""Relational distillation by angles."""

from collections.abc import Callable
from itertools import permutations

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
    gram,
    off_diagonal,
    spares_the_teacher,
    trains,
    turned,
    value_and_gradient,
)


def _sides(x: Tensor) -> Tensor:
    """Differences [j, i] = x_i - x_j, (N, N, D)."""
    rows = x.flatten(1)
    return rows.unsqueeze(0) - rows.unsqueeze(1)


def _angles(sides: Tensor) -> Tensor:
    """Inner products at corner j of the sides to i and to k, [j, i, k]."""
    return torch.einsum("jid,jkd->jik", sides, sides)


def _triplets(N: int) -> Tensor:
    """[j, i, k] True where the three differ."""
    same = torch.eye(N, dtype=torch.bool)
    return ~(same.unsqueeze(0) | same.unsqueeze(1) | same.unsqueeze(2))


def _compared_angles(
    s: Tensor, t: Tensor, compare: Callable[[Tensor, Tensor], Tensor] = F.smooth_l1_loss,
    turn: Callable[[Tensor], Tensor] = lambda cosine: cosine,
) -> Tensor:  # fmt: skip
    chosen = _triplets(len(s))
    return compare(*both(lambda x: turn(_angles(F.normalize(_sides(x), dim=-1))[chosen]), s, t))


def _angles_with_bare_division(s: Tensor, t: Tensor) -> Tensor:
    def cosines(x: Tensor) -> Tensor:
        e = _sides(x)
        return _angles(e / e.norm(dim=-1, keepdim=True))[_triplets(len(x))]

    return F.smooth_l1_loss(cosines(s), cosines(t.detach()))


def _angles_in_the_graph(s: Tensor, t: Tensor) -> Tensor:
    chosen = _triplets(len(s))
    a, b = (_angles(F.normalize(_sides(x), dim=-1))[chosen] for x in (s, t))
    return F.smooth_l1_loss(a, b)


def _angles_at_the_origin(s: Tensor, t: Tensor) -> Tensor:
    return F.smooth_l1_loss(*both(lambda x: off_diagonal(gram(F.normalize(x.flatten(1)))), s, t))


def _angles_by_loop(s: Tensor, t: Tensor) -> Tensor:
    values = []
    for i, j, k in permutations(range(len(s)), 3):
        a, b = (F.cosine_similarity((x[i] - x[j]).flatten(), (x[k] - x[j]).flatten(), dim=0) for x in (s, t.detach()))
        values.append(F.smooth_l1_loss(a, b))
    return torch.stack(values).mean()


def _angles_by_index(s: Tensor, t: Tensor) -> Tensor:
    i, j, k = torch.tensor(list(permutations(range(len(s)), 3))).T

    def cosines(x: Tensor) -> Tensor:
        x = x.flatten(1)
        return F.cosine_similarity(x[i] - x[j], x[k] - x[j])

    return F.huber_loss(cosines(s), cosines(t.detach()))


def _angles_by_products(s: Tensor, t: Tensor) -> Tensor:
    N = len(s)

    def cosines(x: Tensor) -> Tensor:
        e = F.normalize(x.flatten(1)[None] - x.flatten(1)[:, None], dim=2)
        return torch.bmm(e, e.transpose(1, 2))

    gaps = F.smooth_l1_loss(cosines(s), cosines(t.detach()), reduction="none") * _triplets(N)
    return gaps.sum() / (N * (N - 1) * (N - 2))


rkd_angle_loss = Exercise(
    reference=distill.rkd_angle_loss,
    inputs=feature_pairs([((4, 7), (4, 3)), ((6, 2), (6, 6)), ((3, 2, 2, 2), (3, 5)), ((5, 2), (5, 2))]),
    example=(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), THREE_ON_A_LINE),
    observe=value_and_gradient,
    laws=[
        trains(),
        Law("is zero when the student's features are the teacher's, turned, shifted and 5 times larger",
            lambda f, g: near(f(5 * turned(t := logits(g, 5, 4), g) + 2, t), 0.0, 1e-3),
            "Angles survive all three."),
        Law("does not change when all of the student's features are shifted",
            lambda f, g: near(f((s := logits(g, 5, 4)) + 3, t := logits(g, 5, 3)), f(s, t), 1e-3),
            "The corner of an angle is a sample, not the origin."),
        spares_the_teacher(),
    ],
    mistakes=[
        Mistake("averaged over N³ entries", lambda s, t: _compared_angles(s, t) * (len(s) - 1) * (len(s) - 2) / len(s) ** 2,
                "You average over all N³ entries, also those in which two of the three samples are one. The authors' program "
                "does that too; here the mean runs over triplets of three different samples."),
        Mistake("sides not of unit length",
                lambda s, t: F.smooth_l1_loss(*both(lambda x: _angles(_sides(x))[_triplets(len(x))], s, t)),
                "These are inner products of the sides as they are. A cosine needs both sides at length 1."),
        Mistake("corner at the origin", _angles_at_the_origin,
                "You take the angles between the features themselves. The corner of an angle is a third sample j: subtract x_j."),
        Mistake("angles instead of cosines",
                lambda s, t: _compared_angles(s, t, turn=lambda c: c.clamp(-1 + 1e-6, 1 - 1e-6).arccos()),
                "You compare the angles. Compare their cosines: the slope of arccos is infinite for a straight line."),
        Mistake("squared error", lambda s, t: _compared_angles(s, t, F.mse_loss),
                "Your penalty is the squared gap. Huber's is half of that up to a gap of 1, and a straight line beyond."),
        Mistake("half the squared error", lambda s, t: 0.5 * _compared_angles(s, t, F.mse_loss),
                "Right for gaps up to 1, but cosines can be 2 apart: beyond 1, Huber's loss is a straight line."),
        Mistake("absolute error", lambda s, t: _compared_angles(s, t, F.l1_loss),
                "Your penalty is the absolute gap. Huber's loss is half the square up to a gap of 1."),
        Mistake("summed over triplets", lambda s, t: _compared_angles(s, t) * len(s) * (len(s) - 1) * (len(s) - 2),
                "You sum over the triplets. Take the mean, or the loss grows with the cube of the batch."),
        Mistake("NaN on the diagonal", _angles_with_bare_division,
                "A side from a sample to itself has length 0, and you divide by it. Leaving those entries out afterwards saves "
                "the value, not the gradient, which is NaN. F.normalize divides by at least a tiny number."),
        Mistake("teacher in the graph",
                _angles_in_the_graph,
                TEACHER_IN_THE_GRAPH),
    ],
    styles={
        "einsum and a mask": _compared_angles,
        "triplets by index": _angles_by_index,
        "batched products": _angles_by_products,
        "triplet by triplet": _angles_by_loop,
    },
    hints=(
        "Fix the corner j. The sides of the angle are x_i - x_j and x_k - x_j; at length 1 their inner product is the cosine.",
        "x.unsqueeze(0) - x.unsqueeze(1) holds all sides, (N, N, D). Bring the last axis to length 1; a product with its own "
        "transpose gives (N, N, N) cosines at once.",
        "Keep the entries whose three indices differ, N (N - 1) (N - 2) of them, and give both networks' cosines to "
        "F.smooth_l1_loss. F.normalize keeps the gradient of the zero sides finite.",
    ),
)  # fmt: skip
