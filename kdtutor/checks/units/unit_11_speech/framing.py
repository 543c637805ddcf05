"""A waveform in pieces, and the power of each piece at every frequency."""

import math

import torch
from torch import Generator, Tensor

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_11_speech.shared import Case, wave
from kdtutor.data.log_mel import frames as cut
from kdtutor.data.log_mel import power_spectrum as power

# --- frames ---------------------------------------------------------------------------------------------------------


def _frames(waveform: Tensor, length: int, hop: int) -> Tensor:
    return cut(waveform, length, hop)


def _waves_to_cut(g: Generator) -> list[Case]:
    sizes = [((20,), 6, 4), ((23,), 6, 4), ((3, 40), 8, 4), ((9,), 9, 2), ((2, 2, 31), 5, 3), ((21,), 4, 5)]
    return [(wave(g, *shape), length, hop) for shape, length, hop in sizes]


def _by_slices(waveform: Tensor, length: int, hop: int) -> Tensor:
    starts = range(0, waveform.shape[-1] - length + 1, hop)
    return torch.stack([waveform[..., start : start + length] for start in starts], -2)


def _by_index(waveform: Tensor, length: int, hop: int) -> Tensor:
    count = 1 + (waveform.shape[-1] - length) // hop
    return waveform[..., hop * torch.arange(count)[:, None] + torch.arange(length)]


def _by_appending(waveform: Tensor, length: int, hop: int) -> Tensor:
    pieces, start = [], 0
    while start + length <= waveform.shape[-1]:
        pieces.append(waveform[..., start : start + length].unsqueeze(-2))
        start += hop
    return torch.cat(pieces, -2)


def _with_padded_tail(waveform: Tensor, length: int, hop: int) -> Tensor:
    missing = -(waveform.shape[-1] - length) % hop
    return _by_slices(torch.nn.functional.pad(waveform, (0, missing)), length, hop)


def _centred(waveform: Tensor, length: int, hop: int) -> Tensor:
    return _by_slices(torch.nn.functional.pad(waveform, (length // 2, length // 2)), length, hop)


def _one_too_few(waveform: Tensor, length: int, hop: int) -> Tensor:
    return torch.stack(
        [waveform[..., s : s + length] for s in range(0, waveform.shape[-1] - length, hop)] or [waveform[..., :0]], -2
    )


frames = Exercise(
    reference=_frames,
    inputs=_waves_to_cut,
    example=(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), 4, 2),
    laws=[
        Law("starts each frame a hop after the one before",
            lambda f, g: bool((f(torch.arange(30.0), 7, 4)[:, 0].diff() == 4).all()),
            "Frame t begins at sample t · hop."),
    ],
    mistakes=[
        Mistake("hop ignored", lambda w, length, hop: cut(w, length, length),
                "Your frames do not overlap as they should: each begins where the one before ends. It begins a hop later."),
        Mistake("length and hop swapped", lambda w, length, hop: cut(w, hop, length),
                "Your frames have hop samples each. The frame has `length` samples, and the next begins `hop` samples later."),
        Mistake("last frame missing", _one_too_few,
                "A frame that ends exactly at the last sample is missing. Where may a frame begin at the latest?"),
        Mistake("tail padded", _with_padded_tail,
                "You fill up the tail with zeros for one frame more. Here a tail shorter than a hop is left out."),
        Mistake("centred frames", _centred,
                "You pad half a frame at both ends, as some libraries do by default. Nothing is padded here: frame t then "
                "holds the samples from t · hop on."),
        Mistake("samples before frames", lambda w, length, hop: cut(w, length, hop).mT,
                "Your last two axes are exchanged: each frame is a row, (..., T, length)."),
        Mistake("one long row", lambda w, length, hop: cut(w, length, hop).flatten(-2),
                "You return all frames in one row. They need an axis of their own: (..., T, length)."),
    ],
    styles={
        "unfold": lambda w, length, hop: w.unfold(-1, length, hop),
        "slices": _by_slices,
        "an index table": _by_index,
        "appended one by one": _by_appending,
    },
    hints=(
        "Frame t holds the samples t · hop to t · hop + length - 1. Write down the last t for which that exists.",
        "There are 1 + (S - length) // hop frames. Slices of the last axis, stacked, do it; so does one method of tensors.",
        "waveform[..., start : start + length] for every start, then torch.stack along axis -2.",
    ),
)  # fmt: skip


# --- power_spectrum -------------------------------------------------------------------------------------------------


def _power_spectrum(pieces: Tensor) -> Tensor:
    return power(pieces)


def _window(length: int) -> Tensor:
    return torch.hann_window(length)


def _by_matrix(pieces: Tensor) -> Tensor:
    length = pieces.shape[-1]
    n, k = torch.arange(length, dtype=torch.float64), torch.arange(length // 2 + 1, dtype=torch.float64)
    angle = 2 * math.pi * n[:, None] * k / length
    windowed = pieces.double() * (0.5 - 0.5 * (2 * math.pi * n / length).cos())
    return ((windowed @ angle.cos()) ** 2 + (windowed @ angle.sin()) ** 2).to(pieces.dtype)


def _by_real_and_imaginary(pieces: Tensor) -> Tensor:
    z = torch.fft.rfft(pieces * _window(pieces.shape[-1]))
    return z.real.square() + z.imag.square()


def _whole_then_half(pieces: Tensor) -> Tensor:
    length = pieces.shape[-1]
    spectrum = torch.fft.fft(pieces * torch.hann_window(length))[..., : length // 2 + 1]
    return (spectrum * spectrum.conj()).real


def _tone(g: Generator) -> Tensor:
    """A tone that fits eight times into a frame of 64 samples."""
    return torch.sin(2 * math.pi * 8 * torch.arange(64.0) / 64 + float(torch.rand((), generator=g)))


def _peak_at_the_tone(f: Solution, g: Generator) -> bool:
    found = f(_tone(g)[None])[0]
    return int(found.argmax()) == 8 and near(found[8], 16.0**2, 1e-3)


power_spectrum = Exercise(
    reference=_power_spectrum,
    inputs=lambda g: [(wave(g, *shape),) for shape in ((5, 16), (1, 64), (2, 3, 8), (4, 2), (32,))],
    example=(torch.tensor([[1.0, 1.0, 1.0, 1.0]]),),
    rtol=1e-3,
    laws=[
        Law("has its peak at the frequency of a pure tone", _peak_at_the_tone,
            "A tone that fits k times into the frame belongs into bin k."),
        Law("grows fourfold when the samples double",
            lambda f, g: near(f(2 * (x := wave(g, 3, 16))), 4 * f(x), 1e-3), "Power is the square of an amplitude."),
    ],
    mistakes=[
        Mistake("no window", lambda x: torch.fft.rfft(x).abs() ** 2,
                "You leave the window out. Then the jump at the frame's ends smears every tone over all frequencies."),
        Mistake("magnitude, not power", lambda x: power(x).sqrt(),
                "Your values are magnitudes. Power is their square."),
        Mistake("symmetric window", lambda x: torch.fft.rfft(x * torch.hann_window(x.shape[-1], periodic=False)).abs() ** 2,
                "Your window is the symmetric one, with L - 1 in its denominator. Here it is ½ - ½ cos(2πn / L), and the "
                "first sample of the next period would be 0 again."),
        Mistake("another window", lambda x: torch.fft.rfft(x * torch.hamming_window(x.shape[-1])).abs() ** 2,
                "Your window is Hamming's. Hann's goes down to 0 at the frame's begin."),
        Mistake("all bins", lambda x: torch.fft.fft(x * _window(x.shape[-1])).abs() ** 2,
                "You return L bins. The upper half mirrors the lower one for real samples: L/2 + 1 bins say it all."),
        Mistake("real part alone", lambda x: torch.fft.rfft(x * _window(x.shape[-1])).real ** 2,
                "You square the real part alone. What then happens to a sine, which is purely imaginary?"),
        Mistake("complex squared", lambda x: torch.fft.rfft(x * _window(x.shape[-1])) ** 2,
                "You square the complex numbers themselves, and they stay complex. The square of their magnitude is meant."),
        Mistake("divided by the length", lambda x: power(x) / x.shape[-1],
                "You divide by the length of the frame. Some libraries do; here nothing is divided."),
        Mistake("transform before window", lambda x: (torch.fft.rfft(x).abs() ** 2) * _window(2 * (x.shape[-1] // 2 + 1))[: x.shape[-1] // 2 + 1],
                "You apply a window to the spectrum. It belongs to the samples, before the transform."),
    ],
    styles={
        "rfft": lambda x: torch.fft.rfft(torch.hann_window(x.shape[-1]) * x).abs().square(),
        "real and imaginary part": _by_real_and_imaginary,
        "half of fft": _whole_then_half,
        "the transform as a matrix": _by_matrix,
    },
    hints=(
        "Three steps: fade the frame's ends by the window, transform, take the squared magnitude.",
        "torch.hann_window(L) is the window, and torch.fft.rfft transforms real samples along the last axis.",
        "rfft returns L/2 + 1 complex numbers. .abs() is their magnitude.",
    ),
)  # fmt: skip
