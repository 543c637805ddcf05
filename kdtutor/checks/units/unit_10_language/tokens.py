"""The divergence of whole sequences, token by token, and what the division by the batch alone makes of it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_10_language.shared import (
    SHAPES,
    Case,
    Generator,
    forward_terms,
    pair,
    reverse_terms,
    teacher_is_left_alone,
    value_and_gradient,
)


def _sequence_kd(student_logits: Tensor, teacher_logits: Tensor, mask: Tensor) -> Tensor:
    return distill.generalized_js(student_logits, teacher_logits, 0.0, mask=mask)


def _mask(g: Generator, B: int, L: int) -> Tensor:
    """The first tokens of every row count, at least one and not as many in each row."""
    lengths = torch.randint(1, L + 1, (B,), generator=g)
    lengths[0] = max(1, L - 1)
    return torch.arange(L) < lengths[:, None]


def _cases(g: Generator) -> list[Case]:
    return [(*pair(g, *shape), _mask(g, *shape[:2])) for shape in (*SHAPES, (3, 6, 4))]


def _per_token(student: Tensor, teacher: Tensor) -> Tensor:
    return forward_terms(student, teacher).sum(-1)


def _nothing_from_padding(f: Solution, g: Generator) -> bool:
    student, teacher = pair(g, 2, 4, 5)
    mask = torch.tensor([[True, True, False, False], [True, False, False, False]])
    spoilt = torch.where(mask[..., None], teacher, float("nan"))
    return near(f(student, spoilt, mask), _sequence_kd(student, teacher, mask))


def _zero_without_tokens(f: Solution, g: Generator) -> bool:
    return near(f(*pair(g, 2, 3, 4), torch.zeros(2, 3, dtype=torch.bool)), 0.0)


def _zero_when_equal(f: Solution, g: Generator) -> bool:
    z, _ = pair(g, 2, 3, 6)
    return near(f(z, z.clone(), torch.ones(2, 3, dtype=torch.bool)), 0.0, 1e-5)


def _multiplied(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    return (_per_token(student, teacher) * mask).sum() / mask.sum().clamp_min(1)


def _divided_by_none(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    return _per_token(student, teacher)[mask].sum() / mask.sum()


def _teacher_in_the_graph(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    log_t = teacher.log_softmax(-1)
    terms = log_t.exp() * (log_t - student.log_softmax(-1))
    return terms.sum(-1)[mask].sum() / mask.sum().clamp_min(1)


def _row_means(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    return ((_per_token(student, teacher) * mask).sum(1) / mask.sum(1).clamp_min(1)).mean()


def _cross_entropy(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    per_token = -(teacher.softmax(-1) * student.log_softmax(-1)).sum(-1)
    return per_token[mask].sum() / mask.sum().clamp_min(1)


def _with_kl_div(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    kept = F.log_softmax(student[mask], -1), F.log_softmax(teacher[mask].detach(), -1)
    return F.kl_div(*kept, reduction="sum", log_target=True) / max(1, int(mask.sum()))


def _with_where(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    student, teacher = (torch.where(mask.unsqueeze(-1), z, torch.zeros(())) for z in (student, teacher))
    return (_per_token(student, teacher) * mask).sum() / mask.sum().clamp(min=1)


def _row_by_row(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    total, tokens = student[:, :0].sum(), 0
    for z_s, z_t, counts in zip(student, teacher, mask, strict=True):
        for position in range(len(counts)):
            if bool(counts[position]):
                p = z_t[position].detach().softmax(-1)
                log_q = z_s[position] - z_s[position].logsumexp(-1)
                total = total + (torch.special.xlogy(p, p) - p * log_q).sum()
                tokens += 1
    return total / max(tokens, 1)


sequence_kd = Exercise(
    reference=_sequence_kd,
    observe=value_and_gradient,
    inputs=_cases,
    example=(
        torch.tensor([[[0.0, 0.0], [0.0, 1.0986123]]]), torch.tensor([[[0.0, 1.0986123], [2.0, 0.0]]]),
        torch.tensor([[True, False]]),
    ),
    laws=[
        Law("is zero when student and teacher agree", _zero_when_equal, "A divergence of a distribution from itself is 0."),
        Law("gives the teacher no gradient",
            lambda f, g: teacher_is_left_alone(f, *pair(g, 2, 3, 5), torch.ones(2, 3, dtype=torch.bool)),
            "The teacher is what the student is measured by. Which method takes a tensor out of the graph?"),
        Law("takes nothing from padding, whatever stands there", _nothing_from_padding,
            "Behind the end of a sequence a teacher may say NaN, and NaN · 0 is NaN. Leave those tokens out before you add.",
            edge=True),
        Law("is 0 where no token counts", _zero_without_tokens,
            "A batch may have no token left, and 0 / 0 is NaN. What could the divisor be at least?", edge=True),
    ],
    mistakes=[
        Mistake("divided by the batch", lambda s, t, m: (_per_token(s, t) * m).sum() / len(s),
                "You divide by the number of sequences, so a loss of long sequences is large because they are long. How many "
                "tokens did you add up?"),
        Mistake("mean over the vocabulary too", lambda s, t, m: forward_terms(s, t)[m].mean(),
                "Your value is smaller by the size of the vocabulary: its terms are summed, only tokens are averaged."),
        Mistake("padding counted", lambda s, t, m: _per_token(s, t).mean(),
                "The mask is not used: what stands behind the end of a sequence takes part."),
        Mistake("padding in the divisor", lambda s, t, m: (_per_token(s, t) * m).sum() / m.numel(),
                "You add the right terms and divide by all places, padding included. Divide by the tokens that were added."),
        Mistake("mean of the rows' means", _row_means,
                "You average each sequence first, so a token of a short sequence counts more than one of a long one."),
        Mistake("not averaged", lambda s, t, m: (_per_token(s, t) * m).sum(),
                "You return the sum over tokens. Per token is asked for, so that batches of any size compare."),
        Mistake("directions swapped", lambda s, t, m: reverse_terms(s, t).sum(-1)[m].mean(),
                "Your expectation is taken under the student. Sequences that the teacher writes are weighed by the teacher."),
        Mistake("cross-entropy", _cross_entropy,
                "Your value is the cross-entropy: the divergence and the teacher's entropy. Its gradient is right, its value "
                "is not 0 where the two agree."),
        Mistake("teacher in the graph", _teacher_in_the_graph,
                "The values are right, but a gradient reaches the teacher: an optimiser that holds it would move it."),
        Mistake("mask multiplied", _multiplied,
                "Right while padding holds ordinary numbers. A teacher's NaN there survives: NaN · 0 is NaN."),
        Mistake("no token, no answer", _divided_by_none,
                "Right while a token counts. Where none does, it is 0 / 0."),
    ],
    styles={
        "kl_div on the tokens that count": _with_kl_div,
        "padding replaced first": _with_where,
        "token by token": _row_by_row,
    },
    hints=(
        "Three steps: a divergence a token, of shape (B, L); those that count; their mean.",
        "logits[mask] with a mask (B, L) gives the tokens that count as rows (tokens, V): padding is gone for good.",
        "Sum p_t (log p_t - log p_s) over the vocabulary, then over the rows that are left, and divide by their number, or by "
        "1 where there is none. The teacher's logits are detached first.",
    ),
)  # fmt: skip


batchmean_factor = Exercise(
    reference=8,
    mistakes=[
        Mistake("all tokens", 24, "24 is how many terms are added. What are they divided by, and by what should they be?"),
        Mistake("the batch", 3, "3 is what batchmean divides by. How many times as large is what it should divide by?"),
        Mistake("padded length", 10, "10 is the length with padding. The padded places add 0, and they are not counted either."),
        Mistake("the vocabulary", 32,
                "That would be the factor of reduction='mean', in the other direction: it divides by the vocabulary as well."),
        Mistake("no fault", 1, "It would be 1 if batchmean divided by the tokens. It divides by the length of the first axis."),
    ],
    styles={"a number": 8, "a quotient of counts": (5 + 9 + 10) // 3, "a length": len(range(8))},
    hints=(
        "batchmean adds everything up and divides by the length of the first axis.",
        "Per token, the same sum would be divided by the number of tokens that count.",
        "The factor is one divisor over the other.",
    ),
)  # fmt: skip
