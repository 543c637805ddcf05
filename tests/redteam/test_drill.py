"""The drill of `kdtutor doctor` tells a sandbox that holds from one that does not."""

import pytest

from kdtutor.grading.proof.drill import drill
from tests.redteam.attack import CONFINING, tier_named


@pytest.mark.parametrize("name", CONFINING)
def test_every_attack_of_the_drill_is_stopped_by_a_sandbox(name: str) -> None:
    assert [attempt.attack for attempt in drill(tier_named(name)) if not attempt.stopped] == []


def test_the_attacks_are_real_without_a_sandbox_they_go_through() -> None:
    through = {attempt.attack for attempt in drill(tier_named("none")) if not attempt.stopped}
    assert through >= {
        "read a file of this machine's user",
        "write to a file of this machine's user",
        "remove a folder of this machine's user",
        "read the reference solutions",
        "connect to a port of this machine",
        "connect to a socket file",
        "end a process of this machine",
    }
