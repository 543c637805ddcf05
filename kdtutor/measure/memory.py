"""The most memory a call holds at once."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch


def peak_memory(fn: Callable[[], object], device: torch.device | str = "cpu") -> int:
    """The most bytes of tensors that `fn()` holds at one moment beyond what was held before it, on `device`.

    CPU: every allocation and release of torch's allocator is recorded by the profiler and added up in order, to the
    byte. What a kernel takes behind the allocator's back (scratch space of the BLAS library) and NumPy's arrays are
    not seen. GPU: the caching allocator's own peak, in its blocks of 512 bytes.
    What `fn` returns counts as held. Run it once before if its first call builds caches that you do not mean.
    Raises ValueError for a device that is neither a CPU nor an NVIDIA GPU.
    """
    device = torch.device(device)
    match device.type:
        case "cpu":
            return _peak_on_cpu(fn)
        case "cuda":
            return _peak_on_gpu(fn, device)
    raise ValueError(f"device is {device}: 'cpu' or 'cuda' is needed")


def _peak_on_cpu(fn: Callable[[], object]) -> int:
    # Read when the profiler first starts: its library otherwise writes its own diary to the standard error.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    gc.freeze()  # older garbage is left alone meanwhile: the allocator warns of blocks that it did not see made
    try:
        with torch.autograd.profiler.profile(profile_memory=True, use_kineto=False) as profiler:
            kept = fn()
    finally:
        gc.unfreeze()
    del kept
    moves = sorted(_moves(profiler.kineto_results.experimental_event_tree()), key=lambda event: event.start_time_ns)
    return peak_of_moves((move.extra_fields.ptr, move.extra_fields.alloc_size) for move in moves)


def peak_of_moves(moves: Iterable[tuple[int, int]]) -> int:
    """The most bytes held at once beyond what was held before `moves`: (address, bytes), negative where freed.

    What is freed counts only where it was taken among `moves`, and with the bytes that were taken: a block from before
    may carry the size of an earlier one that the allocator saw at the same address.
    """
    taken: dict[int, int] = {}
    held = peak = 0
    for address, size in moves:
        if size > 0:
            taken[address] = size
        held += size if size > 0 else -taken.pop(address, 0)
        peak = max(peak, held)
    return peak


def _moves(events: list[Any]) -> Iterator[Any]:
    """Every allocation and release on the CPU in the profiler's tree."""
    for event in events:
        if event.name == "[memory]" and event.extra_fields.device.type == "cpu":
            yield event
        yield from _moves(event.children)


def _peak_on_gpu(fn: Callable[[], object], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    kept = fn()
    torch.cuda.synchronize(device)
    peak = torch.cuda.max_memory_allocated(device)
    del kept
    return peak - before
