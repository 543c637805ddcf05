"""The shipped file against the code that reads, made and describes it; espeak-ng says one voice again where it is."""

import shutil

import pytest
import torch

from kdtutor.data.log_mel import SAMPLE_RATE, log_mel
from kdtutor.data.make_spoken import (
    LOUDNESS,
    LOW,
    STEP,
    VOICES,
    encode_features,
    record,
    resample,
    speak,
    takes,
)
from kdtutor.data.mu_law import mu_law_decode, mu_law_encode
from kdtutor.data.spoken import SHIPPED, WORDS, frame_counts, recordings, spoken, utterances

SIZES = {"train": 2400, "validation": 320, "test": 800}
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed here")


def test_the_shipped_file_is_small_enough():
    assert SHIPPED.stat().st_size <= 3_000_000


@pytest.mark.parametrize("split", SIZES)
def test_every_speaker_says_every_digit_equally_often(split):
    u = utterances(split)
    assert u.features.shape == (SIZES[split], 64, 24)
    table = torch.stack([u.speakers, u.digits], 1).unique(dim=0, return_counts=True)
    assert len(table[0]) == 10 * len(VOICES[split])
    assert table[1].unique().numel() == 1
    assert [(take.speaker, take.digit) for take in takes(split)] == list(
        zip(u.speakers.tolist(), u.digits.tolist(), strict=True)
    )


def test_no_speaker_and_no_voice_is_in_two_splits():
    speakers = [set(utterances(split).speakers.tolist()) for split in SIZES]
    assert len(set.union(*speakers)) == sum(map(len, speakers)) == 64
    voices = [voice for split in VOICES.values() for voice in split]
    assert len(set(voices)) == len(voices) == 64


def test_features_are_silent_behind_the_end_and_never_within():
    u = utterances("validation")
    for features, length in zip(u.features, u.lengths.tolist(), strict=True):
        assert (features[length:] == 0).all()
        assert features[:length].abs().sum(-1).min() > 0


def test_a_waveform_gives_the_features_that_were_stored_for_it():
    train = utterances("train")
    assert len(recordings()) == 20
    assert sorted(recording.digit for recording in recordings()) == sorted([*range(10)] * 2)
    for samples, digit, speaker, take in recordings():
        features = log_mel(samples)
        assert len(features) == train.lengths[take]
        assert (digit, speaker) == (train.digits[take], train.speakers[take])
        torch.testing.assert_close(features, train.features[take, : len(features)], rtol=0, atol=STEP / 2 + 1e-3)


def test_codes_of_features_cover_silence_and_the_loudest_recording_within_half_a_step():
    features = torch.linspace(LOW, LOW + 255 * STEP, 1000)[:, None]
    assert ((encode_features(features) * STEP + LOW - features).abs() <= STEP / 2 + 1e-4).all()
    assert log_mel(torch.zeros(256)).min() >= LOW - STEP
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(256) / SAMPLE_RATE)
    loudest = 10 ** (LOUDNESS[1] / 20)
    assert log_mel(loudest * tone).max() <= LOW + 255 * STEP


def test_the_data_set_is_scaled_by_the_training_frames_alone():
    data = spoken()
    train = utterances("train")
    heard = torch.cat([features[:length] for features, length in zip(train.features, train.lengths, strict=True)])
    length = int(utterances("test").lengths[7])
    wanted = (utterances("test").features[7, :length] - heard.mean(0)) / heard.std(0)
    torch.testing.assert_close(data.test.x[7, :length], wanted, rtol=1e-4, atol=1e-4)
    assert (data.test.x[7, length:] == 0).all()
    assert data.classes == WORDS
    assert data.train.y.dtype == torch.int64


@pytest.mark.parametrize("split", SIZES)
def test_lengths_can_be_read_off_the_padded_features(split):
    assert torch.equal(frame_counts(getattr(spoken(), split).x), utterances(split).lengths)


def test_a_linear_model_hears_more_than_chance_and_not_everything():
    """Ridge regression on the utterance stretched to eight slices: good enough to learn from, hard enough to matter."""
    data = spoken()

    def slices(split):
        pieces = [x[:count].T[None] for x, count in zip(split.x, frame_counts(split.x).tolist(), strict=True)]
        return torch.cat([torch.nn.functional.adaptive_avg_pool1d(piece, 8).flatten(1) for piece in pieces])

    x, targets = slices(data.train), torch.nn.functional.one_hot(data.train.y).float()
    weights = torch.linalg.solve(x.T @ x + 100 * torch.eye(x.shape[1]), x.T @ (targets - 0.1))
    accuracy = ((slices(data.test) @ weights).argmax(1) == data.test.y).float().mean().item()
    assert 0.6 < accuracy < 0.95


@needs_espeak
def test_espeak_says_the_same_again():
    """Voice and chance are pinned; another release of espeak-ng may speak a little differently, the rest may not."""
    train = utterances("train")
    for position in (0, 613, 1999):
        take = takes("train")[position]
        codes = record(take)
        assert torch.equal(codes, record(take))
        again = log_mel(mu_law_decode(codes))
        assert abs(len(again) - int(train.lengths[position])) <= 2
        shared = min(len(again), int(train.lengths[position]))
        assert (again[:shared] - train.features[position, :shared]).abs().mean() < 1.0


@needs_espeak
def test_takes_of_one_voice_differ():
    first, second = (take for take in takes("test")[:20] if take.digit == 3)
    assert first.speaker == second.speaker
    assert first.accent == second.accent
    assert record(first).shape != record(second).shape or not torch.equal(record(first), record(second))


@pytest.mark.parametrize(("rate", "new_rate"), [(22050, 8000), (16000, 8000), (8000, 8000)])
def test_resampling_keeps_a_tone_below_the_new_limit(rate, new_rate):
    seconds = 0.5
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(int(rate * seconds)) / rate)
    wanted = torch.sin(2 * torch.pi * 440 * torch.arange(int(new_rate * seconds)) / new_rate)
    torch.testing.assert_close(resample(tone, rate, new_rate), wanted, rtol=0, atol=1e-3)


def test_without_espeak_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(FileNotFoundError, match="apt install espeak-ng"):
        speak("one", "en-gb", 160, 50)


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m kdtutor\.data\.make_spoken"):
        utterances("train", tmp_path / "nothing.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(SHIPPED.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"cut\.safetensors is damaged"):
        recordings(cut)


def test_other_names_and_shapes_are_refused():
    with pytest.raises(ValueError, match="split is 'dev'"):
        utterances("dev")
    with pytest.raises(ValueError, match=r"x has shape \(64, 24\)"):
        frame_counts(torch.zeros(64, 24))


def test_mu_law_of_the_shipped_waveforms_loses_nothing():
    for recording in recordings():
        assert torch.equal(mu_law_decode(mu_law_encode(recording.samples)), recording.samples)
