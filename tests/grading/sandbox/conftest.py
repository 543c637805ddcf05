"""Each tier that works here, and a warm parent in each that has imported nothing large."""

from collections.abc import Iterator

import pytest

from kdtutor.grading.sandbox import Limits, Tier, Warm, probe

LIMITS = Limits(cpu_seconds=20)


@pytest.fixture(scope="package", params=[tier.name for tier in probe()])
def tier(request: pytest.FixtureRequest) -> Tier:
    found = next(tier for tier in probe() if tier.name == request.param)
    if not found.works:
        pytest.skip(f"the tier {found.name} does not work on this machine: {found.why}")
    return found


@pytest.fixture(scope="package")
def warm(tier: Tier) -> Iterator[Warm]:
    with Warm(tier, LIMITS, preload=("numpy",)) as parent:
        yield parent
