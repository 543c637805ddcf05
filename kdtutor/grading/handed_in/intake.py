"""What a class handed in: one submission a learner, from a folder or a zip archive, whatever lies in it.

Nothing is extracted and no link is followed. What is wrong with one learner's files is said in that learner's
submission and touches nobody else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from kdtutor.grading.handed_in.files import Entry, Refused, entries
from kdtutor.grading.handed_in.whose import HandIn, Rank, hand_in

LARGEST_CLASS = 2**30  # bytes held in memory
TOO_MUCH = f"All files together have more than {LARGEST_CLASS >> 30} GB: they have to be graded in parts."


@dataclass(frozen=True)
class Submission:
    """One learner's notebook file, or why there is none: exactly one of `data` and `problem`.

    learner: a name that is safe as a file's. origin: where it lay, from the place that was given, for messages.
    problem: one sentence.
    """

    learner: str
    origin: str
    data: bytes | None = None
    problem: str | None = None

    def __post_init__(self) -> None:
        if (self.data is None) == (self.problem is None):
            raise ValueError(f"the submission of {self.learner} needs either data or a problem")


def submissions(place: Path, unit: str) -> list[Submission]:
    """The submissions for a unit that lie in a place, sorted by learner's name, one a learner.

    place: nbgrader's layout (`<learner>/<unit>/<unit>.ipynb`), a folder of notebooks (`ada_12345_<unit>.ipynb`), a
    folder of learners' folders, a zip archive of any of these as learning platforms export them, or one notebook.

    A learner's name is that of the folder, or what stands before the unit in a file's name without the platform's
    numbers; where two learners would then share a name, the number stays. Of several files the best named counts
    (`<unit>.ipynb` before a copy of it); between equals nobody guesses: unless their bytes are the same, that is the
    learner's problem. Files of other units and hidden files are passed over.

    Raises FileNotFoundError where there is no such place and ValueError where it is neither folder, notebook nor a
    readable archive; never for anything that lies in it.
    """
    with entries(Path(place)) as found:
        mine = [each for entry in found if (each := hand_in(entry, unit))]
        filled = {each.entry.parts[:-1] for each in mine}
        mine = [each for each in mine if each.rank is not Rank.NOTHING or each.entry.parts not in filled]
        handed_in = []
        room = LARGEST_CLASS
        for learner, files in _by_learner(mine):
            submission = _submission(learner, files)
            room -= len(submission.data or b"")
            if room < 0 and submission.data is not None:
                submission = Submission(learner, submission.origin, problem=TOO_MUCH)
            handed_in.append(submission)
    return handed_in


def _by_learner(found: Sequence[HandIn]) -> Iterator[tuple[str, list[HandIn]]]:
    numbers: dict[str, set[str]] = {}
    for mine in found:
        if mine.number:
            numbers.setdefault(mine.learner, set()).add(mine.number)

    def name(mine: HandIn) -> str:
        shared = len(numbers.get(mine.learner, ())) > 1
        return f"{mine.learner}_{mine.number}" if shared and mine.number else mine.learner

    for learner, group in groupby(sorted(found, key=name), key=name):
        yield learner, list(group)


def _submission(learner: str, mine: list[HandIn]) -> Submission:
    best = min(each.rank for each in mine)
    candidates = [each.entry for each in mine if each.rank == best]
    outcomes: dict[bytes | str, Entry] = {}
    for entry in candidates:
        outcomes.setdefault(_read(entry), entry)
    (outcome, entry), *others = outcomes.items()
    if others:
        names = ", ".join(sorted(each.shown for each in candidates)[:5])
        words = f"There are {len(candidates)} files for this unit ({names}) and only one can count: leave one."
        return Submission(learner, entry.shown, problem=words)
    if isinstance(outcome, bytes):
        return Submission(learner, entry.shown, data=outcome)
    return Submission(learner, entry.shown, problem=outcome)


def _read(entry: Entry) -> bytes | str:
    """The bytes of a file, or the sentence that says why there are none."""
    try:
        return entry.read()
    except Refused as refusal:
        return str(refusal)
