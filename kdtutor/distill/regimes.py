"""When the student learns from whom: from scratch, pre-train then fine-tune, fine-tune. A regime is a list of stages.

A stage names a loss of (student_logits, teacher_logits, labels) and how many epochs it lasts. Every regime divides the
same `epochs`, so that two of them compare at one budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor
from torch.nn import Module

from kdtutor.distill.arguments import require_temperature, require_weight
from kdtutor.distill.log_probabilities import at_least_float32
from kdtutor.distill.logits import distillation_loss, kd_loss
from kdtutor.distill.regime_arguments import require_whole

BatchLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Stage:
    """`epochs` epochs with one loss(student_logits, teacher_logits, labels).

    uses_teacher and uses_labels say what the loss looks at: a loop need not run a teacher that nobody asks, and a stage
    without labels accepts an unlabelled transfer set. What is not used may be handed over as anything, also None.
    """

    name: str
    loss: BatchLoss
    epochs: int
    uses_teacher: bool = True
    uses_labels: bool = True

    def __post_init__(self) -> None:
        require_whole("epochs", self.epochs, 1)


def distil_from_scratch(epochs: int, temperature: float = 4.0, alpha: float = 0.9) -> list[Stage]:
    """One stage: labels and teacher together from the first step, (1 - α) CE + α T² KL."""
    return [_distil(epochs, temperature, alpha)]


def pretrain_then_finetune(epochs: int, temperature: float = 4.0, pretrain_fraction: float = 0.5) -> list[Stage]:
    """Two stages: T² KL to the teacher alone (needs no labels), then cross-entropy on the labels alone.

    pretrain_fraction in [0, 1] of the epochs, rounded, go to the first; a stage of no epochs is left out.
    """
    first, second = _split(epochs, "pretrain_fraction", pretrain_fraction)
    require_temperature(temperature)
    stages = []
    if first:
        loss = partial(_from_teacher, temperature=temperature)
        stages.append(Stage("pre-train on the teacher", loss, first, uses_labels=False))
    if second:
        stages.append(Stage("fine-tune on labels", _from_labels, second, uses_teacher=False))
    return stages


def finetune_with_teacher(
    epochs: int, temperature: float = 4.0, alpha: float = 0.9, label_fraction: float = 0.5
) -> list[Stage]:
    """Two stages: an ordinary student trained on labels, then fine-tuned with the teacher, (1 - α) CE + α T² KL.

    label_fraction in [0, 1] of the epochs, rounded, go to the first; 0 where the student comes trained already.
    """
    first, second = _split(epochs, "label_fraction", label_fraction)
    stages = []
    if first:
        stages.append(Stage("train on labels", _from_labels, first, uses_teacher=False))
    if second:
        stages.append(_distil(second, temperature, alpha))
    return stages


def total_epochs(stages: Sequence[Stage]) -> int:
    """The budget of a regime: the epochs of all its stages."""
    return sum(stage.epochs for stage in stages)


def follow(stages: Sequence[Stage], student: Module, train: Callable[[Module, Stage], Result]) -> list[Result]:
    """Train one student through the stages in their order: train(student, stage) once a stage, in place.

    Returns what `train` returned for each (a history, an accuracy). Raises ValueError for an empty list of stages.
    """
    if not stages:
        raise ValueError("stages is empty: a regime needs at least one stage")
    return [train(student, stage) for stage in stages]


def _distil(epochs: int, temperature: float, alpha: float) -> Stage:
    require_temperature(temperature)
    require_weight("alpha", alpha, 0.0, 1.0)
    return Stage("distil", partial(distillation_loss, temperature=temperature, alpha=alpha), epochs)


def _split(epochs: int, name: str, fraction: float) -> tuple[int, int]:
    require_weight(name, fraction, 0.0, 1.0)
    require_whole("epochs", epochs, 1)
    first = round(epochs * fraction)
    return first, epochs - first


def _from_labels(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(at_least_float32(student_logits), labels.long()).to(student_logits.dtype)


def _from_teacher(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    return kd_loss(student_logits, teacher_logits, temperature)
