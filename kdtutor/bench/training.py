"""Training itself: many students at once, and a step recorded once as a CUDA graph."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.bench import networks
from kdtutor.bench.case import Case, Measurement, Setting, UnavailableError
from kdtutor.bench.pairs import compare_times
from kdtutor.distill import distillation_loss
from kdtutor.models import mlp
from kdtutor.training import Recipe, fit, fit_many

STUDENTS, BATCH = 8, 128
WIDTHS = (256, 64, 36)  # the course's student on glyphs


def many_at_once(setting: Setting, batch_size: int = BATCH) -> Measurement:
    """`fit_many` of eight distilled students against `fit` of one, for a step of each."""
    N = setting.size(4096, 256)
    recipe = Recipe(epochs=setting.size(2, 1), batch_size=batch_size)
    x, z_t, y = _samples(setting, N)
    loss = partial(distillation_loss, temperature=4.0, alpha=0.9)
    one = mlp(*WIDTHS, seed=0)
    many = [mlp(*WIDTHS, seed=seed) for seed in range(STUDENTS)]

    def ours() -> object:
        return fit_many(many, x, (z_t, y), loss, recipe, seeds=range(STUDENTS), device=setting.device)

    def rival() -> object:
        return fit(one, x, (z_t, y), loss, recipe, device=setting.device)

    weights = sum(p.numel() for p in one.parameters())
    operations = 6 * weights * batch_size * STUDENTS
    return compare_times(
        setting,
        ours,
        rival,
        steps=recipe.steps(N),
        least=setting.ceilings.least_seconds(operations=operations),
        note=f"{STUDENTS} runs one after the other would be {STUDENTS}",
    )


def mixed_precision(setting: Setting) -> Measurement:
    """Training the perceptron 784-1200-1200-10 with products in bfloat16 against float32 throughout."""
    full = Recipe(epochs=1, batch_size=512)
    generator = torch.Generator().manual_seed(0)
    N = setting.size(16 * 512, 512)
    x = torch.rand(N, setting.size(networks.WIDTHS, networks.REHEARSED)[0], generator=generator).to(setting.device)
    y = torch.randint(10, (N,), generator=generator).to(setting.device)
    model = networks.network(setting)

    def trained(recipe: Recipe) -> Callable[[], object]:
        return partial(fit, deepcopy(model), x, (y,), F.cross_entropy, recipe, device=setting.device)

    weights = sum(p.numel() for p in model.parameters())
    least = setting.ceilings.least_seconds(operations=6 * 512 * weights, dtype="bf16")
    mixed = replace(full, precision="bfloat16")
    return compare_times(setting, trained(mixed), trained(full), steps=full.steps(N), least=least, warmup=1)


def graphed_step(setting: Setting) -> Measurement:
    """A distillation step replayed from a CUDA graph against the same step launched kernel by kernel."""
    if setting.device.type != "cuda":
        raise UnavailableError(f"CUDA graphs need an NVIDIA GPU, this run is on {setting.device}")
    x, z_t, y = _samples(setting, BATCH)
    eager = _step(mlp(*WIDTHS, seed=0).to(setting.device), x, z_t, y)
    step = _step(mlp(*WIDTHS, seed=0).to(setting.device), x, z_t, y)
    # Warmed up on a stream of its own, as torch.cuda.graph asks, so that no first call is recorded.
    stream = torch.cuda.Stream(setting.device)
    stream.wait_stream(torch.cuda.current_stream(setting.device))
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream(setting.device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return compare_times(setting, graph.replay, eager)


def _step(student: nn.Module, x: Tensor, z_t: Tensor, y: Tensor) -> Callable[[], object]:
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-3, fused=True, capturable=x.is_cuda)

    def step() -> None:
        optimizer.zero_grad(set_to_none=False)
        distillation_loss(student(x), z_t, y).backward()
        optimizer.step()

    return step


def _samples(setting: Setting, count: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(count, WIDTHS[0], generator=generator)
    z_t = 3 * torch.randn(count, WIDTHS[-1], generator=generator)
    y = torch.randint(WIDTHS[-1], (count,), generator=generator)
    return x.to(setting.device), z_t.to(setting.device), y.to(setting.device)


CASES = (
    Case(
        "training",
        "8 small students, a step of each",
        "fit_many of 8",
        "fit of 1",
        many_at_once,
        {"cpu": 3.0, "cuda": 2.0},
    ),
    Case(
        "training",
        "training step, MLP 784-1200-1200-10, batch 512",
        "Recipe(precision='bfloat16')",
        "float32",
        mixed_precision,
    ),
    Case(
        "training",
        "KD step, small MLP, as a CUDA graph",
        "the step replayed from a graph",
        "the same step, launched kernel by kernel",
        graphed_step,
        devices=("cuda",),
    ),
)
