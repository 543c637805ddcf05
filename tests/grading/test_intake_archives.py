"""Taking in a class from an archive: every learner gets a submission or a sentence, and nothing is unpacked."""

import io
import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.grading.handed_in.files import A_LINK, TOO_LARGE
from kdtutor.grading.handed_in.intake import submissions
from tests.grading.handed_in_class import MEMBERS, UNIT, archive_of, outcome


@pytest.mark.parametrize("layout", MEMBERS)
def test_a_class_is_found_in_an_archive(tmp_path, layout):
    assert outcome(submissions(archive_of(tmp_path / "class.zip", MEMBERS[layout]), UNIT)) == {"ada": b"a", "bob": b"b"}


def test_the_same_file_twice_counts_once(tmp_path):
    place = archive_of(tmp_path / "c.zip", {f"ada_1_{UNIT}.ipynb": b"a", f"ada_1_{UNIT} (1).ipynb": b"a"})
    assert outcome(submissions(place, UNIT)) == {"ada": b"a"}


@pytest.mark.parametrize(
    "name", [f"../../ada_{UNIT}.ipynb", f"/etc/ada_{UNIT}.ipynb", f"C:\\x\\ada_{UNIT}.ipynb", f"a/..\\ada_{UNIT}.ipynb"]
)
def test_a_path_out_of_the_archive_is_refused(tmp_path, name):
    place = archive_of(tmp_path / "class.zip", {name: b"a", f"bob_{UNIT}.ipynb": b"b"})
    before = sorted(tmp_path.rglob("*"))
    found = outcome(submissions(place, UNIT))
    assert found == {"ada": "The path of the file leads out of the archive: hand in the notebook itself.", "bob": b"b"}
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_an_archive_is_refused(tmp_path):
    link = zipfile.ZipInfo(f"ada_{UNIT}.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr(f"bob_{UNIT}.ipynb", b"b")
    assert outcome(submissions(tmp_path / "class.zip", UNIT)) == {"ada": A_LINK, "bob": b"b"}


def test_a_zip_bomb_is_refused_unread(tmp_path):
    bomb = archive_of(tmp_path / "class.zip", {f"ada_{UNIT}.ipynb": b"\0" * (200 * 2**20), f"bob_{UNIT}.ipynb": b"b"})
    assert bomb.stat().st_size < 2**20
    assert outcome(submissions(bomb, UNIT)) == {"ada": TOO_LARGE, "bob": b"b"}


def test_a_zip_bomb_that_lies_about_its_size_is_refused(tmp_path):
    place = archive_of(tmp_path / "class.zip", {f"ada_{UNIT}.ipynb": b"\0" * (64 * 2**20), f"bob_{UNIT}.ipynb": b"b"})
    honest = (64 * 2**20).to_bytes(4, "little")
    assert place.read_bytes().count(honest) >= 2
    place.write_bytes(place.read_bytes().replace(honest, (1000).to_bytes(4, "little")))
    assert outcome(submissions(place, UNIT)) == {
        "ada": "The file is damaged inside the zip archive: hand it in again.",
        "bob": b"b",
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "class.zip", "w", method) as archive:
        archive.writestr(f"ada_{UNIT}.ipynb", b"a")
    assert "unusual way" in outcome(submissions(tmp_path / "class.zip", UNIT))["ada"]


def test_a_locked_member_is_its_owner_s_problem(tmp_path):
    place = archive_of(tmp_path / "class.zip", {f"ada_{UNIT}.ipynb": b"a"})
    data = bytearray(place.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    place.write_bytes(data)
    assert "password" in outcome(submissions(place, UNIT))["ada"]


@pytest.mark.parametrize(("written", "learner"), [("müller".encode(), "müller"), (b"m\x81ller2", "müller2")])
def test_names_without_an_encoding_are_read_as_utf_8_else_as_the_standard_says(tmp_path, written, learner):
    place = archive_of(tmp_path / "class.zip", {f"mXXller/{UNIT}.ipynb": b"a"})
    place.write_bytes(place.read_bytes().replace(b"mXXller", written))
    assert outcome(submissions(place, UNIT)) == {learner: b"a"}


def test_a_member_that_is_there_twice_is_a_doubled_learner(tmp_path):
    place = archive_of(tmp_path / "class.zip", {f"ada_{UNIT}.ipynb": b"a", f"adX_{UNIT}.ipynb": b"A"})
    place.write_bytes(place.read_bytes().replace(b"adX", b"ada"))
    assert "only one can count" in str(outcome(submissions(tmp_path / "class.zip", UNIT))["ada"])


GOOD_ARCHIVE = io.BytesIO()


with zipfile.ZipFile(GOOD_ARCHIVE, "w", zipfile.ZIP_DEFLATED) as good:
    for member in ("ada", "bob"):
        good.writestr(zipfile.ZipInfo(f"{member}/{UNIT}/{UNIT}.ipynb"), b"notebook " * 20, zipfile.ZIP_DEFLATED)


@given(st.data())
def test_an_archive_changed_anywhere_is_a_class_or_refused_as_a_whole(tmp_path_factory, data):
    mutable = bytearray(GOOD_ARCHIVE.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        mutable[data.draw(st.integers(0, len(mutable) - 1))] = data.draw(st.integers(0, 255))
    place = tmp_path_factory.mktemp("zip") / "class.zip"
    place.write_bytes(mutable)
    try:
        found = submissions(place, UNIT)
    except ValueError:
        return
    outcome(found)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=30), min_size=1, max_size=5))
def test_any_names_in_an_archive_give_learners_with_plain_names(tmp_path_factory, names):
    place = tmp_path_factory.mktemp("zip") / "class.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for name in dict.fromkeys(n.encode("utf-8", "replace").decode() for n in names):
            archive.writestr(f"{name}/{UNIT}/{UNIT}.ipynb", b"a")
            archive.writestr(f"{name}.ipynb", b"a")
    outcome(submissions(place, UNIT))
