"""One command in a clean process of its own."""

import sys

import pytest

from kdtutor.grading.sandbox import Limits, Tier, run


def test_input_output_and_exit_status(tier: Tier) -> None:
    outcome = run(tier, ["/bin/sh", "-c", "cat; echo said >&2; exit 5"], stdin=b"given")
    assert (outcome.reason, outcome.code) == ("ended", 5)
    assert (outcome.stdout, outcome.stderr) == (b"given", b"said\n")


def test_this_python_with_its_libraries(tier: Tier) -> None:
    program = "import numpy, sys; print(numpy.arange(3).sum(), sys.flags.isolated)"
    outcome = run(tier, [sys.executable, "-I", "-c", program], timeout=60)
    assert outcome.stdout == b"3 1\n", outcome.stderr


def test_it_is_ended_after_its_time(tier: Tier) -> None:
    outcome = run(tier, ["/bin/sh", "-c", "echo begun; sleep 600"], timeout=1)
    assert (outcome.reason, outcome.stdout) == ("timeout", b"begun\n")


def test_a_limit_ends_it(tier: Tier) -> None:
    outcome = run(tier, ["/bin/sh", "-c", "while :; do :; done"], Limits(cpu_seconds=1), timeout=30)
    assert outcome.reason == "cpu_seconds"


def test_more_input_than_it_reads(tier: Tier) -> None:
    assert run(tier, ["/bin/true"], stdin=bytes(5_000_000)).code == 0


def test_a_command_that_is_not_there(tier: Tier) -> None:
    outcome = run(tier, ["/no/such/command"])
    assert outcome.code == 1
    assert b"No such file" in outcome.stderr


def test_no_command(tier: Tier) -> None:
    with pytest.raises(ValueError, match="argv is empty"):
        run(tier, [])
