"""Bytes: of a file, of a folder, of a model's weights as they would be stored."""

import zlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn


def artifact_bytes(artifact: str | Path | bytes | bytearray | memoryview) -> int:
    """The size in bytes of what would be shipped: a file, a folder with all its files, or bytes in memory.

    Everything in the file counts: codes, scales, codebooks, indices, header. Raises FileNotFoundError for a path
    where nothing lies, TypeError for anything else.
    """
    if isinstance(artifact, bytes | bytearray | memoryview):
        return memoryview(artifact).nbytes
    if not isinstance(artifact, str | Path):
        raise TypeError(f"artifact is a {type(artifact).__name__}: a path or bytes are needed")
    path = Path(artifact)
    if not path.exists():
        raise FileNotFoundError(f"artifact is {str(path)!r}, and there is no such file or folder: write it first")
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def state_dict_bytes(model: nn.Module | Mapping[str, Tensor], compressed: bool = False) -> int:
    """The size in bytes of a model's parameters and buffers as a safetensors file, header included.

    A tensor that two names share is stored once. compressed: after zlib at its best level, which finds zeros but not
    the structure of random mantissas; a mask alone saves nothing without it.
    Raises TypeError for an entry that is not a tensor.
    """
    from safetensors.torch import save

    state = model.state_dict() if isinstance(model, nn.Module) else model
    tensors: dict[tuple[object, ...], tuple[str, Tensor]] = {}
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name!r} is a {type(tensor).__name__}: only tensors have a size in a state dict")
        place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        tensors.setdefault(place if tensor.numel() else (name,), (name, tensor))
    file = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.values()})
    return len(zlib.compress(file, 9)) if compressed else len(file)
