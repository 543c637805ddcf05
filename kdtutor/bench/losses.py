"""The distillation loss by itself: its time against torch's, its memory where the vocabulary is large."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.bench.agreement import require_agreement
from kdtutor.bench.case import Case, Measurement, Setting
from kdtutor.bench.common_loop import common_kd_loss
from kdtutor.bench.pairs import compare_times
from kdtutor.bench.row import Spread
from kdtutor.distill import chunked_kd_loss, kd_loss
from kdtutor.measure import peak_memory

T = 4.0
Loss = Callable[[Tensor, Tensor, float], Tensor]


def against_kl_div(setting: Setting) -> Measurement:
    """kd_loss forward and backward, 4096 × 1000, against the eager `F.kl_div`."""
    z_s, z_t = _logits(setting, setting.size((4096, 1000), (64, 100)), torch.float32)
    require_agreement(_gradient(kd_loss, z_s, z_t), _gradient(common_kd_loss, z_s, z_t), 1e-5, "kd_loss's gradient")
    return compare_times(
        setting,
        lambda: _gradient(kd_loss, z_s, z_t),
        lambda: _gradient(common_kd_loss, z_s, z_t),
        least=_least(setting, z_s),
        note="limit: both logits read, one gradient written",
    )


def against_copy(setting: Setting, compiled: bool, dtype: torch.dtype, shape: tuple[int, int]) -> Measurement:
    """kd_loss forward and backward against copying as many bytes as it must move: 0.75 copies of all three tensors."""
    z_s, z_t = _logits(setting, setting.size(shape, (64, 128)), dtype)
    loss: Loss = torch.compile(kd_loss, dynamic=False) if compiled else kd_loss
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    require_agreement(_gradient(loss, z_s, z_t), _gradient(common_kd_loss, z_s, z_t), tolerance, "kd_loss's gradient")
    # Two tensors read and one written are as many bytes as a copy of one and a half.
    source = torch.empty(3 * z_s.numel() // 2, dtype=dtype, device=setting.device).normal_()
    target = torch.empty_like(source)
    return compare_times(
        setting,
        lambda: _gradient(loss, z_s, z_t),
        lambda: target.copy_(source),
        least=_least(setting, z_s),
        note=f"{len(z_s)} × {z_s.shape[1]}, {_name(dtype)}; at most 1.25 is 80 % of the copy's bandwidth",
    )


def chunked_memory(setting: Setting) -> Measurement:
    """Peak extra memory of the chunked loss against the plain one, forward and backward, in megabytes."""
    chunked, plain, head = _heads(setting)
    mine, theirs = (peak_memory(run, setting.device) / 1e6 for run in (chunked, plain))
    ratio = mine / theirs
    least = (head.nbytes + head.shape[1] * tokens(setting) * head.element_size()) / 1e6
    return Measurement(
        "MB",
        mine,
        theirs,
        Spread(ratio, ratio, ratio, 1),
        least,
        note="limit: the gradients of hidden states and head alone",
    )


def chunked_time(setting: Setting) -> Measurement:
    """Time of the chunked loss against the plain one."""
    chunked, plain, head = _heads(setting)
    # Logits of two models, the gradient by hidden states and the gradient by the head: four products.
    operations = 4 * 2 * tokens(setting) * head.numel()
    least = setting.ceilings.least_seconds(operations=operations, dtype=_gemm(head.dtype))
    return compare_times(setting, chunked, plain, least=least, warmup=1)  # both ran while they were compared


def head_task(setting: Setting) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hidden states (tokens, D) and heads (V, D) of student and teacher; the student's take gradients."""
    gpu = setting.device.type == "cuda"
    dtype = torch.bfloat16 if gpu else torch.float32
    V, D = setting.size((128_256, 4096) if gpu else (32_000, 512), (500, 16))
    generator = torch.Generator(setting.device).manual_seed(0)

    def draw(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(*shape, generator=generator, device=setting.device, dtype=dtype)

    h_s, h_t = draw(tokens(setting), D), draw(tokens(setting), D)
    W_s, W_t = draw(V, D, scale=D**-0.5), draw(V, D, scale=D**-0.5)
    return h_s.requires_grad_(), W_s.requires_grad_(), h_t, W_t


def tokens(setting: Setting) -> int:
    """How many tokens the losses of a large vocabulary are measured with."""
    return setting.size(8192 if setting.device.type == "cuda" else 2048, 50)


def _heads(setting: Setting) -> tuple[Callable[[], object], Callable[[], object], Tensor]:
    """The chunked and the plain loss with their backward passes, on the same numbers; they agree, or this fails."""
    h_s, W_s, h_t, W_t = head_task(setting)

    def chunked() -> tuple[Tensor, ...]:
        return torch.autograd.grad(chunked_kd_loss(h_s, W_s, h_t, W_t, T), (h_s, W_s))

    def plain() -> tuple[Tensor, ...]:
        z_t = F.linear(h_t, W_t)
        return torch.autograd.grad(kd_loss(F.linear(h_s, W_s), z_t, T), (h_s, W_s))

    tolerance = 1e-4 if h_s.dtype == torch.float32 else 0.05
    for ours, theirs in zip(chunked(), plain(), strict=True):
        require_agreement(ours, theirs, tolerance, "chunked_kd_loss's gradient")
    return chunked, plain, W_s


def _logits(setting: Setting, shape: tuple[int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    generator = torch.Generator(setting.device).manual_seed(0)
    z_s, z_t = (3 * torch.randn(shape, generator=generator, device=setting.device) for _ in range(2))
    return z_s.to(dtype).requires_grad_(), z_t.to(dtype)


def _gradient(loss: Loss, z_s: Tensor, z_t: Tensor) -> Tensor:
    return torch.autograd.grad(loss(z_s, z_t, T), z_s)[0]


def _least(setting: Setting, z: Tensor) -> float | None:
    return setting.ceilings.least_seconds(moved=3 * z.nbytes)


def _gemm(dtype: torch.dtype) -> str:
    return "bf16" if dtype == torch.bfloat16 else "fp32"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


_GPU_SHAPES = ((16384, 32768), (8192, 1000))

CASES = (
    Case(
        "losses",
        "KD loss and gradient, 4096 × 1000",
        "kd_loss",
        "F.kl_div, eager",
        against_kl_div,
        {"cpu": 0.45},
    ),
    *(
        Case(
            "losses",
            f"KD loss and gradient, {N} × {C}, {_name(dtype)}, {'compiled' if compiled else 'eager'}",
            f"kd_loss{' under torch.compile' if compiled else ''}",
            "a copy of as many bytes",
            partial(against_copy, compiled=compiled, dtype=dtype, shape=(N, C)),
            {"cuda": 1.25} if compiled and C > 1000 else {},
            ("cuda",),
        )
        for N, C in _GPU_SHAPES
        for dtype in (torch.float32, torch.bfloat16)
        for compiled in (True, False)
    ),
    Case(
        "losses",
        "KD loss of a large vocabulary, memory",
        "chunked_kd_loss: peak beyond what is held",
        "logits of all tokens, then kd_loss",
        chunked_memory,
        {"cpu": 0.2, "cuda": 0.2},
    ),
    Case(
        "losses",
        "KD loss of a large vocabulary, time",
        "chunked_kd_loss, forward and backward",
        "logits of all tokens, then kd_loss",
        chunked_time,
    ),
)
