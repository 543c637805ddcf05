"""Whether a solution is still the stub that came with the exercise."""

import dis
from types import FunctionType
from typing import Any

_EMPTY_BODY = {"RESUME", "NOP", "POP_TOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "COPY_FREE_VARS"}


def untouched(solution: Any) -> bool:
    """True for None, for `...` and for a function whose body is nothing but a docstring, `...` or `pass`."""
    if solution is None or solution is ...:
        return True
    if not isinstance(solution, FunctionType):
        return False
    instructions = list(dis.get_instructions(solution))
    loaded = [i.argval for i in instructions if i.opname in ("LOAD_CONST", "RETURN_CONST")]
    return all(i.opname in _EMPTY_BODY for i in instructions) and all(value in (None, ...) for value in loaded)
