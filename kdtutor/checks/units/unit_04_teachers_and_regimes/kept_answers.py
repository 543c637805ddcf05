"""What is kept of a teacher's answers: the k most probable classes, and the rest."""

from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near


def _topk_targets(teacher_logits: Tensor, k: int, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    targets = distill.topk_targets(teacher_logits, k, temperature)
    return targets.classes.long(), targets.probs, targets.rest


def _rows_and_k(g: Generator) -> list[tuple[Any, ...]]:
    shapes = [(4, 7, 3), (2, 3, 2), (5, 5, 1), (3, 10, 4), (3, 4, 4)]
    return [(logits(g, N, C), k, T) for N, C, k in shapes for T in (2.0, 1.0, 4.0)]


def _all_classes(f: Solution, g: Generator) -> bool:
    z = logits(g, 4, 6)
    classes, probs, rest = f(z, 6, 2.0)
    return near(torch.zeros(4, 6).scatter(1, classes, probs), distill.soften(z, 2.0)) and near(rest, torch.zeros(4))


def _huge_row(f: Solution, g: Generator) -> bool:
    classes, probs, rest = f(torch.tensor([[1e4, 0.0, -1e4]]), 1, 1.0)
    return classes.tolist() == [[0]] and near(probs, torch.ones(1, 1)) and near(rest, torch.zeros(1))


def _nothing_lost(f: Solution, g: Generator) -> bool:
    _, probs, rest = f(logits(g, 5, 8), 3, 2.0)
    return near(probs.sum(-1) + rest, torch.ones(5))


def _no_gradient_in_targets(f: Solution, g: Generator) -> bool:
    return not any(part.requires_grad for part in f(logits(g, 4, 5).requires_grad_(), 2, 2.0))


def kept(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    """The k most probable classes of each row of logits, their probabilities at T, and what is missing to 1."""
    probs, classes = (z.detach() / T).softmax(-1).topk(k, dim=-1)
    return classes, probs, 1 - probs.sum(-1)


def _changed(change: Any) -> Any:
    return lambda z, k, T: change(*kept(z, k, T), z.detach(), k, T)


def _in_the_graph(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    probs, classes = (z / T).softmax(-1).topk(k, dim=-1)
    return classes, probs, 1 - probs.sum(-1)


def _overflowing(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    powers = (z.detach() / T).exp()
    probs, classes = (powers / powers.sum(-1, keepdim=True)).topk(k, dim=-1)
    return classes, probs, 1 - probs.sum(-1)


def _by_sorting(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    probs, classes = torch.sort(torch.softmax(z.detach() / T, -1), dim=-1, descending=True)
    return classes[:, :k], probs[:, :k], probs[:, k:].sum(-1)


def _by_argsort(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    with torch.no_grad():
        order = z.argsort(dim=1, descending=True)[:, :k]
        p = (z / T).log_softmax(1).exp()
        return order, p.gather(1, order), p.scatter(1, order, 0.0).sum(1)


def _row_for_row(z: Tensor, k: int, T: float) -> list[Tensor]:
    found = [torch.topk((row / T).softmax(0), k) for row in z.detach()]
    probs = torch.stack([row.values for row in found])
    return [torch.stack([row.indices for row in found]), probs, torch.ones(len(z)) - probs.sum(1)]


topk_targets = Exercise(
    reference=_topk_targets,
    inputs=_rows_and_k,
    example=(torch.tensor([[0.0, 4.0, 2.0]]), 2, 2.0),
    laws=[
        Law("loses no mass: kept and rest together are 1", _nothing_lost, "What is not kept is the rest."),
        Law("keeps the whole distribution for k = C", _all_classes, "With every class kept nothing is left over."),
        Law("is right for logits of 10,000 too", _huge_row, "exp(10000) overflows; torch's softmax does not.", edge=True),
        Law("gives the teacher no gradient", _no_gradient_in_targets, "What is stored carries no graph: detach the logits."),
    ],
    mistakes=[
        Mistake("temperature unused", _changed(lambda c, p, r, z, k, T: kept(z, k, 1.0)),
                "Your probabilities are those at temperature 1. Soften before you keep."),
        Mistake("renormalised", _changed(lambda c, p, r, z, k, T: (c, p / p.sum(-1, keepdim=True), r)),
                "You divide the kept probabilities by their sum. Then the teacher looks surer than it is; keep them as they are "
                "and report the missing mass."),
        Mistake("softmax of the kept logits", _changed(lambda c, p, r, z, k, T: (c, (z.gather(1, c) / T).softmax(-1), torch.zeros(len(z)))),
                "You take the softmax over the kept logits only: the classes left out vanish, and the rest is 0 always."),
        Mistake("no rest", _changed(lambda c, p, r, z, k, T: (c, p)),
                "Two things are returned. The third is the mass of all classes that were left out."),
        Mistake("rest is the kept mass", _changed(lambda c, p, r, z, k, T: (c, p, 1 - r)),
                "Your rest is the mass that was kept. It should be what is missing to 1."),
        Mistake("rest of the batch", _changed(lambda c, p, r, z, k, T: (c, p, r.sum())),
                "Your rest is one number for the batch. Every row has its own."),
        Mistake("least probable kept", _changed(lambda c, p, r, z, k, T: (q := distill.soften(z, T).topk(k, largest=False)) and (q.indices, q.values, 1 - q.values.sum(-1))),
                "You keep the smallest probabilities. The most probable classes are wanted."),
        Mistake("logits kept", _changed(lambda c, p, r, z, k, T: (c, z.gather(1, c), r)),
                "You keep logits. A logit means nothing without the others of its row; keep probabilities."),
        Mistake("log-probabilities kept", _changed(lambda c, p, r, z, k, T: (c, p.log(), r)),
                "You keep log-probabilities: they are negative. Probabilities are wanted."),
        Mistake("values before classes", _changed(lambda c, p, r, z, k, T: (p, c, r)),
                "torch.topk returns values first and indices second; the classes are to come first here."),
        Mistake("teacher in the graph", _in_the_graph,
                "The values are right, but they still carry the teacher's graph: stored, it would be kept alive with them."),
        Mistake("overflow", _overflowing,
                "Right for ordinary logits; for a logit of 10,000 exp overflows. torch's softmax does not."),
    ],
    styles={"a sort": _by_sorting, "gather and scatter": _by_argsort, "row for row": _row_for_row},
    hints=(
        "Soften the whole row first. Only then choose.",
        "torch.topk returns the largest values of each row, largest first, and their positions.",
        "The positions are the classes, the values the probabilities, and 1 minus the sum of the values is the rest.",
    ),
)  # fmt: skip
