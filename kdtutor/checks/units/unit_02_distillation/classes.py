"""class_weighted_kd_loss for classes that are rare, correct_missing_class for one that never came."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near

# --- class_weighted_kd_loss -----------------------------------------------------------------------------------------


def _weighted(student_logits: Tensor, teacher_logits: Tensor, class_weights: Tensor, temperature: float) -> Tensor:
    return distill.kd_loss(student_logits, teacher_logits, temperature, class_weights=class_weights)


def _weights(g: Generator, classes: int) -> Tensor:
    return 0.2 + 3 * torch.rand(classes, generator=g)


def _weighted_cases(g: Generator) -> list[tuple[Tensor, Tensor, Tensor, float]]:
    sizes = [(4, 7, 1.0), (1, 2, 2.0), (5, 5, 4.0), (8, 10, 3.0)]
    return [(logits(g, N, C), logits(g, N, C), _weights(g, C), T) for N, C, T in sizes]


def _value_and_gradient(f: Solution, s: Tensor, t: Tensor, w: Tensor, T: float) -> dict[str, Tensor]:
    s = s.detach().requires_grad_()
    loss = f(s, t, w, T)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"value": loss}
    return {"value": loss, "gradient": torch.autograd.grad(loss, s)[0]}


def _ones_change_nothing(f: Solution, g: Generator) -> bool:
    s, t = logits(g, 4, 5), logits(g, 4, 5)
    return near(f(s, t, torch.ones(5), 2.0), distill.kd_loss(s, t, 2.0))


def _twice_the_weights(f: Solution, g: Generator) -> bool:
    s, t, w = logits(g, 4, 5), logits(g, 4, 5), _weights(g, 5)
    return near(f(s, t, 2 * w, 2.0), 2 * f(s, t, w, 2.0))


def _right_for_huge_logits(f: Solution, g: Generator) -> bool:
    s = torch.tensor([[1e4, 0.0]]).requires_grad_()
    loss = f(s, torch.tensor([[0.0, 1e4]]), torch.tensor([5.0, 2.0]), 1.0)
    loss.backward()
    return near(loss.detach(), 2e4) and s.grad is not None and near(s.grad, torch.tensor([[2.0, -2.0]]))


def _teacher_gets_no_gradient(f: Solution, g: Generator) -> bool:
    s, t = logits(g, 4, 5).requires_grad_(), logits(g, 4, 5).requires_grad_()
    f(s, t, _weights(g, 5), 2.0).backward()
    return t.grad is None or bool((t.grad == 0).all())


def _log_terms(s: Tensor, t: Tensor, T: float) -> tuple[Tensor, Tensor]:
    """log p_s and log p_t at T."""
    return (s / T).log_softmax(-1), (t.detach() / T).log_softmax(-1)


def _by_the_teachers_guess(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    return (w[t.argmax(-1)] * distill.kd_loss(s, t, T, reduction="none")).mean()


def _target_reweighted(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    target = w * distill.soften(t.detach(), T)
    return T**2 * distill.kl_divergence(target / target.sum(-1, keepdim=True), distill.soften(s, T)).mean()


def _half_weighted(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    log_s, log_t = _log_terms(s, t, T)
    p_t = log_t.exp()
    return T**2 * (p_t * log_t - w * p_t * log_s).sum(-1).mean()


def _weighted_log_of_softmax(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    p_t, p_s = (t.detach() / T).softmax(-1), (s / T).softmax(-1)
    return T**2 * (w * p_t * (p_t.log() - p_s.log())).sum(-1).mean()


def _weighted_in_the_graph(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    log_t, log_s = (t / T).log_softmax(-1), (s / T).log_softmax(-1)
    return T**2 * (w * log_t.exp() * (log_t - log_s)).sum(-1).mean()


def _by_matrix_product(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    log_s, log_t = _log_terms(s, t, T)
    return T * T * ((log_t.exp() * (log_t - log_s)) @ w).mean()


def _by_kl_div(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    terms = F.kl_div(F.log_softmax(s / T, -1), F.softmax(t.detach() / T, -1), reduction="none")
    return (terms * w).sum() * T**2 / s.shape[0]


def _class_by_class(s: Tensor, t: Tensor, w: Tensor, T: float) -> Tensor:
    log_s, log_t = _log_terms(s, t, T)
    total = torch.zeros(())
    for c, weight in enumerate(w):
        total = total + weight * (log_t[:, c].exp() * (log_t[:, c] - log_s[:, c])).mean()
    return T**2 * total


class_weighted_kd_loss = Exercise(
    reference=_weighted,
    inputs=_weighted_cases,
    example=(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([3.0, 1.0]), 2.0),
    observe=_value_and_gradient,
    laws=[
        Law("is the plain distillation loss for weights of 1", _ones_change_nothing,
            "Weights of 1 should change nothing."),
        Law("doubles when all weights double", _twice_the_weights,
            "The weights are taken as they are; whoever wants them normalised does so before."),
        Law("is right for logits of 10,000 too", _right_for_huge_logits,
            "log(softmax(z)) in two steps becomes log(0) there.", edge=True),
        Law("gives the teacher no gradient", _teacher_gets_no_gradient,
            "The teacher is fixed: detach what comes from it."),
    ],
    mistakes=[
        Mistake("weights unused", lambda s, t, w, T: distill.kd_loss(s, t, T),
                "Your value is the plain loss. Where do the weights enter?"),
        Mistake("one weight a sample", _by_the_teachers_guess,
                "You weigh whole samples by their likeliest class. Here each class's own term of the sum is weighed, in "
                "every sample."),
        Mistake("weights made to sum to 1", lambda s, t, w, T: _weighted(s, t, w / w.sum(), T),
                "You normalise the weights. They are taken as they come, or the loss shrinks with the number of classes."),
        Mistake("weights made to average 1", lambda s, t, w, T: _weighted(s, t, w / w.mean(), T),
                "You rescale the weights to mean 1. They are taken as they come."),
        Mistake("the target weighed instead", _target_reweighted,
                "You weigh the teacher's distribution and normalise it again. That has the same optimum, but not the same "
                "loss: here the terms of the divergence are weighed."),
        Mistake("only the student's half weighed", _half_weighted,
                "You weigh p_t log p_s but not p_t log p_t. Then the loss is not 0 where the student agrees."),
        Mistake("no T²", lambda s, t, w, T: _weighted(s, t, w, T) / T**2,
                "Your value is smaller by exactly T²."),
        Mistake("averaged over classes", lambda s, t, w, T: _weighted(s, t, w, T) / s.shape[1],
                "Your value is C times too small: sum over the classes, average over the samples."),
        Mistake("log of softmax", _weighted_log_of_softmax,
                "Right for ordinary logits. For large ones softmax gives exactly 0 and its logarithm -inf."),
        Mistake("teacher in the graph", _weighted_in_the_graph,
                "The value is right, but a gradient flows into the teacher's logits."),
    ],
    styles={"a matrix product": _by_matrix_product, "F.kl_div": _by_kl_div, "class by class": _class_by_class},
    hints=(
        "Start from the plain loss and stop before anything is summed: there is one term for each sample and class.",
        "The term of class c is p_t,c · (log p_t,c - log p_s,c). Multiply it by the weight of c.",
        "The weights have shape (C,), so they multiply the terms (N, C) along the last axis. Then sum over it, average over "
        "the samples, and multiply by T².",
    ),
)  # fmt: skip


# --- correct_missing_class ------------------------------------------------------------------------------------------


def _shift_cases(g: Generator) -> list[tuple[Tensor, int, float]]:
    return [
        (logits(g, N, C), c, shift)
        for N, C, c, shift in [(4, 7, 3, 2.5), (1, 2, 0, -1.0), (5, 5, 4, 6.0), (3, 4, 1, 0.5)]
    ]


def _others_are_left(f: Solution, g: Generator) -> bool:
    z = logits(g, 6, 5)
    moved = f(z, 2, 3.0) - z
    return near(moved, torch.tensor([0.0, 0.0, 3.0, 0.0, 0.0]).expand(6, 5))


def _undone(f: Solution, g: Generator) -> bool:
    z = logits(g, 6, 5)
    return near(f(f(z, 1, 3.0), 1, -3.0), z)


def _in_place(z: Tensor, c: int, shift: float) -> Tensor:
    z[:, c] += shift
    return z


def _in_a_row(z: Tensor, c: int, shift: float) -> Tensor:
    z = z.clone()
    z[c % len(z)] += shift
    return z


def _set(z: Tensor, c: int, shift: float) -> Tensor:
    z = z.clone()
    z[:, c] = shift
    return z


def _multiplied(z: Tensor, c: int, shift: float) -> Tensor:
    z = z.clone()
    z[:, c] *= shift
    return z


def _cloned(z: Tensor, c: int, shift: float) -> Tensor:
    moved = z.clone()
    moved[:, c] += shift
    return moved


def _joined(z: Tensor, c: int, shift: float) -> Tensor:
    return torch.cat([z[:, :c], z[:, c : c + 1] + shift, z[:, c + 1 :]], dim=1)


correct_missing_class = Exercise(
    reference=distill.correct_missing_class,
    inputs=_shift_cases,
    example=(torch.tensor([[1.0, 0.0], [2.0, -1.0]]), 1, 1.5),
    laws=[
        Law("moves no other class", _others_are_left, "Only the column of the missing class changes."),
        Law("is undone by the opposite shift", _undone, "A bias is added; adding its opposite takes it away."),
    ],
    mistakes=[
        Mistake("in place", _in_place,
                "The numbers are right, but the logits you were given have changed as well: called twice, it would shift "
                "twice. Work on a copy."),
        Mistake("sign", lambda z, c, shift: _cloned(z, c, -shift),
                "You subtract the shift. The missing class should become likelier by a positive one."),
        Mistake("every class", lambda z, c, shift: z + shift,
                "You raise every class. A constant added to a whole row changes no decision."),
        Mistake("a row instead of a column", _in_a_row,
                "You raise one sample's logits. Classes are the columns."),
        Mistake("set instead of raised", _set,
                "You overwrite the class's logits. They hold what the student has learned about it."),
        Mistake("multiplied", _multiplied,
                "You multiply. A bias is added: a factor would push negative logits further down."),
        Mistake("every class but this one", lambda z, c, shift: _cloned(z, c, -shift) + shift,
                "You raise all classes except the missing one."),
        Mistake("probabilities", lambda z, c, shift: _cloned(z, c, shift).softmax(-1),
                "You return probabilities. The corrected logits are wanted."),
    ],
    styles={
        "a copy": _cloned,
        "one-hot": lambda z, c, shift: z + shift * F.one_hot(torch.tensor(c), z.shape[-1]).to(z.dtype),
        "torch.where": lambda z, c, shift: torch.where(torch.arange(z.shape[1]) == c, z + shift, z),
        "joined columns": _joined,
    },
    hints=(
        "Raising the bias of one output unit adds the same number to that unit's logit for every sample.",
        "Classes are the columns: it is logits[:, class_index] that moves.",
        "Do not change what you were given: clone() first, or add a row that is the shift in one place and 0 elsewhere.",
    ),
)  # fmt: skip
