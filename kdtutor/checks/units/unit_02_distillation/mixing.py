"""distillation_loss: labels and teacher in one loss."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near


def _cases(g: Generator) -> list[tuple[Tensor, Tensor, Tensor, float, float]]:
    sizes = [(4, 7, 1.0, 0.5), (1, 2, 2.0, 0.9), (5, 5, 4.0, 0.3), (8, 10, 3.0, 0.0), (6, 4, 2.0, 1.0)]
    return [(logits(g, N, C), logits(g, N, C), torch.randint(C, (N,), generator=g), T, a) for N, C, T, a in sizes]


def _value_and_gradient(f: Solution, s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> dict[str, Tensor]:
    s = s.detach().requires_grad_()
    loss = f(s, t, y, T, alpha)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"value": loss}
    return {"value": loss, "gradient": torch.autograd.grad(loss, s)[0]}


def _some(g: Generator) -> tuple[Tensor, Tensor, Tensor]:
    return logits(g, 5, 4), logits(g, 5, 4), torch.randint(4, (5,), generator=g)


# --- laws -----------------------------------------------------------------------------------------------------------


def _labels_alone(f: Solution, g: Generator) -> bool:
    s, t, y = _some(g)
    return near(f(s, t, y, 3.0, 0.0), F.cross_entropy(s, y))


def _teacher_alone(f: Solution, g: Generator) -> bool:
    s, t, y = _some(g)
    return near(f(s, t, y, 3.0, 1.0), f(s, t, (y + 1) % 4, 3.0, 1.0)) and near(f(s, s, y, 3.0, 1.0), 0.0)


def _teacher_gets_no_gradient(f: Solution, g: Generator) -> bool:
    s, t, y = _some(g)
    s.requires_grad_(), t.requires_grad_()
    f(s, t, y, 2.0, 0.5).backward()
    return t.grad is None or bool((t.grad == 0).all())


def _right_for_huge_logits(f: Solution, g: Generator) -> bool:
    s = torch.tensor([[1e4, 0.0]]).requires_grad_()
    loss = f(s, torch.tensor([[0.0, 1e4]]), torch.tensor([1]), 1.0, 0.5)
    loss.backward()
    return near(loss.detach(), 1e4) and s.grad is not None and near(s.grad, torch.tensor([[1.0, -1.0]]))


# --- mistakes -------------------------------------------------------------------------------------------------------


def _mixed(hard: Tensor, soft: Tensor, alpha: float) -> Tensor:
    return (1 - alpha) * hard + alpha * soft


def _by_classes_too(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    return _mixed(F.cross_entropy(s, y), distill.kd_loss(s, t, T) / s.shape[1], alpha)


def _softened_labels(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    return _mixed(F.cross_entropy(s / T, y), distill.kd_loss(s, t, T), alpha)


def _softmax_twice(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    return _mixed(F.cross_entropy(s.softmax(-1), y), distill.kd_loss(s, t, T), alpha)


def _log_of_softmax(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    p_t, p_s = (t.detach() / T).softmax(-1), (s / T).softmax(-1)
    return _mixed(F.cross_entropy(s, y), T**2 * (p_t * (p_t.log() - p_s.log())).sum(-1).mean(), alpha)


def _teacher_in_the_graph(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    log_t, log_s = (t / T).log_softmax(-1), (s / T).log_softmax(-1)
    return _mixed(F.cross_entropy(s, y), T**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean(), alpha)


def _soft_cross_entropy(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    soft = -(distill.soften(t.detach(), T) * (s / T).log_softmax(-1)).sum(-1).mean()
    return _mixed(F.cross_entropy(s, y), T**2 * soft, alpha)


# --- styles ---------------------------------------------------------------------------------------------------------


def _by_torch_functions(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    soft = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="batchmean")
    return (1 - alpha) * F.cross_entropy(s, y) + alpha * T * T * soft


def _by_log_targets(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    with torch.no_grad():
        target = torch.log_softmax(t / T, dim=-1)
    kl = F.kl_div(torch.log_softmax(s / T, dim=-1), target, reduction="sum", log_target=True) / len(s)
    return torch.lerp(torch.nn.CrossEntropyLoss()(s, y), T**2 * kl, alpha)


def _by_hand(s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    log_s, log_t = s / T - torch.logsumexp(s / T, 1, True), (t / T - torch.logsumexp(t / T, 1, True)).detach()
    kl = (log_t.exp() * (log_t - log_s)).sum(1)
    ce = torch.logsumexp(s, 1) - s.gather(1, y.unsqueeze(1)).squeeze(1)
    return ((1 - alpha) * ce + alpha * T**2 * kl).mean()


distillation_loss = Exercise(
    reference=distill.distillation_loss,
    inputs=_cases,
    example=(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([0]), 2.0, 0.5),
    observe=_value_and_gradient,
    laws=[
        Law("is the cross-entropy with the labels at α = 0", _labels_alone,
            "α weighs the teacher, so at 0 the labels alone speak, and they are not softened."),
        Law("ignores the labels at α = 1, and is 0 where student and teacher agree", _teacher_alone,
            "At α = 1 only the divergence from the teacher is left."),
        Law("is right for logits of 10,000 too", _right_for_huge_logits,
            "log(softmax(z)) in two steps becomes log(0) there; torch has both steps in one.", edge=True),
        Law("gives the teacher no gradient", _teacher_gets_no_gradient,
            "The teacher is fixed: detach what comes from it."),
    ],
    mistakes=[
        Mistake("α on the labels", lambda s, t, y, T, a: distill.distillation_loss(s, t, y, T, 1 - a),
                "Your α weighs the labels. In this course it weighs the teacher; other libraries have it the other way "
                "round, so always look."),
        Mistake("no T²", lambda s, t, y, T, a: _mixed(F.cross_entropy(s, y), distill.kd_loss(s, t, T) / T**2, a),
                "The teacher's term lacks its T². Raising T would then silence the teacher beside the labels."),
        Mistake("T² on everything", lambda s, t, y, T, a: _mixed(T**2 * F.cross_entropy(s, y), distill.kd_loss(s, t, T), a),
                "You multiply the labels' term by T² as well. T² makes up for softening, and the labels are not softened."),
        Mistake("labels' term softened", _softened_labels,
                "You divide the student's logits by T in the labels' term too. What is deployed is the student at T = 1."),
        Mistake("the plain sum", lambda s, t, y, T, a: F.cross_entropy(s, y) + distill.kd_loss(s, t, T),
                "You add both terms and never use α."),
        Mistake("labels at full weight", lambda s, t, y, T, a: F.cross_entropy(s, y) + a * distill.kd_loss(s, t, T),
                "The labels' term keeps weight 1. It should carry what α leaves: 1 - α."),
        Mistake("averaged over classes", _by_classes_too,
                "The teacher's term is C times too small: sum over the classes, average over the samples."),
        Mistake("summed over the batch",
                lambda s, t, y, T, a: _mixed(F.cross_entropy(s, y), distill.kd_loss(s, t, T, reduction="sum"), a),
                "The labels' term is a mean over the batch, the teacher's a sum: the mix changes with the batch size."),
        Mistake("directions swapped",
                lambda s, t, y, T, a: _mixed(F.cross_entropy(s, y), distill.kd_loss(s, t, T, direction="reverse"), a),
                "Your teacher's term is KL(p_s ‖ p_t). The expectation belongs under the teacher."),
        Mistake("softmax twice", _softmax_twice,
                "You hand probabilities to a cross-entropy that takes logits: the softmax is applied twice."),
        Mistake("the teacher's guess as label",
                lambda s, t, y, T, a: _mixed(F.cross_entropy(s, t.argmax(-1)), distill.kd_loss(s, t, T), a),
                "Your labels' term uses the teacher's likeliest class. The true labels are at hand: y."),
        Mistake("cross-entropy for both", _soft_cross_entropy,
                "Your teacher's term is a cross-entropy. Its gradient is right; its value is not 0 where the student has "
                "learned everything."),
        Mistake("log of softmax", _log_of_softmax,
                "Right for ordinary logits. For large ones softmax gives exactly 0 and its logarithm -inf."),
        Mistake("teacher in the graph", _teacher_in_the_graph,
                "The value is right, but a gradient flows into the teacher's logits. Detach them."),
    ],
    styles={"F.kl_div": _by_torch_functions, "log targets and lerp": _by_log_targets, "by hand": _by_hand},
    hints=(
        "Two terms: one that unit 01 has already, and one that every classifier has.",
        "The labels' term is the cross-entropy of the student's own logits, not softened. The teacher's term carries T².",
        "Weigh the labels' term by 1 - α and the teacher's by α. F.cross_entropy averages over the batch, and so does the "
        "teacher's term.",
    ),
)  # fmt: skip
