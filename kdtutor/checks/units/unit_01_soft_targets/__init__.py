"""Unit 01: soft targets. Softening, entropy, divergence, the distillation loss and its gradient."""

from kdtutor.checks.units.unit_01_soft_targets.divergence import kl_divergence
from kdtutor.checks.units.unit_01_soft_targets.gradient import kd_gradient
from kdtutor.checks.units.unit_01_soft_targets.loss import kd_loss
from kdtutor.checks.units.unit_01_soft_targets.reading import which_divergence
from kdtutor.checks.units.unit_01_soft_targets.softening import soften
from kdtutor.checks.units.unit_01_soft_targets.uncertainty import entropy

__all__ = ["soften", "entropy", "kl_divergence", "kd_loss", "kd_gradient", "which_divergence"]
