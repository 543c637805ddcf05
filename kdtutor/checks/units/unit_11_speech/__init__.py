"""Unit 11: speech. From a waveform to features, half of the weights, a student that answers while one speaks."""

from kdtutor.checks.units.unit_11_speech.deciding import answer_when_sure
from kdtutor.checks.units.unit_11_speech.framing import frames, power_spectrum
from kdtutor.checks.units.unit_11_speech.mel import log_mel, mel_filters
from kdtutor.checks.units.unit_11_speech.padding import causal_conv, mean_over_heard
from kdtutor.checks.units.unit_11_speech.retraining import prune_and_retrain
from kdtutor.checks.units.unit_11_speech.streaming import stream_step

__all__ = [
    "frames",
    "power_spectrum",
    "mel_filters",
    "log_mel",
    "mean_over_heard",
    "prune_and_retrain",
    "causal_conv",
    "stream_step",
    "answer_when_sure",
]
