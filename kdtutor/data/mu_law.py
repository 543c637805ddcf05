"""µ-law: a sample of a telephone line in eight bits, fine where speech is quiet and coarse where it is loud."""

import math

import torch
from torch import Tensor

MU = 255


def mu_law_encode(waveform: Tensor) -> Tensor:
    """round(255 · (1 + sign(x) ln(1 + 255|x|) / ln 256) / 2): floating-point samples in [-1, 1] -> uint8.

    Samples beyond ±1 are cut off there. Raises TypeError for integers, ValueError for NaN.
    Source: ITU-T Recommendation G.711, "Pulse Code Modulation of Voice Frequencies", 1988 (its continuous form).
    """
    if not isinstance(waveform, Tensor) or not waveform.is_floating_point():
        raise TypeError("waveform needs to be a floating-point tensor of samples in [-1, 1]")
    if bool(waveform.isnan().any()):
        raise ValueError("waveform holds NaN: samples in [-1, 1] are needed")
    x = waveform.detach().double().clamp(-1, 1)
    compressed = x.sign() * torch.log1p(MU * x.abs()) / math.log1p(MU)
    return ((compressed + 1) / 2 * MU).round().to(torch.uint8)


def mu_law_decode(codes: Tensor) -> Tensor:
    """The samples in [-1, 1] that the codes stand for: uint8 -> float32. Raises TypeError for other dtypes."""
    if not isinstance(codes, Tensor) or codes.dtype != torch.uint8:
        raise TypeError(f"codes is {getattr(codes, 'dtype', type(codes).__name__)}: a uint8 tensor is needed")
    compressed = 2 * codes.double() / MU - 1
    return (compressed.sign() * torch.expm1(compressed.abs() * math.log1p(MU)) / MU).float()
