"""Exercises are found by name; only the unit that one belongs to is imported."""

import subprocess
import sys

import pytest

from kdtutor.checks.registry import exercises_by_unit, find, find_unit

NOTHING_ELSE = """
import sys
from kdtutor.checks.registry import exercises_by_unit, find
assert "soften" in exercises_by_unit()["01_soft_targets"] and len(exercises_by_unit()["02_distillation"]) > 2
units = lambda: {name.split(".")[3] for name in sys.modules if name.startswith("kdtutor.checks.units.")}
before = units()
find("soften")
print(*sorted(before), "|", *sorted(units()))
"""


def test_names_cost_no_import_and_an_exercise_imports_its_own_unit_alone():
    said = subprocess.run([sys.executable, "-c", NOTHING_ELSE], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["|", "unit_01_soft_targets"]


def test_what_a_unit_lists_is_what_its_module_binds():
    for here in exercises_by_unit().values():
        assert [here[name] for name in here] == [find(name) for name in here]
        with pytest.raises(KeyError):
            here["nothing of that name"]


def test_a_name_that_no_unit_has_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"there is no exercise 'kd_lost': names are .*kd_loss"):
        find_unit("kd_lost")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kd_loss = None", "has no __all__"),
        ('__all__ = ["kd_loss", "soften"]\nfrom kdtutor.checks.units.unit_01_soft_targets import soften', "kd_loss"),
    ],
)
def test_a_list_that_is_missing_or_wrong_is_named(text, said, tmp_path, monkeypatch):
    from kdtutor.checks.registry import _Exercises

    (tmp_path / "unit_77_wrong.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=said):
        list(_Exercises("unit_77_wrong").values())
    sys.modules.pop("unit_77_wrong", None)
