"""Distillation of sequence models: a divergence for every token, from covering all modes to seeking one."""

import torch
from torch import Tensor

from kdtutor.distill.arguments import (
    refuse_nan,
    require_floating,
    require_mask,
    require_temperature,
    require_weight,
    values_are_readable,
)
from kdtutor.distill.log_probabilities import kl_terms, log_mixture, log_softened


def generalized_js(
    student_logits: Tensor,
    teacher_logits: Tensor,
    beta: float = 0.5,
    temperature: float = 1.0,
    *,
    mask: Tensor | None = None,
    continuous: bool = False,
) -> Tensor:
    """Generalised Jensen-Shannon divergence T² · D_β(p_t(T), p_s(T)), averaged over the tokens that count.

    0 < β < 1: D_β = β KL(p_t ‖ m) + (1 - β) KL(p_s ‖ m), m = β p_t + (1 - β) p_s; β = ½ is the usual one.
    β = 0: D = KL(p_t ‖ p_s), which covers the teacher's modes; β = 1: D = KL(p_s ‖ p_t), which seeks one of them.

    The ends are defined so, they are not limits: D_β itself goes to 0 towards both, as β · KL(p_t ‖ p_s) and as
    (1 - β) · KL(p_s ‖ p_t). continuous=True divides by β (1 - β) between the ends; the KLs then are the limits (and
    β = ½ counts four times). Near an end D_β is a small difference of large terms: in float32, within 1e-3 of one,
    take the KL itself.

    student_logits, teacher_logits: (B, L, V); -inf stands for a token that cannot occur, which is how a smaller
    vocabulary is padded (a 0 there would be given probability). mask: (B, L) bool, True where a token counts; what
    stands elsewhere, NaN included, has no influence. Returns a scalar in nats a token, in the student's dtype and on
    its device; with no token left exactly 0, with gradient 0. Only the student receives a gradient.
    Raises TypeError for integer logits or a mask that is not bool, ValueError for shapes that differ, β outside [0, 1],
    T <= 0, NaN where it counts (on the CPU).
    Source: Agarwal, Vieillard, Zhou, Stanczyk, Ramos, Geist, Bachem, "On-Policy Distillation of Language Models",
    section 2, equation 1, 2024 (without T²); Lin, "Divergence Measures Based on the Shannon Entropy", section 4, 1991.
    """
    require_sequences(student_logits, teacher_logits)
    require_weight("beta", beta, 0.0, 1.0)
    require_temperature(temperature)
    teacher_logits = teacher_logits.detach()
    if mask is not None:
        require_mask(mask, student_logits.shape[:2], "student_logits")
        student_logits, teacher_logits = (
            torch.where(mask.unsqueeze(-1), z, 0.0) for z in (student_logits, teacher_logits)
        )
    log_s, log_t = log_softened(student_logits, temperature), log_softened(teacher_logits, temperature)
    if beta == 0:
        terms = kl_terms(log_t, log_s)
    elif beta == 1:
        terms = kl_terms(log_s, log_t)
    else:
        log_m = log_mixture(log_t, log_s, beta)
        terms = beta * kl_terms(log_t, log_m) + (1 - beta) * kl_terms(log_s, log_m)
        if continuous:
            terms = terms / (beta * (1 - beta))
    per_token = temperature**2 * terms.sum(-1)
    if values_are_readable(per_token) and bool(per_token.isnan().any()):
        refuse_nan(student_logits=student_logits, teacher_logits=teacher_logits)
    return masked_mean(per_token, mask).to(student_logits.dtype)


def masked_mean(per_token: Tensor, mask: Tensor | None) -> Tensor:
    """Σ over the tokens that count / their number; 0 where none does."""
    if mask is None:
        return per_token.mean()
    return torch.where(mask, per_token, 0.0).sum() / mask.sum().clamp_min(1)


def require_sequences(student_logits: Tensor, teacher_logits: Tensor) -> None:
    """Refuse two logit tensors that do not describe the same tokens and vocabulary."""
    require_floating("student_logits", student_logits)
    require_floating("teacher_logits", teacher_logits)
    if student_logits.ndim != 3 or student_logits.shape != teacher_logits.shape or student_logits.numel() == 0:
        raise ValueError(
            f"teacher_logits has shape {tuple(teacher_logits.shape)}, student_logits {tuple(student_logits.shape)}: "
            "both need (B, L, V), none empty"
        )
    if student_logits.device != teacher_logits.device:
        raise ValueError(
            f"teacher_logits is on {teacher_logits.device}, student_logits on {student_logits.device}: "
            "both need the same device"
        )
