"""DIST and standardised logits: what of the logits counts."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_03_beyond_logits.shared import (
    TEACHER_IN_THE_GRAPH,
    spares_the_teacher,
    trains,
    value_and_gradient,
)

# --- dist_loss --------------------------------------------------------------------------------------------------------


def _dist_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return distill.dist_loss(student_logits, teacher_logits, temperature)


def _dist_cases(g: Generator) -> list[Any]:
    shapes = [(4, 7), (5, 5), (8, 3), (6, 2)]
    return [
        (logits(g, *shape, scale=1.5), logits(g, *shape, scale=1.5), T) for shape in shapes for T in (1.0, 2.0, 4.0)
    ]


def _pearson(x: Tensor, y: Tensor) -> Tensor:
    x, y = x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    return (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1) + 1e-12)


def _bare_pearson(x: Tensor, y: Tensor) -> Tensor:
    x, y = x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    return (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))


def _pearson_of_two_divisors(x: Tensor, y: Tensor) -> Tensor:
    C = x.shape[-1]
    return _pearson(x, y) * (C - 1) / C


def _uncentred(x: Tensor, y: Tensor) -> Tensor:
    return F.cosine_similarity(x, y, dim=-1)


def _dist_by(r: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, float], Tensor]:
    def loss(s: Tensor, t: Tensor, T: float) -> Tensor:
        p_s, p_t = (s / T).softmax(-1), (t.detach() / T).softmax(-1)
        return (1 - r(p_s, p_t).mean()) + (1 - r(p_s.T, p_t.T).mean())

    return loss


def _dist_in_the_graph(s: Tensor, t: Tensor, T: float) -> Tensor:
    p_s, p_t = (s / T).softmax(-1), (t / T).softmax(-1)
    return 2 - _pearson(p_s, p_t).mean() - _pearson(p_s.T, p_t.T).mean()


def _dist_by_cosine(s: Tensor, t: Tensor, T: float) -> Tensor:
    p_s, p_t = torch.softmax(s / T, 1), torch.softmax(t.detach() / T, 1)
    total = torch.zeros(())
    for axis in (0, 1):
        x, y = p_s - p_s.mean(axis, keepdim=True), p_t - p_t.mean(axis, keepdim=True)
        total = total + 1 - F.cosine_similarity(x, y, dim=axis).mean()
    return total


def _dist_by_z_scores(s: Tensor, t: Tensor, T: float) -> Tensor:
    def z(x: Tensor, axis: int) -> Tensor:
        return (x - x.mean(axis, keepdim=True)) / (x.var(axis, correction=0, keepdim=True) + 1e-18).sqrt()

    p_s, p_t = (s / T).softmax(-1), (t.detach() / T).softmax(-1)
    return (1 - (z(p_s, 0) * z(p_t, 0)).mean()) + (1 - (z(p_s, 1) * z(p_t, 1)).mean())


def _dist_by_corrcoef(s: Tensor, t: Tensor, T: float) -> Tensor:
    p_s, p_t = (s / T).softmax(-1), (t.detach() / T).softmax(-1)

    def r(x: Tensor, y: Tensor) -> Tensor:
        still = bool((x == x[0]).all() or (y == y[0]).all())
        return torch.zeros(()) if still else torch.corrcoef(torch.stack([x, y]))[0, 1]

    rows = torch.stack([r(a, b) for a, b in zip(p_s, p_t, strict=True)])
    columns = torch.stack([r(a, b) for a, b in zip(p_s.T, p_t.T, strict=True)])
    return (1 - rows.mean()) + (1 - columns.mean())


def _nothing_lost_by_flattening(f: Solution, g: Generator) -> bool:
    p = logits(g, 6, 5, scale=1.0).softmax(-1)
    return near(f((0.6 * p + 0.4 / 5).log(), p.log(), 1.0), 0.0, 1e-3)


def _one_sample(f: Solution, g: Generator) -> bool:
    s = logits(g, 1, 5).requires_grad_()
    loss = f(s, s.detach().clone(), 1.0)
    loss.backward()
    return near(loss, 1.0) and s.grad is not None and bool(s.grad.isfinite().all())


dist_loss = Exercise(
    reference=_dist_loss,
    inputs=_dist_cases,
    example=(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), 1.0),
    observe=value_and_gradient,
    laws=[
        trains(2.0),
        Law("is zero when student and teacher agree", lambda f, g: near(f(z := logits(g, 4, 5), z, 2.0), 0.0),
            "Everything correlates perfectly with itself."),
        Law("is zero when the student's probabilities are the teacher's mixed with the uniform ones", _nothing_lost_by_flattening,
            "A correlation does not change when numbers are scaled and shifted: this student need only have the teacher's pattern."),
        Law("counts the columns of a single sample as uncorrelated", _one_sample,
            "A column of one number has no spread, and 0/0 is NaN. Add a tiny number to the divisor, such as 1e-12.", edge=True),
        spares_the_teacher(2.0),
    ],
    mistakes=[
        Mistake("logits correlated", lambda s, t, T: 2 - _pearson(s / T, t.detach() / T).mean() - _pearson(s.T, t.detach().T).mean(),
                "You correlate the logits. DIST correlates the probabilities, after the softmax."),
        Mistake("samples only", lambda s, t, T: 1 - _pearson((s / T).softmax(-1), (t.detach() / T).softmax(-1)).mean(),
                "You compare along the classes of each sample only. The second term is the first one transposed: each class "
                "along the samples."),
        Mistake("classes only", lambda s, t, T: 1 - _pearson((s / T).softmax(-1).T, (t.detach() / T).softmax(-1).T).mean(),
                "You compare along the samples of each class only. The other term goes along the classes of each sample."),
        Mistake("not centred", _dist_by(_uncentred),
                "Your r is the cosine of the vectors as they are. Pearson's r subtracts each vector's mean first."),
        Mistake("T² by habit", lambda s, t, T: T**2 * distill.dist_loss(s, t, T),
                "Your value is T² times too large. A correlation does not shrink as T grows, so there is nothing to make up for."),
        Mistake("temperature unused", lambda s, t, T: distill.dist_loss(s, t, 1.0),
                "Your value is the same at every temperature. Where does T enter?"),
        Mistake("correlation itself", lambda s, t, T: 2 - distill.dist_loss(s, t, T),
                "You return the correlations. They are largest for the best student; a loss is smallest: 1 - r."),
        Mistake("averaged terms", lambda s, t, T: distill.dist_loss(s, t, T) / 2,
                "You halve the sum of the two terms. Each has weight 1."),
        Mistake("one correlation for everything",
                lambda s, t, T: 2 - 2 * _pearson((s / T).softmax(-1).flatten(), (t.detach() / T).softmax(-1).flatten()),
                "You take one correlation over the whole table. Each row has its own, and each column."),
        Mistake("two divisors", _dist_by(_pearson_of_two_divisors),
                "Your r is too small by (C - 1)/C: the products are averaged with divisor C, the standard deviations with C - 1, "
                "which is torch's default. Use one divisor for both."),
        Mistake("teacher in the graph", _dist_in_the_graph, TEACHER_IN_THE_GRAPH),
        Mistake("nothing over nothing", _dist_by(_bare_pearson),
                "Right wherever numbers vary. A column of one sample does not: 0/0 is NaN."),
    ],
    styles={
        "centred cosine similarity": _dist_by_cosine,
        "products of z-scores": _dist_by_z_scores,
        "torch.corrcoef": _dist_by_corrcoef,
        "the definition": _dist_by(_pearson),
    },
    hints=(
        "Write Pearson's r for rows first: subtract each row's mean, then take the cosine of the two rows.",
        "The loss is one minus the mean r over the rows, plus the same for the columns: call your function on the transposed "
        "tables, p.T.",
        "Soften both by T, detach the teacher. F.cosine_similarity of centred rows is r, and its small eps takes care of rows "
        "that do not vary.",
    ),
)  # fmt: skip

# --- standardize_logits -----------------------------------------------------------------------------------------------


def _standardize_by_loop(z: Tensor) -> Tensor:
    rows = []
    for row in z.reshape(-1, z.shape[-1]).tolist():
        mean = sum(row) / len(row)
        size = math.sqrt(sum((value - mean) ** 2 for value in row) / len(row))
        rows.append([(value - mean) / size if size > 0 else 0.0 for value in row])
    return torch.tensor(rows).reshape(z.shape)


def _by_layer_norm(z: Tensor) -> Tensor:
    return F.layer_norm(z, z.shape[-1:], eps=1e-12)


def _centred(z: Tensor) -> Tensor:
    return z - z.mean(-1, keepdim=True)


standardize_logits = Exercise(
    reference=distill.standardize_logits,
    inputs=lambda g: [(logits(g, *shape, scale=scale) + 2,) for shape in ((4, 7), (3, 2), (5, 5), (6,), (2, 3, 4)) for scale in (1.0, 6.0)],
    example=(torch.tensor([1.0, 3.0]),),
    laws=[
        Law("has rows of mean 0", lambda f, g: near(f(logits(g, 4, 6) + 3).mean(-1), torch.zeros(4)),
            "Subtract each row's mean over the classes."),
        Law("does not change when logits are doubled and shifted", lambda f, g: near(f(2 * (z := logits(g, 4, 6)) + 5), f(z)),
            "Both cancel: the shift in the mean, the factor in the standard deviation."),
        Law("keeps the order of the classes", lambda f, g: bool((f(z := logits(g, 6, 8)).argsort(-1) == z.argsort(-1)).all()),
            "Dividing by something positive keeps the order."),
        Law("turns a row of equal logits into zeros",
            lambda f, g: near(f(torch.tensor([[2.0, 2.0, 2.0], [0.0, 1.0, 2.0]])), torch.tensor([[0.0] * 3, [-(1.5**0.5), 0.0, 1.5**0.5]])),
            "Its standard deviation is 0, and 0/0 is NaN. Add a tiny number to the divisor, such as 1e-12.", edge=True),
    ],
    mistakes=[
        Mistake("divisor C - 1", lambda z: _centred(z) / (z.std(-1, keepdim=True) + 1e-12),
                "Your standard deviation divides by C - 1, torch's default and the authors' choice. Here the divisor is C: "
                "correction=0."),
        Mistake("not centred", lambda z: z / (z.std(-1, correction=0, keepdim=True) + 1e-12),
                "You divide by the standard deviation without subtracting the mean first."),
        Mistake("only centred", _centred,
                "The mean is gone; divide by the standard deviation too."),
        Mistake("divided by the variance", lambda z: _centred(z) / (z.var(-1, correction=0, keepdim=True) + 1e-12),
                "You divide by the variance. Its root is wanted."),
        Mistake("over the batch", lambda z: (z - z.mean(0)) / (z.std(0, correction=0) + 1e-12),
                "You standardise each class over the samples. The classes of one sample belong together: the last axis."),
        Mistake("one mean for everything", lambda z: (z - z.mean()) / (z.std(correction=0) + 1e-12),
                "You use one mean and one size for the whole tensor. Each row has its own."),
        Mistake("unit length", lambda z: F.normalize(_centred(z), dim=-1),
                "Your rows have length 1. With standard deviation 1 they have length √C."),
        Mistake("from 0 to 1", lambda z: (z - z.amin(-1, keepdim=True)) / (z.amax(-1, keepdim=True) - z.amin(-1, keepdim=True) + 1e-12),
                "You map the smallest to 0 and the largest to 1. Wanted are mean 0 and standard deviation 1."),
        Mistake("softmax first", lambda z: distill.standardize_logits(z.softmax(-1)),
                "You standardise probabilities. The logits come first; the softmax belongs to the loss."),
        Mistake("nothing over nothing", lambda z: _centred(z) / z.std(-1, correction=0, keepdim=True),
                "Right wherever a row varies. A row of equal logits has standard deviation 0, and 0/0 is NaN."),
    ],
    styles={
        "std with correction 0": lambda z: (z - z.mean(-1, keepdim=True)) / z.std(-1, correction=0, keepdim=True).clamp_min(1e-12),
        "layer norm": _by_layer_norm,
        "length divided out": lambda z: F.normalize(z - z.mean(-1, keepdim=True), dim=-1) * z.shape[-1] ** 0.5,
        "row by row": _standardize_by_loop,
    },
    hints=(
        "Two things are taken out of each row: where it lies and how wide it is.",
        "Mean and standard deviation over the last axis, with keepdim=True, so that they line up with the row.",
        "torch's std divides by C - 1 unless you say correction=0. Keep the divisor from being 0 with a tiny number.",
    ),
)  # fmt: skip
