"""Several teachers, peers, and a running mean: ensemble_targets, mutual_losses, ema_update."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.units.unit_04_teachers_and_regimes.common import filled, near, tensors_of

# --- ensemble_targets -----------------------------------------------------------------------------------------------


def _ensemble_targets(teacher_logits: list[Tensor], temperature: float) -> Tensor:
    return distill.ensemble_targets(teacher_logits, temperature)


def _teachers(g: Generator) -> list[tuple[Any, ...]]:
    sizes = [(3, 4, 7), (2, 1, 2), (3, 3, 5), (1, 5, 6)]
    return [([logits(g, N, C) for _ in range(K)], T) for K, N, C in sizes for T in (2.0, 1.0, 4.0)]


def _no_gradient_to_teachers(f: Solution, g: Generator) -> bool:
    teachers = [logits(g, 4, 5).requires_grad_() for _ in range(2)]
    return not f(teachers, 2.0).requires_grad


def _huge_teachers(f: Solution, g: Generator) -> bool:
    teachers = [torch.tensor([[1e4, 0.0, -1e4]]), torch.tensor([[0.0, 1e4, 0.0]])]
    return near(f(teachers, 1.0), torch.tensor([[0.5, 0.5, 0.0]]))


def _votes(teachers: list[Tensor], T: float) -> Tensor:
    return torch.stack([F.one_hot(z.argmax(-1), z.shape[-1]).float() for z in teachers]).mean(0)


def _exponentials(teachers: list[Tensor], T: float) -> Tensor:
    powers = [(z.detach() / T).exp() for z in teachers]
    return torch.stack([p / p.sum(-1, keepdim=True) for p in powers]).mean(0)


def _one_after_another(teachers: list[Tensor], T: float) -> Tensor:
    total = torch.zeros_like(teachers[0])
    for z in teachers:
        total = total + (z.detach() / T).softmax(-1) / len(teachers)
    return total


ensemble_targets = Exercise(
    reference=_ensemble_targets,
    inputs=_teachers,
    example=([torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 0.0]])], 2.0),
    laws=[
        Law("has rows that sum to 1", lambda f, g: near(f([logits(g, 4, 5) for _ in range(3)], 2.0).sum(-1), torch.ones(4)),
            "A mean of distributions is a distribution."),
        Law("gives one teacher's own softened answer when all teachers agree",
            lambda f, g: near(f([z := logits(g, 4, 5), z, z], 3.0), distill.soften(z, 3.0)),
            "Three teachers that say the same say it once."),
        Law("keeps what any teacher holds possible", lambda f, g: bool((f([torch.tensor([[30.0, 0.0]]), torch.tensor([[0.0, 30.0]])], 1.0) > 0.4).all()),
            "Two teachers that are sure of different classes leave half of the mass on each."),
        Law("is right for logits of 10,000 too", _huge_teachers, "exp(10000) overflows; torch's softmax does not.", edge=True),
        Law("gives the teachers no gradient", _no_gradient_to_teachers,
            "The teachers are fixed: their logits are detached, or the mean is taken under torch.no_grad()."),
    ],
    mistakes=[
        Mistake("mean of the logits", lambda zs, T: (torch.stack([z.detach() for z in zs]).mean(0) / T).softmax(-1),
                "You average the logits and soften once: the geometric mean, in which any single teacher can veto a class. "
                "Wanted is the mean of the probabilities."),
        Mistake("sum, not mean", lambda zs, T: torch.stack([(z.detach() / T).softmax(-1) for z in zs]).sum(0),
                "Your rows sum to the number of teachers. Divide by it."),
        Mistake("temperature unused", lambda zs, T: torch.stack([z.detach().softmax(-1) for z in zs]).mean(0),
                "Your targets are the same at every temperature. Each teacher is softened before the mean is taken."),
        Mistake("softened after the mean",
                lambda zs, T: (torch.stack([z.detach().softmax(-1) for z in zs]).mean(0).clamp_min(1e-30).log() / T).softmax(-1),
                "You average first and soften the mean. Wanted is the mean of what the softened teachers say."),
        Mistake("votes counted", _votes,
                "You count the teachers' first choices. What each of them says about the other classes is lost."),
        Mistake("one teacher only", lambda zs, T: (zs[0].detach() / T).softmax(-1),
                "Only the first teacher is heard."),
        Mistake("averaged over the samples", lambda zs, T: torch.stack([(z.detach() / T).softmax(-1) for z in zs]).mean(1),
                "You average over the samples: one row a teacher is left. Average over the teachers, one row a sample."),
        Mistake("teachers in the graph", lambda zs, T: torch.stack([(z / T).softmax(-1) for z in zs]).mean(0),
                "The targets are right, but a gradient flows back through them into the teachers. Detach their logits."),
        Mistake("overflow", _exponentials,
                "Right for ordinary logits; for a logit of 10,000 exp overflows and the row becomes NaN. torch's softmax "
                "does not."),
    ],
    styles={
        "stack, softmax, mean": lambda zs, T: torch.stack([torch.softmax(z.detach() / T, -1) for z in zs]).mean(0),
        "a running total": _one_after_another,
        "logsumexp of log-probabilities": lambda zs, T: torch.stack([(z.detach() / T).log_softmax(-1) for z in zs])
        .logsumexp(0).sub(torch.tensor(float(len(zs))).log()).exp(),
    },
    hints=(
        "Each teacher first gives its own softened distribution. Only then are the distributions put together.",
        "softmax(z / T) for each teacher, stacked along a new first axis, averaged over that axis.",
        "torch.stack makes (K, N, C) of K tensors (N, C); the mean over axis 0 leaves (N, C). Detach the logits first.",
    ),
)  # fmt: skip


# --- mutual_losses --------------------------------------------------------------------------------------------------


def _mutual_losses(logits_list: list[Tensor], labels: Tensor, temperature: float, alpha: float) -> list[Tensor]:
    return distill.mutual_losses(logits_list, labels, temperature, alpha)


def _peers(g: Generator) -> list[tuple[Any, ...]]:
    sizes = [(2, 4, 7, 2.0, 0.5), (3, 3, 5, 1.0, 0.5), (3, 1, 2, 3.0, 0.8), (2, 5, 4, 1.0, 0.2)]
    return [
        ([logits(g, N, C) for _ in range(K)], torch.randint(C, (N,), generator=g), T, alpha)
        for K, N, C, T, alpha in sizes
    ]


def _losses_and_their_sum_s_gradient(
    f: Solution, peers: list[Tensor], y: Tensor, T: float, alpha: float
) -> dict[str, Any]:
    peers = [z.detach().requires_grad_() for z in peers]
    losses = f(peers, y, T, alpha)
    if not isinstance(losses, list | tuple) or not all(
        isinstance(loss, Tensor) and loss.requires_grad for loss in losses
    ):
        return {"value": losses}
    return {"value": list(losses), "gradients": list(torch.autograd.grad(torch.stack(list(losses)).sum(), peers))}


def _moves_one_peer(f: Solution, g: Generator) -> bool:
    peers = [logits(g, 4, 5).requires_grad_() for _ in range(3)]
    first = f(peers, torch.tensor([0, 1, 2, 3]), 2.0, 0.5)[0]
    of_others = torch.autograd.grad(first, peers[1:], allow_unused=True)
    return all(d is None or not bool(d.any()) for d in of_others)


def _agreeing_peers(f: Solution, g: Generator) -> bool:
    z, y = logits(g, 4, 5), torch.tensor([0, 1, 2, 3])
    return all(near(loss, 0.7 * F.cross_entropy(z, y)) for loss in f([z, z.clone(), z.clone()], y, 2.0, 0.3))


def _huge_peers(f: Solution, g: Generator) -> bool:
    a, b = torch.tensor([[1e4, 0.0]]), torch.tensor([[0.0, 1e4]])
    first, second = f([a, b], torch.tensor([0]), 1.0, 0.5)
    return near(first, 5e3) and near(second, 1e4)


def _each(
    peers: list[Tensor], y: Tensor, T: float, alpha: float, *, itself: bool = False, mean: bool = True,
    direction: Any = "forward", scale: float = 1.0, swap: bool = False,
) -> list[Tensor]:  # fmt: skip
    """The losses with one thing at a time done otherwise."""
    weight = 1 - alpha if swap else alpha
    losses = []
    for k, z in enumerate(peers):
        others = [p.detach() for j, p in enumerate(peers) if itself or j != k]
        parts = torch.stack([scale * distill.kd_loss(z, other, T, direction=direction) for other in others])
        losses.append((1 - weight) * F.cross_entropy(z, y) + weight * (parts.mean() if mean else parts.sum()))
    return losses


def _attached(peers: list[Tensor], y: Tensor, T: float, alpha: float) -> list[Tensor]:
    losses = []
    for k, z in enumerate(peers):
        log_p = [(other / T).log_softmax(-1) for j, other in enumerate(peers) if j != k]
        parts = [T**2 * (p.exp() * (p - (z / T).log_softmax(-1))).sum(-1).mean() for p in log_p]
        losses.append((1 - alpha) * F.cross_entropy(z, y) + alpha * torch.stack(parts).mean())
    return losses


def _toward_the_mean(peers: list[Tensor], y: Tensor, T: float, alpha: float) -> list[Tensor]:
    losses = []
    for k, z in enumerate(peers):
        targets = distill.ensemble_targets([p for j, p in enumerate(peers) if j != k], T)
        losses.append((1 - alpha) * F.cross_entropy(z, y) + alpha * distill.soft_target_loss(z, targets, T))
    return losses


def _two_step_logarithm(peers: list[Tensor], y: Tensor, T: float, alpha: float) -> list[Tensor]:
    losses = []
    for k, z in enumerate(peers):
        q = (z / T).softmax(-1)
        others = [(p.detach() / T).softmax(-1) for j, p in enumerate(peers) if j != k]
        parts = [T**2 * (p * (p.log() - q.log())).sum(-1).mean() for p in others]
        losses.append((1 - alpha) * F.cross_entropy(z, y) + alpha * torch.stack(parts).mean())
    return losses


def _with_kl_div(peers: list[Tensor], y: Tensor, T: float, alpha: float) -> list[Tensor]:
    fixed = [F.log_softmax(z.detach() / T, -1) for z in peers]
    losses = []
    for k, z in enumerate(peers):
        total = torch.zeros(())
        for j, target in enumerate(fixed):
            if j != k:
                total = total + F.kl_div(F.log_softmax(z / T, -1), target, log_target=True, reduction="batchmean")
        losses.append((1 - alpha) * F.cross_entropy(z, y) + alpha * T**2 * total / (len(peers) - 1))
    return losses


def _by_pairs(peers: list[Tensor], y: Tensor, T: float, alpha: float) -> list[Tensor]:
    K, log_q = len(peers), torch.stack([(z / T).log_softmax(-1) for z in peers])
    log_p = log_q.detach()
    pairs = (
        (log_p.exp().unsqueeze(1) * (log_p.unsqueeze(1) - log_q.unsqueeze(0))).sum(-1).mean(-1)
    )  # [teacher, student]
    from_others = T**2 * pairs.sum(0) / (K - 1)
    return [(1 - alpha) * F.cross_entropy(z, y) + alpha * kl for z, kl in zip(peers, from_others, strict=True)]


mutual_losses = Exercise(
    reference=_mutual_losses,
    inputs=_peers,
    example=([torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]])], torch.tensor([1]), 2.0, 0.5),
    observe=_losses_and_their_sum_s_gradient,
    laws=[
        Law("is cross-entropy alone when alpha is 0",
            lambda f, g: near(f([z := logits(g, 4, 5), logits(g, 4, 5)], y := torch.tensor([0, 1, 2, 3]), 2.0, 0.0)[0], F.cross_entropy(z, y)),
            "Without the peers' part each network learns from labels."),
        Law("leaves only (1 - alpha) times the cross-entropy when all peers agree", _agreeing_peers,
            "Peers that agree have nothing to teach each other."),
        Law("is right for logits of 10,000 too", _huge_peers,
            "log(softmax(z)) in two steps is log(0) there; torch has both steps in one function.", edge=True),
        Law("moves peer k alone by loss k", _moves_one_peer,
            "In the loss of one peer the others' logits are constants."),
    ],
    mistakes=[
        Mistake("peers in the graph", _attached,
                "The values are right, but each loss also pulls the peers toward the one that learns from them. In loss k "
                "the others' logits are constants."),
        Mistake("averaged with itself", lambda zs, y, T, a: _each(zs, y, T, a, itself=True),
                "A peer is compared with itself too: that divergence is 0 and makes the mean over the others too small."),
        Mistake("summed over the peers", lambda zs, y, T, a: _each(zs, y, T, a, mean=False),
                "Your divergences are added up, so the pull grows with the number of peers. Average them."),
        Mistake("directions swapped", lambda zs, y, T, a: _each(zs, y, T, a, direction="reverse"),
                "Your divergence is taken under peer k. Which of the two is the teacher in the loss of peer k?"),
        Mistake("alpha on the wrong term", lambda zs, y, T, a: _each(zs, y, T, a, swap=True),
                "You weigh the cross-entropy by alpha. In this course alpha weighs what comes from a teacher."),
        Mistake("no T²", lambda zs, y, T, a: _each(zs, y, T, a, scale=1 / T**2),
                "The peers' part misses its T²: raise the temperature and they fall silent."),
        Mistake("no labels", lambda zs, y, T, a: [loss - (1 - a) * F.cross_entropy(z, y) for z, loss in zip(zs, _each(zs, y, T, a), strict=True)],
                "The labels are missing: peers that only copy each other may agree on anything."),
        Mistake("one sum for all", lambda zs, y, T, a: sum(_each(zs, y, T, a)),
                "You return one number. Each peer has a loss of its own: return a list of them."),
        Mistake("toward the peers' mean", _toward_the_mean,
                "You compare with the mean of the peers' distributions. The gradient is the same, the value is smaller; wanted "
                "is the mean of the divergences."),
        Mistake("log of softmax", _two_step_logarithm,
                "Right for ordinary logits. For large ones softmax gives exactly 0 and its logarithm -inf. Take both in one "
                "function."),
    ],
    styles={
        "F.kl_div": _with_kl_div,
        "all pairs at once": _by_pairs,
        "a comprehension": lambda zs, y, T, a: [
            (1 - a) * F.cross_entropy(z, y)
            + a * sum(distill.kd_loss(z, p.detach(), T) for p in zs if p is not z) / (len(zs) - 1)
            for z in zs
        ],
    },
    hints=(
        "Write the loss of one peer first: labels, and every other peer as if it were an ordinary teacher.",
        "For peer k: (1 - alpha) times the cross-entropy, plus alpha times the mean over the others of the distillation loss "
        "of unit 01, T² included.",
        "Detach every peer's logits when it plays the teacher. Collect the losses in a list, in the order of the peers.",
    ),
)  # fmt: skip


# --- ema_update -----------------------------------------------------------------------------------------------------


def _ema_update(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    distill.ema_update(teacher, student, decay)


def _two_alike(g: Generator) -> list[tuple[Any, ...]]:
    makes: list[Any] = [lambda: nn.BatchNorm1d(3), lambda: nn.Linear(3, 2), lambda: nn.Linear(2, 2, bias=False),
                        lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))]  # fmt: skip
    return [(filled(make, g), filled(make, g), decay) for make in makes for decay in (0.9, 0.25)]


def _afterwards(f: Solution, teacher: nn.Module, student: nn.Module, decay: float) -> dict[str, Any]:
    teacher, student = copy.deepcopy(teacher), copy.deepcopy(student)
    f(teacher, student, decay)
    return {"teacher afterwards": tensors_of(teacher), "student afterwards": tensors_of(student)}


def _after(f: Solution, g: Generator, decay: float) -> tuple[Tensor, Tensor, Tensor]:
    teacher, student = (filled(lambda: nn.Linear(3, 2), g) for _ in range(2))
    before = tensors_of(teacher)["weight"]
    f(teacher, student, decay)
    return before, tensors_of(teacher)["weight"], tensors_of(student)["weight"]


def _keeps_all(f: Solution, g: Generator) -> bool:
    before, after, _ = _after(f, g, 1.0)
    return near(after, before)


def _keeps_nothing(f: Solution, g: Generator) -> bool:
    _, after, student = _after(f, g, 0.0)
    return near(after, student)


def _is_no_tensor_of_the_student(f: Solution, g: Generator) -> bool:
    teacher, student = (filled(lambda: nn.BatchNorm1d(3), g) for _ in range(2))
    f(teacher, student, 0.5)
    kept = tensors_of(teacher)
    with torch.no_grad():
        for tensor in (*student.parameters(), *student.buffers()):
            tensor.add_(1)
    return all(bool((tensor == kept[name]).all()) for name, tensor in tensors_of(teacher).items())


@torch.no_grad()
def _blend(
    teacher: nn.Module, student: nn.Module, keep: float, add: float, *, buffers: str = "copy", only: str = ""
) -> None:
    ours = dict(student.named_parameters())
    for name, theta in teacher.named_parameters():
        if only in name:
            theta.copy_(keep * theta + add * ours[name])
    theirs = dict(student.named_buffers())
    for name, buffer in teacher.named_buffers():
        if buffers == "copy":
            buffer.copy_(theirs[name])
        elif buffers == "blend":
            buffer.copy_(keep * buffer + add * theirs[name])


@torch.no_grad()
def _moves_the_student(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    _blend(student, teacher, decay, 1 - decay, buffers="leave")
    _blend(teacher, student, 1.0, 0.0)


@torch.no_grad()
def _rebinds(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    for theta_t, theta_s in zip(teacher.parameters(), student.parameters(), strict=True):
        theta_t = nn.Parameter(decay * theta_t + (1 - decay) * theta_s)


@torch.no_grad()
def _shares_buffers(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    _blend(teacher, student, decay, 1 - decay)
    for module, other in zip(teacher.modules(), student.modules(), strict=True):
        for name, buffer in other.named_buffers(recurse=False):
            setattr(module, name, buffer)


@torch.no_grad()
def _by_state_dict(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    weights = {name for name, _ in student.named_parameters()}
    old, new = teacher.state_dict(), student.state_dict()
    teacher.load_state_dict({k: decay * old[k] + (1 - decay) * v if k in weights else v for k, v in new.items()})


@torch.no_grad()
def _by_lerp(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    for theta_t, theta_s in zip(teacher.parameters(), student.parameters(), strict=True):
        theta_t.lerp_(theta_s, 1 - decay)
    for b_t, b_s in zip(teacher.buffers(), student.buffers(), strict=True):
        b_t.copy_(b_s)


def _by_data(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    for theta_t, theta_s in zip(teacher.parameters(), student.parameters(), strict=True):
        theta_t.data.mul_(decay).add_(theta_s.data, alpha=1 - decay)
    for b_t, b_s in zip(teacher.buffers(), student.buffers(), strict=True):
        b_t.data = b_s.data.clone()


ema_update = Exercise(
    reference=_ema_update,
    inputs=_two_alike,
    observe=_afterwards,
    laws=[
        Law("leaves the weights alone when decay is 1", _keeps_all, "A decay of 1 keeps all of the old mean."),
        Law("takes the student's weights when decay is 0", _keeps_nothing, "A decay of 0 keeps nothing of the old mean."),
        Law("leaves the teacher tensors of its own", _is_no_tensor_of_the_student,
            "Copy the values. A tensor that teacher and student share follows every later step of the student."),
    ],
    mistakes=[
        Mistake("decay swapped", lambda t, s, d: _blend(t, s, 1 - d, d),
                "You keep 1 - decay of the teacher. With decay 0.999 the teacher should hardly move in one step."),
        Mistake("student moved", _moves_the_student,
                "The student's weights changed. The mean moves toward the student, never the other way."),
        Mistake("copied, not averaged", lambda t, s, d: _blend(t, s, 0.0, 1.0),
                "The teacher becomes a copy of the student: then it knows nothing that the student does not."),
        Mistake("buffers left alone", lambda t, s, d: _blend(t, s, d, 1 - d, buffers="leave"),
                "The weights are right, the buffers are still the old ones. BatchNorm's statistics have to fit the weights: copy "
                "the student's."),
        Mistake("buffers averaged", lambda t, s, d: _blend(t, s, d, 1 - d, buffers="blend"),
                "You average the buffers too. They are running means already, and a counter of batches cannot be averaged: copy "
                "them."),
        Mistake("added, not averaged", lambda t, s, d: _blend(t, s, 1.0, 1 - d),
                "You add to the teacher without shrinking what it held, so its weights grow without end."),
        Mistake("biases forgotten", lambda t, s, d: _blend(t, s, d, 1 - d, only="weight"),
                "Only the weights are averaged. Every parameter counts, biases too."),
        Mistake("a name rebound", _rebinds,
                "The teacher is as it was. `theta = ...` gives a new tensor a name; to change the module, write into the "
                "parameter in place."),
        Mistake("buffers shared", _shares_buffers,
                "The values are right, but the buffers are the student's own tensors: its next step changes them under the "
                "teacher."),
    ],
    styles={"lerp": _by_lerp, "a new state dict": _by_state_dict, "mul and add on data": _by_data},
    hints=(
        "Two loops: one over the parameters, which are averaged, one over the buffers, which are copied.",
        "zip(teacher.parameters(), student.parameters()) gives pairs. Write in place, under torch.no_grad().",
        "For a parameter: multiply the teacher's by decay, add (1 - decay) times the student's. For a buffer: copy_.",
    ),
)  # fmt: skip
