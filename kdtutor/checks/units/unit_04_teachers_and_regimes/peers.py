"""Peers that teach each other."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near


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
