"""Unit 10: language. Divergences of sequences, the student's own text, large vocabularies, weights in groups."""

from kdtutor.checks.units.unit_10_language.groups import group_quantize
from kdtutor.checks.units.unit_10_language.jensen_shannon import generalized_js
from kdtutor.checks.units.unit_10_language.large_vocabulary import chunked_kd_loss
from kdtutor.checks.units.unit_10_language.own_text import sample_sequences
from kdtutor.checks.units.unit_10_language.reverse import reverse_kl
from kdtutor.checks.units.unit_10_language.tokens import batchmean_factor, sequence_kd

__all__ = [
    "sequence_kd",
    "reverse_kl",
    "generalized_js",
    "sample_sequences",
    "chunked_kd_loss",
    "group_quantize",
    "batchmean_factor",
]
