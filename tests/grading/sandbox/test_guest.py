from pathlib import Path

import pytest

from kdtutor.grading.sandbox.guest import furnish


def test_only_what_is_named_goes_in(tmp_path: Path) -> None:
    modules = furnish(tmp_path, ["grading/crossing/codec.py"])
    names = {str(path.relative_to(modules / "kdtutor")) for path in modules.rglob("*.py")}
    assert "grading/crossing/codec.py" in names
    assert "grading/sandbox/inside/server.py" in names
    assert all(
        name.startswith("grading/sandbox/")
        for name in names
        - {"__init__.py", "grading/__init__.py", "grading/crossing/__init__.py", "grading/crossing/codec.py"}
    )
    assert not [name for name in names if name.startswith(("distill", "checks", "grading/records"))]


def test_packages_that_would_import_the_rest_are_empty(tmp_path: Path) -> None:
    modules = furnish(tmp_path, [])
    assert (modules / "kdtutor/grading/sandbox/__init__.py").read_text() == ""


@pytest.mark.parametrize("name", ["nothing.py", "../pyproject.toml", "/etc/passwd"])
def test_what_is_not_of_kdtutor_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="kdtutor has no"):
        furnish(tmp_path, [name])
