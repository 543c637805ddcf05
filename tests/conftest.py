"""What every test shares: the devices to run on, a seed, and hypothesis without deadlines (timings here are noisy)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest
import torch

from kdtutor.training import glyph_teacher
from tests.one_machine import OneMachine

hypothesis.settings.register_profile("kdtutor", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.load_profile("kdtutor")

# No test writes into the progress of the person who runs it, nor does a kernel that a test starts
_progress = tempfile.TemporaryDirectory(prefix="kdtutor-progress-")
os.environ["KDTUTOR_PROGRESS"] = _progress.name

gpu = pytest.param("cuda", marks=pytest.mark.gpu)


@pytest.fixture(params=["cpu", gpu])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each test that asks for `device` runs on the CPU and, where there is one, on the GPU."""
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def _machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    folder = tmp_path_factory.getbasetemp()
    with closing(OneMachine(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)) as machine:
        yield machine


@pytest.fixture(autouse=True)
def machine(_machine: OneMachine) -> Iterator[OneMachine]:
    """Tests run side by side; one that measures seconds may take the machine alone, `with machine.alone():`."""
    with _machine.shared():
        yield _machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The longest files first: where files are shared out among processes, they then end at about the same time
    items.sort(key=lambda item: not {"notebooks", "slow"} & set(item.keywords))
    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU on this machine"))


@pytest.fixture(scope="session")
def teacher_cache(_machine: OneMachine) -> Path:
    """A cache folder that holds the glyph teacher, trained once for all tests that need it there, in all processes."""
    folder = _machine.folder / "cache"
    with _machine.one_at_a_time("teacher"):
        glyph_teacher(cache=folder)
    return folder


@pytest.fixture(scope="session")
def explorers_cache(teacher_cache: Path, _machine: OneMachine) -> Path:
    """The same folder, with the networks of the explorers in it."""
    from kdtutor.demos import networks

    with pytest.MonkeyPatch.context() as patch, _machine.one_at_a_time("networks"):
        patch.setenv("KDTUTOR_CACHE", str(teacher_cache))
        networks.students()
        networks.lenet()
    return teacher_cache
