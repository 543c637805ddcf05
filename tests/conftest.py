"""What every test shares: the devices to run on, a seed, and hypothesis without deadlines (timings here are noisy)."""

import os
import tempfile
from pathlib import Path

import hypothesis
import pytest
import torch

from kdtutor.training import glyph_teacher

hypothesis.settings.register_profile("kdtutor", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.load_profile("kdtutor")

# No test writes into the progress of the person who runs it, nor does a kernel that a test starts
os.environ["KDTUTOR_PROGRESS"] = tempfile.mkdtemp(prefix="kdtutor-progress-")

gpu = pytest.param("cuda", marks=pytest.mark.gpu)


@pytest.fixture(params=["cpu", gpu])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each test that asks for `device` runs on the CPU and, where there is one, on the GPU."""
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU on this machine"))


@pytest.fixture(scope="session")
def teacher_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the glyph teacher, trained once for all tests that need it there."""
    folder = tmp_path_factory.mktemp("cache")
    glyph_teacher(cache=folder)
    return folder
