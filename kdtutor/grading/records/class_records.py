"""The records of a class, read back: only what this course's key has signed is believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kdtutor.grading.records.record import Record, RecordError, course_key, read_record, record_path, verify

UNSIGNED = "its signature is not this course's: it was changed after grading, or graded with another key. Grade again."


@dataclass(frozen=True)
class ClassRecords:
    """records: those that can be believed, by learner's name. refused: the others' names, and what is wrong."""

    records: tuple[Record, ...]
    refused: Mapping[str, str]


def key_of_records(path: Path) -> bytes:
    """The key that records were signed with; none is made here. FileNotFoundError where there is none."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there, and no record can be believed without it: put back a copy")
    return course_key(path)


def class_records(folder: Path, unit: str, key: Path) -> ClassRecords:
    """All records of a unit under `folder`, by the key in a file.

    FileNotFoundError, with what to do about it, where there are no records or no key.
    """
    found = sorted(record_path(folder, unit, "any").parent.glob("*.json"))
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        raise FileNotFoundError(f"there are no records of {unit}: run `kdtutor grade {unit}` first")
    secret = key_of_records(key)
    records: list[Record] = []
    refused: dict[str, str] = {}
    for path in found:
        try:
            records.append(believed(path, unit, path.stem, secret))
        except (RecordError, OSError) as error:
            refused[path.stem] = str(error)
    return ClassRecords(tuple(records), refused)


def believed(path: Path, unit: str, learner: str, key: bytes) -> Record:
    """The record in a file, if it is that learner's and signed; else RecordError, or OSError where it is not there."""
    record = read_record(path)
    if not verify(record, key):
        raise RecordError(f"{path.name}: {UNSIGNED}")
    if (record.unit, record.learner) != (unit, learner):
        raise RecordError(f"{path.name}: it is the record of {record.learner} for {record.unit}, in another's place")
    return record
