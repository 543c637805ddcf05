"""Spoken digits: synthetic voices over a noisy telephone line, with speakers that training never heard.

Sixty-four voices and eight accents of espeak-ng say "zero" to "nine"; `make_spoken` made the file that is shipped
here, features in eight bits, and its docstring says how and under which terms. Test and validation speakers are others
than the training speakers.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from kdtutor.data.dataset import Dataset, Split
from kdtutor.data.mu_law import mu_law_decode

SHIPPED = Path(__file__).with_name("spoken_digits.safetensors")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FRAMES = 64  # of the longest utterance, about one second


class Utterances(NamedTuple):
    """One split, N utterances.

    features: (N, 64, 24) float32, log-mel energies in nats as `log_mel` gives them, 0 behind each utterance's end.
    lengths: (N,) int64, frames that are speech or room, 9 to 64. digits: (N,) int64. speakers: (N,) int64, 0 to 63.
    """

    features: Tensor
    lengths: Tensor
    digits: Tensor
    speakers: Tensor


class Recording(NamedTuple):
    """One whole waveform. samples: (S,) float32 in [-1, 1] at 8 kHz. take: its row in `utterances("train")`."""

    samples: Tensor
    digit: int
    speaker: int
    take: int


def spoken() -> Dataset:
    """Spoken digits: 2,400 training, 320 validation and 800 test utterances by 40, 8 and 16 different voices.

    x: (N, 64, 24) float32, frames of 16 ms times mel bands, each band scaled to mean 0 and deviation 1 over the frames
    of the training split, exactly 0 behind the end of an utterance (`frame_counts`). y: (N,) int64, the digit.
    Raises FileNotFoundError or ValueError where the shipped file is missing or damaged.
    """
    splits = {name: utterances(name) for name in ("train", "validation", "test")}
    heard = splits["train"].features[_is_heard(splits["train"].lengths)]
    mean, deviation = heard.mean(0), heard.std(0)
    scaled = {
        name: Split(((u.features - mean) / deviation) * _is_heard(u.lengths)[..., None], u.digits)
        for name, u in splits.items()
    }
    return Dataset("spoken", WORDS, **scaled)


def frame_counts(x: Tensor) -> Tensor:
    """How many frames of each utterance of `spoken()` are heard: (N, 64, 24) -> (N,) int64. A GRU reads its last there.

    Raises ValueError for another shape.
    """
    if x.ndim != 3:
        raise ValueError(f"x has shape {tuple(x.shape)}: (N, frames, mels) is needed")
    return (x != 0).any(-1).sum(-1)


def utterances(split: str, file: Path = SHIPPED) -> Utterances:
    """One split in nats, not scaled, with lengths and speakers: "train", "validation" or "test".

    The features were stored in eight bits: they are at most 0.043 nats from what `log_mel` gives.
    Raises ValueError for another name or a damaged file, FileNotFoundError where there is none.
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split is {split!r}: one of 'train', 'validation', 'test' is needed")
    tensors, about = _stored(file)
    lengths = tensors[f"{split}.lengths"].long()
    nats = float(about["low"]) + float(about["step"]) * tensors[f"{split}.features"].float()
    features = torch.zeros(len(lengths), FRAMES, nats.shape[1])
    features[_is_heard(lengths)] = nats
    return Utterances(features, lengths, tensors[f"{split}.digits"].long(), tensors[f"{split}.speakers"].long())


def recordings(file: Path = SHIPPED) -> list[Recording]:
    """Twenty waveforms of the training split, every digit by two voices, to compute features from and to listen to.

    They are what the eight-bit telephone line let through, and what their features in `utterances` were computed from.
    Raises as `utterances`.
    """
    tensors, _ = _stored(file)
    takes = tensors["waveforms.takes"].tolist()
    waveforms = mu_law_decode(tensors["waveforms.codes"]).split(tensors["waveforms.sizes"].tolist())
    digits, speakers = tensors["train.digits"].tolist(), tensors["train.speakers"].tolist()
    return [Recording(w, digits[take], speakers[take], take) for w, take in zip(waveforms, takes, strict=True)]


def _stored(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing, though the package ships it: install kdtutor again, or make it anew with "
            "`python -m kdtutor.data.make_spoken`, which needs espeak-ng"
        )
    try:
        with safe_open(file, framework="pt") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}, stored.metadata()  # noqa: SIM118
    except SafetensorError as damage:
        raise ValueError(f"{file} is damaged ({damage}): install kdtutor again") from damage


def _is_heard(lengths: Tensor) -> Tensor:
    return torch.arange(FRAMES) < lengths[:, None]
