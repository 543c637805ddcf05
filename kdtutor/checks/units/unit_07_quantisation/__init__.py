"""Unit 07: quantisation. Scale and zero-point, codes and back, channels, calibration, int8 products, other steps."""

from kdtutor.checks.units.unit_07_quantisation.calibration import calibrate
from kdtutor.checks.units.unit_07_quantisation.channels import per_channel
from kdtutor.checks.units.unit_07_quantisation.codes import dequantize_affine, quantize_affine
from kdtutor.checks.units.unit_07_quantisation.other_steps import mean_quantize, power_of_two
from kdtutor.checks.units.unit_07_quantisation.parameters import affine_parameters
from kdtutor.checks.units.unit_07_quantisation.product import int8_linear

__all__ = [
    "affine_parameters",
    "quantize_affine",
    "dequantize_affine",
    "per_channel",
    "calibrate",
    "int8_linear",
    "mean_quantize",
    "power_of_two",
]
