"""The course's teacher: trained once on this machine, then kept in the user's cache."""

import hashlib
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from platformdirs import user_cache_path
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from kdtutor import models
from kdtutor.training.device import default_device
from kdtutor.training.fit import Recipe, fit

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
    folder = cache or Path(os.environ.get("KDTUTOR_CACHE") or user_cache_path("kdtutor"))
    path = folder / f"glyph_teacher_{origin}.safetensors"
    weights = _read(path)
    if weights is not None:
        model.load_state_dict(weights)
        return model.to(default_device()).eval()
    from kdtutor import data  # brings matplotlib and scikit-learn, which nothing else here needs

    train = data.load("glyphs").train
    fit(model, train.x, (train.y,), F.cross_entropy, RECIPE, seed=seed, label="training the teacher, once")
    _write(path, model)
    return model


def _read(path: Path) -> dict[str, torch.Tensor] | None:
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):
        return None


def _write(path: Path, model: nn.Module) -> None:
    """Written beside and renamed, so that a kill leaves either the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    save_file({name: value.contiguous().cpu() for name, value in model.state_dict().items()}, unfinished)
    unfinished.replace(path)
