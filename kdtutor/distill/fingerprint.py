"""What a network or a data set is, in 64 hexadecimal digits: SHA-256 over names, shapes, types and every byte."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import Module

from kdtutor.distill.regime_arguments import require_module

CHUNK = 2**24


def weights_fingerprint(module: Module) -> str:
    """Of the printed structure and all parameters and buffers of a network, those outside its state_dict included.

    Two networks share it only where all weights are equal bit for bit; the device does not matter. A change that
    neither weights nor printed structure show (another function called in `forward`) is not seen.
    Raises TypeError for what is no torch.nn.Module.
    """
    require_module("teacher", module)
    digest = hashlib.sha256(repr(module).encode())
    for kind in (module.named_parameters(), module.named_buffers()):
        for name, tensor in sorted(kind):
            digest.update(f"|{name}|".encode())
            update_with(digest, tensor)
    return digest.hexdigest()


def samples_fingerprint(samples: Tensor) -> str:
    """Of a data set's samples in their order: (S, ...), any dtype and device."""
    digest = hashlib.sha256()
    update_with(digest, samples)
    return digest.hexdigest()


def update_with(digest: "hashlib._Hash", tensor: Tensor) -> None:
    """Add a tensor's dtype, shape and bytes; read piece by piece, so that a memory-mapped one is never held whole."""
    digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    for piece in _pieces(tensor.detach()):
        digest.update(piece.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def _pieces(tensor: Tensor) -> Iterator[Tensor]:
    if tensor.ndim == 0 or tensor.nbytes <= CHUNK:
        return iter((tensor,))
    rows = max(1, CHUNK * len(tensor) // tensor.nbytes)
    return iter(tensor.split(rows))
