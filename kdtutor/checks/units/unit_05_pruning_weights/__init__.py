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
    "magnitude_mask",
    "random_mask",
    "global_magnitude_masks",
    "sensitivity_scan",
    "masked_step",
    "cubic_sparsity",
    "rewind",
    "soft_threshold",
    "amount_for_threshold",
]
