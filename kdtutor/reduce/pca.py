"""Fewer numbers a sample: principal components."""

from typing import NamedTuple

import torch
from torch import Tensor

from kdtutor.reduce.arguments import at_least_float32, require_count, require_floating, require_samples


class PrincipalComponents(NamedTuple):
    """The k directions of largest variance around the mean.

    mean: (D,). components: (k, D), rows of unit length, orthogonal to each other, largest variance first.
    explained_variance: (k,), variance of the data along each (divisor N - 1), in the data's unit squared.
    """

    mean: Tensor
    components: Tensor
    explained_variance: Tensor

    def transform(self, x: Tensor) -> Tensor:
        """Coordinates (x - mean) · componentsᵀ: (..., D) -> (..., k)."""
        _require_last_axis("x", x, self.components.shape[1])
        return (x - self.mean.to(x)) @ self.components.to(x).T

    def inverse(self, coordinates: Tensor) -> Tensor:
        """Back to the data's space, mean + coordinates · components: (..., k) -> (..., D)."""
        _require_last_axis("coordinates", coordinates, self.components.shape[0])
        return self.mean.to(coordinates) + coordinates @ self.components.to(coordinates)


def principal_components(x: Tensor, k: int) -> PrincipalComponents:
    """The first k principal components of the rows of x: the right singular vectors of x - mean.

    Projecting on them loses the least: no other k directions give a smaller Σ‖x - inverse(transform(x))‖², which
    equals (N - 1) times the variance left out. Signs are fixed: the entry of largest size in each component is
    positive. Features are centred, not scaled: bring them to one unit before.

    x: (N, D), N >= 2. k: 1 to min(N, D). Computed in float32 at least, returned in x's dtype and on its device
    (float16 overflows to inf for variances above 65504).
    Raises TypeError for integers, ValueError for other shapes, k out of range, NaN or infinity.
    Source: Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", 1901; Hotelling, "Analysis of
    a Complex of Statistical Variables into Principal Components", 1933.
    """
    require_samples("x", x, least=2)
    require_count("k", k, 1, min(x.shape), why=f"min(N, D) of x, which has shape {tuple(x.shape)}")
    data = at_least_float32(x)
    mean = data.mean(0)
    _, singular_values, directions = torch.linalg.svd(data - mean, full_matrices=False)
    components = _with_fixed_signs(directions[:k])
    variance = singular_values[:k] ** 2 / (x.shape[0] - 1)
    return PrincipalComponents(mean.to(x.dtype), components.to(x.dtype), variance.to(x.dtype))


def _with_fixed_signs(directions: Tensor) -> Tensor:
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return torch.where(largest < 0, -directions, directions)


def _require_last_axis(name: str, tensor: Tensor, size: int) -> None:
    require_floating(name, tensor)
    if tensor.ndim == 0 or tensor.shape[-1] != size:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: (..., {size}) is needed")
