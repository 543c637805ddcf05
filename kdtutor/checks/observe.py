"""Calling a learner's solution so that nothing it does beside its answer counts: prints, warnings, exceptions."""

import io
import linecache
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from typing import Any

import torch
from torch import Tensor

import kdtutor

_OURS = str(Path(kdtutor.__file__).parent)
_TORCH = str(Path(torch.__file__).parent)


@dataclass(frozen=True)
class Returned:
    """The solution's answer, and the position of the first argument that it changed, if any."""

    value: Any
    changed: int | None = None


@dataclass(frozen=True)
class Raised:
    """The solution's own exception, with the learner's line that led to it where one can be named."""

    error: Exception
    line: str | None


def observe(watch: Callable[..., Any], solution: Callable[..., Any], arguments: tuple[Any, ...]) -> Returned | Raised:
    """Run watch(solution, *copies of the arguments) in silence and say what came of it."""
    copies = tuple(_copied(argument) for argument in arguments)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            value = watch(solution, *copies)
    except Exception as error:
        line = _learners_line(error)
        return Raised(error.with_traceback(None), line)  # whose frames would keep what the solution held
    changed = (i for i, (copy, argument) in enumerate(zip(copies, arguments, strict=True)) if not _same(copy, argument))
    return Returned(value, next(changed, None))


def _copied(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.detach().clone().requires_grad_(argument.requires_grad)
    if isinstance(argument, (list, tuple)):
        return type(argument)(_copied(entry) for entry in argument)
    if isinstance(argument, dict):
        return {key: _copied(value) for key, value in argument.items()}
    return argument


def _same(left: Any, right: Any) -> bool:
    if isinstance(right, Tensor):
        return left.shape == right.shape and bool(((left == right) | (left.isnan() & right.isnan())).all())
    if isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in right)
    return True


def _learners_line(error: Exception) -> str | None:
    """The innermost line on the way to the error that is neither ours nor torch's nor Python's."""
    for frame, number in reversed(list(walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if file.startswith((_OURS, _TORCH, "<frozen")) or "site-packages" in file:
            continue
        text = linecache.getline(file, number).strip()
        return f"line {number}: {text}" if text else f"line {number}"
    return None
