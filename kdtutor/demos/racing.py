"""Race: ten students on labels against ten that are distilled, all trained while one watches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor import models
from kdtutor.data import Dataset
from kdtutor.demos import networks
from kdtutor.distill import distillation_loss
from kdtutor.measure import Comparison, accuracy, paired_comparison
from kdtutor.training import Recipe, epochs_of_many

LABELS, DISTILLED = "labels", "distilled"
RATES = {LABELS: networks.ON_LABELS.lr, DISTILLED: networks.ON_ANSWERS.lr}
WORTH_HAVING = 0.005


@dataclass(frozen=True)
class Settings:
    """What both sides get: the same pictures, epochs, network, first weights and orders of pictures, seed by seed.

    temperature, alpha: of the distilled side's loss, (1 − α) · cross-entropy + α · T² · KL.
    Raises ValueError for fewer than two seeds or no pictures.
    """

    pictures: int = 8000
    epochs: int = 12
    temperature: float = 4.0
    alpha: float = 0.9
    seeds: tuple[int, ...] = tuple(range(10))

    def __post_init__(self) -> None:
        if len(self.seeds) < 2:
            raise ValueError(f"seeds is {self.seeds}: at least two are needed, one says nothing of the spread")
        if self.pictures < 1:
            raise ValueError(f"pictures is {self.pictures}: at least 1 is needed")


@dataclass(frozen=True)
class Standing:
    """A race after some epochs.

    curves: side → a list an epoch with each seed's accuracy on validation pictures. verdict: at the end, the paired
    comparison of the two sides on test pictures, which nobody looked at before; until then None.
    """

    settings: Settings
    curves: Mapping[str, Sequence[Sequence[float]]]
    verdict: Comparison | None = None

    @property
    def epoch(self) -> int:
        """How many epochs both sides have run."""
        return len(self.curves[LABELS])


def race(settings: Settings, glyphs: Dataset, teacher_logits: Tensor) -> Iterator[Standing]:
    """Train both sides on the CPU, an epoch at a turn: a Standing after each, the last one with the verdict.

    teacher_logits: (N, C), what the teacher says about the training pictures. Close the iterator to stop the race.
    Raises ValueError for more pictures than there are, or logits that do not belong to them.
    """
    train, n = glyphs.train, settings.pictures
    if n > len(train):
        raise ValueError(f"pictures is {n}: the training part has {len(train)}")
    if len(teacher_logits) != len(train):
        raise ValueError(f"teacher_logits has {len(teacher_logits)} rows for {len(train)} pictures: one each is needed")
    distilled = partial(distillation_loss, temperature=settings.temperature, alpha=settings.alpha)
    losses: dict[str, Callable[..., Tensor]] = {LABELS: _labels_alone, DISTILLED: distilled}
    inputs, classes = train.x[0].numel(), len(glyphs.classes)
    students = {
        side: [models.mlp(inputs, networks.HIDDEN, classes, seed=seed) for seed in settings.seeds] for side in losses
    }
    runs = [
        epochs_of_many(
            students[side],
            train.x[:n],
            (teacher_logits[:n], train.y[:n]),
            loss,
            Recipe(epochs=settings.epochs, lr=RATES[side]),
            seeds=settings.seeds,
            device="cpu",
            evaluate=lambda student: accuracy(student, glyphs.validation),
        )
        for side, loss in losses.items()
    ]
    curves: dict[str, list[list[float]]] = {side: [] for side in losses}
    try:
        for both in zip(*runs, strict=True):
            for curve, histories in zip(curves.values(), both, strict=True):
                curve.append([history.evaluations[-1] for history in histories])
            ended = len(curves[LABELS]) == settings.epochs
            verdict = _verdict(students, glyphs) if ended else None
            yield Standing(settings, {side: tuple(curve) for side, curve in curves.items()}, verdict)
    finally:
        for run in runs:
            run.close()


def _labels_alone(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(student_logits, labels)


def _verdict(students: Mapping[str, Sequence[nn.Module]], glyphs: Dataset) -> Comparison:
    on_test = {side: [accuracy(student, glyphs.test) for student in group] for side, group in students.items()}
    return paired_comparison(on_test[DISTILLED], on_test[LABELS], smallest_gain=WORTH_HAVING)
