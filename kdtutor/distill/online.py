"""Online distillation: a student that follows its teacher along a stream whose distribution drifts.

Samples arrive in batches, without labels, and are seen once. Every batch is first an exam and then a lesson
(test-then-train), so the agreement along the stream is measured on samples the student has not yet learned from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Module

from kdtutor.distill.logits import kd_loss
from kdtutor.distill.regime_arguments import require_module, require_whole
from kdtutor.distill.teachers import evaluating, teacher_logits


class OnlineStep(NamedTuple):
    """agreement: share of the new samples on which student and teacher named the same class, before the step.

    Both are scalars on the stream's device: reading them every step would stall a GPU, so read them when needed.
    """

    agreement: Tensor
    loss: Tensor


class ReplayMemory:
    """A uniform sample of fixed size from all that the stream has brought so far (reservoir sampling).

    After t samples each of them is held with probability min(1, capacity / t), however long the stream.
    Source: Vitter, "Random Sampling with a Reservoir", section 2 (Algorithm R), 1985.
    """

    def __init__(self, capacity: int, generator: torch.Generator) -> None:
        require_whole("capacity", capacity, 1)
        if generator.device.type != "cpu":
            raise ValueError(f"generator is on {generator.device}: which samples stay is drawn on the CPU")
        self.capacity, self.generator = capacity, generator
        self.seen = 0
        self._held: Tensor | None = None

    def __len__(self) -> int:
        return min(self.seen, self.capacity)

    @property
    def samples(self) -> Tensor:
        """What is held now, (len, ...)."""
        if self._held is None:
            raise ValueError("the memory is empty: add samples first")
        return self._held[: len(self)]

    def add(self, samples: Tensor) -> None:
        """Offer (N, ...) new samples, in the order in which they came."""
        if self._held is None:
            self._held = samples.new_empty((self.capacity, *samples.shape[1:]))
        elif samples.shape[1:] != self._held.shape[1:]:
            raise ValueError(
                f"samples has shape {tuple(samples.shape)}, the memory holds {tuple(self._held.shape[1:])} each: "
                "a stream brings samples of one shape"
            )
        draws = torch.rand(len(samples), generator=self.generator, dtype=torch.float64).tolist()
        place: dict[int, int] = {}
        for n, draw in enumerate(draws):
            slot = self.seen if self.seen < self.capacity else int(draw * (self.seen + 1))
            self.seen += 1
            if slot < self.capacity:
                place[slot] = n  # a later sample of this batch overwrites an earlier one
        if place:
            slots = torch.tensor(list(place), device=samples.device)
            chosen = torch.tensor(list(place.values()), device=samples.device)
            self._held[slots] = samples.detach()[chosen]

    def draw(self, count: int) -> Tensor:
        """`count` different samples of those held, or all where fewer are held; (min(count, len), ...)."""
        held = self.samples
        chosen = torch.randperm(len(held), generator=self.generator)[:count]
        return held[chosen.to(held.device)]


@dataclass
class OnlineDistiller:
    """State of one student on a stream: `consume` a batch, learn, go on.

    step(loss) makes one optimiser step from a loss (zero_grad, backward, step). loss(student_logits, teacher_logits) is
    `kd_loss` unless given. With a memory, `replayed` samples from it join every lesson. Stored are the samples, not the
    teacher's answers: the teacher may be replaced while the stream runs, and is asked as it is now.
    Source: Gama, Sebastião, Rodrigues, "On evaluating stream learning algorithms", 2013 (test-then-train).
    """

    teacher: Module
    student: Module
    step: Callable[[Tensor], object]
    loss: Callable[[Tensor, Tensor], Tensor] = kd_loss
    memory: ReplayMemory | None = None
    replayed: int = 32
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        require_module("teacher", self.teacher)
        require_module("student", self.student)
        if self.teacher is self.student:
            raise ValueError("teacher and student are one module: a student compared with itself learns nothing")
        require_whole("replayed", self.replayed, 1)

    def consume(self, samples: Tensor) -> OnlineStep:
        """Examine the student on new samples (N, ...), then let it learn from them. Changes student and memory."""
        if samples.ndim == 0 or len(samples) == 0:
            raise ValueError(f"samples has shape {tuple(samples.shape)}: (N, ...) with at least one sample is needed")
        with evaluating(self.student), torch.no_grad():
            answered = self.student(samples).argmax(-1)
        lesson = samples
        if self.memory is not None and len(self.memory):
            lesson = torch.cat([samples, self.memory.draw(self.replayed)])
        z_t = teacher_logits(self.teacher, lesson)
        agreement = (answered == z_t[: len(samples)].argmax(-1)).float().mean()
        loss = self.loss(self.student(lesson), z_t)
        self.step(loss)
        if self.memory is not None:
            self.memory.add(samples)
        self.seen += len(samples)
        return OnlineStep(agreement, loss.detach())
