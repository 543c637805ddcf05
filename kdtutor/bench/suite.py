"""The whole comparison: which cases there are, and one row of each, whatever goes wrong in another."""

import gc
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from kdtutor.bench import distillation, losses, pruning, quantization, rivals, storage, training
from kdtutor.bench.case import Case, NotInstalledError, Setting, UnavailableError
from kdtutor.bench.ceilings import measure_ceilings
from kdtutor.bench.row import Row
from kdtutor.models import seeded

_MODULES = (distillation, losses, training, quantization, pruning, storage, rivals)
Report = Callable[[Row, int, int], object]


def cases(device: str) -> tuple[Case, ...]:
    """What is measured on a kind of device, "cpu" or "cuda", in the order of the table."""
    kind = torch.device(device).type
    return tuple(case for module in _MODULES for case in module.CASES if kind in case.devices)


def sections(device: str) -> tuple[str, ...]:
    """The parts of the comparison that `run` can be restricted to."""
    return tuple(dict.fromkeys(case.section for case in cases(device)))


def run(
    device: str = "cpu",
    only: Sequence[str] | None = None,
    quick: bool = False,
    report: Report | None = None,
) -> list[Row]:
    """Measure ours against the rivals on this machine, one after the other: the ceilings' rows, then a row a case.

    device: "cpu" or "cuda". only: sections, such as ["losses"], or names of cases; None: all. quick: a rehearsal in
    seconds, with small sizes and no verdicts. report(row, done, total): called after each row.
    A case that raises becomes a row that says why, and the others go on.
    Raises ValueError for a device that is not there, or a section or case that is not known.
    """
    where = _require_device(device)
    chosen = _chosen(device, only)
    with seeded(0, where):
        ceilings, rows = measure_ceilings(where, quick)
    total = len(rows) + len(chosen)
    for done, row in enumerate(rows, 1):
        _tell(report, row, done, total)
    setting = Setting(where, ceilings, quick)
    for case in chosen:
        rows.append(measure(case, setting))
        _tell(report, rows[-1], len(rows), total)
        if not quick:
            gc.collect()
        if where.type == "cuda":
            torch.cuda.empty_cache()
    return rows


def measure(case: Case, setting: Setting) -> Row:
    """The row of one case; where it raises, the row says what came."""
    asked: dict[str, Any] = {
        "section": case.section,
        "name": case.name,
        "ours_is": case.ours,
        "rival_is": case.rival,
        "target": case.targets.get(setting.device.type),
        "rehearsal": setting.rehearsal,
    }
    try:
        with seeded(0, setting.device), warnings.catch_warnings():
            found = case.measure(setting)
        return Row(**asked, **vars(found))
    except NotInstalledError as problem:
        return Row(**asked, outcome="not installed", reason=_first_line(problem))
    except UnavailableError as problem:
        return Row(**asked, outcome="not available", reason=_first_line(problem))
    except torch.OutOfMemoryError as problem:
        return Row(**asked, outcome="not available", reason=f"too little memory: {_first_line(problem)}")
    except Exception as problem:  # one row's trouble is no reason to lose the others
        return Row(**asked, outcome="failed", reason=f"{type(problem).__name__}: {_first_line(problem)}")


def _chosen(device: str, only: Sequence[str] | None) -> list[Case]:
    known = cases(device)
    if only is None:
        return list(known)
    wanted = set(only)
    unknown = sorted(wanted - {case.section for case in known} - {case.name for case in known})
    if unknown:
        raise ValueError(
            f"only names {unknown[0]!r}: one of {', '.join(sections(device))}, or the whole name of a row, is needed"
        )
    return [case for case in known if case.section in wanted or case.name in wanted]


def _require_device(device: str) -> torch.device:
    try:
        where = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device is {device!r}: 'cpu' or 'cuda' is needed") from None
    if where.type not in ("cpu", "cuda"):
        raise ValueError(f"device is {device!r}: 'cpu' or 'cuda' is needed")
    if where.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', and there is no NVIDIA GPU here that torch can use: choose 'cpu'")
    return where


def _tell(report: Report | None, row: Row, done: int, total: int) -> None:
    if report is not None:
        report(row, done, total)


def _first_line(problem: Exception) -> str:
    return str(problem).split("\n", 1)[0]
