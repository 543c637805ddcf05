"""The whole comparison runs, names everything it cannot do, and loses no row to another's trouble."""

import io

import pytest
import torch
from matplotlib import pyplot as plt
from rich.console import Console

from kdtutor import bench
from kdtutor.bench import Case, Measurement, Row, Setting, Spread, suite
from kdtutor.bench.case import NotInstalledError, UnavailableError


def good(setting: Setting) -> Measurement:
    return Measurement("ms", 1.0, 2.0, Spread(0.5, 0.4, 0.6, 9))


def broken(setting: Setting) -> Measurement:
    raise ArithmeticError("the gradient differs\nby a lot")


def absent(setting: Setting) -> Measurement:
    raise NotInstalledError("torchao is not installed")


def unable(setting: Setting) -> Measurement:
    raise UnavailableError("no tensor cores")


def nonsense(setting: Setting) -> Measurement:
    return Measurement("ms", float("nan"), 2.0, Spread(0.5, 0.4, 0.6, 9))


MADE_UP = tuple(
    Case("losses" if fn is good else "others", fn.__name__, "ours", "rival", fn, {"cpu": 0.6})
    for fn in (broken, absent, unable, nonsense, good)
)


def printed(rows: list[Row]) -> str:
    console = Console(file=io.StringIO(), width=400)
    console.print(bench.render(rows))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_case_that_raises_is_a_row_with_the_reason_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "cases", lambda device: MADE_UP)
    rows = bench.run(quick=True)[-5:]
    assert [row.name for row in rows] == ["broken", "absent", "unable", "nonsense", "good"]
    assert [row.verdict for row in rows] == ["failed", "not installed", "not available", "failed", "rehearsed"]
    assert rows[0].reason == "ArithmeticError: the gradient differs"
    assert rows[1].reason == "torchao is not installed"
    assert rows[2].reason == "no tensor cores"
    assert "nonsense: ours is nan" in rows[3].reason
    text = printed(rows)
    assert all(row.name in text and row.verdict in text and row.reason in text for row in rows)
    plt.close(bench.picture(rows))


def test_only_restricts_to_sections_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "cases", lambda device: MADE_UP)
    assert [row.name for row in bench.run(only=["losses"], quick=True)[5:]] == ["good"]
    assert [row.name for row in bench.run(only=["absent", "good"], quick=True)[5:]] == ["absent", "good"]


def test_an_unknown_section_is_refused_before_anything_is_measured() -> None:
    with pytest.raises(ValueError, match="only names 'speed': one of distillation, losses, training, quantization"):
        bench.run(only=["speed"], quick=True)


@pytest.mark.parametrize("device", ["tpu", "meta", "mps"])
def test_a_device_of_another_kind_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match=f"device is '{device}': 'cpu' or 'cuda' is needed"):
        bench.run(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_and_never_made_up() -> None:
    with pytest.raises(ValueError, match="there is no NVIDIA GPU here"):
        bench.run("cuda")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_case_has_its_own_name_and_sensible_targets(device: str) -> None:
    cases = bench.cases(device)
    names = [case.name for case in cases]
    assert len(set(names)) == len(names)
    assert not set(names) & set(bench.sections(device))
    assert all(case.ours and case.rival and case.section for case in cases)
    assert all(0 < target < 8 and kind in case.devices for case in cases for kind, target in case.targets.items())


def test_the_targets_are_those_that_were_set() -> None:
    targets = {case.name: case.targets["cpu"] for case in bench.cases("cpu") if "cpu" in case.targets}
    assert targets == {
        "KD step, MLP, batch 128": 0.35,
        "KD step, 25 shifted views": 0.40,
        "KD loss and gradient, 4096 × 1000": 0.45,
        "KD loss of a large vocabulary, memory": 0.2,
        "8 small students, a step of each": 3.0,
        "MLP 784-1200-1200-10, batch 1, int8": 0.60,
        "MLP 784-1200-1200-10, batch 64, int8": 0.40,
        "half the neurons removed, MLP, batch 256": 0.40,
        "LeNet-300-100 on glyphs, bytes of the file": 1 / 40,
    }


def test_a_rehearsal_of_everything_leaves_a_figure_or_a_reason_in_every_row() -> None:
    told: list[tuple[str, int, int]] = []
    state = torch.get_rng_state()
    rows = bench.run(quick=True, report=lambda row, done, total: told.append((row.name, done, total)))
    assert torch.equal(torch.get_rng_state(), state)
    assert len(rows) == 5 + len(bench.cases("cpu"))
    assert told == [(row.name, done, len(rows)) for done, row in enumerate(rows, 1)]
    assert not [row.reason for row in rows if row.outcome == "failed"]
    assert {row.verdict for row in rows} <= {"rehearsed", "not installed"}
    assert all(row.reason for row in rows if row.outcome != "measured")
    text = printed(rows)
    assert all(row.name in text for row in rows)
    figure = bench.picture(rows)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [row.name for row in rows[5:]]
    plt.close(figure)


@pytest.mark.gpu
def test_a_rehearsal_on_the_gpu_leaves_a_figure_or_a_reason_in_every_row() -> None:
    rows = bench.run("cuda", quick=True)
    assert len(rows) == 4 + len(bench.cases("cuda"))
    assert not [(row.name, row.reason) for row in rows if row.outcome == "failed"]


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rows holds no comparison"):
        bench.picture([Row("ceilings", "copy", "copy", None, "GB/s", 1.0)])
