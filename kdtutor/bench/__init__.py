"""How fast, against what: ours and the rivals in turn in one run, with what this machine allows at most."""

from kdtutor.bench.case import Case, Measurement, Setting
from kdtutor.bench.picture import picture
from kdtutor.bench.record import load, save
from kdtutor.bench.row import Condition, Row, Spread
from kdtutor.bench.suite import cases, run, sections
from kdtutor.bench.table import render

__all__ = [
    "Case",
    "Condition",
    "Measurement",
    "Row",
    "Setting",
    "Spread",
    "cases",
    "load",
    "picture",
    "render",
    "run",
    "save",
    "sections",
]
