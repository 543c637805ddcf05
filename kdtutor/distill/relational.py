"""Relational distillation: the student's features keep the distances and angles between the teacher's."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.distill.arguments import require_features
from kdtutor.distill.normalize import unit_length, unit_scale


def rkd_distance_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean Huber loss between the pairwise distances of student and teacher, each divided by its batch's mean distance.

    ψ_ij = ‖x_i - x_j‖ / μ, μ the mean over all pairs i ≠ j; Huber's loss with threshold 1 between ψ_s and ψ_t, averaged
    over those pairs. Only distinct pairs exist here, so the distance 0 of a sample to itself, whose slope is undefined,
    never enters; two equal samples have gradient 0. With two samples ψ is always 1 and the loss 0.

    student: (N, ...), teacher: (N, ...), N >= 2, any sizes. Returns a scalar, in the student's dtype and on its device.
    Only the student receives a gradient, and it cannot be differentiated again. The authors' program divides by N²
    instead of N (N - 1): `kdtutor.distill.conventions.rkd_distance_factor`.
    Raises TypeError for integer features, ValueError for batches that differ, one sample, NaN or infinity (on the CPU).
    Source: Park, Kim, Lu, Cho, "Relational Knowledge Distillation", section 3.2.1, 2019.
    """
    require_features(student, teacher, least=2)
    psi_s, psi_t = (_relative_distances(x) for x in (student, teacher.detach()))
    return F.smooth_l1_loss(psi_s, psi_t).to(student.dtype)


def rkd_angle_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean Huber loss between the cosines of all angles that three samples form, student against teacher.

    cos ∠(i, j, k) = ⟨x_i - x_j, x_k - x_j⟩ of unit-length differences, j the corner; Huber's loss with threshold 1,
    averaged over the N (N - 1) (N - 2) triplets of distinct samples. An angle with a side of length 0 counts as cosine
    0, without gradient.

    student: (N, ...), teacher: (N, ...), N >= 3, any sizes; memory grows with N² · D + N³. Returns a scalar, in the
    student's dtype and on its device. Only the student receives a gradient. The authors' program divides by N³:
    `kdtutor.distill.conventions.rkd_angle_factor`.
    Raises TypeError for integer features, ValueError for batches that differ, fewer than three samples, NaN or infinity
    (on the CPU).
    Source: Park, Kim, Lu, Cho, "Relational Knowledge Distillation", section 3.2.2, 2019.
    """
    require_features(student, teacher, least=3)
    cosine_s, cosine_t = (_corner_cosines(x) for x in (student, teacher.detach()))
    N = len(student)
    same = torch.eye(N, dtype=torch.bool, device=student.device)
    distinct = ~(same.unsqueeze(0) | same.unsqueeze(1) | same.unsqueeze(2))
    differences = F.smooth_l1_loss(cosine_s, cosine_t, reduction="none")
    return (torch.where(distinct, differences, 0.0).sum() / (N * (N - 1) * (N - 2))).to(student.dtype)


def _relative_distances(features: Tensor) -> Tensor:
    """‖x_i - x_j‖ / mean, for each of the N (N - 1) / 2 unordered pairs."""
    distances = F.pdist(unit_scale(features))
    mean = distances.mean()
    return distances / torch.where(mean > 0, mean, 1.0)


def _corner_cosines(features: Tensor) -> Tensor:
    """cos ∠(i, j, k) at [j, i, k], (N, N, N)."""
    x = unit_scale(features)
    sides = unit_length(x.unsqueeze(0) - x.unsqueeze(1))
    return sides @ sides.transpose(1, 2)
