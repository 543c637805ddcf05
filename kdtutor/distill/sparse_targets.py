"""Few probabilities a sample instead of all C ("entropy-sparse distillation"): what is kept, and where the rest goes.

A teacher's row keeps a set K of its most probable classes. Their probabilities sum to less than 1, and the missing
mass r = 1 - Σ_{c∈K} p_c must go somewhere. Three rules, each with a consequence:

rest         one extra bucket holds r. The loss never exceeds the full KL (data processing inequality), and its
             minimum leaves the student free to share r among the other classes.
renormalise  r is dropped and the kept entries divided by 1 - r. The targets are too confident; the minimum puts no
             mass on any other class, and the loss bounds nothing.
spread       r is shared equally by the classes left out: a full distribution again, smoothed in its tail.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kdtutor.distill.arguments import refuse_nan, require_floating, require_temperature
from kdtutor.distill.log_probabilities import Reduction, log_softened, reduced
from kdtutor.distill.regime_arguments import require_rows, require_whole

MissingMass = Literal["rest", "renormalise", "spread"]


@dataclass(frozen=True)
class SparseTargets:
    """A teacher's softened rows, shortened: `probs[n, j]` is the probability of class `classes[n, j]`.

    classes: (N, k), the smallest of uint8, int16, int32 that holds a class index; most probable class first.
    probs: (N, k); 0 marks a place that is not in use (nucleus rows differ in length). rest: (N,), the missing mass.
    temperature is the one they were softened with, `missing` the rule that the loss follows, num_classes is C.
    """

    classes: Tensor
    probs: Tensor
    rest: Tensor
    num_classes: int
    temperature: float
    missing: MissingMass

    def __len__(self) -> int:
        return len(self.probs)

    def __getitem__(self, samples: Tensor | slice) -> "SparseTargets":
        """The targets of some samples: what a training step takes from those stored for the whole set."""
        return SparseTargets(
            self.classes[samples],
            self.probs[samples],
            self.rest[samples],
            self.num_classes,
            self.temperature,
            self.missing,
        )


def topk_targets(
    teacher_logits: Tensor,
    k: int,
    temperature: float = 4.0,
    *,
    missing: MissingMass = "rest",
    dtype: torch.dtype | None = None,
) -> SparseTargets:
    """The k most probable classes of softmax(z_t / T) in each row, and the mass of all others.

    teacher_logits: (N, C). k from 1 to C. missing: "rest", "renormalise" or "spread", see the head of this file.
    dtype: of the stored probabilities, by default the teacher's; float16 halves the bytes of float32.
    Returns SparseTargets on the teacher's device, without gradient.
    Raises TypeError for integer logits, ValueError for k outside 1..C, T <= 0, an unknown rule, NaN (on the CPU).
    Source: Tan et al., "Multilingual Neural Machine Translation with Knowledge Distillation", section 3, 2019 (top-k).
    """
    probs, classes = _sorted_softened(teacher_logits, temperature)
    C = teacher_logits.shape[1]
    require_whole("k", k, 1)
    if k > C:
        raise ValueError(f"k is {k}: with {C} classes it needs to be 1 to {C}")
    return _store(probs[:, :k], classes, probs[:, k:].sum(-1), C, temperature, missing, dtype or teacher_logits.dtype)


def nucleus_targets(
    teacher_logits: Tensor,
    mass: float,
    temperature: float = 4.0,
    *,
    missing: MissingMass = "rest",
    dtype: torch.dtype | None = None,
) -> SparseTargets:
    """The fewest classes of softmax(z_t / T) that hold at least `mass` of each row: unsure rows keep more of them.

    mass in (0, 1]. Rows are stored side by side, as wide as the longest; unused places have probability 0. Deciding
    that width reads one number back from a GPU, so build the targets once, not in every step.
    Other arguments, result and errors as `topk_targets`.
    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", section 3.1, 2020 (the nucleus).
    """
    probs, classes = _sorted_softened(teacher_logits, temperature)
    if not 0 < mass <= 1:
        raise ValueError(f"mass is {mass}: the share of each row to keep lies above 0 and at most 1")
    before = probs.cumsum(-1) - probs
    keep = before < mass
    keep[:, 0] = True
    width = int(keep.sum(-1).max())
    kept = probs.masked_fill(~keep, 0.0)
    rest = probs.masked_fill(keep, 0.0).sum(-1)
    C = teacher_logits.shape[1]
    return _store(kept[:, :width], classes, rest, C, temperature, missing, dtype or teacher_logits.dtype)


def sparse_kd_loss(student_logits: Tensor, targets: SparseTargets, *, reduction: Reduction = "batchmean") -> Tensor:
    """T² · KL(targets ‖ p_s(T)) on shortened targets, at the targets' own temperature.

    rest: T² [Σ_{c∈K} p_c log(p_c / s_c) + r log(r / (1 - Σ_{c∈K} s_c))], a lower bound of `kd_loss` on the full rows.
    renormalise: T² Σ_{c∈K} p̃_c log(p̃_c / s_c) with p̃ = p / (1 - r). spread: T² KL to the smoothed full row.

    student_logits: (N, C), rows in the order of the targets. Returns a scalar in nats ("none": (N,)), in the student's
    dtype and on its device. Probabilities stored in half precision are divided by their sum first, so the loss is never
    negative; the bound then holds for the teacher as rounded.
    Raises TypeError for integer logits, ValueError for shapes or devices that differ, NaN (on the CPU).
    Source: the bound is the log sum inequality, Cover, Thomas, "Elements of Information Theory", section 2.7, 2006,
    applied to the classes outside K: merging classes never makes two distributions easier to tell apart.
    """
    _require_match(student_logits, targets)
    log_s = log_softened(student_logits, targets.temperature)
    classes = targets.classes.long()
    p, r = targets.probs.to(log_s.dtype), targets.rest.to(log_s.dtype)
    total = p.sum(-1) + r
    p, r = p / total.unsqueeze(-1), r / total
    per_row = _kl_term(p, log_s.gather(-1, classes)).sum(-1)
    if targets.missing != "renormalise":
        # A class counts as kept where its stored probability is above 0; without any rest nothing is merged.
        left_out = torch.ones_like(log_s, dtype=torch.bool).scatter(-1, classes, p <= 0)
        left_out = left_out | (r <= 0).unsqueeze(-1)
        if targets.missing == "rest":
            per_row = per_row + _kl_term(r, log_s.masked_fill(~left_out, -torch.inf).logsumexp(-1))
        else:
            share = r / left_out.sum(-1)
            each = torch.where(left_out, share.unsqueeze(-1), 0.0)
            per_row = per_row + _kl_term(each, log_s).sum(-1)
    per_row = per_row * targets.temperature**2
    return reduced(per_row, reduction).to(student_logits.dtype)


def bytes_per_sample(targets: SparseTargets, *, ragged: bool = False) -> float:
    """Bytes that one sample's targets take: class indices, probabilities and, where the rule needs it, the rest.

    ragged=False counts the tensors as they are held, padding included. ragged=True counts the places in use plus one
    16-bit length a row, what a file of rows of their own lengths would take. Beside it: full logits take C numbers.
    """
    entry = targets.classes.element_size() + targets.probs.element_size()
    rest = 0 if targets.missing == "renormalise" else targets.rest.element_size()
    if not ragged:
        return float(targets.probs.shape[1] * entry + rest)
    lengths = 2
    return float((targets.probs > 0).sum()) / len(targets) * entry + rest + lengths


def _sorted_softened(teacher_logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    require_rows("teacher_logits", teacher_logits)
    require_temperature(temperature)
    # Stable, so that equally probable classes stay in their order on every device.
    log_p, classes = log_softened(teacher_logits.detach(), temperature).sort(stable=True, dim=-1, descending=True)
    return log_p.exp(), classes


def _store(
    probs: Tensor,
    classes: Tensor,
    rest: Tensor,
    num_classes: int,
    temperature: float,
    missing: MissingMass,
    dtype: torch.dtype,
) -> SparseTargets:
    if missing not in ("rest", "renormalise", "spread"):
        raise ValueError(f"missing is {missing!r}: one of 'rest', 'renormalise', 'spread' is needed")
    if not dtype.is_floating_point:
        raise TypeError(f"dtype is {str(dtype).removeprefix('torch.')}: probabilities are stored as floating point")
    if missing == "renormalise":
        probs, rest = probs / probs.sum(-1, keepdim=True), torch.zeros_like(rest)
    index = torch.uint8 if num_classes <= 2**8 else torch.int16 if num_classes <= 2**15 else torch.int32
    return SparseTargets(
        classes[:, : probs.shape[1]].to(index).contiguous(),
        probs.to(dtype).contiguous(),
        rest.to(dtype),
        num_classes,
        float(temperature),
        missing,
    )


def _kl_term(p: Tensor, log_q: Tensor) -> Tensor:
    """p (log p - log q), 0 where p is 0, also where q is 0 too."""
    return torch.special.xlogy(p, p) - p * torch.where(p > 0, log_q, 0.0)


def _require_match(student_logits: Tensor, targets: SparseTargets) -> None:
    require_floating("student_logits", student_logits)
    wanted = (len(targets), targets.num_classes)
    if student_logits.shape != wanted:
        raise ValueError(
            f"student_logits has shape {tuple(student_logits.shape)}, the targets describe (N, C) = {wanted}"
        )
    if student_logits.device != targets.probs.device:
        raise ValueError(
            f"targets are on {targets.probs.device}, student_logits on {student_logits.device}: one device"
        )
    refuse_nan(student_logits=student_logits)
