"""Calibration over many batches: what a layer has seen so far, in bounded memory."""

import torch
from torch import Tensor

from kdtutor.quantize.arguments import require_bits, require_integer, require_values
from kdtutor.quantize.calibration import Method, calibrate, minmax_range


class RangeObserver:
    """Collects values batch by batch and gives the range that `calibrate` finds in them.

    minmax keeps the two extremes only and is exact. The other methods keep a uniform sample of at most `capacity`
    values, drawn by a generator of its own from `seed`; up to that many they are exact as well.
    """

    def __init__(self, method: Method = "minmax", bits: int = 8, *, capacity: int = 2**18, seed: int = 0) -> None:
        if method not in ("minmax", "percentile", "error", "entropy"):
            raise ValueError(f"method is {method!r}: one of 'minmax', 'percentile', 'error', 'entropy' is needed")
        require_bits(bits)
        require_integer("capacity", capacity, least=1)
        self.method, self.bits, self.capacity, self.seed = method, bits, capacity, seed
        self._extremes: tuple[Tensor, Tensor] | None = None
        self._sample: Tensor | None = None
        self._keys: Tensor | None = None
        self._generator: torch.Generator | None = None

    @property
    def calibrated(self) -> bool:
        """Whether anything was observed."""
        return self._extremes is not None

    def observe(self, x: Tensor) -> None:
        """Take one batch into account. x: any shape, floating point, always on one device."""
        require_values("x", x)
        x = x.detach()
        low, high = minmax_range(x)
        if self._extremes is not None:
            low, high = torch.minimum(low, self._extremes[0]), torch.maximum(high, self._extremes[1])
        self._extremes = low, high
        if self.method != "minmax":
            self._keep_sample(x.flatten())

    def range(self) -> tuple[Tensor, Tensor]:
        """The range [low, high] of everything observed. Raises RuntimeError where nothing was."""
        if self._extremes is None:
            raise RuntimeError("this observer has seen no batch: call observe(x) with typical inputs first")
        if self.method == "minmax":
            return self._extremes
        assert self._sample is not None
        return calibrate(self._sample, self.method, self.bits)

    def _keep_sample(self, values: Tensor) -> None:
        """Every value draws a key, and the largest keys stay: a uniform sample of the whole stream."""
        if self._generator is None:
            self._generator = torch.Generator(values.device).manual_seed(self.seed)
        keys = torch.rand(values.shape, device=values.device, generator=self._generator)
        if self._sample is not None and self._keys is not None:
            values, keys = torch.cat([self._sample, values]), torch.cat([self._keys, keys])
        if len(values) > self.capacity:
            keys, kept = keys.topk(self.capacity)
            values = values[kept]
        self._sample, self._keys = values, keys
