"""Losses on how samples relate to one another, so that student and teacher may have features of any size.

Every loss takes student and teacher features (N, ...), of the same N samples, flattens them to (N, D) and lets only the
student receive a gradient. A sample whose features are all zero has no direction: its similarities count as 0.
"""

import math

import torch
from torch import Tensor

from kdtutor.distill.arguments import require_count, require_features, require_positive
from kdtutor.distill.log_probabilities import at_least_float32, kl_terms
from kdtutor.distill.normalize import unit_length, unit_scale


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Similarity-preserving loss: ‖G_s - G_t‖_F² / N², G the matrix A Aᵀ of inner products, each row at unit length.

    student: (N, ...), teacher: (N, ...), any sizes. Returns a scalar, in the student's dtype and on its device; it does
    not change with the size of either's features.
    Raises TypeError for integer features, ValueError for batches that differ, NaN or infinity (on the CPU).
    Source: Tung, Mori, "Similarity-Preserving Knowledge Distillation", section 3, 2019.
    """
    require_features(student, teacher)
    G_s, G_t = (unit_length(x @ x.T) for x in (unit_scale(student), unit_scale(teacher.detach())))
    return ((G_s - G_t) ** 2).mean().to(student.dtype)


def correlation_loss(student: Tensor, teacher: Tensor, gamma: float = 0.4, order: int | None = 2) -> Tensor:
    """Correlation congruence: ‖K_s - K_t‖_F² / N², K the Gaussian kernel exp(-γ ‖x_i - x_j‖²) of unit-length features.

    At unit length ‖x_i - x_j‖² = 2 - 2 x_i·x_j, so K = exp(-2γ) exp(2γ x_i·x_j); its Taylor series up to `order` P is
    K ≈ exp(-2γ) Σ_{p=0}^{P} (2γ)^p / p! (x_i·x_j)^p. order=None takes the kernel itself.

    student: (N, ...), teacher: (N, ...), any sizes. Returns a scalar, in the student's dtype and on its device.
    Raises TypeError for integer features, ValueError for batches that differ, γ <= 0, order < 1, NaN or infinity (on
    the CPU).
    Source: Peng, Jin, Liu, Zhou, Wu, Liu, Li, Zhang, "Correlation Congruence for Knowledge Distillation", section 3,
    2019 (γ = 0.4, P = 2 there).
    """
    require_features(student, teacher)
    require_positive("gamma", gamma)
    if order is not None:
        require_count("order", order)
    K_s, K_t = (_gaussian_kernel(cosines(x), gamma, order) for x in (student, teacher.detach()))
    return ((K_s - K_t) ** 2).mean().to(student.dtype)


def pkt_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Probabilistic knowledge transfer: mean over i of KL(p_i ‖ q_i), the neighbourhoods of sample i.

    p_i, the teacher's, and q_i, the student's, are k_ij / Σ_{l≠i} k_il over j ≠ i, with k = ½ (1 + cosine), at least
    the dtype's epsilon, so that opposite samples keep a logarithm. With two samples each has one neighbour and the loss
    is 0.

    student: (N, ...), teacher: (N, ...), N >= 2, any sizes. Returns a scalar in nats, in the student's dtype and on its
    device. The authors' program instead counts each sample as its own neighbour and divides by N² in place of N.
    Raises TypeError for integer features, ValueError for batches that differ, one sample, NaN or infinity (on the CPU).
    Source: Passalis, Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", section 3, 2018.
    """
    require_features(student, teacher, least=2)
    log_q, log_p = (_log_neighbourhoods(cosines(x)) for x in (student, teacher.detach()))
    return kl_terms(log_p, log_q).sum(1).mean().to(student.dtype)


def cosines(features: Tensor) -> Tensor:
    """Cosine of the angle between each two samples' features, (N, N)."""
    directions = unit_length(at_least_float32(features).flatten(1))
    return directions @ directions.T


def _gaussian_kernel(cosine: Tensor, gamma: float, order: int | None) -> Tensor:
    if order is None:
        return torch.exp(2 * gamma * (cosine - 1))
    series = torch.zeros_like(cosine)
    for p in range(order, -1, -1):
        series = series * cosine + (2 * gamma) ** p / math.factorial(p)
    return math.exp(-2 * gamma) * series


def _log_neighbourhoods(cosine: Tensor) -> Tensor:
    """log p_{j|i}, (N, N), -inf for j = i."""
    own = torch.eye(len(cosine), dtype=torch.bool, device=cosine.device)
    log_kernel = (0.5 * (1 + cosine)).clamp_min(torch.finfo(cosine.dtype).eps).log()
    return log_kernel.masked_fill(own, -torch.inf).log_softmax(1)
