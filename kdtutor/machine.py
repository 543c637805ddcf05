"""What this machine is: the card at the top of the course, and the first lines of `kdtutor doctor`."""

import os
import platform
import sys

import torch

from kdtutor.training.device import default_device


def describe() -> dict[str, str]:
    """Python, torch, device and memory, each in a few words."""
    device = default_device()
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        where = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    else:
        where = f"CPU ({platform.machine()}), torch uses {torch.get_num_threads()} threads"
    return {
        "Python": f"{platform.python_version()} ({sys.implementation.name})",
        "torch": torch.__version__,
        "device": where,
        "cores": str(usable_cores()),
        "memory": f"{memory_gib():.1f} GiB",
    }


def usable_cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gib() -> float:
    """Installed memory in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
