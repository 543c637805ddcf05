"""Triangles on the mel scale, and the logarithm of what falls into them."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_11_speech.shared import Case, wave
from kdtutor.data import log_mel as library

# --- mel_filters ----------------------------------------------------------------------------------------------------


def _mel_filters(mels: int, length: int, sample_rate: int) -> Tensor:
    return library.mel_filters(mels, length, sample_rate)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _hertz(mel: float) -> float:
    return 700 * (10 ** (mel / 2595) - 1)


def _corners(
    mels: int, top: float, to: Callable[[float], float] = _mel, back: Callable[[float], float] = _hertz
) -> Tensor:
    end = to(top)
    return torch.tensor([back(end * i / (mels + 1)) for i in range(mels + 2)], dtype=torch.float64)


def _triangles(corners: Tensor, places: Tensor) -> Tensor:
    rise = (places - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    fall = (corners[2:, None] - places) / (corners[2:] - corners[1:-1])[:, None]
    return rise.minimum(fall).clamp_min(0).float()


def _bins(length: int, sample_rate: int) -> Tensor:
    return torch.arange(length // 2 + 1, dtype=torch.float64) * sample_rate / length


def _same(value: float) -> float:
    return value


def _bent_in_mel(mels: int, length: int, sample_rate: int) -> Tensor:
    places = torch.tensor([_mel(f) for f in _bins(length, sample_rate).tolist()], dtype=torch.float64)
    return _triangles(_corners(mels, sample_rate / 2, back=_same), places)


def _at_whole_bins(mels: int, length: int, sample_rate: int) -> Tensor:
    """The corners moved down to whole bins, as a much copied tutorial does."""
    at = [int((length + 1) * f / sample_rate) for f in _corners(mels, sample_rate / 2).tolist()]
    filters = torch.zeros(mels, length // 2 + 1)
    for m in range(mels):
        low, middle, high = at[m : m + 3]
        for k in range(low, min(high, length // 2) + 1):
            rise, fall = (k - low) / max(middle - low, 1), (high - k) / max(high - middle, 1)
            filters[m, k] = rise if k < middle else fall
    return filters


def _of_equal_area(mels: int, length: int, sample_rate: int) -> Tensor:
    corners = _corners(mels, sample_rate / 2)
    return library.mel_filters(mels, length, sample_rate) * (2 / (corners[2:] - corners[:-2]))[:, None].float()


def _boxes(mels: int, length: int, sample_rate: int) -> Tensor:
    return (library.mel_filters(mels, length, sample_rate) > 0).float()


def _by_loop(mels: int, length: int, sample_rate: int) -> Tensor:
    corners = _corners(mels, sample_rate / 2).tolist()
    rows = []
    for low, middle, high in zip(corners, corners[1:], corners[2:], strict=False):
        row = []
        for k in range(length // 2 + 1):
            f = k * sample_rate / length
            row.append(
                (f - low) / (middle - low)
                if low < f <= middle
                else (high - f) / (high - middle)
                if middle < f < high
                else 0.0
            )
        rows.append(row)
    return torch.tensor(rows)


def _by_natural_logarithm(mels: int, length: int, sample_rate: int) -> Tensor:
    top = math.log1p(sample_rate / 2 / 700)
    return _triangles(700 * torch.linspace(0, top, mels + 2, dtype=torch.float64).expm1(), _bins(length, sample_rate))


def _by_interpolation(mels: int, length: int, sample_rate: int) -> Tensor:
    import numpy

    corners = _corners(mels, sample_rate / 2).numpy()
    tents = numpy.eye(mels + 2)[1:-1]
    return torch.tensor(
        numpy.stack([numpy.interp(_bins(length, sample_rate).numpy(), corners, t) for t in tents])
    ).float()


def _neighbours_share(f: Solution, g: Generator) -> bool:
    """Between the first and the last middle two triangles overlap, and their heights add up to 1."""
    sums, bins, corners = f(8, 128, 8000).sum(0), _bins(128, 8000), _corners(8, 4000.0)
    inside = (bins >= corners[1]) & (bins <= corners[-2])
    return near(sums[inside], torch.ones(int(inside.sum())))


mel_filters = Exercise(
    reference=_mel_filters,
    inputs=lambda g: [(24, 256, 8000), (5, 64, 8000), (10, 128, 16000), (3, 32, 4000)],
    example=(2, 16, 8000),
    laws=[
        Law("adds up to 1 between the first and the last middle", _neighbours_share,
            "While one triangle falls, the next rises: it begins at the middle of the one before, and all have height 1."),
    ],
    mistakes=[
        Mistake("equally spaced in hertz", lambda m, length, rate: _triangles(_corners(m, rate / 2, _same, _same), _bins(length, rate)),
                "Your corners are equally spaced in hertz. They are in mel, so low frequencies get more of the filters."),
        Mistake("up to the sample rate", lambda m, length, rate: _triangles(_corners(m, rate), _bins(length, rate)),
                "Your filters reach up to the sample rate. A sampled wave holds frequencies up to half of it."),
        Mistake("corners at whole bins", _at_whole_bins,
                "You move the corners down to whole bins before drawing the triangles. Then low, narrow filters become crooked "
                "or empty. Leave the corners in hertz and compare them with the bins' frequencies."),
        Mistake("straight in mel", _bent_in_mel,
                "Your sides are straight on the mel axis and bent in hertz. The corners come from the mel scale; between them "
                "the height is linear in hertz."),
        Mistake("equal areas", _of_equal_area,
                "You divide each triangle by its width so that all have one area. Some libraries do; here all have height 1."),
        Mistake("boxes", _boxes, "Your filters are boxes: 1 wherever the triangle is above 0. The sides slope."),
        Mistake("bins before filters", lambda m, length, rate: _mel_filters(m, length, rate).T,
                "Your axes are exchanged: each filter is a row, (mels, L/2 + 1)."),
        Mistake("corners without the ends", lambda m, length, rate: _triangles(
                    torch.tensor([_hertz(_mel(rate / 2) * i / (m + 3)) for i in range(1, m + 3)], dtype=torch.float64), _bins(length, rate)),
                "Your first filter does not begin at 0 Hz, nor does the last end at half the sample rate. The M + 2 corners "
                "include both ends."),
    ],
    styles={
        "minimum of rise and fall": lambda m, length, rate: _triangles(_corners(m, rate / 2), _bins(length, rate)),
        "bin by bin": _by_loop,
        "natural logarithm": _by_natural_logarithm,
        "interpolation": _by_interpolation,
    },
    hints=(
        "First the M + 2 corners, equally spaced in mel from 0 to mel(rate / 2), brought back to hertz. Then the frequencies "
        "of the bins, k · rate / length.",
        "For filter m the height rises from corner m to corner m + 1 and falls to corner m + 2. Write both lines for all bins; "
        "the height is the smaller of the two, and never below 0.",
        "With corners of shape (M + 2,) and bins of shape (L/2 + 1,): corners[:-2, None], corners[1:-1, None] and "
        "corners[2:, None] broadcast against the bins.",
    ),
)  # fmt: skip


# --- log_mel --------------------------------------------------------------------------------------------------------


def _log_mel(waveform: Tensor) -> Tensor:
    return library.log_mel(waveform)


def _energy(waveform: Tensor) -> Tensor:
    return library.power_spectrum(library.frames(waveform)) @ library.mel_filters().T


def _waves(g: Generator) -> list[Case]:
    return [(wave(g, *shape, loudness=loud),) for shape, loud in (((600,), 0.3), ((2, 900), 0.01), ((256,), 1e-3))]


def _by_stft(waveform: Tensor) -> Tensor:
    rows = waveform.reshape(-1, waveform.shape[-1])
    spectrum = torch.stft(rows, 256, 128, window=torch.hann_window(256), center=False, return_complex=True)
    energy = library.mel_filters() @ spectrum.abs().square()
    return (energy + 1e-6).log().mT.reshape(*waveform.shape[:-1], -1, 24)


def _frame_by_frame(waveform: Tensor) -> Tensor:
    filters = library.mel_filters()
    rows = [
        torch.stack([(row * power).sum() for row in filters])
        for piece in library.frames(waveform.reshape(-1, waveform.shape[-1])).flatten(0, 1)
        for power in [library.power_spectrum(piece)]
    ]
    return (torch.stack(rows) + 1e-6).log().reshape(*waveform.shape[:-1], -1, 24)


def _louder_adds_a_constant(f: Solution, g: Generator) -> bool:
    x = wave(g, 700)
    return near(f(2 * x) - f(x), torch.full((4, 24), math.log(4.0)), 1e-3)


log_mel = Exercise(
    reference=_log_mel,
    inputs=_waves,
    rtol=2e-5,
    atol=1e-4,
    laws=[
        Law("adds log 4 everywhere when a loud wave becomes twice as loud", _louder_adds_a_constant,
            "Power grows fourfold, and the natural logarithm turns a factor into a summand."),
        Law("is log(1e-6) for silence", lambda f, g: near(f(torch.zeros(256)), torch.full((1, 24), math.log(1e-6))),
            "The logarithm of 0 is -inf: the floor is added before the logarithm.", edge=True),
    ],
    mistakes=[
        Mistake("base ten", lambda w: (_energy(w) + 1e-6).log10(),
                "You take the logarithm to base ten. This course uses natural logarithms."),
        Mistake("decibels", lambda w: 10 * (_energy(w) + 1e-6).log10(),
                "Your values are decibels. Natural logarithms are wanted."),
        Mistake("no floor", lambda w: _energy(w).log(),
                "You take the logarithm without a floor. For silence it is -inf, and one such frame makes a network's loss NaN."),
        Mistake("clamped, not added", lambda w: _energy(w).clamp_min(1e-6).log(),
                "You replace energies below the floor by the floor. It is added to every energy, so that quiet frames differ."),
        Mistake("logarithm before filters", lambda w: (library.power_spectrum(library.frames(w)) + 1e-6).log() @ library.mel_filters().T,
                "You take the logarithm first and add logarithms up. The filters add energies."),
        Mistake("magnitudes filtered", lambda w: (library.power_spectrum(library.frames(w)).sqrt() @ library.mel_filters().T + 1e-6).log(),
                "You add up magnitudes. A filter collects energy, the square of the magnitude."),
        Mistake("no logarithm", _energy,
                "You return energies. Loudness is heard by ratio: take the logarithm."),
        Mistake("log of one plus", lambda w: _energy(w).log1p(),
                "Your floor is 1, far above the energy of quiet speech: quiet frames all become 0. The floor is 1e-6."),
        Mistake("mels before frames", lambda w: library.log_mel(w).mT,
                "Your axes are exchanged: a row is a frame, (..., T, 24)."),
        Mistake("no overlap", lambda w: (library.power_spectrum(library.frames(w, 256, 256)) @ library.mel_filters().T + 1e-6).log(),
                "Your frames do not overlap. The hop is 128 samples, half a frame."),
    ],
    styles={
        "three steps": lambda w: (_energy(w) + 1e-6).log(),
        "torch.stft": _by_stft,
        "frame by frame": _frame_by_frame,
        "in float64": lambda w: torch.log(_energy(w.double().float()).double() + 1e-6).float(),
    },
    hints=(
        "Everything is there: frames of 256 samples every 128, their power spectrum, 24 filters, a logarithm.",
        "spectrum has shape (..., T, 129), the filters (24, 129). Which product has shape (..., T, 24)?",
        "Add 1e-6 to the energies, then take .log().",
    ),
)  # fmt: skip
