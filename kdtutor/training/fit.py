"""The training loop. It knows nothing of distillation: a loss is a callable of the outputs and the batch's targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from kdtutor.training.device import default_device

Loss = Callable[..., Tensor]


@dataclass(frozen=True)
class Recipe:
    """A training budget: two runs with equal recipes had equal chances.

    The learning rate rises to `lr` and falls to zero again over the whole run (one cycle), under AdamW.
    """

    epochs: int = 12
    batch_size: int = 128
    lr: float = 5e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: at least 1 is needed")
        if not self.lr > 0:
            raise ValueError(f"lr is {self.lr}: a positive learning rate is needed")


@dataclass
class History:
    """What a run leaves behind: the mean loss of each epoch, what `evaluate` said after it, and the seconds it took."""

    losses: list[float] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)
    seconds: float = 0.0


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
    label: str = "training",
) -> History:
    """Train `model` in place to lower loss(model(inputs), *targets), in shuffled batches; returns its history.

    inputs: (N, ...). targets: tensors of N rows each, shuffled with the inputs, so a cached teacher's logits stay
    with their samples: `fit(student, x, (teacher_logits, y), distillation_loss)`. loss: a scalar tensor. seed: the
    order of the samples (the initial weights are the model's own). evaluate: called after each epoch with the model
    in evaluation mode. after_step: called after every update, to re-apply a mask or clip a weight.
    The model ends in training mode off, on `device` (default: the GPU where there is one).
    Raises ValueError for targets of another length, FloatingPointError when an epoch's loss is not finite.
    """
    recipe = recipe or Recipe()
    for number, target in enumerate(targets):
        if len(target) != len(inputs):
            raise ValueError(
                f"targets[{number}] has {len(target)} rows, inputs {len(inputs)}: one row a sample is needed"
            )
    device = torch.device(device) if device is not None else default_device()
    model.to(device)
    inputs, targets = inputs.to(device), [target.to(device) for target in targets]
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    batches = -(-len(inputs) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, total_steps=recipe.epochs * batches + 1)
    history, began = History(), perf_counter()
    for _ in tqdm(range(recipe.epochs), desc=label, unit="epoch", leave=False):
        model.train()
        total = torch.zeros((), device=device)
        for index in torch.randperm(len(inputs), generator=order).to(device).split(recipe.batch_size):
            value = loss(model(inputs[index]), *(target[index] for target in targets))
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            schedule.step()
            if after_step is not None:
                after_step(model)
            total += value.detach() * len(index)
        model.eval()
        history.losses.append(total.item() / len(inputs))
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the loss of epoch {len(history.losses)} is {history.losses[-1]}: the training diverged, "
                f"or the loss is undefined for these inputs (learning rate {recipe.lr:g})"
            )
        if evaluate is not None:
            history.evaluations.append(evaluate(model))
    history.seconds = perf_counter() - began
    return history


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor, batch_size: int = 1000) -> Tensor:
    """The model's outputs for `inputs`, in evaluation mode and without a graph; the model's mode is restored.

    inputs: (N, ...), on any device. Returns (N, ...) on the model's device.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    device = next((p.device for p in model.parameters()), inputs.device)
    try:
        return torch.cat([model(part.to(device)) for part in inputs.split(batch_size)])
    finally:
        for module, training in modes.items():
            module.training = training
