"""Decoupled distillation: how sure the teacher is of the target, and what it thinks of the rest, weighed apart."""

import math

import torch
from torch import Tensor

from kdtutor.distill.arguments import (
    refuse_nan,
    require_labels,
    require_pair,
    require_temperature,
    require_weight,
    values_are_readable,
)
from kdtutor.distill.log_probabilities import at_least_float32, kl_terms


def decoupled_parts(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, temperature: float = 4.0
) -> tuple[Tensor, Tensor]:
    """T² · KL(b_t ‖ b_s) and T² · KL(p̂_t ‖ p̂_s) of each row: the target part and the non-target part of the KD loss.

    b = (p_y, 1 - p_y) says target or not; p̂ is the softmax over the other classes alone. For each row
    kd_loss = target part + (1 - p_t,y(T)) · non-target part: a teacher sure of its target mutes the second by itself.

    student_logits, teacher_logits: (N, C), C >= 2; labels: (N,) class indices. Returns two tensors (N,), in nats, in
    float32 at least. Both stay in log-probabilities throughout, so margins of 1e4 are harmless. The teacher receives no
    gradient. Raises as `kd_loss`, and for labels that are not indices or a single class.
    Source: Zhao, Cui, Song, Qiu, Liang, "Decoupled Knowledge Distillation", section 3, 2022.
    """
    require_pair(student_logits, teacher_logits)
    require_temperature(temperature)
    require_labels(labels, student_logits)
    if student_logits.shape[1] < 2:
        raise ValueError(f"student_logits has shape {tuple(student_logits.shape)}: target and others need two classes")
    binary_s, others_s = _target_and_others(student_logits, labels, temperature)
    binary_t, others_t = _target_and_others(teacher_logits.detach(), labels, temperature)
    target_part = temperature**2 * kl_terms(binary_t, binary_s).sum(-1)
    non_target_part = temperature**2 * kl_terms(others_t, others_s).sum(-1)
    if values_are_readable(target_part) and bool((target_part + non_target_part).isnan().any()):
        refuse_nan(student_logits=student_logits, teacher_logits=teacher_logits)
        raise ValueError(
            "a row of logits is -inf at every class but its target: the non-target part needs one other class"
        )
    return target_part, non_target_part


def dkd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    temperature: float = 4.0,
    alpha: float = 1.0,
    beta: float = 8.0,
) -> Tensor:
    """Decoupled distillation loss: α · target part + β · non-target part, averaged over the batch.

    The parts are those of `decoupled_parts`, T² included. Here α and β are the paper's, two weights of their own; they
    do not mix with the labels' cross-entropy. With two classes the non-target part is exactly zero.

    student_logits, teacher_logits: (N, C), C >= 2. labels: (N,) class indices. α, β: zero or more.
    Returns a scalar in nats, in the student's dtype and on its device; float16 overflows to inf above 65504. Only the
    student receives a gradient. Raises as `decoupled_parts`, and for negative weights.
    Source: Zhao, Cui, Song, Qiu, Liang, "Decoupled Knowledge Distillation", section 3, 2022.
    """
    require_weight("alpha", alpha, 0.0, math.inf)
    require_weight("beta", beta, 0.0, math.inf)
    target_part, non_target_part = decoupled_parts(student_logits, teacher_logits, labels, temperature)
    return (alpha * target_part + beta * non_target_part).mean().to(student_logits.dtype)


def _target_and_others(logits: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """(log p_y, log(1 - p_y)), (N, 2), and log p̂, (N, C), -inf at the target."""
    softened, target = at_least_float32(logits) / temperature, labels.long().unsqueeze(1)
    others = softened.scatter(1, target, -torch.inf)
    binary = torch.cat([softened.gather(1, target), others.logsumexp(-1, keepdim=True)], dim=1)
    return binary.log_softmax(-1), others.log_softmax(-1)
