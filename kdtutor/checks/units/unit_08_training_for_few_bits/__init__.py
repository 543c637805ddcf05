"""Unit 08: training for few bits. Straight-through gradients, learned steps, codebooks, chance, and bytes in a file."""

from kdtutor.checks.units.unit_08_training_for_few_bits.chance import stochastic_round
from kdtutor.checks.units.unit_08_training_for_few_bits.code_lengths import huffman_code_lengths
from kdtutor.checks.units.unit_08_training_for_few_bits.file_size import stored_bytes
from kdtutor.checks.units.unit_08_training_for_few_bits.packed import pack_bits
from kdtutor.checks.units.unit_08_training_for_few_bits.sharing import centroid_gradient, kmeans_codebook
from kdtutor.checks.units.unit_08_training_for_few_bits.step_size import learned_step
from kdtutor.checks.units.unit_08_training_for_few_bits.straight_through import fake_quantize

__all__ = [
    "fake_quantize",
    "learned_step",
    "kmeans_codebook",
    "centroid_gradient",
    "stochastic_round",
    "pack_bits",
    "huffman_code_lengths",
    "stored_bytes",
]
