"""What a record refuses, and in which words."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kdtutor.grading.records.names import why_no_name

MOST_MEASURED = 20


class RecordError(ValueError):
    """A record that cannot be: the message names the field and what is wrong with it."""


def require_fields(what: str, content: Any, wanted: set[str]) -> None:
    if not isinstance(content, dict):
        raise RecordError(f"{what} is a {type(content).__name__}: an object is needed")
    if missing := sorted(wanted - content.keys()):
        raise RecordError(f"{what} lacks {', '.join(missing)}")
    if unknown := sorted(content.keys() - wanted):
        raise RecordError(f"{what} has unknown fields: {', '.join(map(shown, unknown[:5]))}")


def require_same(found: Any, wanted: Any, where: str) -> None:
    """Refuse content that is not what the record itself says, naming the first field that differs."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in wanted:
            require_same(found[key], wanted[key], f"{where}.{key}" if where else key)
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            require_same(one, other, f"{where}[{number}]")
    elif found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
        raise RecordError(f"{where} is {shown(found)}: it has to be {shown(wanted)}")


def require_name(field: str, value: Any) -> None:
    if reason := why_no_name(value):
        raise RecordError(f"{field} is {reason}")


def require_one_of(field: str, value: Any, allowed: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise RecordError(f"{field} is {shown(value)}: it has to be {', '.join(allowed[:-1])} or {allowed[-1]}")


def require_number(field: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError(f"{field} is a {type(value).__name__}: a number is needed")
    if not 0 <= value <= 1e6:  # NaN is refused here too
        raise RecordError(f"{field} is {shown(value)}: a number from 0 to a million is needed")


def require_measured(measured: Any) -> None:
    """Up to twenty finite numbers under short names."""
    if not isinstance(measured, Mapping) or len(measured) > MOST_MEASURED:
        raise RecordError(f"measured is {shown(measured)}: at most {MOST_MEASURED} numbers by name are needed")
    for name, value in measured.items():
        require_name("a name in measured", name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RecordError(f"measured {name} is {shown(value)}: a finite number is needed")


def require_text(field: str, value: Any) -> None:
    if not isinstance(value, str):
        raise RecordError(f"{field} is a {type(value).__name__}: text is needed")


def require_pattern(field: str, value: Any, pattern: re.Pattern[str], words: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RecordError(f"{field} is {shown(value)}: {words} are needed")


def shown(value: Any) -> str:
    return repr(value)[:80]
