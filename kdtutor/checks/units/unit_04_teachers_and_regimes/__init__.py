"""Unit 04: who teaches, what is stored of a teacher's answers, and when the student learns from whom."""

from kdtutor.checks.units.unit_04_teachers_and_regimes.certainty import entropy_weights
from kdtutor.checks.units.unit_04_teachers_and_regimes.ensembles import ensemble_targets
from kdtutor.checks.units.unit_04_teachers_and_regimes.kept_answers import topk_targets
from kdtutor.checks.units.unit_04_teachers_and_regimes.kept_loss import sparse_kd_loss
from kdtutor.checks.units.unit_04_teachers_and_regimes.peers import mutual_losses
from kdtutor.checks.units.unit_04_teachers_and_regimes.regimes import (
    multi_task_loss,
    stage_without_labels,
    what_the_loop_trains,
)
from kdtutor.checks.units.unit_04_teachers_and_regimes.running_mean import ema_update
from kdtutor.checks.units.unit_04_teachers_and_regimes.weights import transfer_weights, weight_pull

__all__ = [
    "ensemble_targets",
    "mutual_losses",
    "ema_update",
    "stage_without_labels",
    "entropy_weights",
    "topk_targets",
    "sparse_kd_loss",
    "transfer_weights",
    "weight_pull",
    "multi_task_loss",
    "what_the_loop_trains",
]
