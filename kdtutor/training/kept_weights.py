"""Trained weights that are kept in the user's cache: made once on this machine, read afterwards."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from kdtutor.data.cache_folder import cache_folder

Model = TypeVar("Model", bound=nn.Module)


def kept_weights(model: Model, name: str, train: Callable[[Model], object], *, cache: Path | None = None) -> Model:
    """The model with the weights that are kept as `name`; where there are none, `train` makes them and they are kept.

    name: a file's name without its ending; it should tell apart whatever the weights depend on. train: trains the model
    in place. cache: a folder (default: the user's cache folder, or KDTUTOR_CACHE). A damaged file is made again.
    """
    folder = cache or cache_folder()
    path = folder / f"{name}.safetensors"
    weights = _read(path)
    if weights is not None:
        model.load_state_dict(weights)
        return model
    train(model)
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
