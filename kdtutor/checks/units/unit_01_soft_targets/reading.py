"""Reading critically: which of six losses an article's 0.16 is."""

import torch

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Mistake

_TEACHER, _STUDENT = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.6, 0.3, 0.1])
_MEAN = (_TEACHER + _STUDENT) / 2
_VALUES = {
    "cross-entropy": -(_TEACHER * _STUDENT.log()).sum(),
    "forward": distill.kl_divergence(_TEACHER, _STUDENT),
    "entropy": distill.entropy(_TEACHER),
    "squared error": ((_TEACHER - _STUDENT) ** 2).mean(),
    "js": (distill.kl_divergence(_TEACHER, _MEAN) + distill.kl_divergence(_STUDENT, _MEAN)) / 2,
}

which_divergence = Exercise(
    reference="KL(student || teacher)",
    mistakes=[
        Mistake("what the text says", "cross-entropy",
                f"The cross-entropy of these two is {_VALUES['cross-entropy']:.4f}. The text claims it; the printed number "
                "is another."),
        Mistake("the usual direction", "KL(teacher || student)",
                f"That one is {_VALUES['forward']:.4f}. It is the direction that distillation uses, but not what was "
                "printed."),
        Mistake("the teacher's entropy", "entropy of the teacher",
                f"The teacher's entropy is {_VALUES['entropy']:.4f}. It is what cross-entropy and KL differ by."),
        Mistake("squared error", "mean squared error",
                f"The mean squared error is {_VALUES['squared error']:.4f}, far below the printed number."),
        Mistake("Jensen-Shannon", "Jensen-Shannon",
                f"The Jensen-Shannon divergence of these two is {_VALUES['js']:.4f}, below both KL directions."),
    ],
    styles={
        "the offered choice": "KL(student || teacher)",
        "built from parts": "KL({} || {})".format("student", "teacher"),
        "joined": " ".join(["KL(student", "||", "teacher)"]),
    },
    hints=(
        "Compute all of them with the functions you have written, and compare with 0.16.",
        "Two of the values are the KL divergences. They differ in which distribution comes first.",
        "Round both directions to two digits. Only one of them is 0.16.",
    ),
)  # fmt: skip
