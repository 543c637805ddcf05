r"""Losses on a teacher's outputs.

Notation: z_s, z_t are the logits of student and teacher, shape (N, C); T a temperature; p(T) = softmax(z / T);
natural logarithms throughout. α weighs the distillation term.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.distill.arguments import (
    refuse_nan,
    refuse_nan_of_rows,
    require_class_weights,
    require_classes,
    require_finite,
    require_floating,
    require_labels,
    require_pair,
    require_probabilities,
    require_temperature,
    require_weight,
)
from kdtutor.distill.fused import softened_kl
from kdtutor.distill.log_probabilities import (
    Reduction,
    at_least_float32,
    kl_terms,
    log_mixture,
    log_softened,
    mean_of_rows,
    reduced,
)
from kdtutor.distill.normalize import z_score

Direction = Literal["forward", "reverse", "js"]


def soften(logits: Tensor, temperature: float) -> Tensor:
    """Probabilities of softened logits, p(T) = softmax(logits / T) over the last axis.

    logits: (..., C), floating point, any finite size; -inf stands for a class that cannot occur. temperature: T > 0.
    Returns probabilities of the same shape, device and dtype; each row sums to 1.
    Raises TypeError for integer logits, ValueError for T <= 0, an empty class axis or NaN (on the CPU).
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015.
    """
    require_floating("logits", logits)
    require_classes("logits", logits)
    require_temperature(temperature)
    refuse_nan(logits=logits)
    return log_softened(logits, temperature).exp().to(logits.dtype)


def entropy(probs: Tensor) -> Tensor:
    """Shannon entropy H(p) = -Σ_c p_c log p_c over the last axis, with 0 log 0 = 0.

    probs: (..., C), rows that sum to 1. Returns (...), in nats, between 0 and log C.
    Raises TypeError for integers, ValueError for rows that are no distribution (checked on the CPU).
    Source: Shannon, "A Mathematical Theory of Communication", section 6, 1948.
    """
    require_probabilities("probs", probs)
    return -torch.special.xlogy(probs, probs).sum(-1)


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Kullback-Leibler divergence KL(p ‖ q) = Σ_c p_c log(p_c / q_c) over the last axis: the expectation is under p.

    p, q: (..., C) of one shape, rows that sum to 1. Returns (...), in nats, >= 0; inf where q is 0 and p is not.
    Raises TypeError for integers, ValueError for shapes that differ or rows that are no distribution (on the CPU).
    Source: Kullback, Leibler, "On Information and Sufficiency", section 2, 1951.
    """
    require_probabilities("p", p)
    require_probabilities("q", q)
    if p.shape != q.shape:
        raise ValueError(f"p has shape {tuple(p.shape)}, q {tuple(q.shape)}: both need the same shape (..., C)")
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum(-1)


@mean_of_rows
def kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: float = 4.0,
    *,
    direction: Direction = "forward",
    class_weights: Tensor | None = None,
    reduction: Reduction = "batchmean",
) -> Tensor:
    """Distillation loss T² · D(p_t(T), p_s(T)), summed over classes, averaged over the batch.

    forward: D = KL(p_t ‖ p_s). reverse: D = KL(p_s ‖ p_t). js: D = ½ KL(p_t ‖ m) + ½ KL(p_s ‖ m), m = ½ (p_t + p_s).
    class_weights w: (C,), multiplies each class's term of the sum; the weighted sum is smallest where p_s ∝ w · p_t and
    may be negative for a single row. The teacher receives no gradient.

    student_logits, teacher_logits: (N, C), any finite size; -inf stands for a class that cannot occur. Computed in
    float32 at least. Returns a scalar in nats ("none": (N,)), in the student's dtype and on its device; float16
    overflows to inf above 65504, where float32 and bfloat16 do not.
    Raises TypeError for integer logits, ValueError for shapes that differ, T <= 0, unknown names, NaN (on the CPU).
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015 (T² and forward KL);
    Lin, "Divergence Measures Based on the Shannon Entropy", section 4, 1991 (js).
    """
    require_pair(student_logits, teacher_logits)
    require_temperature(temperature)
    if class_weights is not None:
        require_class_weights(class_weights, student_logits)
    if direction not in get_args(Direction):
        raise ValueError(f"direction is {direction!r}: one of 'forward', 'reverse', 'js' is needed")
    divergence = _divergence(student_logits, teacher_logits.detach(), temperature, direction, class_weights)
    return reduced(temperature**2 * divergence, reduction).to(student_logits.dtype)


@mean_of_rows
def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    temperature: float = 4.0,
    alpha: float = 0.9,
    *,
    reduction: Reduction = "batchmean",
) -> Tensor:
    """Labels and teacher together: (1 - α) · CE(z_s, y) + α · T² · KL(p_t(T) ‖ p_s(T)), averaged over the batch.

    student_logits, teacher_logits: (N, C). labels: (N,) class indices. α in [0, 1] weighs the teacher's term.
    Returns a scalar in nats ("none": (N,)), in the student's dtype and on its device. Only the student receives a
    gradient. Raises as `kd_loss`, and for labels that are not indices or α outside [0, 1].
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015.
    """
    require_pair(student_logits, teacher_logits)
    require_temperature(temperature)
    require_labels(labels, student_logits)
    require_weight("alpha", alpha, 0.0, 1.0)
    hard = F.cross_entropy(at_least_float32(student_logits), labels.long(), reduction="none")
    soft = temperature**2 * softened_kl(student_logits, teacher_logits.detach(), temperature)
    return reduced(torch.lerp(hard, soft, alpha), reduction).to(student_logits.dtype)


def standardize_logits(logits: Tensor) -> Tensor:
    """Each row's logits as z-scores, (z - mean) / std over the classes, std with divisor C.

    Student and teacher then share mean 0 and size 1, and a loss between them compares the shape of their logits alone:
    kd_loss(standardize_logits(z_s), standardize_logits(z_t), T). A row of equal logits becomes zeros, with gradient 0.

    logits: (..., C), floating point, finite. Returns the same shape, device and dtype; differentiable.
    Raises TypeError for integer logits, ValueError for an empty class axis, NaN or infinity (on the CPU).
    Source: Sun, Ren, Li, Wang, Cao, "Logit Standardization in Knowledge Distillation", section 4, 2024 (whose code
    divides by the standard deviation with divisor C - 1: `kdtutor.distill.conventions`).
    """
    require_floating("logits", logits)
    require_classes("logits", logits)
    require_finite(logits=logits)
    return z_score(at_least_float32(logits)).to(logits.dtype)


def _divergence(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: float,
    direction: Direction,
    class_weights: Tensor | None,
) -> Tensor:
    """D(p_t(T), p_s(T)) of each row, (N,), in float32 at least. ValueError for NaN (on the CPU)."""
    if direction == "forward" and class_weights is None:
        return softened_kl(student_logits, teacher_logits, temperature)
    log_s = log_softened(student_logits, temperature)
    log_t = log_softened(teacher_logits, temperature)
    match direction:
        case "forward":
            terms = kl_terms(log_t, log_s)
        case "reverse":
            terms = kl_terms(log_s, log_t)
        case "js":
            log_m = log_mixture(log_t, log_s)
            terms = (kl_terms(log_t, log_m) + kl_terms(log_s, log_m)) / 2
    if class_weights is not None:
        terms = terms * class_weights.to(terms)
    per_row = terms.sum(-1)
    refuse_nan_of_rows(per_row, student_logits=student_logits, teacher_logits=teacher_logits)
    return per_row
