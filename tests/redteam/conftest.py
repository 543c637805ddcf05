"""One warm parent for every sandbox tier that works on this machine."""

from collections.abc import Iterator

import pytest

from kdtutor.grading.sandbox import Warm
from tests.redteam.attack import CONFINING, LIMITS, Outside, outside, tier_named


@pytest.fixture(scope="session", params=CONFINING)
def warm(request: pytest.FixtureRequest) -> Iterator[Warm]:
    """Every test that asks for `warm` runs once for each tier; a tier that does not work here is skipped, and named."""
    tier = tier_named(request.param)
    if not tier.works:
        pytest.skip(f"the tier {tier.name} does not work on this machine: {tier.why}")
    with Warm(tier, LIMITS) as parent:
        yield parent


@pytest.fixture
def canary() -> Iterator[Outside]:
    """Things outside that are open to all; the test fails when anything happened to them."""
    with outside() as things:
        yield things
        things.unharmed()
