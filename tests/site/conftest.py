"""The site of the whole course, made once for the tests of this folder."""

from pathlib import Path

import pytest

from kdtutor.authoring import Course
from kdtutor.site import build_site

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def course() -> Course:
    return Course.of(ROOT)


@pytest.fixture(scope="session")
def site(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(course, tmp_path_factory.mktemp("made") / "site").parent
