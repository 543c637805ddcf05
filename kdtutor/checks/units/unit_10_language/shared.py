"""What the exercises of unit 10 share: logits of sequences, a loss with its gradient."""

from typing import Any

import torch
from torch import Tensor

from kdtutor.checks.exercise import Solution
from kdtutor.checks.inputs import logits

Case = tuple[Any, ...]
Generator = torch.Generator
SHAPES = ((2, 3, 5), (1, 4, 7), (4, 1, 2), (3, 5, 11))


def pair(g: Generator, *shape: int) -> tuple[Tensor, Tensor]:
    """Logits of a student and of its teacher."""
    return logits(g, *shape, scale=2.0), logits(g, *shape, scale=2.0)


def value_and_gradient(f: Solution, student: Tensor, teacher: Tensor, *rest: Any) -> dict[str, Any]:
    """What the loss is, and its gradient by the student's logits where entry i of the loss counts 1 + sin(i) / 2."""
    student = student.detach().clone().requires_grad_()
    value = f(student, teacher, *rest)
    if not isinstance(value, Tensor) or not value.requires_grad:
        return {"value": value}
    counts = 1 + torch.arange(float(value.numel())).sin().view_as(value) / 2
    (gradient,) = torch.autograd.grad(value, student, counts, allow_unused=True)
    return {
        "value": value.detach(),
        "gradient by the student's logits": torch.zeros_like(student) if gradient is None else gradient,
    }


def teacher_is_left_alone(f: Solution, student: Tensor, teacher: Tensor, *rest: Any) -> bool:
    """Whether no gradient reaches the teacher."""
    student, teacher = (z.detach().clone().requires_grad_() for z in (student, teacher))
    f(student, teacher, *rest).sum().backward()
    return teacher.grad is None or bool((teacher.grad == 0).all())


def forward_terms(student: Tensor, teacher: Tensor) -> Tensor:
    """p_t (log p_t - log p_s) of every token and vocabulary entry."""
    log_s, log_t = student.log_softmax(-1), teacher.detach().log_softmax(-1)
    return log_t.exp() * (log_t - log_s)


def reverse_terms(student: Tensor, teacher: Tensor) -> Tensor:
    """p_s (log p_s - log p_t) of every token and vocabulary entry."""
    log_s, log_t = student.log_softmax(-1), teacher.detach().log_softmax(-1)
    return log_s.exp() * (log_s - log_t)
