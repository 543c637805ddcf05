# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here
#
# A large network knows things that a small one could learn faster from it than from labels. Most of a network's
# weights can be removed, most of the bits of the others too, and often most of the training data. This course is
# about when that is true, when it is not, and how to tell. You will write each method yourself, in a few lines, and a
# check will tell you what is right or which mistake you made.
#
# **After this unit** you know how a unit works, what your machine can do, and the data that the course uses.
#
# | | |
# |---|---|
# | Time | 15 minutes |
# | Points | 1 |
# | You need | Python, and to have met PyTorch's tensors |

# %% [markdown]
# ## Your machine
#
# Everything runs on a laptop's processor, offline. Where there is a GPU the same code uses it. The card
# below shows what was found.

# %%
from kdtutor import machine

for what, value in machine.describe().items():
    print(f"{what:>7}: {value}")

# %% [markdown]
# ## The data
#
# The course's own pictures are *glyphs*: the ten digits and the twenty-six capital letters, in twelve typefaces, each
# turned, stretched, shifted and covered with noise at random. They are drawn here, on your machine, in a second or
# two. Some pairs are hard to tell apart even for you: the letter O and the digit 0, the letter I and the digit 1. That
# will matter soon.

# %% experiment
from kdtutor import data, plots

glyphs = data.load("glyphs")
plots.show(
    plots.glyph_gallery(glyphs.train.x, glyphs.train.y, glyphs.classes),
    alt="Three noisy grey pictures of each of the 36 characters, 16 by 16 pixels. "
    "O and 0, and I and 1, look nearly alike.",
)
for part in ("train", "validation", "test"):
    print(f"{part:>10}: {len(getattr(glyphs, part))} pictures")

# %% [markdown]
# How to read it: each column is one class, each row another sample of it. The three parts of the data have different
# uses. You learn from the training part, choose between methods on the validation part, and look at the test part once,
# at the end. A number that was chosen on the test part is no longer a measurement.

# %% [markdown]
# ## A prediction
#
# Before a result appears, you are often asked what you expect. Nothing is graded. A guess that turns out wrong is
# worth more than a result that you merely read: you will remember it.
#
# A network that guesses one of the 36 classes at random, each equally often: which fraction of the pictures will it get
# right? Replace `...` by a number and run the cell.

# %%
from kdtutor.checks import predict

predict("accuracy of guessing", ...)

# %% experiment
import torch

from kdtutor.checks import reveal
from kdtutor.measure import record

guesses = torch.randint(len(glyphs.classes), (len(glyphs.test),), generator=torch.Generator().manual_seed(0))
guessed_right = (guesses == glyphs.test.y).float().mean().item()
record("guessing", accuracy=guessed_right, classes=len(glyphs.classes))  # what the text below quotes
reveal("accuracy of guessing", guessed_right)

# %% [markdown]
# When the results of this course were recorded, {{ guessing.accuracy | percent }} of the guesses were right. In the long
# run it is one in {{ guessing.classes }}.

# %% [markdown]
# ## Your first exercise
#
# An exercise is a function with an empty body. Its docstring says what it must do, with the shapes of what goes in and
# an example worked by hand. You write the body, run the cell, and run the check below it.
#
# A check gives one of four answers:
#
# - **not attempted**: the body is still empty;
# - **not yet**: it runs but is wrong, and the check says what is wrong, often by the name of the mistake;
# - **it raised an error**: which one, and in which line of yours;
# - **passed**.
#
# Run the check now, before you write anything, and see the first answer. Then write something wrong on purpose, for
# instance a percentage instead of a fraction, and see the second.
#
# `logits` are a network's raw outputs, one row a picture and one column a class. The class with the largest logit is
# the one that the network would answer.

# %% exercise="top_1_accuracy" difficulty=1 minutes=5
def top_1_accuracy(logits, labels):
    """The fraction of rows whose largest logit stands at the row's label.

    logits: (N, C) floating point. labels: (N,) integers from 0 to C - 1.
    Returns one number from 0 to 1.
    Example: for logits [[2, 1], [0, 3], [5, 4]] the largest stand at 0, 1, 0. With labels
    [0, 1, 1] two of three rows are right: 0.6667.
    """
    ### BEGIN SOLUTION
    return (logits.argmax(-1) == labels).float().mean().item()
    ### END SOLUTION

# %% check="top_1_accuracy" points=1
from kdtutor.checks import check, secret_labels, secret_logits  # the secret ones are for grading

check(top_1_accuracy)
### BEGIN HIDDEN TESTS
scores, answers = secret_logits(50, 12), secret_labels(50, 12)
right = sum(row.index(max(row)) == answer for row, answer in zip(scores.tolist(), answers.tolist()))
off = abs(float(top_1_accuracy(scores, answers)) - right / 50)
assert off < 1e-5, "the fraction is wrong for 50 rows and 12 classes"
assert float(top_1_accuracy(scores, scores.argmax(-1))) == 1.0, "labels that always match give 1"
### END HIDDEN TESTS

# %% [markdown]
# When you are stuck, ask for a hint. There are three, from a nudge to a plan, and none prints the solution.

# %%
from kdtutor.checks import hint

hint(top_1_accuracy)

# %% [markdown]
# ## Your function on a real network
#
# Cells like the next one use what you wrote, once it passes; until then they use the course's own version and say so.
# A small convolutional network learns the glyphs here and then answers the test pictures. It will be
# the *teacher* of the next units. The first run on a machine trains it, later runs read it back.

# %% experiment
from kdtutor.checks import use
from kdtutor.training import glyph_teacher, predict as outputs_of

teacher = glyph_teacher()
accuracy = float(use(top_1_accuracy)(outputs_of(teacher, glyphs.test.x).cpu(), glyphs.test.y))
record("teacher", accuracy=accuracy)
print(f"The teacher answers {accuracy:.1%} of the test pictures rightly.")

# %% [markdown]
# Recorded value: {{ teacher.accuracy | percent }}. Yours may differ a little, because processors round differently and
# training makes small differences larger. A single accuracy is also a matter of luck: with other initial weights it
# would be a little higher or lower. Comparisons in this course are therefore repeated and come with an interval.

# %% [markdown]
# ## What you will build
#
# Write a letter or a digit with the mouse or a finger. The teacher answers, and beside it four networks of the kind that this course makes:
# one that learned from labels, one that learned from the teacher, a pruned one and one that computes in int8. They are
# made on your machine when the cell runs for the first time; that takes a while.

# %% experiment
from kdtutor.demos import explore_drawing

explore_drawing()

# %% [markdown]
# How to read it: each network names its three likeliest characters, with the bytes that it needs and the time
# that it took. Where this page is only read and not run, pictures of three characters stand in for the canvas.

# %% [markdown]
# ## What to remember
#
# - A unit goes: a question, a prediction, a piece of mathematics, an exercise, a check, a result on a real model.
# - Checks name mistakes. Read what they say before you change the code.
# - Choose on the validation part. Report on the test part.
#
# Save the notebook with the menu or Ctrl-S before you hand it in. Next: unit 01, soft targets.
