"""Unit 01: soft targets. Softening, entropy, divergence, the distillation loss and its gradient."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import distribution_pairs, distribution_rows, distributions, logit_pairs, logit_rows, logits

Generator = torch.Generator

__all__ = ["soften", "entropy", "kl_divergence", "kd_loss", "kd_gradient", "which_divergence"]


def _near(value: Tensor | float, wanted: Tensor | float, tolerance: float = 1e-4) -> bool:
    value, wanted = torch.as_tensor(value), torch.as_tensor(wanted)
    return bool((value - wanted).abs().max() <= tolerance * (1 + wanted.abs().max()))


_SOME_ZERO = torch.tensor([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])
_NONE_ZERO = torch.tensor([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])


# --- soften ---------------------------------------------------------------------------------------------------------


def _survives_large_logits(f: Solution, g: Generator) -> bool:
    rows = torch.tensor([[0.0, 1.0], [1e4, 9999.0], [-1e4, 1e4]])
    near = torch.tensor([0.0, 1.0]).softmax(-1)
    return _near(f(rows, 1.0), torch.stack([near, near.flip(0), torch.tensor([0.0, 1.0])]))


def _naive_softmax(z: Tensor, T: float) -> Tensor:
    powers = (z / T).exp()
    return powers / powers.sum(-1, keepdim=True)


def _shifted_softmax(z: Tensor, T: float) -> Tensor:
    powers = ((z - z.amax(-1, keepdim=True)) / T).exp()
    return powers / powers.sum(-1, keepdim=True)


soften = Exercise(
    reference=distill.soften,
    inputs=logit_rows(shapes=[(4, 7), (1, 2), (5, 5), (3,), (2, 3, 4)], temperatures=[1.0, 2.5, 8.0, 0.5]),
    example=(torch.tensor([0.0, 2.0]), 2.0),
    laws=[
        Law("is right for logits of 10,000 too", _survives_large_logits,
            "exp(10000) overflows. What may be subtracted from each row without changing its result?", edge=True),
        Law("does not change when a row is shifted", lambda f, g: _near(f((z := logits(g, 3, 5)) + 7.0, 2.0), f(z, 2.0)),
            "A constant added to every logit of a row cancels in the quotient."),
        Law("keeps the order of the classes", lambda f, g: bool((f(z := logits(g, 6, 8), 3.0).argsort(-1) == z.argsort(-1)).all()),
            "Dividing by a positive temperature keeps the order."),
    ],
    mistakes=[
        Mistake("temperature multiplied", lambda z, T: (z * T).softmax(-1),
                "You multiply by the temperature, which sharpens. A higher temperature should flatten."),
        Mistake("temperature unused", lambda z, T: z.softmax(-1),
                "Your answer is the same at every temperature. Where does T enter?"),
        Mistake("divided after the softmax", lambda z, T: z.softmax(-1) / T,
                "You divide the probabilities. Then a row sums to 1/T, and nothing was softened."),
        Mistake("first axis", lambda z, T: (z / T).softmax(0),
                "You normalise down the columns: over the first axis. The classes lie along the last one."),
        Mistake("logarithm left in", lambda z, T: (z / T).log_softmax(-1),
                "You return log-probabilities: they are negative. Probabilities are wanted."),
        Mistake("probabilities softened", lambda z, T: (z.softmax(-1) / T).softmax(-1),
                "You take a softmax of a softmax. The temperature divides the logits, and there is one softmax."),
        Mistake("never normalised", lambda z, T: (z / T).exp(),
                "These are exponentials, not probabilities: a row does not sum to 1 yet."),
        Mistake("overflow", _naive_softmax,
                "Right for ordinary logits; for a logit of 10,000 exp overflows and the row becomes NaN. "
                "What may be subtracted from a row without changing the result?"),
    ],
    styles={
        "torch.softmax": lambda z, T: torch.softmax(z / T, dim=-1),
        "exponentials of shifted logits": _shifted_softmax,
        "exponentials of log-probabilities": lambda z, T: (z.div(T) - z.div(T).logsumexp(-1, keepdim=True)).exp(),
    },
    hints=(
        "Two steps: first the logits are made smaller by the temperature, then turned into probabilities.",
        "The last axis holds the classes. It is axis -1, however many axes come before.",
        "Divide the logits by the temperature and apply torch's softmax along axis -1.",
    ),
)  # fmt: skip


# --- entropy --------------------------------------------------------------------------------------------------------


def _entropy_by_loop(probs: Tensor) -> Tensor:
    rows = probs.reshape(-1, probs.shape[-1]).tolist()
    values = [-sum(p * math.log(p) for p in row if p > 0) for row in rows]
    return torch.tensor(values).reshape(probs.shape[:-1])


entropy = Exercise(
    reference=distill.entropy,
    inputs=lambda g: [*distribution_rows([(4, 7), (1, 2), (5, 5), (3,), (2, 3, 4)])(g), (_SOME_ZERO,)],
    example=(torch.tensor([0.5, 0.5]),),
    laws=[
        Law("is 0 for a distribution that is certain", lambda f, g: _near(f(torch.tensor([[0.0, 1.0, 0.0]])), torch.zeros(1)),
            "0 · log 0 counts as 0, but log(0) is -inf in floating point and 0 · -inf is NaN.", edge=True),
        Law("is log C for C equal classes", lambda f, g: _near(f(torch.full((2, 9), 1 / 9)), math.log(9)),
            "The uniform distribution is the most uncertain one."),
    ],
    mistakes=[
        Mistake("sign", lambda p: torch.special.xlogy(p, p).sum(-1),
                "Your value is negative. Entropy is never negative: log p of a probability is."),
        Mistake("base two", lambda p: -torch.special.xlogy(p, p).sum(-1) / math.log(2),
                "Your value is in bits. This course uses natural logarithms, so entropy is in nats."),
        Mistake("mean over classes", lambda p: -torch.special.xlogy(p, p).mean(-1),
                "You average over the classes, so the value is C times too small. Entropy is a sum."),
        Mistake("whole batch", lambda p: -torch.special.xlogy(p, p).sum(),
                "You return one number for everything. One number for each row is wanted: sum over the last axis only."),
        Mistake("not weighted by p", lambda p: -p.clamp_min(1e-30).log().sum(-1),
                "You sum -log p without weighing it. A surprise counts as often as it happens: multiply by p."),
        Mistake("first axis", lambda p: -torch.special.xlogy(p, p).sum(0),
                "You sum over the first axis. The classes lie along the last one."),
        Mistake("zero times infinity", lambda p: -(p * p.log()).sum(-1),
                "Right wherever every p is positive. For p = 0 it gives NaN: log 0 is -inf, and 0 · -inf is undefined. "
                "What should a class that never occurs add?"),
        Mistake("a second softmax", lambda p: distill.entropy(p.softmax(-1)),
                "You soften the probabilities once more. They are a distribution already."),
    ],
    styles={
        "xlogy": lambda p: -torch.xlogy(p, p).sum(dim=-1),
        "a loop over rows": _entropy_by_loop,
        "masked logarithm": lambda p: -(p * torch.where(p > 0, p, torch.ones_like(p)).log()).sum(-1),
        "torch.distributions": lambda p: torch.distributions.Categorical(probs=p).entropy()
        if bool((p > 0).all()) else torch.special.entr(p).sum(-1),
    },
    hints=(
        "Entropy is the expected surprise: each class's surprise is -log p, and it happens with probability p.",
        "Sum p · log p over the last axis, and mind the sign.",
        "A class with p = 0 must add 0. torch.special.xlogy(a, b) computes a · log b with exactly that rule.",
    ),
)  # fmt: skip


# --- kl_divergence --------------------------------------------------------------------------------------------------


def _kl_by_loop(p: Tensor, q: Tensor) -> Tensor:
    flat = zip(p.reshape(-1, p.shape[-1]).tolist(), q.reshape(-1, q.shape[-1]).tolist(), strict=True)
    values = [sum(a * math.log(a / b) for a, b in zip(x, y, strict=True) if a > 0) for x, y in flat]
    return torch.tensor(values).reshape(p.shape[:-1])


def _kl_with_zero(f: Solution, g: Generator) -> bool:
    p, q = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[0.25, 0.5, 0.25]])
    return _near(f(p, q), torch.tensor([0.5 * math.log(2)]))


kl_divergence = Exercise(
    reference=distill.kl_divergence,
    inputs=lambda g: [*distribution_pairs([(4, 7), (1, 2), (5, 5), (3,), (2, 3, 4)])(g), (_SOME_ZERO, _NONE_ZERO)],
    example=(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])),
    laws=[
        Law("is 0 for two equal distributions", lambda f, g: _near(f(p := distributions(g, 5, 4), p), torch.zeros(5)),
            "The logarithm of a quotient of equal numbers is 0."),
        Law("is never negative", lambda f, g: bool((f(distributions(g, 40, 6), distributions(g, 40, 6)) > 0).all()),
            "Every KL divergence between different distributions is positive."),
        Law("counts a class with p = 0 as 0", _kl_with_zero,
            "0 · log 0 counts as 0, but in floating point 0 · -inf is NaN.", edge=True),
    ],
    mistakes=[
        Mistake("directions swapped", lambda p, q: distill.kl_divergence(q, p),
                "Your value is KL(q ‖ p). Which of the two distributions is the expectation taken under?"),
        Mistake("sign", lambda p, q: -distill.kl_divergence(p, q),
                "Your value has the wrong sign: log(q/p) where log(p/q) belongs."),
        Mistake("cross-entropy", lambda p, q: -torch.special.xlogy(p, q).sum(-1),
                "Your value is the cross-entropy -Σ p log q. It misses the entropy of p, so it is not 0 when p equals q."),
        Mistake("mean over classes", lambda p, q: distill.kl_divergence(p, q) / p.shape[-1],
                "You average over the classes, so the value is C times too small. The divergence is a sum."),
        Mistake("whole batch", lambda p, q: distill.kl_divergence(p, q).sum(),
                "You return one number for everything. One number for each row is wanted."),
        Mistake("symmetrised", lambda p, q: (distill.kl_divergence(p, q) + distill.kl_divergence(q, p)) / 2,
                "Your value is the mean of both directions. KL has a direction, and this unit depends on it."),
        Mistake("base two", lambda p, q: distill.kl_divergence(p, q) / math.log(2),
                "Your value is in bits. This course uses natural logarithms."),
        Mistake("not weighted by p", lambda p, q: (p / q).clamp_min(1e-30).log().sum(-1),
                "You sum log(p/q) without weighing it by p."),
        Mistake("probabilities for log-probabilities", lambda p, q: F.kl_div(q, p, reduction="none").sum(-1),
                "F.kl_div expects the logarithm of its first argument; you gave it q itself."),
        Mistake("arguments in reading order", lambda p, q: F.kl_div(p, q, reduction="none").sum(-1),
                "F.kl_div takes log q first and p second, the other way round than KL(p ‖ q) is written."),
        Mistake("two logarithms", lambda p, q: F.kl_div(q.log(), p.log(), reduction="none").nan_to_num().sum(-1),
                "F.kl_div takes the logarithm of q alone, unless log_target=True says that both are logarithms."),
        Mistake("zero times infinity", lambda p, q: (p * (p / q).log()).sum(-1),
                "Right wherever every p is positive. For p = 0 it gives NaN: 0 · log 0 has to count as 0."),
    ],
    styles={
        "two xlogy": lambda p, q: (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1),
        "F.kl_div": lambda p, q: F.kl_div(q.log(), p, reduction="none").sum(-1),
        "a loop over rows": _kl_by_loop,
        "cross-entropy minus entropy": lambda p, q: -(p * q.log()).sum(-1) - torch.special.entr(p).sum(-1),
    },
    hints=(
        "The divergence is an average of log(p/q). The average is taken under p.",
        "Write the logarithm of the quotient as a difference: log p - log q, each weighted by p, summed over the last axis.",
        "torch.special.xlogy(p, p) and torch.special.xlogy(p, q) are the two terms, and they treat p = 0 as they should.",
    ),
)  # fmt: skip


# --- kd_loss --------------------------------------------------------------------------------------------------------


def _kd_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return distill.kd_loss(student_logits, teacher_logits, temperature)


def _value_and_gradients(f: Solution, s: Tensor, t: Tensor, T: float) -> dict[str, Tensor]:
    s = s.detach().requires_grad_()
    loss = f(s, t, T)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"value": loss}
    return {"value": loss, "gradient": torch.autograd.grad(loss, s)[0]}


def _teacher_gets_no_gradient(f: Solution, g: Generator) -> bool:
    s, t = logits(g, 4, 5).requires_grad_(), logits(g, 4, 5).requires_grad_()
    f(s, t, 2.0).backward()
    return t.grad is None or bool((t.grad == 0).all())


def _right_for_huge_logits(f: Solution, g: Generator) -> bool:
    """A student that is sure of the wrong class: the loss is the distance of the logits, the gradient 1 and -1."""
    s = torch.tensor([[1e4, 0.0]]).requires_grad_()
    loss = f(s, torch.tensor([[0.0, 1e4]]), 1.0)
    loss.backward()
    return _near(loss.detach(), 1e4) and s.grad is not None and _near(s.grad, torch.tensor([[1.0, -1.0]]))


def _kl_mean(s: Tensor, t: Tensor, T: float) -> Tensor:
    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t.detach() / T, -1), reduction="mean") * T**2


def _explicit_kd(s: Tensor, t: Tensor, T: float) -> Tensor:
    p_t, p_s = torch.softmax(t.detach() / T, -1), torch.softmax(s / T, -1)
    return T**2 * (p_t * (p_t.log() - p_s.log())).sum(-1).mean()


def _teacher_in_the_graph(s: Tensor, t: Tensor, T: float) -> Tensor:
    log_t, log_s = (t / T).log_softmax(-1), (s / T).log_softmax(-1)
    return T**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean()


def _by_difference(s: Tensor, t: Tensor, T: float) -> Tensor:
    with torch.no_grad():
        log_t = torch.log_softmax(t / T, dim=1)
    log_s = torch.log_softmax(s / T, dim=1)
    return T * T * torch.sum(log_t.exp() * (log_t - log_s)) / s.size(0)


def _by_torch_function(s: Tensor, t: Tensor, T: float) -> Tensor:
    return F.kl_div((s / T).log_softmax(1), (t.detach() / T).softmax(1), reduction="batchmean") * T**2


def _by_log_target(s: Tensor, t: Tensor, T: float) -> Tensor:
    with torch.no_grad():
        target = F.log_softmax(t / T, dim=-1)
    return F.kl_div(F.log_softmax(s / T, dim=-1), target, reduction="sum", log_target=True) * T**2 / len(s)


def _row_by_row(s: Tensor, t: Tensor, T: float) -> Tensor:
    total = torch.zeros(())
    for student_row, teacher_row in zip(s / T, t.detach() / T, strict=True):
        log_q, log_p = student_row - student_row.logsumexp(0), teacher_row - teacher_row.logsumexp(0)
        total = total + (log_p.exp() * (log_p - log_q)).sum()
    return T**2 * total / s.shape[0]


kd_loss = Exercise(
    reference=_kd_loss,
    inputs=logit_pairs(shapes=[(4, 7), (1, 2), (5, 5), (8, 10)], temperatures=[1.0, 2.0, 4.0]),
    example=(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 2.0),
    observe=_value_and_gradients,
    laws=[
        Law("can be trained through", lambda f, g: f(logits(g, 2, 3).requires_grad_(), logits(g, 2, 3), 2.0).requires_grad,
            "The loss has lost its graph: .item(), .detach() or no_grad cut the student off."),
        Law("is zero when student and teacher agree", lambda f, g: _near(f(z := logits(g, 4, 5), z, 2.0), 0.0),
            "A student that equals its teacher has nothing to learn."),
        Law("does not change when a row of logits is shifted",
            lambda f, g: _near(f((s := logits(g, 4, 5)) + 3, t := logits(g, 4, 5), 2.0), f(s, t, 2.0), 1e-3),
            "Logits matter only by their differences within a row."),
        Law("is right for logits of 10,000 too", _right_for_huge_logits,
            "There softmax(z) in two steps with a logarithm becomes log(0), and what is clamped loses its gradient. torch has both "
            "steps in one.", edge=True),
        Law("gives the teacher no gradient", _teacher_gets_no_gradient,
            "The teacher is fixed: what comes from it must not carry a gradient back to it."),
    ],
    mistakes=[
        Mistake("no T²", lambda s, t, T: distill.kd_loss(s, t, T) / T**2,
                "Your value is smaller by exactly T². Without that factor the teacher's pull fades as T grows: see the "
                "gradient figure below."),
        Mistake("T instead of T²", lambda s, t, T: distill.kd_loss(s, t, T) / T,
                "Your value is smaller by exactly T. How does the gradient shrink with T, once for the logits and once more?"),
        Mistake("directions swapped", lambda s, t, T: distill.kd_loss(s, t.detach(), T, direction="reverse"),
                "Your value is the divergence from the student to the teacher. Which of the two distributions is the "
                "expectation taken under?"),
        Mistake("averaged over classes", _kl_mean,
                "Your value is C times too small: `mean` divides by every entry, classes too. Sum over the classes, average "
                "over the batch."),
        Mistake("summed over the batch", lambda s, t, T: distill.kd_loss(s, t, T, reduction="sum"),
                "Your value grows with the batch. Average over the samples, or the learning rate depends on the batch size."),
        Mistake("one loss a sample", lambda s, t, T: distill.kd_loss(s, t, T, reduction="none"),
                "You return one value a sample. The loss is their mean."),
        Mistake("cross-entropy", lambda s, t, T: -T**2 * (distill.soften(t.detach(), T) * (s / T).log_softmax(-1)).sum(-1).mean(),
                "Your value is the cross-entropy of soft targets. Its gradient is right; its value is not 0 at the optimum, "
                "because the teacher's entropy is still in it."),
        Mistake("student not softened", lambda s, t, T: T**2 * distill.kl_divergence(distill.soften(t.detach(), T), s.softmax(-1)).mean(),
                "You soften the teacher alone. Both distributions are compared at the same temperature."),
        Mistake("teacher not softened", lambda s, t, T: T**2 * distill.kl_divergence(t.detach().softmax(-1), distill.soften(s, T)).mean(),
                "You soften the student alone. Both distributions are compared at the same temperature."),
        Mistake("log of softmax", _explicit_kd,
                "Right for ordinary logits. For large ones softmax gives exactly 0 and its logarithm -inf: the loss becomes "
                "NaN. Take the logarithm and the softmax in one function."),
        Mistake("teacher in the graph", _teacher_in_the_graph,
                "The value is right, but a gradient flows back into the teacher. It is fixed: detach its logits."),
        Mistake("probabilities for log-probabilities",
                lambda s, t, T: T**2 * F.kl_div((s / T).softmax(-1), (t.detach() / T).softmax(-1), reduction="batchmean"),
                "F.kl_div expects the student's log-probabilities first; you gave it probabilities."),
    ],
    styles={
        "F.kl_div": _by_torch_function,
        "F.kl_div with log targets": _by_log_target,
        "difference of log-probabilities": _by_difference,
        "row by row": _row_by_row,
    },
    hints=(
        "Three steps: soften both, compare them by KL from the teacher to the student, scale by T².",
        "Use log_softmax for both, at logits / T. KL is the sum over classes of p_t · (log p_t - log p_s); then average "
        "over the batch.",
        "Detach the teacher's logits first. F.kl_div takes the student's log-probabilities and the teacher's "
        "probabilities, and one of its reductions divides by the batch alone.",
    ),
)  # fmt: skip


# --- kd_gradient ----------------------------------------------------------------------------------------------------


def _kd_gradient(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    student = student_logits.detach().requires_grad_()
    return torch.autograd.grad(distill.kd_loss(student, teacher_logits, temperature), student)[0]


def _pull(s: Tensor, t: Tensor, T: float) -> Tensor:
    return distill.soften(s, T) - distill.soften(t, T)


kd_gradient = Exercise(
    reference=_kd_gradient,
    inputs=logit_pairs(shapes=[(4, 7), (1, 2), (5, 5), (8, 10)], temperatures=[1.0, 2.0, 4.0]),
    example=(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 2.0),
    laws=[
        Law("is zero when student and teacher agree", lambda f, g: _near(f(z := logits(g, 4, 5), z, 2.0), torch.zeros(4, 5)),
            "Where nothing is left to learn, nothing pulls."),
        Law("is right for logits of 10,000 too",
            lambda f, g: _near(f(torch.tensor([[1e4, 0.0]]), torch.tensor([[0.0, 1e4]]), 1.0), torch.tensor([[1.0, -1.0]])),
            "exp(10000) overflows; torch's softmax does not.", edge=True),
        Law("sums to 0 over each row", lambda f, g: _near(f(logits(g, 4, 5), logits(g, 4, 5), 3.0).sum(-1), torch.zeros(4)),
            "What one class gains, the others lose: both distributions sum to 1."),
    ],
    mistakes=[
        Mistake("sign", lambda s, t, T: -T / len(s) * _pull(s, t, T),
                "The sign is reversed. Descent subtracts the gradient: where the student is too sure, it must be positive."),
        Mistake("not divided by the batch", lambda s, t, T: T * _pull(s, t, T),
                "Your gradient is N times too large: it belongs to the summed loss. The loss averages over the batch."),
        Mistake("T² instead of T", lambda s, t, T: T**2 / len(s) * _pull(s, t, T),
                "Your gradient is T times too large. T² comes from the loss; the derivative of z/T gives one 1/T back."),
        Mistake("no factor T", lambda s, t, T: _pull(s, t, T) / len(s),
                "Your gradient is T times too small. The loss carries T², the chain rule takes one T away: one is left."),
        Mistake("gradient without T²", lambda s, t, T: _pull(s, t, T) / (T * len(s)),
                "Your gradient belongs to the loss without T²: it is T² times too small."),
        Mistake("not softened", lambda s, t, T: T / len(s) * _pull(s, t, 1.0),
                "You compare the distributions at temperature 1. The loss compares them at T."),
        Mistake("logits subtracted", lambda s, t, T: T / len(s) * (s - t),
                "You subtract logits. The gradient subtracts probabilities; only for very large T do the two become alike."),
        Mistake("divided by classes", lambda s, t, T: T / s.numel() * _pull(s, t, T),
                "You divide by the number of classes too. The loss sums over classes and averages over samples."),
    ],
    styles={
        "closed form": lambda s, t, T: T / s.shape[0] * (torch.softmax(s / T, 1) - torch.softmax(t / T, 1)),
        "autograd": lambda s, t, T: torch.autograd.functional.jacobian(lambda z: _by_difference(z, t, T), s),
        "class by class": lambda s, t, T: torch.stack(
            [(torch.softmax(s / T, -1)[:, c] - torch.softmax(t / T, -1)[:, c]).mul(T).div(len(s)) for c in range(s.shape[1])], 1
        ),
    },
    hints=(
        "Start from one sample and T = 1: the derivative of -Σ p_t log softmax(z)_c by z_k is softmax(z)_k - p_t,k.",
        "Now put z/T in place of z: the chain rule brings a factor 1/T. Then multiply by what stands before the divergence.",
        "T² · 1/T leaves one T. The mean over the batch brings 1/N. The rest is the difference of the two softened "
        "distributions, the student's first.",
    ),
)  # fmt: skip


# --- which_divergence -----------------------------------------------------------------------------------------------

_TEACHER, _STUDENT = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.6, 0.3, 0.1])
_MEAN = (_TEACHER + _STUDENT) / 2
_VALUES = {
    "cross-entropy": -(_TEACHER * _STUDENT.log()).sum(),
    "forward": distill.kl_divergence(_TEACHER, _STUDENT),
    "entropy": distill.entropy(_TEACHER),
    "squared error": ((_TEACHER - _STUDENT) ** 2).mean(),
    "js": (distill.kl_divergence(_TEACHER, _MEAN) + distill.kl_divergence(_STUDENT, _MEAN)) / 2,
}

which_divergence = Exercise(
    reference="KL(student || teacher)",
    mistakes=[
        Mistake("what the text says", "cross-entropy",
                f"The cross-entropy of these two is {_VALUES['cross-entropy']:.4f}. The text claims it; the printed number "
                "is another."),
        Mistake("the usual direction", "KL(teacher || student)",
                f"That one is {_VALUES['forward']:.4f}. It is the direction that distillation uses, but not what was "
                "printed."),
        Mistake("the teacher's entropy", "entropy of the teacher",
                f"The teacher's entropy is {_VALUES['entropy']:.4f}. It is what cross-entropy and KL differ by."),
        Mistake("squared error", "mean squared error",
                f"The mean squared error is {_VALUES['squared error']:.4f}, far below the printed number."),
        Mistake("Jensen-Shannon", "Jensen-Shannon",
                f"The Jensen-Shannon divergence of these two is {_VALUES['js']:.4f}, below both KL directions."),
    ],
    styles={
        "the offered choice": "KL(student || teacher)",
        "built from parts": "KL({} || {})".format("student", "teacher"),
        "joined": " ".join(["KL(student", "||", "teacher)"]),
    },
    hints=(
        "Compute all of them with the functions you have written, and compare with 0.16.",
        "Two of the values are the KL divergences. They differ in which distribution comes first.",
        "Round both directions to two digits. Only one of them is 0.16.",
    ),
)  # fmt: skip
