"""A vocabulary so large that the logits of all tokens should never exist at once."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_10_language.shared import Case, Generator, forward_terms
from kdtutor.measure import peak_memory

Sum = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _chunked_kd_loss(
    student_hidden: Tensor, student_head: Tensor, teacher_hidden: Tensor, teacher_head: Tensor, chunk: int
) -> Tensor:
    return distill.chunked_kd_loss(student_hidden, student_head, teacher_hidden, teacher_head, 1.0, chunk=chunk)


def _models(g: Generator, tokens: int, V: int, narrow: int = 3, wide: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        logits(g, tokens, narrow, scale=1.0), logits(g, V, narrow, scale=1.0),
        logits(g, tokens, wide, scale=1.0), logits(g, V, wide, scale=1.0),
    )  # fmt: skip


def _cases(g: Generator) -> list[Case]:
    return [
        (*_models(g, tokens, V), chunk) for tokens, V, chunk in ((7, 11, 3), (8, 5, 4), (1, 6, 2), (9, 4, 2), (5, 9, 1))
    ]


def _with_gradients(f: Solution, h_s: Tensor, W_s: Tensor, *rest: Any) -> dict[str, Any]:
    h_s, W_s = (x.detach().clone().requires_grad_() for x in (h_s, W_s))
    value = f(h_s, W_s, *rest)
    if not isinstance(value, Tensor) or not value.requires_grad or value.ndim:
        return {"value": value}
    found = torch.autograd.grad(value, (h_s, W_s), allow_unused=True)
    names = ("gradient by the hidden states", "gradient by the head")
    return {"value": value.detach()} | {
        name: torch.zeros_like(of) if g is None else g for name, g, of in zip(names, found, (h_s, W_s), strict=True)
    }


# --- laws: how much a chunked loss may hold at once ------------------------------------------------------------------------

TOKENS, VOCABULARY, CHUNK = 128, 600, 8


def _held(f: Solution, g: Generator, backward: bool) -> float:
    """The most memory at once, as a share of one tensor of logits, (TOKENS, VOCABULARY)."""
    h_s, W_s, h_t, W_t = _models(g, TOKENS, VOCABULARY)

    def run() -> None:
        if backward:
            f(h_s.requires_grad_(), W_s.requires_grad_(), h_t, W_t, CHUNK).backward()
        else:
            with torch.no_grad():
                f(h_s, W_s, h_t, W_t, CHUNK)

    return peak_memory(run) / (4 * TOKENS * VOCABULARY)


def _teacher_is_left_alone(f: Solution, g: Generator) -> bool:
    parts = [x.requires_grad_() for x in _models(g, 6, 8)]
    f(*parts, 4).backward()
    return all(x.grad is None or bool((x.grad == 0).all()) for x in parts[2:])


def _chunks_do_not_matter(f: Solution, g: Generator) -> bool:
    parts = _models(g, 10, 6)
    return near(f(*parts, 3), f(*parts, 10))


# --- ways to compute it -----------------------------------------------------------------------------------------------


def _sum(h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor) -> Tensor:
    return forward_terms(F.linear(h_s, W_s), F.linear(h_t, W_t)).sum()


def _made_of(
    part: Callable[..., Tensor] = lambda *x: checkpoint(_sum, *x, use_reentrant=False),
    divisor: Callable[[int, int], float] = lambda tokens, chunk: tokens,
    whole_chunks: bool = False,
    means: bool = False,
) -> Solution:
    """The loop over chunks with one of its parts exchanged."""

    def loss(h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor, chunk: int) -> Tensor:
        tokens = len(h_s)
        starts = range(0, max(tokens - tokens % chunk, min(tokens, chunk)) if whole_chunks else tokens, chunk)
        total = h_s.sum() * 0
        for start in starts:
            rows = slice(start, start + chunk)
            value = part(h_s[rows], W_s, h_t[rows], W_t)
            total = total + (value / len(h_s[rows]) if means else value)
        return total / (len(starts) if means else divisor(tokens, chunk))

    return loss


def _all_at_once(h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor, chunk: int) -> Tensor:
    return _sum(h_s, W_s, h_t, W_t) / len(h_s)


def _reverse_sum(h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor) -> Tensor:
    log_s, log_t = F.linear(h_s, W_s).log_softmax(-1), F.linear(h_t, W_t).detach().log_softmax(-1)
    return (log_s.exp() * (log_s - log_t)).sum()


def _with_teacher_sum(h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor) -> Tensor:
    log_s, log_t = F.linear(h_s, W_s).log_softmax(-1), F.linear(h_t, W_t).log_softmax(-1)
    return (log_t.exp() * (log_t - log_s)).sum()


def _vocabulary_in_chunks(h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor, chunk: int) -> Tensor:
    """A softmax for every piece of the vocabulary."""
    total = h_s.sum() * 0
    for start in range(0, len(W_s), chunk):
        rows = slice(start, start + chunk)
        total = total + checkpoint(_sum, h_s, W_s[rows], h_t, W_t[rows], use_reentrant=False)
    return total / len(h_s)


class _OnTheWay(torch.autograd.Function):
    """The gradients found chunk by chunk on the way forward, and scaled on the way back."""

    @staticmethod
    def forward(ctx: Any, h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor, chunk: int) -> Tensor:
        total, by_hidden, by_head = torch.zeros(()), torch.zeros_like(h_s), torch.zeros_like(W_s)
        for start in range(0, len(h_s), chunk):
            rows = slice(start, start + chunk)
            log_s, log_t = F.linear(h_s[rows], W_s).log_softmax(-1), F.linear(h_t[rows], W_t).log_softmax(-1)
            total += (log_t.exp() * (log_t - log_s)).sum()
            by_logits = log_s.exp() - log_t.exp()
            by_hidden[rows] = by_logits @ W_s
            by_head += by_logits.t() @ h_s[rows]
        ctx.save_for_backward(by_hidden, by_head)
        ctx.tokens = len(h_s)
        return total / len(h_s)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        return *(upstream[0] / ctx.tokens * g for g in ctx.saved_tensors), None, None, None


def _carried_by_a_surrogate(h_s: Tensor, W_s: Tensor, h_t: Tensor, W_t: Tensor, chunk: int) -> Tensor:
    """The value, and beside it inner products with the gradients, which add 0 to it."""
    leaves = [x.detach().requires_grad_() for x in (h_s, W_s)]
    total: float | Tensor = 0.0
    for start in range(0, len(h_s), chunk):
        rows = slice(start, start + chunk)
        with torch.enable_grad():
            part = _sum(leaves[0][rows], leaves[1], h_t[rows].detach(), W_t.detach()) / len(h_s)
        part.backward()
        total += part.item()
    for x, leaf in zip((h_s, W_s), leaves, strict=True):
        assert leaf.grad is not None
        total = total + ((x - x.detach()) * leaf.grad).sum()
    return torch.as_tensor(total)


chunked_kd_loss = Exercise(
    reference=_chunked_kd_loss,
    observe=_with_gradients,
    inputs=_cases,
    laws=[
        Law("gives the same for every size of chunk", _chunks_do_not_matter, "A chunk is a way to compute the mean, no part of it."),
        Law("gives the teacher no gradient", _teacher_is_left_alone,
            "The teacher is what the student is measured by. Which method takes a tensor out of the graph?"),
        Law("never holds the logits of all tokens", lambda f, g: _held(f, g, backward=False) < 0.8,
            "Make a chunk's logits from a chunk's hidden states, inside the loop."),
        Law("never holds them while it is differentiated either", lambda f, g: _held(f, g, backward=True) < 1.3,
            "Autograd keeps what each chunk needs for the way back. torch.utils.checkpoint makes it anew instead."),
    ],
    mistakes=[
        Mistake("all at once", _all_at_once,
                "The value is right, and the logits of all tokens exist together. Form them chunk by chunk.", only_at_home=True),
        Mistake("chunks kept for the way back", _made_of(_sum),
                "The value is right and the loop saves memory while nothing is differentiated. In training autograd keeps every "
                "chunk's logits until the end, all of them together.", only_at_home=True),
        Mistake("a mean of means", _made_of(means=True),
                "Right where the chunks are equally long. A token of a short last chunk counts more: add up, divide once."),
        Mistake("last chunk left out", _made_of(whole_chunks=True),
                "Right where the chunk divides the number of tokens. Otherwise the last, shorter chunk is missing."),
        Mistake("not averaged", _made_of(divisor=lambda tokens, chunk: 1), "You return the sum over tokens. Per token is asked for."),
        Mistake("divided by the chunk", _made_of(divisor=lambda tokens, chunk: chunk),
                "You divide by the size of a chunk. The mean is over all tokens."),
        Mistake("vocabulary in chunks", _vocabulary_in_chunks,
                "You cut the vocabulary into chunks and normalise each for itself. A softmax needs the whole row: cut the tokens."),
        Mistake("directions swapped", _made_of(lambda *x: checkpoint(_reverse_sum, *x, use_reentrant=False)),
                "Your expectation is taken under the student. The forward divergence is asked for."),
        Mistake("no gradient", lambda *x: _chunked_kd_loss(*x).detach(),
                "The value is right, and no gradient reaches the student. Is there a no_grad or an item() on the way?"),
        Mistake("head held constant", _made_of(lambda h, W, *x: checkpoint(_sum, h, W.detach(), *x, use_reentrant=False)),
                "The hidden states get their gradient and the head gets none. In a language model the head is the larger half."),
        Mistake("teacher in the graph", _made_of(lambda *x: checkpoint(_with_teacher_sum, *x, use_reentrant=False)),
                "The values are right, but a gradient reaches the teacher: an optimiser that holds it would move it."),
    ],
    styles={
        "checkpointed chunks": _made_of(),
        "an autograd function of its own": lambda *x: _OnTheWay.apply(*x),
        "gradients carried by a surrogate": _carried_by_a_surrogate,
    },
    hints=(
        "Write a function that returns the sum of one chunk's divergences from its hidden states and the two heads.",
        "A loop over slices of chunk tokens adds those sums; divide by the number of tokens at the end. Then ask what autograd "
        "remembers of each chunk.",
        "torch.utils.checkpoint.checkpoint(function, *arguments, use_reentrant=False) calls the function, forgets what happened "
        "inside, and calls it again on the way back.",
    ),
)  # fmt: skip
