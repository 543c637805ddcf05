"""Softening: probabilities of logits at a temperature."""

import torch
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logit_rows, logits
from kdtutor.checks.near import near


def _survives_large_logits(f: Solution, g: Generator) -> bool:
    rows = torch.tensor([[0.0, 1.0], [1e4, 9999.0], [-1e4, 1e4]])
    one_apart = torch.tensor([0.0, 1.0]).softmax(-1)
    return near(f(rows, 1.0), torch.stack([one_apart, one_apart.flip(0), torch.tensor([0.0, 1.0])]))


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
        Law("does not change when a row is shifted", lambda f, g: near(f((z := logits(g, 3, 5)) + 7.0, 2.0), f(z, 2.0)),
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
