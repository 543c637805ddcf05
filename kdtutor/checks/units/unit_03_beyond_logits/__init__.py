"""Unit 03: beyond logits. Hints, attention, relations between samples, decoupled KD, DIST, standardised logits."""

from kdtutor.checks.units.unit_03_beyond_logits.angles import rkd_angle_loss
from kdtutor.checks.units.unit_03_beyond_logits.decoupled import dkd_loss
from kdtutor.checks.units.unit_03_beyond_logits.distances import rkd_distance_loss
from kdtutor.checks.units.unit_03_beyond_logits.features import attention_map, hint_loss
from kdtutor.checks.units.unit_03_beyond_logits.logit_shape import dist_loss, standardize_logits
from kdtutor.checks.units.unit_03_beyond_logits.reading import accuracy_to_report, ahead_of_kd
from kdtutor.checks.units.unit_03_beyond_logits.similarity import similarity_loss

__all__ = [
    "hint_loss",
    "attention_map",
    "similarity_loss",
    "rkd_distance_loss",
    "rkd_angle_loss",
    "dkd_loss",
    "dist_loss",
    "standardize_logits",
    "ahead_of_kd",
    "accuracy_to_report",
]
