"""Many trainings at once: the students are stacked into one batched model, and each learns as it would alone."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from kdtutor.models import seeded
from kdtutor.training.batches import BatchOf, order_of, require_rows, seed_of_layers, views_of
from kdtutor.training.device import default_device
from kdtutor.training.fit import Loss, epoch_mean, global_generators
from kdtutor.training.history import History
from kdtutor.training.products import fast_products
from kdtutor.training.recipe import Recipe, optimizer_for
from kdtutor.training.stacked import Stacked
from kdtutor.training.stacked_batches import Targets, per_student, samples_of, stacked_rows, stacked_views
from kdtutor.training.stacked_losses import stacked_loss


def fit_many(
    models: Sequence[nn.Module],
    inputs: Tensor | Sequence[Tensor],
    targets: Targets | Sequence[Targets],
    losses: Loss | Sequence[Loss],
    recipe: Recipe | None = None,
    *,
    seeds: Sequence[int],
    device: torch.device | str | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    after_step: Callable[[nn.Module], object] | None = None,
    views: BatchOf | None = None,
    label: str = "training together",
) -> list[History]:
    """Train S models of one architecture in place, at once: model s ends as `fit` with seeds[s] would leave it.

    The same up to rounding, that is: products are summed in another order, and many steps enlarge the difference as
    they would any other. Each student sees the samples in its own seed's order. Dropout draws from one stream for
    all and so differs from separate runs; BatchNorm keeps each student's own statistics.

    models: alike but for their numbers, such as [mlp(256, 64, 36, seed=s) for s in range(8)].
    inputs: (N, ...) for all students, or a tensor of that shape for each (they learn from other samples).
    targets: tensors of N rows for all students, or one sequence of them for each student (their teachers differ).
    losses: one for all, or one for each student, such as [partial(distillation_loss, temperature=T) for T in (1, 4)].
    Students that share one loss object compute it together; it must then be a loss that torch.func.vmap can run: no
    decision in it may depend on a tensor's values. Every other argument as in `fit`; evaluate, after_step and views
    are called for each student. Returns one History a model, each with the seconds of the whole run.

    Raises ValueError as `fit` does, and for models that differ in structure or as many seeds, losses or targets as
    do not fit; FloatingPointError naming the students whose loss is not finite.
    """
    recipe = recipe or Recipe()
    epochs = epochs_of_many(
        models,
        inputs,
        targets,
        losses,
        recipe,
        seeds=seeds,
        device=device,
        evaluate=evaluate,
        after_step=after_step,
        views=views,
    )
    *_, histories = tqdm(epochs, label, recipe.epochs, leave=False, unit="epoch", delay=1)
    return histories


def epochs_of_many(
    models: Sequence[nn.Module],
    inputs: Tensor | Sequence[Tensor],
    targets: Targets | Sequence[Targets],
    losses: Loss | Sequence[Loss],
    recipe: Recipe | None = None,
    *,
    seeds: Sequence[int],
    device: torch.device | str | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    after_step: Callable[[nn.Module], object] | None = None,
    views: BatchOf | None = None,
) -> Generator[list[History], None, None]:
    """`fit_many`, stopping after each epoch to hand over the histories so far: one epoch longer at every turn.

    Between two turns the models are in evaluation mode and may be asked, not changed, and the global generators are as
    the caller left them. Closing the iterator ends the training there. Arguments and errors as in `fit_many`; errors
    come with the first turn.
    """
    recipe = recipe or Recipe()
    S = len(models)
    if len(seeds) != S:
        raise ValueError(f"seeds has {len(seeds)} entries for {S} models: one a model is needed")
    if not isinstance(losses, Sequence):
        losses = [losses] * S
    if len(losses) != S:
        raise ValueError(f"losses has {len(losses)} entries for {S} models: one for all, or one a model, is needed")
    by_student = per_student(targets, S)
    N = samples_of(inputs, S)
    for number, each in enumerate(by_student):
        require_rows(inputs if isinstance(inputs, Tensor) else inputs[number], each)
    device = torch.device(device) if device is not None else default_device()
    for model in models:
        model.to(device)
    stacked = Stacked(models)
    began = perf_counter()
    try:
        forward = stacked.forward(recipe.precision, device)
        batch_of = stacked_views(views) if views else stacked_rows(inputs, by_student, device)
        objective = stacked_loss(losses, device)
        optimizer = optimizer_for(recipe, stacked.parameters.values())
        trained = optimizer.param_groups[0]["params"]
        steps, histories = recipe.steps(N), [History() for _ in models]
        orders, draws = [order_of(seed) for seed in seeds], [views_of(seed, device) for seed in seeds]
        drawn: dict[str, Any] = {}
        for epoch in range(recipe.epochs):
            layers = _layers_draw_on(drawn, seed_of_layers(seeds[0]), device)
            with layers, fast_products(trained, recipe.batch_size, device):
                for model in models:
                    model.train()
                index = torch.stack([torch.randperm(N, generator=order) for order in orders]).to(device)
                values: list[Tensor] = []
                for step, part in enumerate(index.split(recipe.batch_size, 1), epoch * steps // recipe.epochs):
                    x, y = batch_of(part, draws)
                    value = objective(forward(x), y)
                    for parameter in trained:
                        parameter.grad = None
                    value.sum().backward()
                    optimizer.param_groups[0]["lr"] = recipe.learning_rate(step, steps)
                    optimizer.step()
                    if after_step is not None:
                        for model in models:
                            after_step(model)
                        stacked.settle()
                    values.append(value.detach())
                means = epoch_mean(values, N, recipe.batch_size).tolist()
                for number, (model, history, mean) in enumerate(zip(models, histories, means, strict=True)):
                    model.eval()
                    history.add(mean, recipe.lr, f"the loss of student {number} (seed {seeds[number]})")
                    if evaluate is not None:
                        history.evaluations.append(float(evaluate(model)))
            for history in histories:
                history.seconds += perf_counter() - began
            yield histories
            began = perf_counter()
    finally:
        stacked.release()


@contextmanager
def _layers_draw_on(drawn: dict[str, Any], seed: int, device: torch.device) -> Iterator[None]:
    """Inside, layers draw from `seed` the first time and go on where they stopped the next; outside nothing changes."""
    with seeded(seed, device):
        generators = global_generators(device)
        for name, state in drawn.items():
            generators[name].set_state(state)
        yield
        drawn.update({name: generator.get_state() for name, generator in generators.items()})
