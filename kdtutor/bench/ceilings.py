"""What this machine can do at most: bytes copied and products summed a second, measured in the same run.

A limit is the roofline's: no computation is faster than its bytes at the copy bandwidth, or its operations at the rate
of a large matrix product, whichever takes longer.
Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model", 2009.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch

from kdtutor.bench.row import Row
from kdtutor.machine import usable_cores
from kdtutor.measure import latency
from kdtutor.quantize import int8_matmul
from kdtutor.training.products import fast_products

MEMORY, CACHE = "copy, far larger than any cache", "copy, within the cache"
_IN_CACHE = 2**22  # bytes that a cache of today holds beside a copy of them
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}


@dataclass(frozen=True)
class Ceilings:
    """Bytes a second by kind of copy, operations a second by dtype of a product; what could not be measured is absent.

    A multiplication and an addition are two operations; a byte read and a byte written are two bytes.
    """

    bytes_per_second: Mapping[str, float] = field(default_factory=dict)
    operations_per_second: Mapping[str, float] = field(default_factory=dict)

    def least_seconds(self, *, moved: float = 0, operations: float = 0, dtype: str = "fp32") -> float | None:
        """The least time for `moved` bytes and `operations` of a dtype; None where their ceiling is not known.

        What moves fewer than 4 MiB is held against the cache's bandwidth, where that was measured.
        """
        bandwidth = self.bytes_per_second.get(MEMORY)
        if moved <= _IN_CACHE:
            bandwidth = self.bytes_per_second.get(CACHE, bandwidth)
        rate = self.operations_per_second.get(dtype)
        if (moved and bandwidth is None) or (operations and rate is None):
            return None
        times = (moved / bandwidth if bandwidth else 0.0, operations / rate if rate else 0.0)
        return max(times) or None


def measure_ceilings(device: torch.device, rehearsal: bool = False) -> tuple[Ceilings, list[Row]]:
    """The ceilings of a device, and a row for each; one that cannot be measured leaves a row that says why."""
    budget = 0.05 if rehearsal else 1.5
    on_cpu = device.type == "cpu"
    large = 2**24 if rehearsal else 2**28 if on_cpu else 2**31
    side = 128 if rehearsal else 1024 if on_cpu else 8192
    copied: dict[str, float] = {}
    multiplied: dict[str, float] = {}
    rows: list[Row] = []

    def add(name: str, into: dict[str, float], key: str, rate: Callable[[], float], unit: str) -> None:
        try:
            into[key] = rate()
        except RuntimeError as reason:
            first_line = str(reason).split("\n", 1)[0]
            rows.append(Row("ceilings", name, name, None, outcome="not available", reason=first_line))
        else:
            rows.append(
                Row(
                    "ceilings",
                    name,
                    name,
                    None,
                    unit,
                    into[key] / 1e9,
                    note="" if rows else others(),
                    rehearsal=rehearsal,
                )
            )

    add(MEMORY, copied, MEMORY, lambda: copy_rate(device, large, budget), "GB/s")
    if on_cpu:  # a GPU's cache is only seen by kernels too short to time
        add(CACHE, copied, CACHE, lambda: copy_rate(device, _IN_CACHE // 2, budget), "GB/s")
    for name, dtype in _DTYPES.items():
        rate = partial(product_rate, device, dtype, side, budget)
        add(f"{name} product, {side} × {side} × {side}", multiplied, name, rate, "Gop/s")
    return Ceilings(copied, multiplied), rows


def others() -> str:
    """Who else wants this machine's cores, where that is more than this run: its figures are then worth less."""
    if not hasattr(os, "getloadavg") or os.getloadavg()[0] <= torch.get_num_threads() + 0.5:
        return ""
    load, cores = os.getloadavg()[0], usable_cores()
    return f"{load:.1f} processes wanted {cores} cores in the last minute: measure again when it is quiet"


def copy_rate(device: torch.device, size: int, budget: float) -> float:
    """Bytes read and written a second while `size` bytes are copied."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size / latency(lambda: target.copy_(source), budget=budget).low


def product_rate(device: torch.device, dtype: torch.dtype, side: int, budget: float) -> float:
    """Operations a second of a square matrix product, 2 · side³ each; int8 with 32-bit sums."""
    if dtype == torch.int8:
        a, b = (torch.randint(-127, 128, (side, side), device=device, dtype=dtype) for _ in range(2))
        return 2 * side**3 / latency(lambda: int8_matmul(a, b.t()), budget=budget).low
    x, y = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    seconds = latency(lambda: x @ y.t(), budget=budget / 2).low
    with fast_products((x,), side, device):  # the faster of the libraries that `fit` may take
        seconds = min(seconds, latency(lambda: x @ y.t(), budget=budget / 2).low)
    return 2 * side**3 / seconds
