"""A gradebook is made whole or not at all, and is the one that nbgrader would have made."""

import sqlite3
import sysconfig
from contextlib import closing

import pytest
from nbgrader import api

from kdtutor.authoring import gradebook
from kdtutor.authoring.gradebook import make_gradebook


def url(path):
    return f"sqlite:///{path.as_posix()}"


def schema(path):
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("select name, sql from sqlite_master where type in ('table', 'index')").fetchall()
        return {name: " ".join((sql or "").rstrip(";").split()) for name, sql in tables}


def version(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("select version_num from alembic_version").fetchall()


def test_it_has_the_tables_and_the_version_that_nbgrader_itself_makes(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=":")  # nbgrader asks a command
    api.Gradebook(url(tmp_path / "theirs.db")).close()
    make_gradebook(url(tmp_path / "ours.db"))
    assert schema(tmp_path / "ours.db") == schema(tmp_path / "theirs.db")
    assert version(tmp_path / "ours.db") == version(tmp_path / "theirs.db")


def test_nbgrader_opens_it_without_its_command_alembic(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    make_gradebook(url(tmp_path / "some" / "folders" / "book.db"))
    with api.Gradebook(url(tmp_path / "some" / "folders" / "book.db")) as book:
        assert book.students == []


def test_what_is_cut_off_leaves_no_table_and_the_next_call_makes_all(tmp_path, monkeypatch):
    def cut_off(connection):
        fill(connection)
        raise KeyboardInterrupt

    fill = gradebook._fill
    monkeypatch.setattr(gradebook, "_fill", cut_off)
    with pytest.raises(KeyboardInterrupt):
        make_gradebook(url(tmp_path / "book.db"))
    assert schema(tmp_path / "book.db") == {}
    monkeypatch.setattr(gradebook, "_fill", fill)
    make_gradebook(url(tmp_path / "book.db"))
    assert len(version(tmp_path / "book.db")) == 1


def test_a_gradebook_that_is_there_is_left_as_it_is(tmp_path):
    make_gradebook(url(tmp_path / "book.db"))
    with api.Gradebook(url(tmp_path / "book.db")) as book:
        book.add_student("ada")
    before = (tmp_path / "book.db").read_bytes()
    make_gradebook(url(tmp_path / "book.db"))
    assert (tmp_path / "book.db").read_bytes() == before
