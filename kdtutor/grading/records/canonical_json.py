"""JSON whose bytes follow from its content, and a reader that lets nothing ambiguous in."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn


def canonical(content: Mapping[str, Any]) -> bytes:
    """UTF-8, sorted keys, no blanks, one newline at the end. ValueError for NaN and infinity."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def strict_object(data: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. ValueError, in words, for anything else, a key that stands twice, or NaN."""
    try:
        content = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _Ambiguous:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {str(error)[:100]}") from None
    if not isinstance(content, dict):
        raise ValueError(f"this is JSON but no object: it holds a {type(content).__name__}")
    return content


class _Ambiguous(ValueError):  # noqa: N818
    """JSON that two readers could take for different things."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise _Ambiguous(f"{key[:80]!r} stands twice")
        content[key] = value
    return content


def _no_constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} is no number of JSON")
