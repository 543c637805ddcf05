"""The race: equal budgets, an epoch at a turn, a verdict at the end."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from kdtutor.data import Dataset, Split
from kdtutor.demos import racing
from kdtutor.demos.racing import DISTILLED, LABELS, RATES, Settings, race
from kdtutor.measure import Comparison, paired_comparison
from kdtutor.models import mlp
from kdtutor.training import Recipe, fit

SMALL = Settings(pictures=200, epochs=3, seeds=(0, 1, 2))
RESULTS = Path(__file__).parents[2] / "solutions" / "02_distillation" / "results.json"


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Four classes that a line can tell apart, noisily."""
    generator = torch.Generator().manual_seed(0)

    def split(n: int) -> Split:
        y = torch.randint(4, (n,), generator=generator)
        x = F.one_hot(y, 16).float() + 0.5 * torch.randn(n, 16, generator=generator)
        return Split(x.view(n, 1, 4, 4), y)

    return Dataset("four", ("a", "b", "c", "d"), split(300), split(100), split(100))


@pytest.fixture(scope="module")
def says(data: Dataset) -> torch.Tensor:
    return 4 * F.one_hot(data.train.y, 4).float()


def test_a_turn_is_an_epoch_of_both_sides_with_a_number_for_every_seed(data: Dataset, says: torch.Tensor) -> None:
    standings = list(race(SMALL, data, says))
    assert [standing.epoch for standing in standings] == [1, 2, 3]
    for standing in standings:
        assert {side: [len(seeds) for seeds in curve] for side, curve in standing.curves.items()} == {
            side: [3] * standing.epoch for side in (LABELS, DISTILLED)
        }
    assert [standing.verdict is None for standing in standings] == [True, True, False]
    assert standings[-1].curves[LABELS][-1][0] > 0.5


def test_the_side_on_labels_is_what_training_on_labels_alone_gives(data: Dataset, says: torch.Tensor) -> None:
    *_, last = race(SMALL, data, says)
    student = mlp(16, 64, 4, seed=1)
    few = data.train[:200]
    history = fit(
        student, few.x, (few.y,), F.cross_entropy, Recipe(epochs=3, lr=RATES[LABELS]), seed=1, device="cpu",
        evaluate=lambda model: float((model(data.validation.x).argmax(-1) == data.validation.y).float().mean()),
    )  # fmt: skip
    assert [seeds[1] for seeds in last.curves[LABELS]] == pytest.approx(history.evaluations, abs=0.011)


def test_the_verdict_compares_both_sides_on_test_pictures_seed_by_seed(
    data: Dataset, says: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def noting(*sides: list[float], smallest_gain: float) -> Comparison:
        compared.append(sides)
        return paired_comparison(*sides, smallest_gain=smallest_gain)

    monkeypatch.setattr(racing, "paired_comparison", noting)
    *_, last = race(SMALL, data, says)
    ((distilled, labels),) = compared
    student, few = mlp(16, 64, 4, seed=1), data.train[:200]
    fit(student, few.x, (few.y,), F.cross_entropy, Recipe(epochs=3, lr=RATES[LABELS]), seed=1, device="cpu")
    on_test = float((student(data.test.x).argmax(-1) == data.test.y).float().mean())
    assert (len(distilled), len(labels)) == (3, 3)
    assert labels[1] == pytest.approx(on_test, abs=0.011)
    assert last.verdict == paired_comparison(distilled, labels, smallest_gain=racing.WORTH_HAVING)


def test_a_teacher_that_is_wrong_loses_the_race(data: Dataset, says: torch.Tensor) -> None:
    *_, last = race(Settings(pictures=300, epochs=6, alpha=1.0, seeds=(0, 1, 2)), data, says.roll(1, 1))
    assert last.verdict is not None
    assert last.verdict.verdict == "no gain"
    assert last.verdict.difference < -0.3


def test_a_race_that_is_closed_stops(data: Dataset, says: torch.Tensor) -> None:
    running = race(Settings(pictures=200, epochs=10_000, seeds=(0, 1)), data, says)
    assert next(running).epoch == 1
    running.close()
    assert list(running) == []


@pytest.mark.parametrize(
    ("settings", "rows", "message"),
    [
        (Settings(pictures=301, seeds=(0, 1)), 300, "pictures is 301: the training part has 300"),
        (SMALL, 200, "teacher_logits has 200 rows for 300 pictures"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    data: Dataset, says: torch.Tensor, settings: Settings, rows: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        next(race(settings, data, says[:rows]))


def test_settings_need_two_seeds_and_a_picture() -> None:
    with pytest.raises(ValueError, match="at least two are needed"):
        Settings(seeds=(0,))
    with pytest.raises(ValueError, match="pictures is 0"):
        Settings(pictures=0)


def test_each_side_s_rate_is_the_one_that_unit_02_measured_as_its_best() -> None:
    tuned = json.loads(RESULTS.read_text(encoding="utf-8"))["tuning"]
    assert {LABELS: tuned["labels"], DISTILLED: tuned["distilled"]} == RATES
