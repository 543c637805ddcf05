"""One training on several devices: each process computes its share of every batch, and gradients are averaged.

    torchrun --standalone --nproc-per-node=2 -m kdtutor.training.distributed

trains a student on a teacher's cached logits, a process a GPU (or a CPU where there is none), and the first of them
prints one line of JSON: pictures a second and the loss of each epoch, for one process alone and for all together.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kdtutor.models import seeded
from kdtutor.training.batches import order_of, require_rows, require_scalar, seed_of_layers
from kdtutor.training.fit import Loss, epoch_mean, fit
from kdtutor.training.history import History
from kdtutor.training.precision import at_precision
from kdtutor.training.products import fast_products
from kdtutor.training.recipe import Recipe, optimizer_for


@contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the processes that torchrun has started; gives this one's device: its own GPU, or the CPU.

    Processes talk through nccl where each has a GPU, through gloo otherwise. Raises RuntimeError outside torchrun.
    """
    if "LOCAL_RANK" not in os.environ:
        raise RuntimeError("this process was not started by torchrun: torchrun --nproc-per-node=2 -m MODULE starts two")
    local, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    on_gpus = torch.cuda.is_available() and torch.cuda.device_count() >= here
    device = torch.device("cuda", local) if on_gpus else torch.device("cpu")
    if on_gpus:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def share_of(batch: Tensor, rank: int, processes: int) -> tuple[Tensor, float]:
    """The samples of a batch (B,) that one process computes, and the weight of their mean loss.

    With n of the B samples the weight is n · processes / B: averaged over the processes, the weighted means are the
    mean over the batch, also where it cannot be divided evenly. A process without a sample computes one with weight 0,
    because every process has to take part in every exchange.
    """
    own = batch.tensor_split(processes)[rank]
    weight = len(own) * processes / len(batch)
    return (own if len(own) else batch[:1]), weight


def fit_distributed(
    model: nn.Module,
    inputs: Tensor,
    targets: Sequence[Tensor],
    loss: Loss,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    compiled: bool = False,
) -> History:
    """Train `model` in place as `fit` does, every batch shared among the processes of the group: call it in each.

    Every process needs the same model, samples and arguments. batch_size is that of the whole batch, so the recipe
    means the same for any number of processes, and without dropout and BatchNorm so do the weights, up to rounding:
    dropout draws differently in every process, BatchNorm sees a process's share (nn.SyncBatchNorm sees the whole
    batch, on GPUs). The losses in the history are means over all samples; seconds are this process's own.
    Raises what `fit` raises, and RuntimeError where no group of processes was joined.
    """
    if not dist.is_initialized():
        raise RuntimeError("no group of processes was joined: call this inside `with process_group() as device:`")
    recipe = recipe or Recipe()
    require_rows(inputs, targets)
    device = torch.device(device)
    rank, processes = dist.get_rank(), dist.get_world_size()
    model.to(device).train()
    together = DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
    forward: Callable[..., Tensor] = at_precision(together, recipe.precision, device)
    if compiled:
        forward = torch.compile(forward)
    optimizer = optimizer_for(recipe, model.parameters())
    inputs, targets = inputs.to(device), [target.to(device) for target in targets]
    order, steps, step = order_of(seed), recipe.steps(len(inputs)), 0
    history = History()
    trained = optimizer.param_groups[0]["params"]
    with seeded(seed_of_layers(seed) + rank, device), fast_products(trained, recipe.batch_size // processes, device):
        for _epoch in range(recipe.epochs):
            began = perf_counter()
            values = []
            for batch in torch.randperm(len(inputs), generator=order).to(device).split(recipe.batch_size):
                own, weight = share_of(batch, rank, processes)
                value = weight * loss(forward(inputs[own]), *(target[own] for target in targets))
                require_scalar(value)
                optimizer.zero_grad()
                value.backward()
                optimizer.param_groups[0]["lr"] = recipe.learning_rate(step, steps)
                optimizer.step()
                values.append(value.detach())
                step += 1
            mean = epoch_mean(values, len(inputs), recipe.batch_size)
            dist.all_reduce(mean)
            history.add((mean / processes).item(), recipe.lr)
            history.seconds += perf_counter() - began
    model.zero_grad()
    model.eval()
    return history


def main() -> None:
    """Distil a student on colour glyphs, first in one process alone, then in all: what torchrun starts.

    The others wait meanwhile, so the line of JSON compares one process and several on the same machine and data.
    """
    from functools import partial

    from kdtutor import data, distill, models

    with process_group() as device:
        train = data.load("colour-glyphs", train=2048, validation=1, test=1).train
        teacher = models.residual_cnn(16, 1, 10, in_channels=3, seed=0)
        answers = distill.cache_logits(teacher, train.x).logits[:, 0].float()
        one, shared = (models.mlp(3 * 32 * 32, 256, 10, seed=1) for _ in range(2))
        recipe = Recipe(epochs=4, batch_size=256)
        loss = partial(distill.distillation_loss, temperature=4.0, alpha=0.9)
        alone = History()
        if dist.get_rank() == 0:
            alone = fit(one, train.x, (answers, train.y), loss, recipe, device=device)
        dist.barrier()
        together = fit_distributed(shared, train.x, (answers, train.y), loss, recipe, device=device)
        if dist.get_rank() == 0:
            said: dict[str, object] = {"processes": dist.get_world_size(), "backend": dist.get_backend()}
            for name, history in (("alone", alone), ("together", together)):
                rate = recipe.epochs * len(train) / history.seconds
                said[name] = {"pictures_a_second": rate, "losses": history.losses}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
