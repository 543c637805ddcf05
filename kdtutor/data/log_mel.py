"""Log-mel features: what a small speech model hears of a waveform."""

import math

import torch
from torch import Tensor

SAMPLE_RATE = 8000
WINDOW = 256  # samples a frame, 32 ms
HOP = 128  # samples from one frame to the next, 16 ms
MELS = 24
FLOOR = 1e-6  # energy under which everything is silence


def frames(waveform: Tensor, length: int = WINDOW, hop: int = HOP) -> Tensor:
    """Overlapping pieces of a waveform: (..., S) -> (..., 1 + (S - length) // hop, length), a view.

    A tail shorter than a hop is left out; nothing is padded.
    Raises TypeError for integers, ValueError for S < length or sizes below 1.
    """
    if not isinstance(waveform, Tensor) or not waveform.is_floating_point():
        came = getattr(waveform, "dtype", type(waveform).__name__)
        raise TypeError(f"waveform is {came}: a floating-point tensor of samples in [-1, 1] is needed")
    if length < 1 or hop < 1:
        raise ValueError(f"length is {length}, hop is {hop}: both need to be 1 or more")
    if waveform.ndim == 0 or waveform.shape[-1] < length:
        raise ValueError(f"waveform has shape {tuple(waveform.shape)}: one frame needs (..., S) with S >= {length}")
    return waveform.unfold(-1, length, hop)


def power_spectrum(pieces: Tensor) -> Tensor:
    """|DFT of the frame under a Hann window|²: (..., L) -> (..., L/2 + 1), bin k at k · rate / L hertz.

    The window is w_n = ½ - ½ cos(2πn / L): it fades the frame's ends, which would otherwise smear every tone.
    """
    window = torch.hann_window(pieces.shape[-1], dtype=pieces.dtype, device=pieces.device)
    return torch.fft.rfft(pieces * window).abs() ** 2


def hertz_to_mel(hertz: float) -> float:
    """2595 log10(1 + f / 700), a scale on which equal steps sound equal."""
    return 2595 * math.log10(1 + hertz / 700)


def mel_to_hertz(mel: float) -> float:
    """The inverse of `hertz_to_mel`."""
    return 700 * (10 ** (mel / 2595) - 1)


def mel_filters(mels: int = MELS, length: int = WINDOW, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """Triangles over the spectrum's bins, equally spaced in mel from 0 to half the sample rate: (mels, L/2 + 1).

    Filter m rises from corner m to height 1 at corner m + 1 and falls to 0 at corner m + 2.
    Raises ValueError where the frame is too short for so many filters, so that one would see no bin.
    Source: Davis, Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition in
    Continuously Spoken Sentences", 1980.
    """
    top = hertz_to_mel(sample_rate / 2)
    corners = torch.tensor([mel_to_hertz(top * i / (mels + 1)) for i in range(mels + 2)], dtype=torch.float64)
    bins = torch.arange(length // 2 + 1, dtype=torch.float64) * sample_rate / length
    rise = (bins - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    fall = (corners[2:, None] - bins) / (corners[2:] - corners[1:-1])[:, None]
    filters = rise.minimum(fall).clamp_min(0)
    if bool((filters.sum(1) == 0).any()):
        raise ValueError(f"mels is {mels}, length is {length}: a filter falls between two bins, take fewer or longer")
    return filters.float()


def log_mel(waveform: Tensor) -> Tensor:
    """log(energy in each mel filter + 1e-6) of each frame: (..., S) -> (..., T, 24), T = 1 + (S - 256) // 128.

    waveform: samples in [-1, 1] at 8 kHz. Computed in float32 at least, returned in the waveform's dtype.
    Raises as `frames`.
    """
    pieces = frames(waveform).to(torch.promote_types(waveform.dtype, torch.float32))
    energy = power_spectrum(pieces) @ mel_filters().to(pieces).T
    return (energy + FLOOR).log().to(waveform.dtype)
