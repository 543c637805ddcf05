"""What the student aims at when it is not simply one teacher's softmax: several teachers, or a cross-entropy.

p_k(T) = softmax(z_k / T) is what teacher k says, w_k its weight, Σ w_k = 1.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kdtutor.distill.arguments import (
    refuse_nan,
    require_floating,
    require_pair,
    require_probabilities,
    require_temperature,
)
from kdtutor.distill.log_probabilities import Reduction, at_least_float32, log_softened, reduced
from kdtutor.distill.logits import kd_loss

Teachers = Sequence[Tensor] | Tensor


def ensemble_targets(
    teacher_logits: Teachers, temperature: float = 4.0, weights: Sequence[float] | None = None
) -> Tensor:
    """Mean of the teachers' softened probabilities, p̄ = Σ_k w_k p_k(T).

    The arithmetic mean is the one target whose distillation loss has the same gradient as the weighted sum of the
    losses to every teacher: it is the q with the smallest Σ_k w_k KL(p_k ‖ q). It keeps what any teacher holds
    possible.

    teacher_logits: K tensors (N, C), or one (K, N, C). weights: K numbers >= 0, divided by their sum; None: all equal.
    Returns probabilities (N, C) in the teachers' dtype and on their device, without gradient.
    Raises TypeError for integer logits, ValueError for no teacher, shapes that differ, unusable weights, T <= 0, NaN.
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 1, 2015.
    """
    teachers, w = _weighted(teacher_logits, weights)
    require_temperature(temperature)
    mean = torch.zeros_like(at_least_float32(teachers[0]))
    for w_k, z_k in zip(w, teachers, strict=True):
        mean += w_k * log_softened(z_k, temperature).exp()
    return mean.to(teachers[0].dtype)


def geometric_ensemble_targets(
    teacher_logits: Teachers, temperature: float = 4.0, weights: Sequence[float] | None = None
) -> Tensor:
    """Softened mean logits, softmax(Σ_k w_k z_k / T): the normalised geometric mean Π_k p_k(T)^{w_k} of the teachers.

    It is the q with the smallest Σ_k w_k KL(q ‖ p_k), and any single teacher can veto a class.
    Arguments, result and errors as `ensemble_targets`; rows in which every class is vetoed by some teacher are refused
    (on the CPU). A teacher of weight 0 has no veto.
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 1, 2015, names both means;
    the veto: Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", section 1, 2002.
    """
    teachers, w = _weighted(teacher_logits, weights)
    require_temperature(temperature)
    mean_log = torch.zeros_like(at_least_float32(teachers[0]))
    for w_k, z_k in zip(w, teachers, strict=True):
        if w_k > 0:
            mean_log += w_k * log_softened(z_k, temperature)
    targets = mean_log.softmax(-1)
    refuse_nan(**{"the geometric mean of teacher_logits (each class is ruled out by some teacher)": targets})
    return targets.to(teachers[0].dtype)


def soft_target_loss(
    student_logits: Tensor, targets: Tensor, temperature: float = 4.0, *, reduction: Reduction = "batchmean"
) -> Tensor:
    """Distillation loss to given probabilities, T² · KL(targets ‖ p_s(T)): `kd_loss` where the teacher is a mean.

    student_logits (N, C); targets (N, C), rows that sum to 1, already softened with the same T (`ensemble_targets`).
    Returns a scalar in nats ("none": (N,)), in the student's dtype and on its device. The targets get no gradient.
    Raises as `kd_loss`, and ValueError for targets that are no distributions (on the CPU).
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015.
    """
    require_probabilities("targets", targets)
    if student_logits.shape != targets.shape:
        raise ValueError(
            f"targets has shape {tuple(targets.shape)}, student_logits {tuple(student_logits.shape)}: both need (N, C)"
        )
    # Logits T · log p soften to p itself.
    target_logits = temperature * at_least_float32(targets.detach()).log()
    return kd_loss(student_logits, target_logits, temperature, reduction=reduction)


def soft_cross_entropy(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float = 4.0, *, reduction: Reduction = "batchmean"
) -> Tensor:
    """Cross-entropy with soft targets, T² · H(p_t(T), p_s(T)) = -T² Σ_c p_t log p_s ("entropy distillation").

    H(p_t, p_s) = KL(p_t ‖ p_s) + H(p_t): the gradient is that of `kd_loss`, the value is larger by T² times the
    teacher's entropy, so it is not zero where the student has become the teacher.

    student_logits, teacher_logits: (N, C); -inf stands for a class that cannot occur. Returns a scalar in nats
    ("none": (N,)), in the student's dtype and on its device. The teacher receives no gradient.
    Raises TypeError for integer logits, ValueError for shapes that differ, T <= 0, unknown names, NaN (on the CPU).
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015.
    """
    require_pair(student_logits, teacher_logits)
    require_temperature(temperature)
    refuse_nan(student_logits=student_logits, teacher_logits=teacher_logits)
    p_t = log_softened(teacher_logits.detach(), temperature).exp()
    log_s = log_softened(student_logits, temperature)
    terms = torch.where(p_t > 0, p_t * log_s, 0.0)
    return reduced(-terms.sum(-1) * temperature**2, reduction).to(student_logits.dtype)


def _weighted(teacher_logits: Teachers, weights: Sequence[float] | None) -> tuple[list[Tensor], list[float]]:
    teachers = [z.detach() for z in _each_teacher(teacher_logits)]
    if weights is None:
        return teachers, [1 / len(teachers)] * len(teachers)
    w = [float(w_k) for w_k in weights]
    if len(w) != len(teachers):
        raise ValueError(f"weights has {len(w)} entries, teacher_logits {len(teachers)} teachers: one weight a teacher")
    if not all(math.isfinite(w_k) and w_k >= 0 for w_k in w) or sum(w) == 0:
        raise ValueError(f"weights are {w}: each must be finite and zero or more, at least one above zero")
    return teachers, [w_k / sum(w) for w_k in w]


def _each_teacher(teacher_logits: Teachers) -> list[Tensor]:
    if isinstance(teacher_logits, Tensor) and teacher_logits.ndim != 3:
        raise ValueError(
            f"teacher_logits has shape {tuple(teacher_logits.shape)}: several teachers are (K, N, C), or K of (N, C)"
        )
    teachers = list(teacher_logits)
    if not teachers:
        raise ValueError("teacher_logits holds no teacher: at least one (N, C) is needed")
    for k, z_k in enumerate(teachers):
        name = f"teacher_logits[{k}]"
        require_floating(name, z_k)
        if z_k.ndim != 2 or z_k.numel() == 0 or z_k.shape != teachers[0].shape:
            raise ValueError(
                f"{name} has shape {tuple(z_k.shape)}, teacher_logits[0] {tuple(teachers[0].shape)}: "
                "every teacher needs the same (N, C), at least one sample and one class"
            )
        if z_k.device != teachers[0].device:
            raise ValueError(f"{name} is on {z_k.device}, teacher_logits[0] on {teachers[0].device}: one device needed")
        refuse_nan(**{name: z_k})
    return teachers
