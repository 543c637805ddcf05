"""The folder that goes into the sandbox: copies of the few modules of ours that run there, and nothing else of ours."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from kdtutor.grading.sandbox.view import PACKAGE

INSIDE = ("grading/sandbox/inside", "grading/sandbox/limits.py")
MODULES = "modules"


def furnish(folder: Path, exposed: Iterable[str]) -> Path:
    """Copy kdtutor's files of these names (relative to the package) and return the folder to import them from.

    Their packages get an empty `__init__.py` where none is among the names, since a real one would import what is not
    there. FileNotFoundError for a name that is no file or folder of kdtutor.
    """
    modules = folder / MODULES
    for name in (*INSIDE, *exposed):
        source, target = PACKAGE / name, modules / "kdtutor" / name
        if not source.resolve().is_relative_to(PACKAGE) or not source.exists():
            raise FileNotFoundError(f"kdtutor has no {name} to show in the sandbox")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    for package in (path for path in (modules / "kdtutor").rglob("*.py")):
        for parent in package.relative_to(modules).parents[:-1]:
            (modules / parent / "__init__.py").touch()
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o755)
    return modules
