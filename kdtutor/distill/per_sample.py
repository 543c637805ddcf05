"""Each sample its own weight or temperature, read from how sure the teacher is ("information-entropy distillation")."""

import math
from typing import Literal

import torch
from torch import Tensor

from kdtutor.distill.arguments import (
    require_floating,
    require_pair,
    require_temperature,
    values_are_readable,
)
from kdtutor.distill.log_probabilities import Reduction, at_least_float32, log_softened, reduced
from kdtutor.distill.logits import entropy, kd_loss
from kdtutor.distill.regime_arguments import require_rows

Preference = Literal["confident", "unsure"]

HALVINGS = 64


def entropy_weights(
    teacher_logits: Tensor, temperature: float = 4.0, *, prefer: Preference = "confident", strength: float = 1.0
) -> Tensor:
    """Weights from the teacher's entropy, w_n = N · softmax(∓ γ h)_n with h_n = H(p_t,n(T)) / log C in [0, 1].

    prefer="confident" (minus): rows where the teacher is sure count more; "unsure" (plus): those where it hesitates.
    γ = strength >= 0: 0 weighs all alike, and no weight is more than e^γ times another. The weights are positive and
    their mean is 1, so a weighted run spends the same budget as a plain one.

    teacher_logits: (N, C). Returns (N,) in the teacher's dtype (float32 at least) and on its device, without gradient.
    Raises TypeError for integer logits, ValueError for a shape that is not (N, C), T <= 0, a negative strength, an
    unknown preference, NaN (on the CPU).
    Source: this course's reading of a term its source article names without defining; entropy: Shannon, section 6,
    1948.
    """
    require_rows("teacher_logits", teacher_logits)
    require_temperature(temperature)
    if not (math.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength is {strength}: a finite number of zero or more is needed")
    if prefer not in ("confident", "unsure"):
        raise ValueError(f"prefer is {prefer!r}: one of 'confident', 'unsure' is needed")
    N, C = teacher_logits.shape
    H = entropy(log_softened(teacher_logits.detach(), temperature).exp())
    h = H / math.log(C) if C > 1 else H
    sign = -1.0 if prefer == "confident" else 1.0
    return N * torch.softmax(sign * strength * h, dim=0)


def entropy_temperatures(teacher_logits: Tensor, target_entropy: float) -> Tensor:
    """The temperature of each sample at which the teacher's softened entropy is H(softmax(z_n / T_n)) = target_entropy.

    The entropy grows with T from log(number of largest logits), reached at T → 0, to log(number of possible classes),
    at T → ∞. It is bisected on log T in float64 between two proven ends: below, the smallest gap divided by 750 leaves
    nothing but the largest classes in float64; above, Hoeffding's lemma gives log C - H(T) <= (G/T)² / 8 for the
    largest gap G, so T = G / sqrt(8 (log C - target)) is hot enough.

    teacher_logits: (N, C); -inf stands for a class that cannot occur. target_entropy: in nats, above 0, below log C.
    Returns (N,) in the teacher's dtype (float32 at least) and on its device, without gradient.
    Raises TypeError for integer logits, ValueError for a shape that is not (N, C), NaN, and for rows that cannot reach
    the target at any temperature (equal logits, too few classes, ties at the top), naming the first. On a GPU, where
    reading values would stall, such a row's temperature is NaN.
    Source: the bound is Hoeffding, "Probability Inequalities for Sums of Bounded Random Variables", section 4, 1963.
    """
    require_rows("teacher_logits", teacher_logits)
    if not (math.isfinite(target_entropy) and target_entropy > 0):
        raise ValueError(f"target_entropy is {target_entropy}: a positive number of nats is needed")
    z = teacher_logits.detach().double()
    gaps = z.amax(-1, keepdim=True) - z
    possible = gaps.isfinite()
    positive = possible & (gaps > 0)
    coldest = (gaps == 0).sum(-1).double().log()
    hottest = possible.sum(-1).double().log()
    reachable = (coldest < target_entropy) & (target_entropy < hottest)
    _refuse_unreachable(reachable, coldest, hottest, target_entropy)

    smallest = gaps.masked_fill(~positive, torch.inf).amin(-1)
    largest = gaps.masked_fill(~possible, 0.0).amax(-1)
    low = (smallest / 750).log()
    high = (largest / (8 * (hottest - target_entropy)).sqrt()).log()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        log_p = torch.log_softmax(-gaps / middle.exp().unsqueeze(-1), dim=-1)
        too_cold = -(log_p.exp() * log_p.masked_fill(~possible, 0.0)).sum(-1) < target_entropy
        low, high = torch.where(too_cold, middle, low), torch.where(too_cold, high, middle)
    temperatures = ((low + high) / 2).exp().masked_fill(~reachable, torch.nan)
    return temperatures.to(torch.promote_types(teacher_logits.dtype, torch.float32))


def per_sample_kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperatures: Tensor,
    weights: Tensor | None = None,
    *,
    reduction: Reduction = "batchmean",
) -> Tensor:
    """`kd_loss` with a temperature and a weight for every row: mean_n w_n T_n² KL(p_t,n(T_n) ‖ p_s,n(T_n)).

    student_logits, teacher_logits: (N, C). temperatures: (N,), positive. weights: (N,), zero or more; None: all 1.
    Returns a scalar in nats ("none": (N,)), in the student's dtype and on its device. Only the student gets a gradient.
    Raises as `kd_loss`, and ValueError for temperatures or weights of another shape, or unusable values (on the CPU).
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015, row by row.
    """
    require_pair(student_logits, teacher_logits)
    T = _one_number_a_row("temperatures", temperatures, student_logits)
    if values_are_readable(T) and not bool(((T > 0) & T.isfinite()).all()):
        raise ValueError("temperatures holds a value that is not positive and finite: it divides the logits")
    z_s = at_least_float32(student_logits) / T.unsqueeze(-1)
    z_t = at_least_float32(teacher_logits.detach()) / T.unsqueeze(-1)
    per_row = T**2 * kd_loss(z_s, z_t, 1.0, reduction="none")
    if weights is not None:
        w = _one_number_a_row("weights", weights, student_logits)
        if values_are_readable(w) and not bool(((w >= 0) & w.isfinite()).all()):
            raise ValueError("weights holds a value that is negative or not finite: each must be zero or more")
        per_row = w * per_row
    return reduced(per_row, reduction).to(student_logits.dtype)


def _one_number_a_row(name: str, values: Tensor, logits: Tensor) -> Tensor:
    require_floating(name, values)
    if values.shape != logits.shape[:1]:
        raise ValueError(
            f"{name} has shape {tuple(values.shape)}, student_logits {tuple(logits.shape)}: (N,) is needed"
        )
    return values.detach().to(device=logits.device, dtype=torch.promote_types(logits.dtype, torch.float32))


def _refuse_unreachable(reachable: Tensor, coldest: Tensor, hottest: Tensor, target: float) -> None:
    if not values_are_readable(reachable) or bool(reachable.all()):
        return
    n = int((~reachable).nonzero()[0])
    raise ValueError(
        f"target_entropy is {target:.4g} nats: row {n} of teacher_logits reaches only what lies between "
        f"{float(coldest[n]):.4g} (T → 0) and {float(hottest[n]):.4g} (T → ∞)"
    )
