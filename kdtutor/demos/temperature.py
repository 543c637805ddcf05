"""Temperature: what it does to a teacher's answer about look-alike glyphs, its entropy and its pull."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor import distill
from kdtutor.demos import networks
from kdtutor.demos.explorer import Control, Explorer
from kdtutor.demos.picture import Picture
from kdtutor.demos.prediction import Question
from kdtutor.plots import live_temperature
from kdtutor.plots.style import Theme

LOOK_ALIKES = "O0QI1JB8S5Z2"
CERTAINTY = 0.9  # of the pictures shown: sure enough to be right, unsure enough to have runners-up
TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0)
ALPHAS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
SHOWN = 7  # classes
FAR = 8.0  # the temperature that the question asks about


@dataclass(frozen=True)
class Softened:
    """What one picture gives at one temperature; the curves run over TEMPERATURES.

    probs: p_t(T), (C,). order: the classes shown, likeliest first. entropy in nats. pull: the norm of the gradient of
    (1-α)·CE + α·T²·KL by the logits of a student that is still untrained; weak_pull: the same without the factor T².
    """

    picture: Tensor
    label: str
    temperature: float
    alpha: float
    probs: Tensor
    order: list[int]
    entropy: float
    pull: float
    weak_pull: float
    entropies: list[float]
    pulls: list[float]
    weak_pulls: list[float]


def soften_one(picture: str, temperature: float, alpha: float) -> Softened:
    """The teacher's answer about the shown picture of a character, and its pull on an untrained student."""
    place = chosen_pictures()[picture]
    z_t = networks.teacher_logits("validation")[place]
    probs = distill.soften(z_t, temperature)
    at = TEMPERATURES.index(temperature)
    entropies = [float(distill.entropy(distill.soften(z_t, T))) for T in TEMPERATURES]
    pulls, weak_pulls = _pulls_along(picture, alpha)
    return Softened(
        networks.pictures().validation.x[place, 0], picture, temperature, alpha, probs,
        probs.argsort(descending=True)[:SHOWN].tolist(), entropies[at], pulls[at], weak_pulls[at],
        entropies, pulls, weak_pulls,
    )  # fmt: skip


def pull(picture: str, temperature: float, alpha: float) -> tuple[float, float]:
    """The norm of the loss's gradient by the untrained student's logits: with the factor T², and without it."""
    place = chosen_pictures()[picture]
    z_t = networks.teacher_logits("validation")[place : place + 1]
    y = networks.pictures().validation.y[place : place + 1]

    def without_factor(z_s: Tensor) -> Tensor:
        soft = distill.kd_loss(z_s, z_t, temperature) / temperature**2
        return (1 - alpha) * F.cross_entropy(z_s, y) + alpha * soft

    def with_factor(z_s: Tensor) -> Tensor:
        return distill.distillation_loss(z_s, z_t, y, temperature, alpha)

    return _gradient_norm(with_factor, place), _gradient_norm(without_factor, place)


@cache
def chosen_pictures() -> dict[str, int]:
    """For each look-alike the validation picture that the teacher gets right with a certainty nearest to 0.9."""
    glyphs, probs = networks.pictures(), networks.teacher_logits("validation").softmax(-1)
    places = {}
    for character in LOOK_ALIKES:
        c = glyphs.classes.index(character)
        right = (glyphs.validation.y == c) & (probs.argmax(-1) == c)
        off = torch.where(right, (probs[:, c] - CERTAINTY).abs(), torch.inf)
        places[character] = int(off.argmin())
    return places


def factor_lost() -> float:
    """How many times weaker the teacher's term pulls at T = 8 than at T = 1 without T²: the mean over the pictures."""
    ratios = [pull(c, 1.0, 1.0)[1] / pull(c, FAR, 1.0)[1] for c in chosen_pictures()]
    return sum(ratios) / len(ratios)


def draw(seen: Softened, theme: Theme) -> list[Picture]:
    """The picture with the teacher's bars; entropy against T; the gradient's norm against T."""
    classes = networks.pictures().classes
    ceiling = math.log(len(classes))
    bars = {classes[c]: float(seen.probs[c]) for c in seen.order}
    listed = ", ".join(f"{name} {value:.2f}" for name, value in bars.items())
    both = {"with T²": seen.pulls, "without T²": seen.weak_pulls}
    return [
        Picture(
            live_temperature.picture_and_bars(seen.picture, bars, f"teacher at T = {seen.temperature:g}", theme),
            f"A picture of {seen.label}. The teacher's probabilities: {listed}.",
        ),
        Picture(
            live_temperature.entropy_along(TEMPERATURES, seen.entropies, seen.temperature, ceiling, theme),
            f"Entropy against temperature: it rises from {seen.entropies[0]:.2f} at T = 1 to "
            f"{seen.entropies[-1]:.2f} at T = 20, below the {ceiling:.2f} of the uniform distribution; at T = "
            f"{seen.temperature:g} it is {seen.entropy:.2f}.",
        ),
        Picture(
            live_temperature.gradient_along(TEMPERATURES, both, seen.temperature, theme),
            f"Norm of the gradient of the loss against temperature, α = {seen.alpha:g}. From T = 1 to T = 20 it goes "
            f"from {seen.pulls[0]:.3f} to {seen.pulls[-1]:.3f} with the factor T², and to {seen.weak_pulls[-1]:.3f} "
            "without.",
        ),
    ]


def say(seen: Softened) -> str:
    """The numbers of one setting."""
    classes, (first, second) = networks.pictures().classes, seen.order[:2]
    return (
        f"At T = {seen.temperature:g} the teacher gives {classes[first]} {float(seen.probs[first]):.3f} and "
        f"{classes[second]} {float(seen.probs[second]):.3f}; entropy {seen.entropy:.2f} of at most "
        f"{math.log(len(classes)):.2f} nats. The gradient of the loss has norm {seen.pull:.3f}, "
        f"without T² {seen.weak_pull:.3f}."
    )


@cache
def explorer() -> Explorer[Softened]:
    """The explorer, with the teacher read or trained."""
    return Explorer(
        "Temperature",
        "A teacher looks at a glyph that has look-alikes. Raise T and its runners-up are heard; "
        "watch what that does to its entropy, and to its pull on a student with and without the factor T².",
        (
            Control("picture", "picture of", tuple(chosen_pictures()), "O", "menu"),
            Control("temperature", "temperature T", TEMPERATURES, 1.0, shown=lambda T: f"{T:g}"),
            Control("alpha", "weight α", ALPHAS, 0.9, shown=lambda a: f"{a:g}"),
        ),
        soften_one,
        draw,
        say,
        stills=({}, {"temperature": 4.0}, {"temperature": 12.0}),
        question=Question(
            f"Without the factor T², how many times weaker does the teacher pull at T = {FAR:g} than at T = 1?",
            "times",
            factor_lost,
        ),
    )


def explore(*, ask: bool = True) -> None:
    """Show the explorer in a notebook. ask: predict before it shows."""
    from kdtutor.demos.shell import show

    show(explorer(), ask=ask)


@cache
def _pulls_along(picture: str, alpha: float) -> tuple[list[float], list[float]]:
    """Over TEMPERATURES, with the factor T² and without: a move of the temperature leaves both as they are."""
    both = [pull(picture, T, alpha) for T in TEMPERATURES]
    return [strong for strong, _ in both], [weak for _, weak in both]


@cache
def _student_logits() -> Tensor:
    with torch.inference_mode():
        return networks.student()(networks.pictures().validation.x).clone()


def _gradient_norm(loss: Callable[[Tensor], Tensor], place: int) -> float:
    z_s = _student_logits()[place : place + 1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(z_s), z_s)
    return float(gradient.norm())
