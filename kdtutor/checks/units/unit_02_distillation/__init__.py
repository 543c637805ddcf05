"""Unit 02: distillation. A teacher at rest, the loss with labels, one step, the cache, and two special classes."""

from kdtutor.checks.units.unit_02_distillation.asking import teacher_logits
from kdtutor.checks.units.unit_02_distillation.caching import cache_logits
from kdtutor.checks.units.unit_02_distillation.choices import principle, why_nan
from kdtutor.checks.units.unit_02_distillation.classes import class_weighted_kd_loss, correct_missing_class
from kdtutor.checks.units.unit_02_distillation.mixing import distillation_loss
from kdtutor.checks.units.unit_02_distillation.stepping import train_step

__all__ = [
    "teacher_logits",
    "distillation_loss",
    "train_step",
    "cache_logits",
    "correct_missing_class",
    "class_weighted_kd_loss",
    "why_nan",
    "principle",
]
