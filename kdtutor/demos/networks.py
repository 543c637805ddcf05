"""The trained networks that the explorers look at: trained at the first opening, then kept in the user's cache."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor import data, distill, models, prune, quantize, training
from kdtutor.training.kept_weights import kept_weights

Part = Literal["train", "validation", "test"]

# The learning rates are each side's best of five on validation pictures in unit 02 (its results.json, "tuning").
ON_LABELS = training.Recipe(lr=0.05)
ON_ANSWERS = training.Recipe(lr=0.1)
WIDE = training.Recipe()
# After pruning. With SPARSITY below tried by hand on one seed's validation pictures: 80 %, or one ranking over both
# layers, left a student not worth showing. An example of a pruned network, not a claim about pruning.
AGAIN = training.Recipe(lr=0.03)
TEMPERATURE, ALPHA = 4.0, 0.9
HIDDEN = 64
SPARSITY = 0.7
CALIBRATION = 256  # pictures that int8 ranges are measured on
DISTILLATION = partial(distill.distillation_loss, temperature=TEMPERATURE, alpha=ALPHA)


@cache
def pictures() -> data.Dataset:
    """The glyphs, on the CPU: an explorer answers single questions, and moving them to a GPU would cost more."""
    return data.load("glyphs")


@cache
def teacher() -> nn.Module:
    """The course's teacher on the CPU, in evaluation mode."""
    return training.glyph_teacher().cpu()


@cache
def teacher_logits(part: Part) -> Tensor:
    """What the teacher says about a part of the glyphs: (N, 36)."""
    split: data.Split = getattr(pictures(), part)
    return training.predict(teacher(), split.x)


def student(seed: int = 0) -> nn.Sequential:
    """A student before its training: a perceptron 256-64-36."""
    return models.mlp(256, HIDDEN, 36, seed=seed)


@cache
def from_labels() -> nn.Module:
    """A student trained on labels."""

    def train(model: nn.Module) -> None:
        train = pictures().train
        training.fit(model, train.x, (train.y,), F.cross_entropy, ON_LABELS, device="cpu", label="from labels, once")

    return _kept(student(), "labels", ON_LABELS, train)


@cache
def distilled() -> nn.Module:
    """The same student, trained on labels and the teacher's softened answers."""

    def train(model: nn.Module) -> None:
        train = pictures().train
        targets = (teacher_logits("train"), train.y)
        training.fit(model, train.x, targets, DISTILLATION, ON_ANSWERS, device="cpu", label="distilled, once")

    return _kept(student(), "distilled", (ON_ANSWERS, TEMPERATURE, ALPHA), train)


@cache
def pruned() -> nn.Module:
    """The distilled student without 70 % of each layer's weights, those of smallest magnitude, then distilled again."""

    def train(model: nn.Module) -> None:
        model.load_state_dict(distilled().state_dict())
        weights: Mapping[str, Tensor] = prune.prunable_weights(model)
        masks = prune.layer_magnitude_masks(weights, SPARSITY)
        prune.apply_masks_(model, masks)
        train = pictures().train
        training.fit(
            model, train.x, (teacher_logits("train"), train.y), DISTILLATION, AGAIN, device="cpu",
            after_step=partial(prune.apply_masks_, masks=masks), label="pruned, once",
        )  # fmt: skip

    return _kept(student(), "pruned", (ON_ANSWERS, AGAIN, SPARSITY, TEMPERATURE, ALPHA), train)


@cache
def int8() -> nn.Module:
    """The distilled student with int8 weights and activations, its ranges measured on training pictures."""
    seen = pictures().train.x[:CALIBRATION]
    return quantize.to_int8(distilled(), quantize.observe_inputs(distilled(), [seen]))


def students() -> dict[str, nn.Module]:
    """The four students by the name that a figure shows, all on the CPU and in evaluation mode."""
    return {"from labels": from_labels(), "distilled": distilled(), "pruned": pruned(), "int8": int8()}


@cache
def lenet() -> nn.Module:
    """A perceptron 256-300-100-36 trained on labels: what the explorers of pruning and quantisation take apart."""

    def train(model: nn.Module) -> None:
        train = pictures().train
        training.fit(model, train.x, (train.y,), F.cross_entropy, WIDE, device="cpu", label="the network, once")

    return _kept(models.lenet_300_100(36, 256, seed=0), "lenet", WIDE, train)


def _kept(model: nn.Module, name: str, made_by: object, train: Callable[[nn.Module], None]) -> nn.Module:
    """On disk under a name that tells recipes, architectures and releases of torch apart."""
    origin = hashlib.sha256(repr((name, made_by, torch.__version__, str(model))).encode()).hexdigest()[:16]
    return kept_weights(model, f"explorer_{name}_{origin}", train).eval()
