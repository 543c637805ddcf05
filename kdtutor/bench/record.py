"""A run on disk: its rows, when and where it was made."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from kdtutor import __version__, machine
from kdtutor.bench.row import Condition, Row, Spread

FORMAT = 1


def save(rows: Sequence[Row], path: str | Path) -> None:
    """Write the rows as JSON with date, machine and versions; the file is there whole or not at all."""
    path = Path(path)
    content = {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**machine.describe(), "processor": _processor(), "load": _load(), **_gpu()},
        "versions": {"kdtutor": __version__, **_versions()},
        "rows": [{**asdict(row), "share_of_limit": row.share_of_limit, "verdict": row.verdict} for row in rows],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: str | Path) -> list[Row]:
    """The rows of a file that `save` wrote.

    Raises ValueError for a file that is none, or in which a verdict is not what its figures say.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"{path} has format {content['format']}, this program reads {FORMAT}")
        stored = [(_row(entry), entry["verdict"]) for entry in content["rows"]]
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as reason:
        raise ValueError(f"{path} holds no run of `kdtutor bench`: {reason}") from None
    for row, verdict in stored:
        if row.verdict != verdict:
            raise ValueError(f"{path} says {verdict!r} of {row.name!r}, its figures say {row.verdict!r}")
    return [row for row, _ in stored]


def _row(entry: dict[str, Any]) -> Row:
    fields = {name: value for name, value in entry.items() if name not in ("share_of_limit", "verdict")}
    ratio, condition = fields.pop("ratio"), fields.pop("condition")
    return Row(
        **fields,
        ratio=None if ratio is None else Spread(**ratio),
        condition=None if condition is None else Condition(**condition),
    )


def _processor() -> str:
    """The processor's own name where the system tells it, as Linux does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _load() -> str:
    """How many processes wanted to run lately: figures from a busy machine are worth less."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return "{:.1f} in the last minute, {:.1f} in the last five".format(*os.getloadavg()[:2])


def _gpu() -> dict[str, str]:
    if not torch.cuda.is_available():
        return {}
    properties = torch.cuda.get_device_properties(0)
    return {"GPU": f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB", "CUDA": str(torch.version.cuda)}


def _versions() -> dict[str, str]:
    found = {"torch": str(torch.__version__)}
    for name in ("triton", "torchao", "liger-kernel", "torch-pruning"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
