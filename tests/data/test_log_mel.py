"""Oracles: the DFT and the triangles written out in loops, torch.stft, a pure tone."""

import cmath
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.data.log_mel import frames, hertz_to_mel, log_mel, mel_filters, mel_to_hertz, power_spectrum
from kdtutor.data.mu_law import mu_law_decode, mu_law_encode


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 8))
def test_frames_are_the_pieces_that_slicing_gives(size, length, hop):
    waveform = torch.arange(float(size))
    if size < length:
        with pytest.raises(ValueError, match=f"S >= {length}"):
            frames(waveform, length, hop)
        return
    wanted = [waveform[start : start + length].tolist() for start in range(0, size - length + 1, hop)]
    assert frames(waveform, length, hop).tolist() == wanted
    assert len(wanted) == 1 + (size - length) // hop


@pytest.mark.parametrize("length", [2, 8, 16])
def test_the_power_spectrum_is_the_squared_transform_of_the_windowed_frame(length):
    frame = torch.randn(length, dtype=torch.float64)
    for k, power in enumerate(power_spectrum(frame).tolist()):
        total = sum(
            x * (0.5 - 0.5 * math.cos(2 * math.pi * n / length)) * cmath.exp(-2j * math.pi * k * n / length)
            for n, x in enumerate(frame.tolist())
        )
        assert power == pytest.approx(abs(total) ** 2, abs=1e-12)
    assert power_spectrum(frame).shape == (length // 2 + 1,)


def test_frames_and_spectrum_agree_with_torch_stft():
    waveform = torch.randn(3, 1000, dtype=torch.float64)
    window = torch.hann_window(256, dtype=torch.float64)
    theirs = torch.stft(waveform, 256, 128, window=window, center=False, return_complex=True).abs() ** 2
    torch.testing.assert_close(power_spectrum(frames(waveform)), theirs.transpose(1, 2))


def test_mel_filters_are_triangles_between_equally_spaced_corners():
    filters = mel_filters(5, 64, 8000)
    corners = [mel_to_hertz(hertz_to_mel(4000) * i / 6) for i in range(7)]
    for m in range(5):
        low, middle, high = corners[m : m + 3]
        for k in range(33):
            hertz = k * 125
            height = 0.0
            if low < hertz <= middle:
                height = (hertz - low) / (middle - low)
            elif middle < hertz < high:
                height = (high - hertz) / (high - middle)
            assert filters[m, k].item() == pytest.approx(height, abs=1e-6)


@given(st.floats(0, 20_000))
def test_mel_and_hertz_are_inverse_and_a_thousand_hertz_is_about_a_thousand_mel(hertz):
    assert mel_to_hertz(hertz_to_mel(hertz)) == pytest.approx(hertz, abs=1e-6)
    assert hertz_to_mel(1000) == pytest.approx(1000, abs=0.1)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 2500.0])
def test_a_tone_is_loudest_in_the_band_around_it(hertz):
    features = log_mel(torch.sin(2 * math.pi * hertz * torch.arange(8000) / 8000))
    corners = torch.tensor([mel_to_hertz(hertz_to_mel(4000) * i / 25) for i in range(26)])
    assert (features.argmax(-1) == (corners[1:-1] - hertz).abs().argmin()).all()
    assert features.shape == (1 + (8000 - 256) // 128, 24)


def test_silence_is_the_floor_and_ten_times_the_amplitude_adds_log_hundred():
    assert torch.equal(log_mel(torch.zeros(256)), torch.full((1, 24), math.log(1e-6)))
    waveform = torch.randn(512, dtype=torch.float64)
    difference = log_mel(10 * waveform) - log_mel(waveform)
    torch.testing.assert_close(difference, torch.full_like(difference, math.log(100)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_log_mel_follows_device_and_dtype(dtype, device):
    waveform = (torch.randn(2, 600) / 4).to(device, dtype)
    features = log_mel(waveform)
    assert (features.dtype, features.device.type, tuple(features.shape)) == (dtype, device.type, (2, 3, 24))
    torch.testing.assert_close(
        features.double().cpu(), log_mel(waveform.double().cpu()), rtol=0, atol=16 * torch.finfo(dtype).eps
    )


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_mu_law_is_the_formula_and_decoding_is_half_a_step_off_at_most(samples):
    codes = mu_law_encode(torch.tensor(samples, dtype=torch.float64))
    for x, code in zip(samples, codes.tolist(), strict=True):
        compressed = math.copysign(math.log(1 + 255 * abs(x)) / math.log(256), x)
        assert abs(code - 255 * (1 + compressed) / 2) <= 0.5 + 1e-9
    decoded = mu_law_decode(codes).double()
    # a step of the code is ln 256 · (1 + 255|x|) / 255 · 2/255 of amplitude, and grows by 4.4 % over one step
    step = math.log(256) * (1 + 255 * torch.tensor(samples).double().abs()) / 255 * 2 / 255
    assert ((decoded - torch.tensor(samples).double()).abs() <= 0.53 * step + 1e-6).all()


def test_every_mu_law_code_survives_decoding_and_loud_samples_are_cut_off():
    codes = torch.arange(256).to(torch.uint8)
    assert torch.equal(mu_law_encode(mu_law_decode(codes)), codes)
    assert mu_law_encode(torch.tensor([-7.0, -1.0, 1.0, 7.0])).tolist() == [0, 0, 255, 255]


REFUSED = [
    (lambda: log_mel(torch.zeros(255)), ValueError, r"waveform has shape \(255,\): .* S >= 256"),
    (lambda: log_mel(torch.zeros(300, dtype=torch.int16)), TypeError, r"waveform is torch\.int16"),
    (lambda: frames(torch.zeros(9), 4, 0), ValueError, "hop is 0"),
    (lambda: mel_filters(200, 256), ValueError, "falls between two bins"),
    (lambda: mu_law_encode(torch.zeros(2, dtype=torch.int64)), TypeError, "floating-point"),
    (lambda: mu_law_encode(torch.tensor([math.nan])), ValueError, "waveform holds NaN"),
    (lambda: mu_law_decode(torch.zeros(2)), TypeError, r"codes is torch\.float32"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
