"""Fixtures of the grading room's tests."""

from tests.grading.learner import learner, warm_parent

__all__ = ["learner", "warm_parent"]
