"""Other people's libraries on the same task, where they are installed. What is not there says so in its row."""

import importlib
from copy import deepcopy
from functools import partial
from importlib import metadata
from types import ModuleType

import torch
from torch import Tensor

from kdtutor.bench.agreement import require_agreement
from kdtutor.bench.case import Case, Measurement, NotInstalledError, Setting
from kdtutor.bench.losses import T, head_task, tokens
from kdtutor.bench.networks import batch, inference, least_seconds, network
from kdtutor.bench.pairs import compare_times
from kdtutor.bench.pruning import half_kept
from kdtutor.bench.row import Spread
from kdtutor.distill import chunked_kd_loss
from kdtutor.measure import peak_memory
from kdtutor.prune import shrink
from kdtutor.quantize import to_int8

PACKAGES = {"torchao": "torchao", "liger_kernel": "liger-kernel", "torch_pruning": "torch-pruning"}


def torchao_int8(setting: Setting, rows: int) -> Measurement:
    """Our int8 network against torchao's dynamic int8 under torch.compile, its fast way."""
    quantization = _library("torchao", "torchao.quantization")
    model, x = network(setting), batch(setting, rows)
    theirs = deepcopy(model)
    quantization.quantize_(theirs, quantization.Int8DynamicActivationInt8WeightConfig())
    ours, rival = inference(to_int8(model), x), inference(torch.compile(theirs), x)
    require_agreement(ours(), rival(), 0.1, "the int8 network's answer")
    least = least_seconds(setting, model, rows, "int8")
    return compare_times(setting, ours, rival, least=least, note=_version("torchao"))


def liger_memory(setting: Setting) -> Measurement:
    """Peak extra memory of our chunked loss against Liger's fused linear loss, in megabytes."""
    ours, rival = _against_liger(setting)
    mine, theirs = (peak_memory(run, setting.device) / 1e6 for run in (ours, rival))
    ratio = mine / theirs
    return Measurement("MB", mine, theirs, Spread(ratio, ratio, ratio, 1), note=_version("liger_kernel"))


def liger_time(setting: Setting) -> Measurement:
    """Time of our chunked loss against Liger's, forward and backward."""
    ours, rival = _against_liger(setting)
    return compare_times(setting, ours, rival, warmup=1, note=_version("liger_kernel"))


def torch_pruning_shrink(setting: Setting) -> Measurement:
    """How long removing half the neurons takes: channel_groups and shrink against a tp pruner, both on a copy."""
    library = _library("torch_pruning", "torch_pruning")
    model, x = network(setting), batch(setting, 1)

    def rival() -> torch.nn.Module:
        copy = deepcopy(model)
        importance = library.importance.GroupMagnitudeImportance(p=2)
        library.pruner.BasePruner(copy, x, importance, pruning_ratio=0.5, ignored_layers=[copy[-1]]).step()
        return copy

    def ours() -> torch.nn.Module:
        groups, keep = half_kept(model, x)
        return shrink(model, keep, groups)

    widths = [[tuple(p.shape) for p in made().parameters()] for made in (ours, rival)]
    if widths[0] != widths[1]:
        raise ArithmeticError(f"the two make different networks: {widths[0]} and {widths[1]}")
    return compare_times(setting, ours, rival, note=_version("torch_pruning"))


def _against_liger(setting: Setting) -> tuple[partial[tuple[Tensor, ...]], partial[tuple[Tensor, ...]]]:
    losses = _library("liger_kernel", "liger_kernel.chunked_loss")
    h_s, W_s, h_t, W_t = head_task(setting)
    # beta = 0 is KL(teacher ‖ student), without T²; labels are asked for and weigh nothing.
    theirs = losses.LigerFusedLinearJSDLoss(weight_hard_loss=0.0, weight_soft_loss=1.0, beta=0.0, temperature=T)
    labels = torch.zeros(tokens(setting), dtype=torch.long, device=setting.device)

    def of_ours() -> tuple[Tensor, ...]:
        return torch.autograd.grad(chunked_kd_loss(h_s, W_s, h_t, W_t, T), (h_s, W_s))

    def of_liger() -> tuple[Tensor, ...]:
        return torch.autograd.grad(T**2 * theirs(h_s, W_s, h_t, W_t, labels), (h_s, W_s))

    tolerance = 1e-3 if h_s.dtype == torch.float32 else 0.05
    for mine, other in zip(of_ours(), of_liger(), strict=True):
        require_agreement(mine, other, tolerance, "chunked_kd_loss's gradient")
    return partial(of_ours), partial(of_liger)


def _library(package: str, module: str) -> ModuleType:
    try:
        metadata.version(PACKAGES[package])
    except metadata.PackageNotFoundError:
        raise NotInstalledError(
            f"{PACKAGES[package]} is not installed: pip install 'kdtutor[rivals]' adds what this row compares with"
        ) from None
    return importlib.import_module(module)


def _version(package: str) -> str:
    return f"{PACKAGES[package]} {metadata.version(PACKAGES[package])}"


CASES = (
    *(
        Case(
            "rivals",
            f"MLP 784-1200-1200-10, batch {rows}, int8, torchao",
            "Int8Linear, eager",
            "torchao dynamic int8 under torch.compile",
            partial(torchao_int8, rows=rows),
        )
        for rows in (1, 64, 1024)
    ),
    Case(
        "rivals",
        "KD loss of a large vocabulary, memory, Liger-Kernel",
        "chunked_kd_loss: peak beyond what is held",
        "LigerFusedLinearJSDLoss, compiled",
        liger_memory,
    ),
    Case(
        "rivals",
        "KD loss of a large vocabulary, time, Liger-Kernel",
        "chunked_kd_loss, forward and backward",
        "LigerFusedLinearJSDLoss, compiled",
        liger_time,
    ),
    Case(
        "rivals",
        "removing half the neurons, torch-pruning",
        "channel_groups and shrink",
        "tp.pruner.BasePruner",
        torch_pruning_shrink,
    ),
)
