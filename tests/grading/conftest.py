"""Fixtures of the grading room's tests."""

from tests.grading.learner import learner, warm_parent
from tests.grading.small_class import course

__all__ = ["course", "learner", "warm_parent"]
