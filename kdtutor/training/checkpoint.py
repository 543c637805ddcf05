"""Checkpoints that survive a kill: whole or absent on the disk, verified when read, exact when resumed."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from kdtutor.training.history import History
from kdtutor.training.recipe import Recipe

KIND = "kdtutor training checkpoint"
VERSION = "1"

Identity = dict[str, str]


@dataclass
class Run:
    """Everything that the rest of a training depends on, besides what its caller hands over again."""

    model: nn.Module
    optimizer: Optimizer
    generators: dict[str, Generator]
    history: History


def identify(
    model: nn.Module, inputs: Tensor, targets: Sequence[Tensor], recipe: Recipe, seed: int, device: torch.device
) -> Identity:
    """Which run this is, told before its first step: another recipe, seed, data or start is another run.

    A loss, a view or a callback has no name of its own and is not part of it.
    """
    data = {"inputs": inputs, **{f"targets[{number}]": target for number, target in enumerate(targets)}}
    return {
        "recipe": repr(recipe),
        "seed": str(seed),
        "device": device.type,
        "data": digest(data),
        "initial weights": digest(model.state_dict()),
    }


def save_checkpoint(path: str | Path, run: Run, identity: Identity) -> None:
    """Write the run as one safetensors file: written beside `path`, flushed to the disk, then renamed over it.

    Raises TypeError for a model whose state holds something other than tensors.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = dict(_tensors(run))
    facts = {"kind": KIND, "version": VERSION, "history": json.dumps(asdict(run.history)), **identity}
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        save_file(tensors, unfinished, metadata={**facts, "checksum": digest(tensors, facts)})
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def resume(path: str | Path, run: Run, identity: Identity) -> None:
    """Bring the run to where the checkpoint left it; without a file there it stays at its start.

    Nothing of the run is touched unless the whole file is sound and belongs to it. Raises ValueError otherwise,
    saying what is damaged, or in what the two runs differ.
    """
    path = Path(path)
    if not path.exists():
        return
    tensors, facts = _read(path)
    for name, ours in identity.items():
        theirs = facts.get(name, "nothing")
        if theirs != ours:
            which = f": {theirs} there, {ours} here" if len(theirs) < 64 > len(ours) or name == "recipe" else ""
            raise ValueError(
                f"checkpoint {path} belongs to another run, its {name} differ{'s' if name[-1] != 's' else ''}{which}. "
                "Make the model and data as they were before that run, or name another file"
            )
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "generator": {}}
    for name, tensor in tensors.items():
        part, rest = name.split("/", 1)
        parts[part][rest] = tensor
    run.model.load_state_dict(parts["model"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in parts["optimizer"].items():
        number, key = name.split("/")
        state.setdefault(int(number), {})[key] = tensor
    groups = run.optimizer.state_dict()["param_groups"]
    run.optimizer.load_state_dict({"state": state, "param_groups": groups})
    for name, generator in run.generators.items():
        generator.set_state(parts["generator"][name])
    for name, value in json.loads(facts["history"]).items():
        setattr(run.history, name, value)


def digest(tensors: Mapping[str, object], facts: Mapping[str, str] | None = None) -> str:
    """SHA-256 over names, dtypes, shapes and every byte, in the order of the names, and over the facts."""
    sum_ = hashlib.sha256(json.dumps(facts or {}, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} is a {type(tensor).__name__}: a checkpoint holds tensors only")
        sum_.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        sum_.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sum_.hexdigest()


def _tensors(run: Run) -> Iterable[tuple[str, Tensor]]:
    """Every tensor of the run under its name, in memory of its own (safetensors refuses shared memory)."""
    for name, value in run.model.state_dict().items():
        yield f"model/{name}", value.detach().cpu().clone().contiguous()
    for number, state in run.optimizer.state_dict()["state"].items():
        for key, value in state.items():
            if value is not None:
                yield f"optimizer/{number}/{key}", value.detach().cpu().clone().contiguous()
    for name, generator in run.generators.items():
        yield f"generator/{name}", generator.get_state()


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    again = "Delete it to train from the start"
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts: dict[str, str] = dict(file.metadata() or {})
            if facts.get("kind") != KIND or facts.get("version") != VERSION:
                raise ValueError(f"{path} is no checkpoint of this release ({KIND}, version {VERSION}). {again}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as reason:
        raise ValueError(f"checkpoint {path} is damaged or truncated: {reason}. {again}") from None
    if facts.pop("checksum", None) != digest(tensors, facts):
        raise ValueError(f"checkpoint {path} is damaged: its content does not match its checksum. {again}")
    return tensors, facts
