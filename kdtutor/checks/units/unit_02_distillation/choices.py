"""Two questions that a choice settles: why a loop gives NaN, and which sentence says the principle."""

from kdtutor.checks.exercise import Exercise, Mistake

why_nan = Exercise(
    reference="the target is a logarithm",
    mistakes=[
        Mistake("the mode", "the teacher is in training mode",
                "That makes targets noisy, and no value undefined. The two networks were identical, and still it was NaN."),
        Mistake("the graph", "the teacher is in the graph",
                "That costs time and gives the teacher gradients. It changes no value of the first batch."),
        Mistake("the temperature", "no temperature",
                "T = 1 is a temperature like any other: the loss is defined for it."),
        Mistake("the mean", "the mean runs over classes too",
                "That makes the loss C times smaller. NaN divided by anything is still NaN; what made it?"),
        Mistake("the labels", "the labels are never used",
                "That is a fault, but a loss without labels is still a number."),
    ],
    styles={
        "the offered choice": "the target is a logarithm",
        "built from parts": "the target is a {}".format("logarithm"),
        "joined": " ".join(["the target", "is", "a logarithm"]),
    },
    hints=(
        "The divergence of p from q holds p · log p. For which p is that undefined?",
        "A probability is never negative. Is what the loop hands over as the target ever positive?",
        "Look at the second argument of the loss in the loop: which function made it?",
    ),
)  # fmt: skip

principle = Exercise(
    reference="D",
    mistakes=[
        Mistake("weights copied", "A",
                "Teacher and student may have nothing alike but their outputs: a convolutional teacher has no weight that "
                "corresponds to one of a perceptron."),
        Mistake("hard labels", "B",
                "That is training on pseudo-labels. It throws away what the teacher says about all other classes."),
        Mistake("pruning", "C",
                "That describes pruning, another method of this course. In distillation the student is a network of its own."),
        Mistake("the teacher corrected", "E",
                "In distillation as taught here the teacher is fixed: no gradient reaches it. Mutual learning (unit 04) "
                "moves both."),
        Mistake("a better accuracy promised", "F",
                "That is what one hopes for, not what is done; you have measured above that it need not happen."),
    ],
    styles={"the letter": "D", "from a list": "ABCDEF"[3], "upper case": "d".upper()},
    hints=(
        "A principle says what is compared with what, and who is moved by it.",
        "What travels from teacher to student in your train_step?",
        "One of the sentences names the softened distribution over all classes.",
    ),
)  # fmt: skip
