"""Unit 00: one warm-up, to meet the three answers a check can give."""

import torch
from torch import Tensor

from kdtutor.checks.exercise import Exercise, Law, Mistake
from kdtutor.checks.inputs import logits

__all__ = ["top_1_accuracy"]


def _top_1_accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(-1) == labels).double().mean().item()


def _cases(generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    cases = []
    for rows, classes in ((6, 3), (20, 10), (7, 7), (1, 4)):
        scores = logits(generator, rows, classes)
        right = torch.rand(rows, generator=generator) < 0.6
        other = torch.randint(classes, (rows,), generator=generator)
        cases.append((scores, torch.where(right, scores.argmax(-1), other)))
    return cases


def _by_loop(logits: Tensor, labels: Tensor) -> float:
    right = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        right += row.index(max(row)) == label
    return right / len(labels)


def _between_zero_and_one(f, generator: torch.Generator) -> bool:  # type: ignore[no-untyped-def]
    scores = logits(generator, 12, 5)
    return float(f(scores, scores.argmax(-1))) == 1 and float(f(scores, scores.argmin(-1))) == 0


top_1_accuracy = Exercise(
    reference=_top_1_accuracy,
    inputs=_cases,
    example=(torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), torch.tensor([0, 1, 1])),
    laws=[
        Law("is 1 for labels that always match and 0 for labels that never do", _between_zero_and_one,
            "Try it on two rows whose labels you choose yourself."),
        Law("does not change when a constant is added to every logit",
            lambda f, g: (z := logits(g, 9, 4), y := z.argmin(-1)) and float(f(z + 100, y)) == float(f(z, y)),
            "Only the position of the largest logit in its row matters."),
    ],
    mistakes=[
        Mistake("a percentage", lambda z, y: 100 * _top_1_accuracy(z, y),
                "Your value is 100 times too large: a fraction from 0 to 1 is wanted."),
        Mistake("a count", lambda z, y: float((z.argmax(-1) == y).sum()),
                "Your value counts the rows that are right. What is it a fraction of?"),
        Mistake("the error rate", lambda z, y: 1 - _top_1_accuracy(z, y),
                "Your value is the fraction that is wrong."),
        Mistake("one answer a row", lambda z, y: z.argmax(-1) == y,
                "You return which rows are right. One number is wanted: their fraction."),
        Mistake("the smallest logit", lambda z, y: (z.argmin(-1) == y).double().mean().item(),
                "You compare the label with the smallest logit of each row. Which class does the model believe in?"),
        Mistake("the column's largest", lambda z, y: (z.argmax(0) == y[: z.shape[1]]).double().mean().item()
                if z.shape[1] <= len(y) else (z.argmax(0)[: len(y)] == y).double().mean().item(),
                "You look for the largest logit in each column. Classes lie along the last axis, samples along the first."),
        Mistake("divided by classes", lambda z, y: float((z.argmax(-1) == y).sum()) / z.shape[1],
                "You divide by the number of classes. How many rows could have been right?"),
    ],
    styles={
        "tensor operations": lambda z, y: z.max(dim=1).indices.eq(y).float().mean(),
        "a loop over lists": _by_loop,
        "sorting": lambda z, y: float((z.sort(dim=-1, descending=True).indices[:, 0] - y == 0).sum()) / y.numel(),
    },
    hints=(
        "A row counts as right when its largest logit stands at the label's position.",
        "argmax(-1) gives that position for every row at once.",
        "Compare the positions with the labels, turn true and false into 1 and 0, and take the mean.",
    ),
)  # fmt: skip
