"""A claim is recorded only while results are measured, once, with the digits that mean something."""

import json

import pytest

from kdtutor.measure import Interval, record


def test_nothing_is_written_in_a_learner_s_run(monkeypatch, tmp_path):
    monkeypatch.delenv("KDTUTOR_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    record("gain", mean=0.1)
    assert list(tmp_path.iterdir()) == []


def test_claims_are_collected_with_six_digits_and_intervals_as_their_parts(monkeypatch, tmp_path):
    file = tmp_path / "results.json"
    monkeypatch.setenv("KDTUTOR_RESULTS", str(file))
    record("b", mean=0.123456789, seeds=[1, 2])
    record("a", gain=Interval(0.1, 0.05, 0.15, 10), verdict="gain")
    claims = json.loads(file.read_text())
    assert list(claims) == ["a", "b"]
    assert claims["b"] == {"mean": 0.123457, "seeds": [1, 2]}
    assert claims["a"]["gain"]["low"] == 0.05


def test_a_claim_recorded_twice_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("KDTUTOR_RESULTS", str(tmp_path / "results.json"))
    record("gain", mean=0.1)
    with pytest.raises(ValueError, match="'gain' is recorded already"):
        record("gain", mean=0.2)
