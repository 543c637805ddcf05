"""The training loop. It knows nothing of distillation: a loss is a callable of the outputs and the batch's targets."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Generator, Tensor, nn
from tqdm.auto import tqdm

from kdtutor.models import seeded
from kdtutor.training.batches import (
    BatchOf,
    order_of,
    require_rows,
    require_scalar,
    rows,
    seed_of_layers,
    views_of,
)
from kdtutor.training.checkpoint import Run, identify, resume, save_checkpoint
from kdtutor.training.device import default_device
from kdtutor.training.history import History
from kdtutor.training.precision import at_precision
from kdtutor.training.products import fast_products
from kdtutor.training.recipe import Recipe, optimizer_for

Loss = Callable[..., Tensor]


def fit(
    model: nn.Module,
    inputs: Tensor,
    targets: Sequence[Tensor],
    loss: Loss,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    device: torch.device | str | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    after_step: Callable[[nn.Module], object] | None = None,
    views: BatchOf | None = None,
    compiled: bool = False,
    checkpoint: str | Path | None = None,
    label: str = "training",
) -> History:
    """Train `model` in place to lower loss(model(inputs), *targets), in shuffled batches; returns its history.

    inputs: (N, ...). targets: tensors of N rows each, shuffled with the inputs, so a cached teacher's logits stay
    with their samples: `fit(student, x, (teacher_logits, y), distillation_loss)`. loss: a scalar tensor, the mean of
    the batch. seed: the order of the samples, their views, and what layers such as dropout draw (the initial weights
    are the model's own); the global generators are left as they were.

    evaluate: called after each epoch with the model in evaluation mode.
    after_step: called after every update, to re-apply a mask or clip a weight in place.
    views(index, generator): gives a batch's inputs and targets in the place of inputs[index] and targets[index], so
    that a random view of a sample is drawn together with what the teacher said about that view; index: (B,), and a
    generator to draw from, both on `device`.
    compiled: compile model and loss with torch.compile; it takes a minute, and pays in long runs on a GPU.
    checkpoint: a file that keeps the run after every epoch. If it exists, the run goes on from there, and ends with
    the same weights, bit for bit, as if it had not been interrupted (same machine, same number of threads); if it
    holds the finished run, nothing is trained. A loss, view or callback with a memory of its own is not kept in it.

    The model ends in evaluation mode, on `device` (default: the GPU where there is one). On a CPU, the products of a
    large model are those of the faster library, see `training.products`.
    Raises ValueError for targets of another length, a loss that is no scalar, a checkpoint that is damaged or
    belongs to another run; FloatingPointError when an epoch's loss is not finite.
    """
    recipe = recipe or Recipe()
    require_rows(inputs, targets)
    device = torch.device(device) if device is not None else default_device()
    identity = identify(model, inputs, targets, recipe, seed, device) if checkpoint else {}
    model.to(device)
    batch_of = views or rows(inputs.to(device), [target.to(device) for target in targets])
    forward = at_precision(model, recipe.precision, device)

    def objective(inputs: Tensor, *targets: Tensor) -> Tensor:
        return loss(forward(inputs), *targets)

    if compiled:
        objective = torch.compile(objective)
    optimizer = optimizer_for(recipe, model.parameters())
    trained = optimizer.param_groups[0]["params"]
    steps = recipe.steps(len(inputs))
    with seeded(seed_of_layers(seed), device), fast_products(trained, recipe.batch_size, device):
        order, draws = order_of(seed), views_of(seed, device)
        run = Run(model, optimizer, {"order": order, "views": draws, **global_generators(device)}, History())
        if checkpoint:
            resume(checkpoint, run, identity)
        history = run.history
        done = len(history.losses)
        epochs = range(done, recipe.epochs)
        for epoch in tqdm(epochs, label, recipe.epochs, leave=False, unit="epoch", initial=done, delay=1):
            began = perf_counter()
            model.train()
            index = torch.randperm(len(inputs), generator=order).to(device)
            values: list[Tensor] = []
            for step, part in enumerate(index.split(recipe.batch_size), epoch * steps // recipe.epochs):
                x, y = batch_of(part, draws)
                value = objective(x, *y)
                require_scalar(value)
                for parameter in trained:  # optimizer.zero_grad() without its bookkeeping
                    parameter.grad = None
                value.backward()
                optimizer.param_groups[0]["lr"] = recipe.learning_rate(step, steps)
                optimizer.step()
                if after_step is not None:
                    after_step(model)
                values.append(value.detach())
            model.eval()
            history.add(epoch_mean(values, len(inputs), recipe.batch_size).item(), recipe.lr)
            if evaluate is not None:
                history.evaluations.append(float(evaluate(model)))
            history.seconds += perf_counter() - began
            if checkpoint:
                save_checkpoint(checkpoint, run, identity)
    model.zero_grad()
    model.eval()
    return history


def epoch_mean(values: list[Tensor], samples: int, batch_size: int) -> Tensor:
    """The mean over an epoch's samples of batch means, in which a short last batch weighs less."""
    first = torch.stack(values)
    last = samples - batch_size * (len(values) - 1)
    weights = torch.full((len(values),), float(batch_size), dtype=first.dtype, device=first.device)
    weights[-1] = last
    return torch.tensordot(weights, first, 1) / samples


def global_generators(device: torch.device) -> dict[str, Generator]:
    """The generators that layers draw from: the CPU's, and the GPU's where the model is on one."""
    generators: dict[str, Any] = {"layers": torch.default_generator}
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        generators["layers on the GPU"] = torch.cuda.default_generators[index]
    return generators
