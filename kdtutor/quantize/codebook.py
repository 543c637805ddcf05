"""Weight sharing: all weights of a layer take one of 2^b values, the centroids of a one-dimensional k-means."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from kdtutor.quantize.arguments import (
    refuse_infinite,
    require_bits,
    require_codes,
    require_floating,
    require_integer,
    require_values,
)

Start = Literal["linear", "density"]


def kmeans_codebook(
    weight: Tensor, bits: int, *, start: Start = "linear", keep_zero: bool = False, iterations: int = 100
) -> tuple[Tensor, Tensor]:
    """Codebook c of 2^b centroids and codes q, so that weight ≈ c[q] with a small Σ (w - c[q])².

    Lloyd's iteration until nothing moves, without randomness. start "linear" spreads the first centroids evenly from
    min to max, which keeps the few large weights well served; "density" puts one at every equal share of the weights.
    keep_zero: entry 0 is 0.0 and holds exactly the zero weights of a pruned layer; all others share the other
    2^b - 1 entries. Entries that no weight uses keep their place. Ties go to the lower centroid.
    weight: any shape, floating point. bits: 1 to 8. Returns (codebook, codes): (2^b,) in weight's dtype, ascending
    (with keep_zero from entry 1), and uint8 of weight's shape. No gradient; see `share_weights_` for training.
    Raises TypeError for integer weights, ValueError for empty ones, NaN or infinity (on the CPU), unknown starts.
    Source: Han, Mao, Dally, "Deep Compression", section 3 and 3.2, 2016.
    """
    require_bits(bits)
    require_values("weight", weight)
    refuse_infinite("weight", weight)
    require_integer("iterations", iterations, least=0)
    values = weight.detach().flatten()
    kept = values != 0 if keep_zero else torch.ones_like(values, dtype=torch.bool)
    centroids = _lloyd(values[kept].double().sort().values, 2**bits - int(keep_zero), start, iterations)
    codebook = centroids.to(weight.dtype)
    # Nearest to what is stored, not to what was computed: half precision may have moved a centroid.
    codes = torch.zeros_like(values, dtype=torch.uint8)
    codes[kept] = (_nearest(values[kept].double(), codebook.double()) + int(keep_zero)).to(torch.uint8)
    if keep_zero:
        codebook = torch.cat([codebook.new_zeros(1), codebook])
    return codebook, codes.reshape(weight.shape)


def lookup(codebook: Tensor, codes: Tensor) -> Tensor:
    """The weights c[q]. The gradient of a centroid is the sum of the gradients of all weights that share it.

    codebook: (K,), floating point. codes: any shape, integers in 0 ... K - 1. Returns codes' shape, codebook's dtype.
    Raises TypeError for floating-point codes, ValueError for a codebook that is not (K,); IndexError for codes >= K.
    Source: Han, Mao, Dally, 2016, section 3.3, equation 3.
    """
    require_floating("codebook", codebook)
    require_codes("codes", codes)
    if codebook.ndim != 1:
        raise ValueError(f"codebook has shape {tuple(codebook.shape)}: (K,) is needed, one value an entry")
    return codebook[codes.long()]


class SharedWeight(nn.Module):
    """Parametrisation that builds a weight from a trainable codebook and fixed codes.

    With keep_zero entry 0 stays 0 while the rest is trained.
    """

    codes: Tensor

    def __init__(self, codes: Tensor, *, keep_zero: bool = False) -> None:
        super().__init__()
        require_codes("codes", codes)
        self.keep_zero = keep_zero
        self.register_buffer("codes", codes)

    def forward(self, codebook: Tensor) -> Tensor:
        if self.keep_zero:
            codebook = torch.cat([codebook.new_zeros(1), codebook[1:]])
        return lookup(codebook, self.codes)


def share_weights_(
    layer: nn.Module, bits: int, *, name: str = "weight", start: Start = "linear", keep_zero: bool = False
) -> nn.Parameter:
    """Replace, in place, a layer's weight by a codebook of 2^b values that trains in its stead; the codes stay.

    Afterwards `layer.weight` is c[q], an optimiser given `layer.parameters()` moves the centroids, and
    `torch.nn.utils.parametrize.remove_parametrizations(layer, name)` makes it a plain weight again.
    Returns the codebook parameter. Errors as `kmeans_codebook`.
    Source: Han, Mao, Dally, 2016, section 3.3.
    """
    codebook, codes = kmeans_codebook(getattr(layer, name), bits, start=start, keep_zero=keep_zero)
    parameter = nn.Parameter(codebook)
    delattr(layer, name)
    layer.register_parameter(name, parameter)
    # unsafe: the parametrised weight has the layer's shape and the parameter behind it the codebook's.
    parametrize.register_parametrization(layer, name, SharedWeight(codes, keep_zero=keep_zero), unsafe=True)
    return layer.parametrizations[name].original  # type: ignore[union-attr, index]


def _lloyd(values: Tensor, count: int, start: Start, iterations: int) -> Tensor:
    """Centroids of sorted float64 values: in one dimension a cluster is a run, and its mean two cumulative sums."""
    centroids = _first_centroids(values, count, start)
    total = torch.cat([values.new_zeros(1), values.cumsum(0)])
    for _ in range(iterations):
        inner = torch.searchsorted(values, (centroids[1:] + centroids[:-1]) / 2, right=True)
        ends = torch.cat([inner.new_zeros(1), inner, inner.new_full((1,), len(values))])
        sizes = ends.diff()
        means = torch.where(sizes > 0, total[ends].diff() / sizes.clamp_min(1), centroids)
        if torch.equal(means, centroids):
            break
        centroids = means
    return centroids


def _first_centroids(values: Tensor, count: int, start: Start) -> Tensor:
    if len(values) == 0:
        return values.new_zeros(count)
    match start:
        case "linear":
            share = torch.linspace(0, 1, count, dtype=values.dtype, device=values.device)
            return torch.lerp(values[0], values[-1], share)
        case "density":
            places = (torch.arange(count, device=values.device) + 0.5) * len(values) / count
            return values[places.long()]
    raise ValueError(f"start is {start!r}: one of 'linear', 'density' is needed")


def _nearest(values: Tensor, codebook: Tensor) -> Tensor:
    return torch.searchsorted((codebook[1:] + codebook[:-1]) / 2, values)
