"""Unit 12: the capstone. A contract, a fair ratio of times, a network to codes and back, and the file that is handed in."""

from kdtutor.checks.units.unit_12_capstone.clauses import clauses_kept
from kdtutor.checks.units.unit_12_capstone.coding import decode_network, encode_network
from kdtutor.checks.units.unit_12_capstone.handed_in import artifact
from kdtutor.checks.units.unit_12_capstone.ratio import relative_latency

__all__ = ["clauses_kept", "relative_latency", "encode_network", "decode_network", "artifact"]
