import os
from pathlib import Path

from kdtutor.grading.sandbox.inside import storage


def test_counts_bytes_and_files_but_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(bytes(100_000))
    (tmp_path / "out").symlink_to("/usr")
    size, count = storage.beneath(str(tmp_path), 1000)
    assert count == 3
    assert 100_000 <= size < 150_000


def test_stops_counting_beyond_the_limit(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / str(number)).touch()
    assert storage.beneath(str(tmp_path), 10)[1] == 11


def test_removes_what_was_closed_and_what_is_thousands_deep(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    (folder / "closed").mkdir(mode=0)
    storage.remove(str(folder))
    assert not folder.exists()
    storage.remove(str(folder))
