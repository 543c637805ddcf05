"""What learning platforms hand over of one class: every layout, as a folder or an archive, and who is found in it."""

import zipfile
from pathlib import Path

from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.names import why_no_name

UNIT = "01_soft_targets"
MEMBERS = {
    "nbgrader's layout": {f"ada/{UNIT}/{UNIT}.ipynb": b"a", f"bob/{UNIT}/{UNIT}.ipynb": b"b"},
    "in a folder": {f"submitted/ada/{UNIT}/{UNIT}.ipynb": b"a", f"submitted/bob/{UNIT}/{UNIT}.ipynb": b"b"},
    "loose": {f"ada_12345_{UNIT}.ipynb": b"a", f"bob_67890_{UNIT}.ipynb": b"b"},
    "loose in a folder": {f"export/ada_12345_{UNIT}.ipynb": b"a", f"export/bob_67890_{UNIT}.ipynb": b"b"},
    "loose in the unit's folder": {f"{UNIT}/ada_12345_{UNIT}.ipynb": b"a", f"{UNIT}/bob_{UNIT}.ipynb": b"b"},
    "deeper": {f"x/{UNIT}/ada_12345_{UNIT}.ipynb": b"a", f"x/{UNIT}/bob_67890_{UNIT}.ipynb": b"b"},
    "Canvas": {f"ada_LATE_12345_99_{UNIT}-1.ipynb": b"a", f"bob_678_98_{UNIT}.ipynb": b"b"},
    "Moodle": {
        f"ada_12345_assignsubmission_file_/{UNIT}.ipynb": b"a",
        "bob_678_assignsubmission_file_/My work.ipynb": b"b",
    },
    "Moodle, loose": {f"ada_12345_assignsubmission_file_{UNIT}.ipynb": b"a", f"bob_{UNIT}.ipynb": b"b"},
    "Blackboard": {
        f"Unit 1_ada_attempt_2026-11-21-10-00-00_{UNIT}.ipynb": b"a",
        f"Unit 1_bob_attempt_2026-11-21-10-00-01_{UNIT}.ipynb": b"b",
    },
    "folders of learners": {f"ada/{UNIT}.ipynb": b"a", "bob/notebook.ipynb": b"b"},
    "names alone": {"ada.ipynb": b"a", "bob.ipynb": b"b"},
    "names after the unit": {f"{UNIT}_ada.ipynb": b"a", f"{UNIT} - bob.ipynb": b"b"},
    "as browsers save": {f"ada_{UNIT}.ipynb.txt": b"a", f"bob_{UNIT}.ipynb.json": b"b"},
}


def folder_of(place: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def archive_of(place: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return place


def outcome(found: list[Submission]) -> dict[str, bytes | str | None]:
    assert [each.learner for each in found] == sorted({each.learner for each in found})
    assert not any(why_no_name(each.learner) for each in found)
    return {each.learner: each.problem if each.data is None else each.data for each in found}
