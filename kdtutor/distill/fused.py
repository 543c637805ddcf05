"""KL(p_t(T) ‖ p_s(T)) of logits in as little time as they allow: large ones a cache-sized block of rows at a time.

Composed of torch's functions, the loss writes some ten arrays of the logits' size to memory and reads them back; that
traffic, not the arithmetic, is its cost. Here a block of rows passes through all steps while it is in the cache, and
only the gradient leaves it: ∂KL/∂z_s = (p_s - p_t) / T.

Blocks serve plain CPU tensors. Small ones are in the cache anyway: what they cost is each call of torch, and the
fewest are made. Both give NaN, 0 · (∞ - ∞), for a class that -inf rules out of both logits. Such logits and all other
tensors take the careful way, under torch.func.vmap too, where a function with a backward pass of its own costs more
than the traffic saved.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad

from kdtutor.distill.arguments import refuse_nan_of_rows, values_are_readable
from kdtutor.distill.log_probabilities import kl_terms, log_softened

ELEMENTS_PER_THREAD = 2**18
WORTH_BLOCKS = 2**18  # elements


def softened_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """KL(p_t(T) ‖ p_s(T)) of each row, (N,), in float32 at least; differentiable, any number of times, by the student.

    student_logits, teacher_logits: (N, C). ValueError for NaN (on the CPU).
    """
    if _are_plain(student_logits, teacher_logits):
        few = student_logits.numel() < WORTH_BLOCKS
        per_row = (_at_once if few else _blockwise)(student_logits, teacher_logits, temperature)
        if not bool(per_row.isnan().any()):
            return per_row
    per_row = kl_terms(log_softened(teacher_logits, temperature), log_softened(student_logits, temperature)).sum(-1)
    refuse_nan_of_rows(per_row, student_logits=student_logits, teacher_logits=teacher_logits)
    return per_row


def _are_plain(student_logits: Tensor, teacher_logits: Tensor) -> bool:
    """CPU tensors of one precision, not compiled, transformed or dual."""
    pair = (student_logits, teacher_logits)
    return (
        values_are_readable(*pair)
        and all(type(z) in (Tensor, torch.nn.Parameter) for z in pair)
        and _precision(student_logits) == _precision(teacher_logits)
        and all(forward_ad.unpack_dual(z).tangent is None for z in pair)
    )


def _at_once(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    log_p_s, log_p_t = log_softened(student_logits, temperature), log_softened(teacher_logits, temperature)
    return F.kl_div(log_p_s, log_p_t, reduction="none", log_target=True).sum(-1)


def _blockwise(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    if torch.is_grad_enabled() and student_logits.requires_grad:
        return _SoftenedKL.apply(student_logits, teacher_logits, temperature)
    return _by_blocks(student_logits, teacher_logits, temperature, with_gradient=False)[0]


class _SoftenedKL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
        kl, ctx.difference = _by_blocks(student_logits, teacher_logits, temperature, with_gradient=True)
        ctx.save_for_backward(student_logits, teacher_logits)
        ctx.temperature = temperature
        return kl

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        scale = (upstream / ctx.temperature).unsqueeze(1)
        if torch.is_grad_enabled():
            p_s, p_t = (torch.softmax(z.to(scale.dtype) / ctx.temperature, dim=-1) for z in ctx.saved_tensors)
            return (p_s - p_t) * scale, None, None
        # The difference is handed on and scaled in place; a second pass over a retained graph makes it anew.
        difference, ctx.difference = ctx.difference, None
        if difference is None:
            student_logits, teacher_logits = ctx.saved_tensors
            difference = _by_blocks(student_logits, teacher_logits, ctx.temperature, with_gradient=True)[1]
        return difference.mul_(scale), None, None


def _by_blocks(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float, with_gradient: bool
) -> tuple[Tensor, Tensor | None]:
    """KL of each row, (N,), and p_s - p_t, (N, C), where it is wanted."""
    (N, C), dtype = student_logits.shape, _precision(student_logits)
    height = min(N, max(1, ELEMENTS_PER_THREAD * torch.get_num_threads() // C))
    kl = student_logits.new_empty(N, dtype=dtype)
    difference = student_logits.new_empty(N, C, dtype=dtype) if with_gradient else None
    scratch = student_logits.new_empty(2, 2, height, C, dtype=dtype)
    with torch.no_grad():
        for start in range(0, N, height):
            rows = slice(start, min(start + height, N))
            z, p = scratch[:, :, : rows.stop - start]
            torch.stack((student_logits[rows], teacher_logits[rows]), out=z)
            z.sub_(z.amax(-1, keepdim=True)).div_(temperature)
            torch.softmax(z, dim=-1, out=p)
            log_largest = p.amax(-1).log_()  # where z is 0, so that log p = z + log_largest: one exp a class, not two
            (z_s, z_t), (p_s, p_t), (log_s, log_t) = z, p, log_largest
            if difference is not None:
                torch.sub(p_s, p_t, out=difference[rows])
            torch.sum(z_t.sub_(z_s).mul_(p_t), -1, out=kl[rows]).add_(log_t).sub_(log_s)
    return kl, difference


def _precision(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)
