"""What the verdicts are called on pages and in tables, and the sign that stands for each."""

from kdtutor.grading.records.record import Check

WORDS = {
    "passed": "Passed",
    "failed": "Not yet",
    "error": "Raised an error",
    "timeout": "Ran out of time",
    "not-attempted": "Not attempted",
    "not-graded": "Not graded yet",
}
SIGNS = {"passed": "✓", "failed": "✗", "error": "!", "timeout": "∞", "not-attempted": "–", "not-graded": "?"}


def in_words(check: Check) -> str:
    """The verdict with the known mistake, if there is one: "Not yet (no T²)"."""
    return f"{WORDS[check.verdict]} ({check.mistake})" if check.mistake else WORDS[check.verdict]
