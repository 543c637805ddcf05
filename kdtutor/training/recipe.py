"""A training budget, and the optimiser and learning rates that it stands for."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

Method = Literal["adamw", "sgd"]
Schedule = Literal["one-cycle", "constant"]
Precision = Literal["full", "bfloat16"]

RISE = 0.3
START = 1 / 25


@dataclass(frozen=True)
class Recipe:
    """A training budget: two runs with equal recipes had equal chances.

    optimizer: "adamw", or "sgd" with `momentum`. schedule: "one-cycle", or "constant" at `lr`; see `learning_rate`.
    precision: "full" computes in the model's own dtype; "bfloat16" runs the model under autocast, while weights,
    optimiser and loss stay as they are, which pays where bfloat16 products are fast: on GPUs and many server CPUs.
    Raises ValueError for values outside their range and names that are not known.
    """

    epochs: int = 12
    batch_size: int = 128
    lr: float = 5e-3
    weight_decay: float = 0.0
    optimizer: Method = "adamw"
    schedule: Schedule = "one-cycle"
    momentum: float = 0.9
    precision: Precision = "full"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: at least 1 is needed")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr is {self.lr}: a positive, finite learning rate is needed")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}: zero or more is needed")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}: from 0 to below 1 is needed")
        for name, known in (("optimizer", Method), ("schedule", Schedule), ("precision", Precision)):
            if getattr(self, name) not in get_args(known):
                choices = ", ".join(map(repr, get_args(known)))
                raise ValueError(f"{name} is {getattr(self, name)!r}: one of {choices} is needed")

    def steps(self, samples: int) -> int:
        """How many updates the whole run makes: every epoch sees each sample once, the last batch may be short."""
        return self.epochs * -(-samples // self.batch_size)

    def learning_rate(self, step: int, steps: int) -> float:
        """The learning rate of update `step` of 0 .. steps - 1.

        one-cycle: along half a cosine from lr/25 up to lr during the first 30 % of the run, then along another down
        to 0, which it would reach at `steps`. It depends on the step alone, so nothing of it need be remembered.
        Source: Smith, Topin, "Super-Convergence", section 3, 2017 (here with a cosine, and the momentum left alone).
        """
        if self.schedule == "constant":
            return self.lr
        rise = RISE * steps
        if step < rise:
            return self.lr * _between(START, 1.0, step / rise)
        return self.lr * _between(1.0, 0.0, (step - rise) / (steps - rise))


def optimizer_for(recipe: Recipe, parameters: Iterable[Tensor]) -> Optimizer:
    """The recipe's optimiser over the parameters that are trained, as one fused kernel a step.

    Raises ValueError where there is none to train.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if not trained:
        raise ValueError("model has no parameter that is trained: requires_grad is False for all of them")
    if recipe.optimizer == "sgd":
        return SGD(trained, recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, fused=True)
    return AdamW(trained, recipe.lr, weight_decay=recipe.weight_decay, fused=True)


def _between(start: float, end: float, share: float) -> float:
    """Along half a cosine: start at share 0, end at share 1."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
