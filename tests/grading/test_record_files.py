"""Records in files: whole or not at all, in their own folder, named when they cannot be read."""

import os

import pytest

from kdtutor.grading.records.record import (
    RecordError,
    read_record,
    record_path,
    sign,
    write_record,
)
from tests.grading.sample_record import KEY, record


def test_a_record_is_written_whole_and_read_back(tmp_path):
    path = record_path(tmp_path / "records", "01_soft_targets", "ada")
    assert path == tmp_path / "records" / "01_soft_targets" / "ada.json"
    signed = sign(record(), KEY)
    write_record(signed, path)
    assert read_record(path) == signed
    assert [each.name for each in path.parent.iterdir()] == ["ada.json"]


def test_a_full_disk_leaves_the_old_record(tmp_path, monkeypatch):
    path = tmp_path / "ada.json"
    write_record(sign(record(), KEY), path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_record(sign(record(repairs=[]), KEY), path)
    assert read_record(path) == sign(record(), KEY)
    assert [each.name for each in tmp_path.iterdir()] == ["ada.json"]


def test_an_unsigned_record_is_not_written(tmp_path):
    with pytest.raises(RecordError, match="only a signed record is written"):
        write_record(record(), tmp_path / "ada.json")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_no_record_is_named(tmp_path):
    (tmp_path / "ada.json").write_text("{}")
    with pytest.raises(RecordError, match=r"ada\.json: the record lacks"):
        read_record(tmp_path / "ada.json")


@pytest.mark.parametrize("name", ["../ada", "a/b", "", "."])
def test_no_name_leads_out_of_the_records(tmp_path, name):
    with pytest.raises(RecordError):
        record_path(tmp_path, "01_soft_targets", name)
    with pytest.raises(RecordError):
        record_path(tmp_path, name, "ada")
