"""Deep Compression: LeNet-300-100 pruned, its weights shared, Huffman coded, against its float32 file.

Retrained with the glyph teacher's answers. The rival is trained on the labels as long, at the best learning rate found
for it; a third network, dense and distilled as the compressed one was, says what of the accuracy is the teacher's.
Source: Han, Mao, Dally, "Deep Compression", 2016 (there MNIST, 1070 KB to 27 KB).
"""

import math
import tempfile
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import remove_parametrizations

from kdtutor import data
from kdtutor.bench.case import Case, Measurement, Setting
from kdtutor.bench.row import Condition, Spread
from kdtutor.data import Dataset
from kdtutor.distill import distillation_loss, entropy
from kdtutor.measure import accuracy, artifact_bytes, state_dict_bytes
from kdtutor.models import lenet_300_100
from kdtutor.prune import apply_masks_, cubic_sparsity, global_magnitude_masks, prunable_weights
from kdtutor.quantize import CodebookTensor, RawTensor, read_artifact, save_artifact, share_weights_
from kdtutor.training import Recipe, fit, glyph_teacher, predict

SPARSITY, BITS, POINTS = 0.905, 3, 0.3
DENSE, PRUNE, SHARE = Recipe(epochs=20, lr=1e-2), Recipe(epochs=40, lr=1e-2), Recipe(epochs=10, lr=4e-3)
# All chosen on the validation split, with seeds 10 and 11; the rival's too, of rates from 2e-3 to 4e-2 and decays from
# 0 to 1.
LABELS = Recipe(epochs=DENSE.epochs + PRUNE.epochs + SHARE.epochs, lr=2e-2, weight_decay=0.1)
TEMPERATURE, ALPHA = 4.0, 0.9
RAMP, EVERY = 0.7, 20  # pruned during the first 70 % of the pruning epochs, every 20 steps


@dataclass(frozen=True)
class Compressed:
    """What one seed gave: the two files' bytes, the bytes that the codes' entropy allows, and the accuracies."""

    ours: int
    rival: int
    entropy: float
    accuracy: float
    dense_accuracy: float
    distilled_accuracy: float


def deep_compression(setting: Setting) -> Measurement:
    """Bytes of the artifact against those of the float32 network, and what accuracy it lost at an equal budget."""
    glyphs = data.load("glyphs")
    if setting.rehearsal:
        glyphs = replace(glyphs, train=glyphs.train[:512])
    seeds = setting.size((0, 1, 2), (0,))
    teacher_logits = predict(glyph_teacher(), glyphs.train.x)
    runs = [_compress(glyphs, teacher_logits, seed, setting) for seed in seeds]
    reached, labels, alike = (
        100 * sum(getattr(run, name) for run in runs) / len(runs)
        for name in ("accuracy", "dense_accuracy", "distilled_accuracy")
    )
    ratio = Spread.of([run.ours / run.rival for run in runs])
    ours, rival, least = (
        sum(getattr(run, name) for run in runs) / len(runs) / 1e3 for name in ("ours", "rival", "entropy")
    )
    return Measurement(
        "kB",
        ours,
        rival,
        ratio,
        least,
        Condition("points of accuracy lost", labels - reached, POINTS),
        f"{1 / ratio.median:.1f} times smaller, decoded bit for bit; test accuracy {reached:.2f} %, a dense network "
        f"trained as long on labels {labels:.2f} %, one distilled alike {alike:.2f} %, {len(runs)} seeds; "
        "limit: entropy of the codes, each by itself",
    )


def _compress(glyphs: Dataset, teacher_logits: Tensor, seed: int, setting: Setting) -> Compressed:
    dense, pruning, sharing, labels = (
        setting.size(recipe, replace(recipe, epochs=1)) for recipe in (DENSE, PRUNE, SHARE, LABELS)
    )
    classes, inputs = len(glyphs.classes), glyphs.train.x[0].numel()
    rival, network = (lenet_300_100(classes, inputs, seed=seed) for _ in range(2))
    train = partial(fit, inputs=glyphs.train.x, seed=seed, device=setting.device)
    for model, recipe in ((rival, labels), (network, dense)):
        train(model, targets=(glyphs.train.y,), loss=F.cross_entropy, recipe=recipe)
    distil = partial(
        train,
        targets=(teacher_logits, glyphs.train.y),
        loss=partial(distillation_loss, temperature=TEMPERATURE, alpha=ALPHA),
    )
    alike = deepcopy(network)
    for recipe in (pruning, sharing):
        distil(alike, recipe=recipe)
    distil(network, recipe=pruning, after_step=_Pruning(network, pruning.steps(len(glyphs.train))))
    for layer in network:
        if isinstance(layer, nn.Linear):
            share_weights_(layer, BITS, keep_zero=True)
    distil(network, recipe=sharing)
    return _stored(network, rival, alike, glyphs)


def _stored(network: nn.Sequential, dense: nn.Module, distilled: nn.Module, glyphs: Dataset) -> Compressed:
    """Write the file, read it back, and judge the network that was read."""
    layers = {name: layer for name, layer in network.cpu().named_children() if isinstance(layer, nn.Linear)}
    weights = {f"{name}.weight": _shared_weight(layer) for name, layer in layers.items()}
    biases = {f"{name}.bias": RawTensor(layer.bias.detach().half()) for name, layer in layers.items()}
    entries: dict[str, CodebookTensor | RawTensor] = {**weights, **biases}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lenet_300_100.kdqa"
        save_artifact(path, entries)
        size, read = artifact_bytes(path), read_artifact(path)
    for name, entry in entries.items():
        if not torch.equal(read[name].decode(), entry.decode()):
            raise ArithmeticError(f"{name} came back from the artifact with other bits than it was written with")
    for layer in layers.values():
        remove_parametrizations(layer, "weight")
    network.load_state_dict({name: entry.decode().float() for name, entry in read.items()})
    least = sum(_entropy_bytes(shared) for shared in weights.values()) + sum(b.values.nbytes for b in biases.values())
    reached = (accuracy(model.cpu(), glyphs.test) for model in (network, dense, distilled))
    return Compressed(size, state_dict_bytes(dense), least, *reached)


def _shared_weight(layer: nn.Linear) -> CodebookTensor:
    """What `share_weights_` trained, its codebook in float16."""
    shared = cast(Any, layer).parametrizations.weight
    codebook = shared.original.detach().half()
    codebook[0] = 0  # the entry of the pruned weights, which training leaves alone
    return CodebookTensor(codebook, shared[0].codes)


def _entropy_bytes(shared: CodebookTensor) -> float:
    """Bytes that codes drawn one by one from these frequencies take at least, and the codebook's own."""
    n = shared.codes.numel()
    shares = torch.bincount(shared.codes.flatten().long()).double() / n
    return n * float(entropy(shares)) / math.log(2) / 8 + shared.codebook.nbytes


class _Pruning:
    """After an update: the masks, grown along the cubic schedule while there is time to recover, held to the end."""

    def __init__(self, model: nn.Module, steps: int) -> None:
        self.weights = prunable_weights(model)
        self.ramp = max(1, int(RAMP * steps))
        self.step = 0
        self.masks: dict[str, Tensor] = {}

    def __call__(self, model: nn.Module) -> None:
        self.step += 1
        if self.step <= self.ramp and (self.step % EVERY == 0 or self.step == self.ramp):
            sparsity = cubic_sparsity(self.step, self.ramp, SPARSITY)
            self.masks = global_magnitude_masks(self.weights, sparsity, within=self.masks or None)
        apply_masks_(model, self.masks)


CASES = (
    Case(
        "storage",
        "LeNet-300-100 on glyphs, bytes of the file",
        f"{SPARSITY:.1%} pruned, {BITS}-bit codebooks, Huffman coded",
        "float32 safetensors file",
        deep_compression,
        {"cpu": 1 / 40, "cuda": 1 / 40},
    ),
)
