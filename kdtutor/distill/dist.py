"""DIST: the student need not repeat a strong teacher's probabilities, only correlate with them."""

import math

import torch
from torch import Tensor

from kdtutor.distill.arguments import require_finite, require_pair, require_temperature, require_weight
from kdtutor.distill.log_probabilities import log_softened
from kdtutor.distill.normalize import z_score


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's correlation r of each row of x with that of y, the mean product of their z-scores.

    A constant row has no correlation: it counts as 0, without gradient. So does one whose entries differ by less than
    the square root of the dtype's smallest number (1e-19 in float32): there the slope of r leaves the dtype's range.
    """
    smallest_range = torch.finfo(x.dtype).tiny ** 0.5
    return (z_score(x, smallest_range) * z_score(y, smallest_range)).mean(-1)


def dist_loss(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0, beta: float = 1.0, gamma: float = 1.0
) -> Tensor:
    """DIST loss: β · (1 - mean r over samples) + γ · (1 - mean r over classes), r between p_s(T) and p_t(T).

    The first term compares how a sample's probabilities relate across classes (inter-class); the second is the first
    one transposed: how a class's probabilities relate across the batch (intra-class). There is no T², as in the paper:
    r does not shrink as T grows. Constant rows and columns (a batch of one has only such columns) count as r = 0.

    student_logits, teacher_logits: (N, C), finite. β, γ: zero or more. Returns a scalar, 0 to 2 (β + γ), in the
    student's dtype and on its device. Only the student receives a gradient.
    Raises TypeError for integer logits, ValueError for shapes that differ, T <= 0, negative weights, NaN or infinity
    (on the CPU).
    Source: Huang, You, Wang, Qian, Xu, "Knowledge Distillation from A Stronger Teacher", section 4, 2022.
    """
    require_pair(student_logits, teacher_logits)
    require_temperature(temperature)
    require_weight("beta", beta, 0.0, math.inf)
    require_weight("gamma", gamma, 0.0, math.inf)
    require_finite(student_logits=student_logits, teacher_logits=teacher_logits)
    p_s = log_softened(student_logits, temperature).exp()
    p_t = log_softened(teacher_logits.detach(), temperature).exp()
    inter_class = 1 - pearson(p_s, p_t).mean()
    intra_class = 1 - pearson(p_s.T, p_t.T).mean()
    return (beta * inter_class + gamma * intra_class).to(student_logits.dtype)
