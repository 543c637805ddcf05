"""The gradient of the distillation loss in closed form."""

import torch
from torch import Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake
from kdtutor.checks.inputs import logit_pairs, logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_01_soft_targets.loss import by_difference


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
        Law("is zero when student and teacher agree", lambda f, g: near(f(z := logits(g, 4, 5), z, 2.0), torch.zeros(4, 5)),
            "Where nothing is left to learn, nothing pulls."),
        Law("is right for logits of 10,000 too",
            lambda f, g: near(f(torch.tensor([[1e4, 0.0]]), torch.tensor([[0.0, 1e4]]), 1.0), torch.tensor([[1.0, -1.0]])),
            "exp(10000) overflows; torch's softmax does not.", edge=True),
        Law("sums to 0 over each row", lambda f, g: near(f(logits(g, 4, 5), logits(g, 4, 5), 3.0).sum(-1), torch.zeros(4)),
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
        "autograd": lambda s, t, T: torch.autograd.functional.jacobian(lambda z: by_difference(z, t, T), s),
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
