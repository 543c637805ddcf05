"""The course's teacher: trained once on this machine, then kept in the user's cache."""

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from kdtutor import models
from kdtutor.training.device import default_device
from kdtutor.training.fit import Recipe, fit
from kdtutor.training.kept_weights import kept_weights

RECIPE = Recipe(epochs=8, lr=3e-3)
CHANNELS = 24


def glyph_teacher(seed: int = 0, *, cache: Path | None = None) -> nn.Sequential:
    """A convolutional network trained on the glyphs' labels, in evaluation mode, on the default device.

    The first call trains it (about ten seconds on two cores, with a progress bar) and keeps the weights in `cache`
    (default: the user's cache folder, or KDTUTOR_CACHE); later calls read them. A file that belongs to another recipe,
    seed or release of torch is not used, a damaged one is made again.
    """
    model = models.cnn(CHANNELS, seed=seed)
    origin = hashlib.sha256(repr((RECIPE, CHANNELS, seed, torch.__version__, str(model))).encode()).hexdigest()[:16]

    def train(model: nn.Sequential) -> None:
        from kdtutor import data  # brings matplotlib and scikit-learn, which nothing else here needs

        train = data.load("glyphs").train
        fit(model, train.x, (train.y,), F.cross_entropy, RECIPE, seed=seed, label="training the teacher, once")

    return kept_weights(model, f"glyph_teacher_{origin}", train, cache=cache).to(default_device()).eval()
