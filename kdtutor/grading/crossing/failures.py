"""Exceptions in words, and exceptions made of such words on the other side."""

import builtins
import itertools
import linecache
import sys
import sysconfig
from pathlib import Path
from traceback import walk_tb
from types import TracebackType

import torch

from kdtutor.grading.crossing.codec import Failure

_TEXT = 2000  # characters of an exception's text that cross
_LINE = 200
_LINES = 10_000  # a line further down is shown under this number
_SHOWN = itertools.count()
_NOT_THE_LEARNERS = (
    str(Path(__file__).parent),
    str(Path(torch.__file__).parent),
    sysconfig.get_path("stdlib"),
    "<frozen",
)


class LearnerError(Exception):
    """An exception of the learner's whose type is no built-in one; its class carries that type's name."""


def failure_of(error: BaseException) -> Failure:
    """An exception in words, with the innermost line that is the learner's. Never raises, whatever the exception is."""
    kind = type(error)
    base = next((t.__name__ for t in kind.__mro__ if _is_built_in(t)), "Exception")
    line, source = _learners_line(error.__traceback__)
    return Failure(str(kind.__name__)[:_LINE], base, _text_of(error), line, source)


def exception_of(failure: Failure) -> Exception:
    """The exception that the words describe: of the built-in type itself where it is one, else a LearnerError.

    A LearnerError is also of the nearest built-in type, so that `except ValueError` meets a subclass of ValueError.
    Its traceback ends in the learner's line.
    """
    error = _made(failure)
    error.came_from_inside = True  # type: ignore[attr-defined]
    return error.with_traceback(_traceback(failure)) if failure.line else error


def came_from_inside(error: BaseException) -> bool:
    """Whether an exception was raised by the learner's code, of whatever type it is here."""
    return bool(getattr(error, "came_from_inside", False))


def _made(failure: Failure) -> Exception:
    text = failure.text[:_TEXT]
    found = vars(builtins).get(failure.base)
    base = found if isinstance(found, type) and issubclass(found, Exception) else Exception
    try:
        if failure.type_name == base.__name__:
            return base(text)
        name = failure.type_name[:60]
        name = name if name.isidentifier() else "LearnerError"
        bases: tuple[type, ...] = (LearnerError,) if base is Exception else (LearnerError, base)
        return type(name, bases, {})(text)
    except Exception:  # a built-in type that takes other arguments than a text
        return LearnerError(f"{failure.type_name[:60]}: {text}")


def _is_built_in(kind: type) -> bool:
    return kind.__module__ == "builtins" and vars(builtins).get(kind.__name__) is kind and issubclass(kind, Exception)


def _text_of(error: BaseException) -> str:
    try:
        if isinstance(error, KeyError) and len(error.args) == 1 and isinstance(error.args[0], str):
            return error.args[0][:_TEXT]  # str of a KeyError is in quotation marks, and would get them twice
        return str(error)[:_TEXT]
    except BaseException:
        return "(it cannot be shown)"


def _learners_line(traceback: TracebackType | None) -> tuple[int | None, str]:
    for frame, number in reversed(list(walk_tb(traceback))):
        file = frame.f_code.co_filename
        if not file.startswith(_NOT_THE_LEARNERS) and "site-packages" not in file:
            return number, linecache.getline(file, number, frame.f_globals).strip()[:_LINE]
    return None, ""


def _traceback(failure: Failure) -> TracebackType | None:
    """A traceback of one frame, which shows the learner's line under a name that no file has."""
    line = min(failure.line or 1, _LINES)
    name = f"<learner's code {next(_SHOWN) % 64}>"  # what was shown long ago is overwritten
    text = " ".join(failure.source.split())[:_LINE] + "\n"
    linecache.cache[name] = len(text), None, ["\n"] * (line - 1) + [text], name
    code = compile("raise LookupError", name, "exec").replace(co_firstlineno=line)
    try:
        exec(code, {"__name__": "learner"})
    except LookupError:
        traceback = sys.exc_info()[2]
        return traceback.tb_next if traceback else None
    return None
