"""The capstone's contract: what a compressed network may cost, and how a file is measured against it."""

from kdtutor.contract.artifact import as_text, from_text, network_in
from kdtutor.contract.measured import Clause, Contract, Measured, hidden_glyphs, measured
from kdtutor.contract.process import Runner, apart

__all__ = [
    "Clause",
    "Contract",
    "Measured",
    "Runner",
    "apart",
    "as_text",
    "from_text",
    "hidden_glyphs",
    "measured",
    "network_in",
]
