"""The temperature explorer says what the formulas say, written out again with numpy."""

import math

import numpy as np
import pytest

from kdtutor.demos import networks, temperature


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())
    return e / e.sum()


@pytest.mark.parametrize("T", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_probabilities_entropy_and_gradient_follow_the_formulas(T: float, alpha: float) -> None:
    seen = temperature.soften_one("B", T, alpha)
    place = temperature.chosen_pictures()["B"]
    z_t = networks.teacher_logits("validation")[place].double().numpy()
    p_t = softmax(z_t / T)
    assert np.abs(seen.probs.numpy() - p_t).max() < 1e-5
    assert seen.entropy == pytest.approx(-(p_t * np.log(p_t)).sum(), abs=1e-4)
    z_s = networks.student()(networks.pictures().validation.x[place : place + 1])[0].detach().double().numpy()
    one_hot = np.eye(36)[int(networks.pictures().validation.y[place])]
    hard, soft = softmax(z_s) - one_hot, softmax(z_s / T) - p_t
    assert seen.pull == pytest.approx(np.linalg.norm((1 - alpha) * hard + alpha * T * soft), abs=1e-4)
    assert seen.weak_pull == pytest.approx(np.linalg.norm((1 - alpha) * hard + alpha * soft / T), abs=1e-4)


def test_the_curves_pass_through_the_marked_points_and_the_entropy_rises() -> None:
    seen = temperature.soften_one("O", 6.0, 0.9)
    at = temperature.TEMPERATURES.index(6.0)
    assert (seen.entropies[at], seen.pulls[at], seen.weak_pulls[at]) == (seen.entropy, seen.pull, seen.weak_pull)
    assert seen.entropies == sorted(seen.entropies)
    assert seen.entropies[-1] < math.log(36)


def test_the_pictures_are_ones_that_the_teacher_gets_right_but_doubts() -> None:
    glyphs, probs = networks.pictures(), networks.teacher_logits("validation").softmax(-1)
    assert set(temperature.chosen_pictures()) == set(temperature.LOOK_ALIKES)
    for character, place in temperature.chosen_pictures().items():
        c = glyphs.classes.index(character)
        assert int(glyphs.validation.y[place]) == int(probs[place].argmax()) == c
        assert 0.5 < float(probs[place, c]) < 0.99


def test_the_answer_to_the_question_is_measured_on_the_pictures() -> None:
    pulls = [(temperature.pull(c, 1.0, 1.0)[1], temperature.pull(c, 8.0, 1.0)[1]) for c in temperature.LOOK_ALIKES]
    assert temperature.factor_lost() == pytest.approx(np.mean([near / far for near, far in pulls]))
    assert 8 < temperature.factor_lost() < 200  # more than T, of the order of T²
