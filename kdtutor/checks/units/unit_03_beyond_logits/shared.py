"""What the checks of this unit share: how a loss is observed, two laws of every loss, pairs of features."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor.checks.exercise import Law, Solution
from kdtutor.checks.inputs import logits


def value_and_gradient(f: Solution, student: Tensor, *others: Any) -> dict[str, Any]:
    """What a loss says, and how it pulls the student."""
    student = student.detach().requires_grad_()
    loss = f(student, *others)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"value": loss}
    return {"value": loss, "gradient": torch.autograd.grad(loss, student)[0]}


def _teacher_gets_no_gradient(*others: Any) -> Callable[[Solution, Generator], bool]:
    """Whether a loss(student, teacher, *others) leaves the teacher alone."""

    def holds(f: Solution, g: Generator) -> bool:
        student, teacher = logits(g, 4, 5).requires_grad_(), logits(g, 4, 5).requires_grad_()
        f(student, teacher, *others).backward()
        return teacher.grad is None or bool((teacher.grad == 0).all())

    return holds


def trains(*others: Any) -> Law:
    return Law("can be trained through",
               lambda f, g: f(logits(g, 4, 5).requires_grad_(), logits(g, 4, 5), *others).requires_grad,
               "The loss has lost its graph: .item(), .detach() or no_grad cut the student off.")  # fmt: skip


def spares_the_teacher(*others: Any) -> Law:
    return Law("gives the teacher no gradient", _teacher_gets_no_gradient(*others),
               "The teacher is fixed: what comes from it must not carry a gradient back to it.")  # fmt: skip


TEACHER_IN_THE_GRAPH = (
    "The value is right, but a gradient flows back into the teacher. It is fixed: detach what it says."
)


def feature_pairs(sizes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> Callable[[Generator], list[Any]]:
    """Argument lists (student, teacher) of the given shapes, with one sample far from the others."""

    def draw(g: Generator) -> list[Any]:
        cases = []
        for student_shape, teacher_shape in sizes:
            student, teacher = logits(g, *student_shape, scale=1.0), logits(g, *teacher_shape, scale=1.0)
            teacher[0] = teacher[0] * 8
            cases.append((student, teacher))
        return cases

    return draw


def turned(features: Tensor, g: Generator) -> Tensor:
    """The features in another orthonormal basis."""
    basis = torch.linalg.qr(torch.randn(features.shape[1], features.shape[1], generator=g))[0]
    return features @ basis


def both(turn: Callable[[Tensor], Tensor], student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """The same thing made of both, the teacher's without a gradient."""
    return turn(student), turn(teacher.detach())


def gram(x: Tensor) -> Tensor:
    """The inner products of every two samples, (N, N)."""
    rows = x.flatten(1)
    return rows @ rows.T


def off_diagonal(square: Tensor) -> Tensor:
    """The entries of a square matrix beside its diagonal."""
    return square[~torch.eye(len(square), dtype=torch.bool)]


THREE_ON_A_LINE = torch.tensor([[0.0], [1.0], [3.0]])
