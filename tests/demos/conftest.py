"""The networks of the explorers, trained once for all tests, in a cache of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(explorers_cache: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KDTUTOR_CACHE", str(explorers_cache))
        yield
