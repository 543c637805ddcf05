"""A unit's measured claims: written by its own notebook while `kdtutor results` runs it, quoted by its prose."""

import json
import os
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any


def record(name: str, **claim: Any) -> None:
    """Note a measured claim under `name`: plain numbers, texts, lists and intervals.

    Only while KDTUTOR_RESULTS names a file (the command `kdtutor results UNIT` sets it) is anything written; a
    learner's run measures and shows, and leaves no file behind. Raises ValueError for a name recorded twice.
    """
    path = os.environ.get("KDTUTOR_RESULTS")
    if not path:
        return
    file = Path(path)
    claims = json.loads(file.read_text()) if file.exists() and file.stat().st_size else {}
    if name in claims:
        raise ValueError(f"{name!r} is recorded already: a claim has one place that measures it")
    claims[name] = _rounded(claim)
    file.write_text(json.dumps(claims, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _rounded(value: Any) -> Any:
    """Six significant digits: more would only record the machine's last bits. An interval becomes its parts."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(key): _rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(entry) for entry in value]
    return value
