"""How spoken_digits.safetensors was made: `python -m kdtutor.data.make_spoken [file]`, with espeak-ng installed.

Sixty-odd synthetic voices say the ten digits at changing speed and pitch, into a microphone with its own colour, with
noise and at changing loudness, over an eight-bit telephone line. All chance comes from a seed. espeak-ng is free
software under the GPL (version 3); what it says belongs to whoever made it say it, and is part of this project.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from kdtutor.data.log_mel import HOP, SAMPLE_RATE, WINDOW, log_mel
from kdtutor.data.mu_law import mu_law_decode, mu_law_encode
from kdtutor.data.spoken import FRAMES, SHIPPED, WORDS

ACCENTS = (
    "en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-us-nyc", "en-gb-x-gbcwmd", "en-029",
)  # fmt: skip
# No two voices share their formants, so that a voice of one split is truly unknown in the others.
VOICES = {
    "train": (
        "Alex", "Alicia", "Andy", "Annie", "Demonic", "Denis", "Jacky", "Lee", "Mario", "Michael", "RicishayMax",
        "Storm", "adam", "anika", "aunty", "belinda", "boris", "caleb", "david", "ed", "f1", "f3", "f5", "grandpa",
        "iven", "john", "kaukovalta", "m1", "m3", "m5", "m7", "marcelo", "max", "michel", "pablo", "paul", "robert",
        "shelby", "travis", "zac",
    ),
    "validation": ("Gene", "Tweaky", "f2", "gustave", "linda", "m2", "pedro", "sandro"),
    "test": (
        "Andrea", "Diogo", "Marco", "Nguyen", "antonio", "benjamin", "croak", "edward", "f4", "grandma", "m4", "m6",
        "norbert", "quincy", "steph", "victor",
    ),
}  # fmt: skip
TAKES = {"train": 6, "validation": 4, "test": 5}  # of each digit by each voice
WAVEFORMS = 20  # of the training split, kept whole
WORDS_A_MINUTE = (110.0, 260.0)
PITCH = (25.0, 75.0)  # of a voice, espeak's scale from 0 to 99
PITCH_CHANGE = 12.0  # from take to take
SIGNAL_TO_NOISE = (0.0, 24.0)  # decibels
LOUDNESS = (-24.0, -3.0)  # decibels below full scale
LEAD = (0.0, 0.1)  # seconds of room before and after the word
LOW, STEP = -13.82, 0.085  # a code c of the features stands for LOW + STEP · c nats


@dataclass(frozen=True)
class Take:
    """One utterance to make: who says which digit for the n-th time."""

    speaker: int
    voice: str
    digit: int
    number: int

    @property
    def generator(self) -> torch.Generator:
        """All chance in this take, whatever is made before it."""
        return torch.Generator().manual_seed((self.speaker * 10 + self.digit) * 100 + self.number)

    @property
    def accent(self) -> str:
        """A voice keeps its accent."""
        return ACCENTS[self.speaker % len(ACCENTS)]


def takes(split: str) -> list[Take]:
    """Every utterance of a split, voice by voice."""
    first = {"train": 0, "validation": len(VOICES["train"]), "test": len(VOICES["train"]) + len(VOICES["validation"])}
    return [
        Take(first[split] + index, voice, digit, number)
        for index, voice in enumerate(VOICES[split])
        for number in range(TAKES[split])
        for digit in range(len(WORDS))
    ]


def speak(word: str, voice: str, words_a_minute: int, pitch: int) -> Tensor:
    """espeak-ng says the word: (S,) float32 in [-1, 1] at 8 kHz, silence before and after removed."""
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise FileNotFoundError("espeak-ng is not installed: `apt install espeak-ng` or your system's like adds it")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "word.wav"
        command = [espeak, "-v", voice, "-s", str(words_a_minute), "-p", str(pitch), "-w", str(file), word]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(file)) as recording:
            rate = recording.getframerate()
            samples = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int64)) > 300)
    if len(loud) == 0:
        raise RuntimeError(f"espeak-ng said nothing for {word!r} in voice {voice!r}")
    return resample(torch.from_numpy(samples[loud[0] : loud[-1] + 1] / 32768).float(), rate, SAMPLE_RATE)


def resample(waveform: Tensor, rate: int, new_rate: int) -> Tensor:
    """Band-limited resampling by cutting the spectrum: (S,) -> (round(S · new_rate / rate),)."""
    size = round(len(waveform) * new_rate / rate)
    return torch.fft.irfft(torch.fft.rfft(waveform)[: size // 2 + 1], n=size) * (size / len(waveform))


def record(take: Take) -> Tensor:
    """One take over the telephone: (S,) µ-law codes, uint8."""
    generator = take.generator
    voice_pitch = _between(*PITCH, torch.Generator().manual_seed(take.speaker))
    pitch = voice_pitch + _between(-PITCH_CHANGE, PITCH_CHANGE, generator)
    speed = _between(*WORDS_A_MINUTE, generator)
    word = speak(WORDS[take.digit], f"{take.accent}+{take.voice}", round(speed), round(pitch))
    before, after = (round(_between(*LEAD, generator) * SAMPLE_RATE) for _ in range(2))
    heard = torch.nn.functional.pad(word, (before, max(after, WINDOW - len(word) - before)))
    heard = _coloured(heard, _between(-0.5, 0.5, generator))
    noise = _coloured(torch.randn(len(heard), generator=generator), _between(-1.0, 0.5, generator))
    ratio = _between(*SIGNAL_TO_NOISE, generator)
    noise *= heard.square().sum().sqrt() / noise.square().sum().sqrt() * (len(heard) / len(word)) ** 0.5
    mixed = (heard + noise * 10 ** (-ratio / 20))[: WINDOW + (FRAMES - 1) * HOP]
    return mu_law_encode(mixed / mixed.abs().max() * 10 ** (_between(*LOUDNESS, generator) / 20))


def encode_features(features: Tensor) -> Tensor:
    """Log-mel features in eight bits: (T, M) float -> (T, M) uint8, at most STEP / 2 off."""
    return ((features - LOW) / STEP).round().clamp(0, 255).to(torch.uint8)


def make(file: Path) -> None:
    """Make every split and write the file; it appears whole or not at all."""
    tensors: dict[str, Tensor] = {}
    for split in VOICES:
        made = takes(split)
        recordings = [record(take) for take in made]
        features = [encode_features(log_mel(mu_law_decode(codes))) for codes in recordings]
        tensors[f"{split}.features"] = torch.cat(features)
        tensors[f"{split}.lengths"] = torch.tensor([len(f) for f in features], dtype=torch.uint8)
        tensors[f"{split}.digits"] = torch.tensor([take.digit for take in made], dtype=torch.uint8)
        tensors[f"{split}.speakers"] = torch.tensor([take.speaker for take in made], dtype=torch.uint8)
        if split == "train":
            # the first ten takes of two voices: every digit twice
            kept = [take for a_voice in (0, len(made) // 2) for take in range(a_voice, a_voice + WAVEFORMS // 2)]
            tensors["waveforms.codes"] = torch.cat([recordings[take] for take in kept])
            tensors["waveforms.sizes"] = torch.tensor([len(recordings[take]) for take in kept], dtype=torch.int32)
            tensors["waveforms.takes"] = torch.tensor(kept, dtype=torch.int32)
    version = subprocess.run(["espeak-ng", "--version"], check=True, capture_output=True, text=True).stdout
    about = {
        "made_by": f"kdtutor.data.make_spoken with {version.split('  ')[0].strip()}",
        "low": str(LOW),
        "step": str(STEP),
        "speakers": json.dumps([voice for split in VOICES for voice in VOICES[split]]),
    }
    unfinished = file.with_name(file.name + ".unfinished")
    save_file(tensors, unfinished, about)
    unfinished.chmod(0o644)
    unfinished.replace(file)


def _between(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _coloured(waveform: Tensor, slope: float) -> Tensor:
    """The waveform with its amplitude at f hertz multiplied by (f / 1000)^slope, flat below 100."""
    spectrum = torch.fft.rfft(waveform)
    hertz = torch.arange(len(spectrum)) * SAMPLE_RATE / len(waveform)
    return torch.fft.irfft(spectrum * (hertz.clamp_min(100) / 1000) ** slope, n=len(waveform))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
