"""The most memory a call holds at once."""

import os
from collections.abc import Callable

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
    with torch.autograd.profiler.profile(profile_memory=True, use_kineto=False) as profiler:
        kept = fn()
    del kept
    moves = [
        (event.start_ns(), event.nbytes())
        for event in profiler.kineto_results.events()
        if event.name() == "[memory]" and str(event.device_type()) == "DeviceType.CPU"
    ]
    held = peak = 0
    for _, size in sorted(moves, key=lambda move: move[0]):
        held += size
        peak = max(peak, held)
    return peak


def _peak_on_gpu(fn: Callable[[], object], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    kept = fn()
    torch.cuda.synchronize(device)
    peak = torch.cuda.max_memory_allocated(device)
    del kept
    return peak - before
