"""Similarity: who is like whom in a batch."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_03_beyond_logits.shared import (
    TEACHER_IN_THE_GRAPH,
    feature_pairs,
    gram,
    spares_the_teacher,
    trains,
    turned,
    value_and_gradient,
)


def _similarity_by_loop(s: Tensor, t: Tensor) -> Tensor:
    total, N = torch.zeros(()), len(s)
    for i in range(N):
        rows = [torch.stack([(x[i] * x[j]).sum() for j in range(N)]) for x in (s, t.detach())]
        a, b = (row / row.norm().clamp_min(1e-12) for row in rows)
        total = total + ((a - b) ** 2).sum()
    return total / N**2


def _similarity_of_a_dark_sample(f: Solution, g: Generator) -> bool:
    s, t = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0], [1.0]])
    return near(f(s, t), (1 + (1 - math.sqrt(0.5)) ** 2 + 0.5) / 4)


_RELATION_SIZES = [((4, 7), (4, 3)), ((5, 2), (5, 6)), ((3, 2, 2, 2), (3, 5)), ((6, 4), (6, 4))]

similarity_loss = Exercise(
    reference=distill.similarity_loss,
    inputs=feature_pairs(_RELATION_SIZES),
    example=(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0], [1.0]])),
    observe=value_and_gradient,
    laws=[
        trains(),
        Law("is zero when student and teacher agree", lambda f, g: near(f(x := logits(g, 4, 5), x), 0.0),
            "Equal relations leave nothing to learn."),
        Law("does not change when the student's features are turned and made 5 times larger",
            lambda f, g: near(f(5 * turned(s := logits(g, 5, 4), g), t := logits(g, 5, 3)), f(s, t)),
            "Inner products survive a rotation; the length of the rows of G takes out the size."),
        Law("counts a sample without any response as similar to none", _similarity_of_a_dark_sample,
            "Its row of G is all zeros, and 0/0 is NaN. F.normalize leaves such a row alone.", edge=True),
        spares_the_teacher(),
    ],
    mistakes=[
        Mistake("rows not normalised", lambda s, t: ((gram(s) - gram(t.detach())) ** 2).mean(),
                "You compare the inner products as they are, so a network with larger features counts as different. Bring "
                "each row of G to length 1."),
        Mistake("cosines", lambda s, t: ((gram(F.normalize(s.flatten(1))) - gram(F.normalize(t.detach().flatten(1)))) ** 2).mean(),
                "You bring the features to length 1, so G holds cosines. Here the rows of G are brought to length 1."),
        Mistake("one length for the matrix", lambda s, t: (((a := gram(s)) / a.norm() - (b := gram(t.detach())) / b.norm()) ** 2).mean(),
                "You divide by the length of the whole matrix. Every row of G has its own."),
        Mistake("summed", lambda s, t: ((F.normalize(gram(s)) - F.normalize(gram(t.detach()))) ** 2).sum(),
                "You sum over all pairs. Divide by N², or the weight of the loss depends on the batch."),
        Mistake("divided by N", lambda s, t: ((F.normalize(gram(s)) - F.normalize(gram(t.detach()))) ** 2).sum() / len(s),
                "You divide by N. G has N² entries."),
        Mistake("norm not squared", lambda s, t: (F.normalize(gram(s)) - F.normalize(gram(t.detach()))).norm() / len(s) ** 2,
                "You take the norm. The squared norm is wanted: the sum of squares."),
        Mistake("softmax of rows", lambda s, t: ((gram(s).softmax(1) - gram(t.detach()).softmax(1)) ** 2).mean(),
                "You take a softmax of the rows. They are divided by their length, nothing else."),
        Mistake("teacher in the graph", lambda s, t: ((F.normalize(gram(s)) - F.normalize(gram(t))) ** 2).mean(),
                TEACHER_IN_THE_GRAPH),
        Mistake("nothing over nothing",
                lambda s, t: (((a := gram(s)) / a.norm(dim=1, keepdim=True)
                               - (b := gram(t.detach())) / b.norm(dim=1, keepdim=True)) ** 2).mean(),
                "Right wherever every sample has a response. A sample without one has a row of zeros, and 0/0 is NaN."),
    ],
    styles={
        "F.normalize": lambda s, t: F.mse_loss(F.normalize(gram(s), dim=1), F.normalize(gram(t.detach()), dim=1)),
        "squared Frobenius norm": lambda s, t: torch.linalg.matrix_norm(
            F.normalize(gram(s)) - F.normalize(gram(t.detach()))) ** 2 / len(s) ** 2,
        "einsum": lambda s, t: sum(
            ((F.normalize(torch.einsum("id,jd->ij", s.flatten(1), s.flatten(1)))
              - F.normalize(torch.einsum("id,jd->ij", t.detach().flatten(1), t.detach().flatten(1)))) ** 2).mean(1)) / len(s),
        "row by row": _similarity_by_loop,
    },
    hints=(
        "First a matrix G for each network: who is like whom in this batch. Only then compare the two.",
        "Flatten to (N, D); G is the features times their own transpose, (N, N). Then divide each row by its length.",
        "F.normalize does the rows. The mean of the squared differences is the sum divided by N².",
    ),
)  # fmt: skip
