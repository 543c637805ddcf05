"""How few bits are enough: uniform and other number formats, training with them, int8 arithmetic, compressed files."""

from kdtutor.quantize.affine import (
    affine_parameters,
    code_range,
    dequantize_affine,
    quantize_affine,
    quantize_symmetric,
    symmetric_scale,
)
from kdtutor.quantize.artifact import (
    AffineTensor,
    CodebookTensor,
    RawTensor,
    decode_artifact,
    encode_artifact,
    load_artifact,
    read_artifact,
    save_artifact,
)
from kdtutor.quantize.byte_streams import ArtifactError
from kdtutor.quantize.calibration import calibrate, entropy_range, error_range, minmax_range, percentile_range
from kdtutor.quantize.codebook import SharedWeight, kmeans_codebook, lookup, share_weights_
from kdtutor.quantize.conv import Int8Conv2d
from kdtutor.quantize.gaps import decode_gaps, encode_gaps
from kdtutor.quantize.granularity import (
    dequantize_per_group,
    quantize_per_channel,
    quantize_per_group,
    quantize_per_tensor,
)
from kdtutor.quantize.huffman import canonical_codes, huffman_code_lengths, huffman_decode, huffman_encode
from kdtutor.quantize.int8 import cpu_product_is_exact, int8_matmul
from kdtutor.quantize.learned_step import LearnedStep, initial_step, learned_step_quantize
from kdtutor.quantize.linear import Int8Linear
from kdtutor.quantize.mean import mean_quantize
from kdtutor.quantize.network import observe_inputs, to_int8
from kdtutor.quantize.observer import RangeObserver
from kdtutor.quantize.packed_linear import PackedLinear
from kdtutor.quantize.packing import pack_bits, unpack_bits
from kdtutor.quantize.power_of_two import power_of_two, power_of_two_codes, power_of_two_values
from kdtutor.quantize.qat import WeightFakeQuantize, fake_quantize
from kdtutor.quantize.stochastic import quantize_gradient, quantize_gradients_, stochastic_round

__all__ = [
    "AffineTensor",
    "ArtifactError",
    "CodebookTensor",
    "Int8Conv2d",
    "Int8Linear",
    "LearnedStep",
    "PackedLinear",
    "RangeObserver",
    "RawTensor",
    "SharedWeight",
    "WeightFakeQuantize",
    "affine_parameters",
    "calibrate",
    "canonical_codes",
    "code_range",
    "cpu_product_is_exact",
    "decode_artifact",
    "decode_gaps",
    "dequantize_affine",
    "dequantize_per_group",
    "encode_artifact",
    "encode_gaps",
    "entropy_range",
    "error_range",
    "fake_quantize",
    "huffman_code_lengths",
    "huffman_decode",
    "huffman_encode",
    "initial_step",
    "int8_matmul",
    "kmeans_codebook",
    "learned_step_quantize",
    "load_artifact",
    "lookup",
    "mean_quantize",
    "minmax_range",
    "observe_inputs",
    "pack_bits",
    "percentile_range",
    "power_of_two",
    "power_of_two_codes",
    "power_of_two_values",
    "quantize_affine",
    "quantize_gradient",
    "quantize_gradients_",
    "quantize_per_channel",
    "quantize_per_group",
    "quantize_per_tensor",
    "quantize_symmetric",
    "read_artifact",
    "save_artifact",
    "share_weights_",
    "stochastic_round",
    "symmetric_scale",
    "to_int8",
    "unpack_bits",
]
