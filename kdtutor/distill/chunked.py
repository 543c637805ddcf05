"""The distillation loss of a large vocabulary, from hidden states: the logits of all tokens never exist at once."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.distill.arguments import require_count, require_floating, require_mask, require_temperature
from kdtutor.distill.log_probabilities import at_least_float32
from kdtutor.distill.logits import Direction, kd_loss

LOGITS_AT_ONCE = 2**21

Part = tuple[Tensor, Tensor, Tensor | None]


def chunked_kd_loss(
    student_hidden: Tensor,
    student_head: Tensor,
    teacher_hidden: Tensor,
    teacher_head: Tensor,
    temperature: float = 4.0,
    *,
    student_bias: Tensor | None = None,
    teacher_bias: Tensor | None = None,
    mask: Tensor | None = None,
    direction: Direction = "forward",
    chunk: int | None = None,
) -> Tensor:
    """kd_loss(h_s W_sᵀ + b_s, h_t W_tᵀ + b_t, T), averaged over the tokens that count, a chunk of tokens at a time.

    A chunk's logits are made, compared, differentiated and dropped before the next chunk's: beside the gradients of
    hidden states and head, memory holds (chunk, V) logits instead of (tokens, V). The gradients are found on the way
    forward, so the backward pass only scales them; differentiating them again is refused.

    student_hidden: (..., D_s), teacher_hidden: (..., D_t), the same leading axes. student_head: (V, D_s), teacher_head:
    (V, D_t), the weights of the last Linear; student_bias, teacher_bias: (V,), where -inf rules a token out.
    mask: leading axes, bool, True where a token counts. chunk: tokens at a time; by default about two million logits.
    Logits are formed in the dtype of hidden states and head, compared in float32 at least. Returns a scalar in nats a
    token, in the student's dtype and on its device; with no token left exactly 0. Gradients reach the student's hidden
    states, head and bias, never the teacher's.
    Raises TypeError for integer tensors or a mask that is not bool, ValueError for shapes or dtypes that do not fit,
    T <= 0, an unknown direction, chunk < 1, NaN (on the CPU).
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015 (the loss); Hsu et
    al., "Liger Kernel: Efficient Triton Kernels for LLM Training", 2024 (head and loss by chunks).
    """
    _require_model("student", student_hidden, student_head, student_bias)
    _require_model("teacher", teacher_hidden, teacher_head, teacher_bias)
    if student_hidden.shape[:-1] != teacher_hidden.shape[:-1]:
        raise ValueError(
            f"teacher_hidden has shape {tuple(teacher_hidden.shape)}, student_hidden {tuple(student_hidden.shape)}: "
            "both need the same tokens, (..., D)"
        )
    if len(student_head) != len(teacher_head):
        raise ValueError(
            f"teacher_head has shape {tuple(teacher_head.shape)}, student_head {tuple(student_head.shape)}: both need "
            "the same vocabulary, (V, D); pad the smaller with rows of zeros and a bias of -inf"
        )
    require_temperature(temperature)
    if chunk is None:
        chunk = max(1, LOGITS_AT_ONCE // len(student_head))
    require_count("chunk", chunk)
    if mask is not None:
        require_mask(mask, student_hidden.shape[:-1], "student_hidden")
        student_hidden, teacher_hidden = student_hidden[mask], teacher_hidden[mask]
    student_hidden, teacher_hidden = (h.reshape(-1, h.shape[-1]) for h in (student_hidden, teacher_hidden))
    student = (student_hidden, student_head, student_bias)
    teacher = tuple(None if x is None else x.detach() for x in (teacher_hidden, teacher_head, teacher_bias))
    differentiate = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in student)
    return _ChunkedKD.apply(*student, *teacher, temperature, direction, chunk, differentiate).to(student_hidden.dtype)


class _ChunkedKD(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        h_s: Tensor,
        W_s: Tensor,
        b_s: Tensor | None,
        h_t: Tensor,
        W_t: Tensor,
        b_t: Tensor | None,
        temperature: float,
        direction: Direction,
        chunk: int,
        differentiate: bool,
    ) -> Tensor:
        wanted = tuple(need and differentiate for need in ctx.needs_input_grad[:3])
        total, ctx.sums = _by_chunks((h_s, W_s, b_s), (h_t, W_t, b_t), wanted, temperature, direction, chunk)
        ctx.save_for_backward(h_s, W_s, b_s, h_t, W_t, b_t)
        ctx.settings = wanted, temperature, direction, chunk
        return total / max(1, len(h_s))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise NotImplementedError(
                "chunked_kd_loss has no second derivative (create_graph=True): kd_loss of all logits at once has"
            )
        # The sums are handed on and scaled in place; a second pass over a retained graph makes them anew.
        sums, ctx.sums = ctx.sums, None
        student, teacher = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
        if sums is None:
            sums = _by_chunks(student, teacher, *ctx.settings)[1]
        # The mean's 1/tokens comes last, in float32: half precision would lose most of a large vocabulary's gradient.
        scale = upstream / max(1, len(student[0]))
        gradients = [None if g is None else g.mul_(scale).to(x.dtype) for g, x in zip(sums, student, strict=True)]
        return *gradients, *[None] * 7


def _by_chunks(
    student: Part, teacher: Part, wanted: tuple[bool, ...], temperature: float, direction: Direction, chunk: int
) -> tuple[Tensor, list[Tensor | None]]:
    """Σ over tokens of T² · D(p_t, p_s), and its gradients by hidden states, head and bias where wanted."""
    (h_s, W_s, b_s), (h_t, W_t, b_t) = student, teacher
    total = at_least_float32(h_s.new_zeros(()))
    sums = [
        torch.zeros_like(at_least_float32(x)) if need and x is not None else None
        for x, need in zip(student, wanted, strict=True)
    ]
    for start in range(0, len(h_s), chunk):
        rows = slice(start, start + chunk)
        with torch.no_grad():
            z_s = at_least_float32(F.linear(h_s[rows], W_s, b_s)).requires_grad_(any(wanted))
            z_t = F.linear(h_t[rows], W_t, b_t)
        with torch.set_grad_enabled(any(wanted)):
            loss = kd_loss(z_s, z_t, temperature, direction=direction, reduction="sum")
        total += loss.detach()
        if any(wanted):
            (grad_z,) = torch.autograd.grad(loss, z_s)
            with torch.no_grad():
                _add_gradients(sums, rows, grad_z.to(h_s.dtype), h_s[rows], W_s)
    return total, sums


def _add_gradients(sums: list[Tensor | None], rows: slice, grad_z: Tensor, h: Tensor, W: Tensor) -> None:
    """∂/∂h = (∂/∂z) W for these rows; ∂/∂W = (∂/∂z)ᵀ h and ∂/∂b = Σ ∂/∂z, added to what the rows before gave."""
    sum_h, sum_W, sum_b = sums
    if sum_h is not None:
        sum_h[rows] = grad_z @ W
    if sum_W is not None and sum_W.dtype == grad_z.dtype:
        sum_W.addmm_(grad_z.T, h)
    elif sum_W is not None:
        sum_W += grad_z.T @ h
    if sum_b is not None:
        sum_b += grad_z.sum(0, dtype=sum_b.dtype)


def _require_model(who: str, hidden: Tensor, head: Tensor, bias: Tensor | None) -> None:
    """Refuse hidden states, head and bias that do not make logits together."""
    for part, tensor in (("hidden", hidden), ("head", head), ("bias", bias)):
        if tensor is not None:
            require_floating(f"{who}_{part}", tensor)
    if hidden.ndim < 1 or head.ndim != 2 or hidden.shape[-1] != head.shape[1] or len(head) == 0:
        raise ValueError(
            f"{who}_hidden has shape {tuple(hidden.shape)}, {who}_head {tuple(head.shape)}: (..., D) and (V, D) needed"
        )
    if bias is not None and bias.shape != head.shape[:1]:
        raise ValueError(f"{who}_bias has shape {tuple(bias.shape)}: ({len(head)},) is needed, one entry a token of V")
    if any(x is not None and (x.dtype != hidden.dtype or x.device != hidden.device) for x in (head, bias)):
        raise ValueError(f"{who}_hidden, {who}_head and {who}_bias differ in dtype or device: all need the same")
