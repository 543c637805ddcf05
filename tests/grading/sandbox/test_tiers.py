"""Best first, each tried, and closed where none works."""

import pytest

from kdtutor.grading.sandbox import NoSandboxError, Outcome, Tier, Warm, best, probe, tiers


def test_order_and_reasons() -> None:
    assert [tier.name for tier in probe()] == ["bubblewrap", "landlock", "none"]
    assert all(tier.why for tier in probe())


def test_no_sandbox_no_grading_unless_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = (Tier("bubblewrap", False, "not installed"), Tier("landlock", False, "too old"), Tier("none", True, "-"))
    monkeypatch.setattr(tiers, "probe", lambda: nothing)
    with pytest.raises(RuntimeError) as refusal:
        best()
    assert isinstance(refusal.value, NoSandboxError)
    for hint in ("apt-get install bubblewrap", "AppArmor", "--cap-add SYS_ADMIN", "not installed", "too old"):
        assert hint in str(refusal.value)
    assert best(trusted=True).name == "none"


def test_trust_takes_no_wall_away(monkeypatch: pytest.MonkeyPatch) -> None:
    some = (Tier("bubblewrap", False, "no"), Tier("landlock", True, "yes"), Tier("none", True, "-"))
    monkeypatch.setattr(tiers, "probe", lambda: some)
    assert best(trusted=True).name == best().name == "landlock"


@pytest.mark.parametrize(
    "outcome",
    [Outcome("ended", 3, b"seen", b"", 0.0), Outcome("timeout", -9, b"", b"", 0.0), Outcome("ended", 0, b"", b"", 0.0)],
)
def test_a_tier_that_shows_the_canary_or_runs_nothing_does_not_work(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    from kdtutor.grading.sandbox import once

    monkeypatch.setattr(once, "run", lambda *arguments, **more: outcome)
    monkeypatch.setattr(tiers.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert not tiers._bubblewrap().works


def test_an_open_sandbox_is_noticed() -> None:
    assert not tiers._tried(Tier("none", True, "no walls")).works


def test_without_the_program_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers.shutil, "which", lambda name: None)
    assert tiers._bubblewrap() == Tier("bubblewrap", False, "bubblewrap is not installed")


@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
def test_other_systems_have_neither(monkeypatch: pytest.MonkeyPatch, tier: str) -> None:
    monkeypatch.setattr(tiers.sys, "platform", "darwin")
    assert "needs Linux" in getattr(tiers, f"_{tier}")().why


def test_a_tier_that_does_not_work_starts_nothing() -> None:
    with pytest.raises(RuntimeError, match="does not work here: too old"):
        Warm(Tier("landlock", False, "too old"))
