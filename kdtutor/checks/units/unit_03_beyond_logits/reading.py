"""Reading tables: which epoch is reported, which rows compare."""

from typing import Any

import torch
from torch import Generator

from kdtutor.checks.exercise import Exercise, Law, Mistake
from kdtutor.checks.near import near

# --- accuracy_to_report -----------------------------------------------------------------------------------------------


def _curves(g: Generator) -> list[Any]:
    def curve(n: int) -> list[float]:
        return [round(value, 3) for value in torch.rand(n, generator=g).tolist()]

    return [
        *((curve(n), curve(n)) for n in (5, 12, 3, 8)),
        ([0.5, 0.9, 0.9, 0.7], [0.4, 0.6, 0.8, 0.7]),
        ([0.9, 0.9], [0.8, 0.3]),
    ]


def _report(validation: list[float], test: list[float]) -> float:
    return test[validation.index(max(validation))]


def _by_numpy_free_loop(validation: list[float], test: list[float]) -> float:
    best = 0
    for epoch, value in enumerate(validation):
        if value > validation[best]:
            best = epoch
    return test[best]


accuracy_to_report = Exercise(
    reference=_report,
    inputs=_curves,
    example=([0.5, 0.7, 0.6], [0.55, 0.66, 0.68]),
    laws=[
        Law("depends on the test curve at one epoch only",
            lambda f, g: near(f([0.2, 0.9, 0.3], [0.99, 0.5, 0.98]), f([0.2, 0.9, 0.3], [0.01, 0.5, 0.02])),
            "The other epochs of the test curve must not have a say."),
        Law("takes the first of equally good epochs", lambda f, g: near(f([0.8, 0.8], [0.1, 0.9]), 0.1),
            "A tie is broken by the earlier epoch, not by what the test set would like.", edge=True),
    ],
    mistakes=[
        Mistake("best on the test set", lambda validation, test: max(test),
                "You take the best epoch of the test curve: that chooses with the data you report on, and every lucky epoch "
                "counts as skill. Which curve may choose?"),
        Mistake("last epoch", lambda validation, test: test[-1],
                "You report the last epoch. That is honest too, but it does not choose; here validation chooses."),
        Mistake("the validation value", lambda validation, test: max(validation),
                "You report the accuracy on the validation set, which did the choosing. Report the test set at that epoch."),
        Mistake("the epoch's number", lambda validation, test: validation.index(max(validation)),
                "You return which epoch, not how accurate the student was at it."),
        Mistake("mean of the test curve", lambda validation, test: sum(test) / len(test),
                "You average over all epochs. One epoch is chosen."),
        Mistake("worst epoch", lambda validation, test: test[validation.index(min(validation))],
                "You choose the epoch at which validation is worst."),
        Mistake("last of a tie", lambda validation, test: test[len(validation) - 1 - validation[::-1].index(max(validation))],
                "Two epochs are equally good on validation and you take the later one. Take the first."),
        Mistake("tie broken by the test set", lambda validation, test: max(zip(validation, test, strict=True))[1],
                "Of epochs that validation finds equally good you take the one with the better test accuracy. Take the first."),
    ],
    styles={
        "index of the maximum": _report,
        "a loop": _by_numpy_free_loop,
        "argmax": lambda validation, test: test[int(torch.tensor(validation).argmax())],
        "max with a key": lambda validation, test: test[max(range(len(validation)), key=validation.__getitem__)],
    },
    hints=(
        "Two curves, two jobs: one chooses the epoch, the other is read at it.",
        "Find the epoch at which validation is largest; the first, where there are several.",
        "validation.index(max(validation)) is that epoch.",
    ),
)  # fmt: skip

# --- ahead_of_kd ------------------------------------------------------------------------------------------------------


ahead_of_kd = Exercise(
    reference="CRD",
    mistakes=[
        Mistake("the largest number", "decoupled KD",
                "Its numbers are larger, but they are the best epoch on the test set; the KD row is the last epoch."),
        Mistake("another protocol", "DIST",
                "Its row comes from another program than the KD row, and it holds one pair of the three."),
        Mistake("another weight as well", "KD, standardised logits",
                "Its row is the best epoch on the test set, and the weight of the KD term was made ten times larger too."),
        Mistake("ahead in one pair", "PKT",
                "PKT is ahead of KD in the middle pair and behind in the others; its mean over the three is below KD's."),
        Mistake("ahead in one pair, by little", "FitNet",
                "FitNet is ahead of KD in the middle pair and behind in the others; its mean over the three is below KD's."),
        Mistake("ahead in one pair, attention", "attention transfer",
                "It is ahead of KD in the middle pair and behind in the others; its mean over the three is below KD's."),
        Mistake("the baseline itself", "KD", "KD is what the others are to be ahead of."),
    ],
    styles={
        "the printed name": "CRD",
        "joined": "".join(["C", "R", "D"]),
        "upper case": "crd".upper(),
    },
    hints=(
        "Strike out the rows that were measured in another way than KD's row. What remains is one program and one protocol.",
        "The last epoch of RepDistiller is one protocol. Take the mean over the three pairs for each row that follows it.",
        "Among those rows, exactly one mean is above KD's.",
    ),
)  # fmt: skip
