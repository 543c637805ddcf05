"""Unit 05: pruning weights. Masks by magnitude and at random, a scan, a step under masks, schedules, tickets."""

from kdtutor.checks.units.unit_05_pruning_weights.amounts import amount_for_threshold
from kdtutor.checks.units.unit_05_pruning_weights.drawing import random_mask
from kdtutor.checks.units.unit_05_pruning_weights.magnitude import magnitude_mask
from kdtutor.checks.units.unit_05_pruning_weights.ranking import global_magnitude_masks
from kdtutor.checks.units.unit_05_pruning_weights.rewinding import rewind
from kdtutor.checks.units.unit_05_pruning_weights.scanning import sensitivity_scan
from kdtutor.checks.units.unit_05_pruning_weights.scheduling import cubic_sparsity
from kdtutor.checks.units.unit_05_pruning_weights.shrinking import soft_threshold
from kdtutor.checks.units.unit_05_pruning_weights.stepping import masked_step

__all__ = [
    "amount_for_threshold",
    "cubic_sparsity",
    "global_magnitude_masks",
    "magnitude_mask",
    "masked_step",
    "random_mask",
    "rewind",
    "sensitivity_scan",
    "soft_threshold",
]
