"""Grading: from what learners hand in to scores in the gradebook and a page of feedback each."""
