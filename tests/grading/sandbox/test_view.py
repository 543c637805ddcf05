"""What can be read is what is meant, and never what is hidden."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.grading.sandbox.view import PACKAGE, View, libraries, standard_library, view


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/one.py", "a/secret/two.py", "a/secret/shown/three.py", "b/four.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "a/link").symlink_to(tmp_path / "a/secret")
    return tmp_path


def test_hidden_folders_give_way_to_their_neighbours(tree: Path) -> None:
    seen = set(View((tree,), (tree / "a/secret",)).without_hidden())
    assert seen == {tree / "a/one.py", tree / "b"}


def test_folders_that_gave_way_are_named(tree: Path) -> None:
    assert set(View((tree,), (tree / "a/secret",)).given_way()) == {tree, tree / "a"}


def test_nothing_hidden_leaves_a_path_whole(tree: Path) -> None:
    assert list(View((tree,), (Path("/elsewhere"),)).without_hidden()) == [tree]


def test_what_is_named_beneath_something_hidden_is_shown(tree: Path) -> None:
    chosen = view([tree, tree / "a/secret/shown"], [tree / "a/secret"])
    seen = set(chosen.without_hidden())
    assert tree / "a/secret/shown" in seen
    assert not any(path == tree / "a/secret" or (tree / "a/secret").is_relative_to(path) for path in seen)


@given(st.sets(st.sampled_from(["a", "a/secret", "a/secret/two.py", "b", "b/four.py", "a/link"]), min_size=1))
def test_no_path_that_is_shown_whole_holds_a_hidden_one(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    tree = tmp_path_factory.mktemp("tree").resolve()
    for name in ("a/one.py", "a/secret/two.py", "b/four.py"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("x")
    (tree / "a/link").symlink_to(tree / "a/secret")
    hidden = tuple((tree / name).resolve() for name in names)
    for path in View((tree,), hidden).without_hidden():
        assert not any(place.is_relative_to(path.resolve()) for place in hidden)


def test_kdtutor_is_hidden_always() -> None:
    assert PACKAGE in view().hidden
    assert not any(PACKAGE.is_relative_to(path) for path in view().without_hidden())


def test_this_python_and_its_libraries_are_shown() -> None:
    shown = view().readable
    for needed in (Path(os.__file__), Path(pytest.__file__), Path(sys.executable).resolve()):
        assert any(needed.is_relative_to(path) for path in shown), needed


def test_no_project_is_on_the_search_path() -> None:
    assert str(PACKAGE.parent) not in [*libraries(), *standard_library()]
    assert os.path.dirname(os.__file__) in standard_library()


def test_what_is_not_there_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not there: a sandbox shows files and folders that exist"):
        view([tmp_path / "nothing"])
