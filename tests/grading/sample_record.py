"""A record as grading makes one, its checks, and what its signed file holds."""

import json

from kdtutor.grading.records.record import (
    Check,
    Record,
    fingerprint,
    sign,
)

KEY, OTHER_KEY = bytes(range(32)), bytes(32)


def check(**changes) -> Check:
    return Check(**{"name": "soften", "points": 2, "verdict": "passed", "message": "Right.", "seconds": 0.25} | changes)


def record(**changes) -> Record:
    failed = check(name="kd_loss", points=3, verdict="failed", mistake="no T²", message="T² is missing.")
    fields = {
        "learner": "ada",
        "unit": "01_soft_targets",
        "status": "graded",
        "checks": [check(), failed],
        "repairs": ["Cells of the unit had been moved: they are back in the unit's order."],
        "sandbox": "bubblewrap",
        "seed": fingerprint("secret"),
        "versions": {"torch": "2.14.1", "kdtutor": "0.1.0"},
        "submission_sha256": "a" * 64,
        "assignment_sha256": "b" * 64,
    }
    return Record(**fields | changes)


def content(**changes) -> dict:
    return json.loads(sign(record(), KEY).to_json()) | changes
