"""What a learner's cells can import while they are graded holds no solution."""

import ast

from kdtutor.checks import exercises_by_unit
from kdtutor.grading.grade import AT_HAND
from kdtutor.grading.sandbox.view import PACKAGE


def test_nothing_at_hand_defines_what_an_exercise_asks_for():
    exercises = {name for unit in exercises_by_unit().values() for name in unit}
    assert len(exercises) > 50
    files = [path for name in AT_HAND for path in (PACKAGE / name, *(PACKAGE / name).rglob("*.py"))]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files if path.suffix == ".py"]
    assert len(trees) > 8
    defined = {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert not defined & exercises
