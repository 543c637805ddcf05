"""A training step of distillation: logits looked up, against a teacher that answers every batch anew."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from time import perf_counter

import torch
from torch import Generator, Tensor, nn

from kdtutor.bench.case import Case, Measurement, Setting
from kdtutor.bench.common_loop import batches_of, common_epoch
from kdtutor.bench.pairs import compare_times
from kdtutor.distill import LogitCache, Views, cache_logits, distillation_loss, shifts
from kdtutor.models import mlp
from kdtutor.training import Recipe, fit

BATCH, T, ALPHA, LR = 128, 4.0, 0.9, 1e-3
# Teacher and student of Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 3, 2015.
TEACHER, STUDENT = (784, 1200, 1200, 10), (784, 800, 800, 10)

Step = Callable[[], object]


def cached_step(setting: Setting) -> Measurement:
    """A run from looked-up logits against the common one, per step."""
    task = _Task(setting)
    cache, took = _cached(task, None)
    return _against_common(setting, task, partial(_from_cache, task, cache), None, took)


def cached_views_step(setting: Setting, rival_shifts: bool = False) -> Measurement:
    """The same with a random one of 25 shifts a sample; the common loop without shifts unless `rival_shifts`."""
    task, views = _Task(setting), shifts(2)
    cache, took = _cached(task, views)
    return _against_common(
        setting, task, partial(_from_views, task, cache, views), views if rival_shifts else None, took
    )


class _Task:
    """Teacher, student and samples; numbers drawn at random, since only their count matters here."""

    def __init__(self, setting: Setting) -> None:
        width = setting.size((TEACHER, STUDENT), ((784, 32, 32, 10), (784, 16, 16, 10)))
        # Several epochs: a run's first step makes the optimiser's state, which is no part of a step
        batches, self.epochs = setting.size((64, 2), (2, 2))
        self.steps = batches * self.epochs
        generator = torch.Generator().manual_seed(0)
        self.x = torch.rand(batches * BATCH, 1, 28, 28, generator=generator).to(setting.device)
        self.y = torch.randint(10, (batches * BATCH,), generator=generator).to(setting.device)
        self.teacher = mlp(*width[0], seed=0).to(setting.device)
        self.student = mlp(*width[1], seed=1).to(setting.device)
        self.recipe = Recipe(epochs=self.epochs, batch_size=BATCH, lr=LR, schedule="constant")


def _cached(task: _Task, views: Views | None) -> tuple[LogitCache, float]:
    began = perf_counter()
    cache = cache_logits(task.teacher, task.x, views)
    return cache, perf_counter() - began


def _from_cache(task: _Task, cache: LogitCache, student: nn.Module) -> Step:
    targets = (cache.logits[:, 0].float(), task.y)
    return partial(_fit, task, student, targets, None)


def _from_views(task: _Task, cache: LogitCache, views: Views, student: nn.Module) -> Step:
    def batch(index: Tensor, generator: Generator) -> tuple[Tensor, Sequence[Tensor]]:
        v = views.draw(len(index), generator)
        return views.view(task.x[index], v), (cache.lookup(index, v), task.y[index])

    return partial(_fit, task, student, (task.y,), batch)


def _fit(
    task: _Task,
    student: nn.Module,
    targets: Sequence[Tensor],
    views: Callable[[Tensor, Generator], tuple[Tensor, Sequence[Tensor]]] | None,
) -> object:
    loss = partial(distillation_loss, temperature=T, alpha=ALPHA)
    return fit(student, task.x, targets, loss, task.recipe, device=task.x.device, views=views)


def _common(task: _Task, student: nn.Module, views: Views | None) -> Step:
    # The same mathematics as ours; written without `fused=True`, as nearly everywhere.
    optimizer = torch.optim.AdamW(student.parameters(), lr=LR, weight_decay=0.0)
    loader = batches_of(task.x, task.y, BATCH)

    def run() -> None:
        for _ in range(task.epochs):
            common_epoch(student, task.teacher, loader, optimizer, T, ALPHA, views)

    return run


def _against_common(
    setting: Setting, task: _Task, ours: Callable[[nn.Module], Step], rival_views: Views | None, took: float
) -> Measurement:
    samples = len(task.x)
    return compare_times(
        setting,
        ours(deepcopy(task.student)),
        _common(task, deepcopy(task.student), rival_views),
        steps=task.steps,
        warmup=1,
        least=setting.ceilings.least_seconds(operations=_training_operations(task.student)),
        note=f"the cache took {1e3 * took * BATCH / samples:.3g} ms for each {BATCH} samples, once",
    )


def _training_operations(student: nn.Module) -> float:
    """Forward, and backward by weights and by inputs (not by the data): 2 operations a weight, sample and pass."""
    weights = [p.numel() for p in student.parameters() if p.ndim == 2]
    return 2 * BATCH * (3 * sum(weights) - weights[0])


CASES = (
    Case(
        "distillation",
        "KD step, MLP, batch 128",
        "fit with the teacher's logits cached",
        "the common loop: live teacher in the graph, DataLoader",
        cached_step,
        {"cpu": 0.35},
    ),
    Case(
        "distillation",
        "KD step, 25 shifted views",
        "fit with the logits of all views cached, a random shift a sample",
        "the common loop without any shifts",
        cached_views_step,
        {"cpu": 0.40},
    ),
    Case(
        "distillation",
        "KD step, 25 shifted views, both shifted",
        "fit with the logits of all views cached, a random shift a sample",
        "the common loop with the same random shifts",
        partial(cached_views_step, rival_shifts=True),
    ),
)
