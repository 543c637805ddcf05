"""Checks: what a learner's solution is held against, and the words it is answered with."""

from kdtutor.checks.examine import examine
from kdtutor.checks.exercise import Exercise, Law, Mistake, Verdict
from kdtutor.checks.notebook import CheckFailed, check, hint, predict, reveal, use
from kdtutor.checks.overview import check_all
from kdtutor.checks.progress_card import progress_card
from kdtutor.checks.registry import exercises_by_unit
from kdtutor.checks.secret import secret_generator, secret_labels, secret_logits

__all__ = [
    "CheckFailed",
    "Exercise",
    "Law",
    "Mistake",
    "Verdict",
    "check",
    "check_all",
    "examine",
    "exercises_by_unit",
    "hint",
    "predict",
    "progress_card",
    "reveal",
    "secret_generator",
    "secret_labels",
    "secret_logits",
    "use",
]
