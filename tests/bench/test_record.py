"""A run comes back from its file as it was, and a file that lies is refused."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from kdtutor import bench
from kdtutor.bench import Condition, Row, Spread

ROWS = [
    Row("ceilings", "copy", "copy", None, "GB/s", 12.5),
    Row(
        "storage", "file", "ours", "theirs", "kB", 1.0, 44.0, Spread(1 / 44, 0.02, 0.03, 3), 1 / 40, 0.7,
        Condition("points lost", 0.1, 0.3), "44 times smaller",
    ),
    Row("losses", "a loss", "ours", "theirs", "ms", 3.0, 2.0, Spread(1.5, 1.4, 1.6, 99), 0.45),
    Row("rivals", "torchao", "ours", "theirs", outcome="not installed", reason="torchao is not installed"),
]  # fmt: skip


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "bench.json"
    bench.save(ROWS, path)
    assert bench.load(path) == ROWS
    assert [file.name for file in path.parent.iterdir()] == ["bench.json"]


def test_the_file_says_when_where_and_with_what(tmp_path: Path) -> None:
    bench.save(ROWS, tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert datetime.fromisoformat(content["date"]).tzinfo is not None
    assert {"Python", "torch", "device", "cores", "processor", "load"} <= set(content["machine"])
    assert {"kdtutor", "torch", "torchao", "liger-kernel", "torch-pruning"} <= set(content["versions"])
    assert [row["verdict"] for row in content["rows"]] == ["reported", "reached", "missed", "not installed"]
    assert content["rows"][1]["share_of_limit"] == pytest.approx(0.7)


def test_a_verdict_that_its_figures_do_not_bear_out_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    bench.save(ROWS, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["rows"][2]["verdict"] = "reached"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="says 'reached' of 'a loss', its figures say 'missed'"):
        bench.load(path)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "rows": [{}]}', "[]", '{"format": 1, "rows": [1]}'])
def test_a_file_that_is_no_run_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other.json holds no run of `kdtutor bench`"):
        bench.load(path)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text('{"format": 2, "rows": []}')
    with pytest.raises(ValueError, match="has format 2, this program reads 1"):
        bench.load(path)
