# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Beyond logits
#
# A teacher computes more than an answer. On the way it decides where to look, which pictures belong together and how
# far apart they are. Much of the literature after 2015 proposes to teach a student that as well, each paper with a loss
# of its own and a table in which it wins. In this unit you write eight of these losses, find out what each of them
# cannot see, and then run all of them on one teacher, one student and one budget.
#
# **After this unit** you can turn a description such as "match the angles between samples" into a loss with the right
# gradient, choose a loss by what it ignores, and read a table of distillation results without being misled by it.
#
# **Questions that the measurements below will settle**
#
# 1. Which changes of a student's features does each loss overlook?
# 2. Does any of these losses beat plain distillation of logits, when all have the same budget and are tuned alike?
# 3. How much does a student gain by having its epoch chosen on the test set?
# 4. Does the weight of a loss matter as much as the choice of the loss?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 21 |
# | You need | units 01 and 02: the distillation loss, its gradient, a training step |

# %%
import math

import torch
import torch.nn.functional as F

from kdtutor import data, distill, plots
from kdtutor.checks import check, hint, predict, reveal, use

# %% [markdown]
# ## What a network computes on the way
#
# The teacher is the convolutional network of the earlier units. We tap it in three places: the **map** after its second
# pooling, 48 channels at 4 × 4 positions; the **hidden** vector of 128 numbers before its last layer; the **logits**.

# %% experiment
from kdtutor.training import glyph_teacher

glyphs = data.load("glyphs")
teacher = glyph_teacher().cpu()


@torch.no_grad()
def taps(pictures):
    """What the teacher computes: its maps after each pooling, its hidden vector, its logits."""
    early = teacher[:4](pictures)
    late = teacher[4:8](early)
    hidden = teacher[8:11](late)
    return {"early": early, "map": late, "hidden": hidden, "logits": teacher[11:](hidden)}


pictures = glyphs.validation
seen = taps(pictures.x)
for name, tensor in seen.items():
    print(f"{name:>7}: {tuple(tensor.shape)}")

# %% [markdown]
# The student is much smaller. One linear layer looks at each 4 × 4 patch of the picture, so its map has the teacher's
# 4 × 4 positions, but 8 channels; then come 32 hidden units and 36 logits. It returns all three, and it can carry
# something extra that is trained along with it and dropped afterwards.

# %% experiment
from torch import nn

from kdtutor.measure import parameters
from kdtutor.models import seeded


class Student(nn.Module):
    def __init__(self, extra=None):
        super().__init__()
        self.patch = nn.Linear(16, 8)  # the same weights for each patch: a convolution of stride 4
        self.hidden = nn.Linear(16 * 8, 32)
        self.logits = nn.Linear(32, 36)
        self.extra = extra

    def look(self, pictures):
        patches = pictures.reshape(-1, 4, 4, 4, 4).transpose(2, 3).reshape(-1, 16, 16)
        at_positions = self.patch(patches).relu()
        hidden = self.hidden(at_positions.flatten(1)).relu()
        as_map = at_positions.mT.unflatten(2, (4, 4))
        return {"map": as_map, "hidden": hidden, "logits": self.logits(hidden)}

    def forward(self, x):  # 256 pixels, then what the teacher's hidden layer said about them
        outputs = self.look(x[:, :256])
        if isinstance(self.extra, distill.Regressor):
            outputs["regressed"] = self.extra(outputs["map"])
        elif self.extra is not None:
            outputs["loss"] = self.extra(outputs["hidden"], x[:, 256:])
        return outputs


with seeded(0):
    untrained = Student()
sizes = {"teacher": parameters(teacher), "student": parameters(untrained)}
print(f"parameters: teacher {sizes['teacher']:,}, student {sizes['student']:,}")

# %% [markdown]
# ## Hints
#
# The oldest idea (FitNets, 2015): a layer of the student should compute what a layer of the teacher computes. Write
# $f_s$ and $f_t$ for the two layers' features and $M$ for the number of entries in the whole batch:
#
# $$L_\mathrm{hint} = \frac{1}{M} \sum_{m=1}^{M} \big(f_{s,m} - f_{t,m}\big)^2$$
#
# In words: mean squared error with the teacher's features as targets. The student has 8 channels and the teacher 48, so
# a *regressor*, a linear map from 8 to 48 channels, stands in between. It is trained with the student and thrown away.
# What counts as equal is therefore "equal after the best linear map", which is a weaker wish than it looks.

# %% exercise="hint_loss" difficulty=1 minutes=3
def hint_loss(student, teacher):
    """Mean over all entries of (student - teacher)². Only the student receives a gradient.

    student, teacher: (N, ...) floating point, of one shape. Returns a scalar tensor.
    Example: student [[0, 1], [2, 0]], teacher [[1, 1], [0, 1]]: the gaps are -1, 0, 2, -1,
    their squares 1, 0, 4, 1, the mean 1.5.
    """
    ### BEGIN SOLUTION
    return F.mse_loss(student, teacher.detach())
    ### END SOLUTION

# %% check="hint_loss" points=1
from kdtutor.checks import check, secret_logits

check(hint_loss)
### BEGIN HIDDEN TESTS
mine, theirs = secret_logits(3, 2, 4, key="hint s"), secret_logits(3, 2, 4, key="hint t")
by_hand = sum((a - b) ** 2 for a, b in zip(mine.flatten().tolist(), theirs.flatten().tolist())) / 24
assert abs(float(hint_loss(mine, theirs)) - by_hand) < 1e-3 * (1 + by_hand), "wrong for fresh features"
### END HIDDEN TESTS

# %% experiment
my_hint = use(hint_loss)
regressor = distill.Regressor(8, 48, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    own = untrained.look(pictures.x)
print("student", tuple(own["map"].shape), "-> regressor ->", tuple(regressor(own["map"]).shape))
print(f"hint loss of an untrained student: {my_hint(regressor(own['map']), seen['map']).item():.2f}")

# %% [markdown]
# ## Attention
#
# A weaker wish: never mind *what* is computed at each position, only *where* the response is strong. Sum the squares
# over the channels $c$, write the positions as one vector, and bring it to length 1:
#
# $$q_n = \frac{e_n}{\lVert e_n \rVert}, \qquad e_{n,hw} = \sum_c f_{n,c,hw}^2$$
#
# In words: an energy for each position, and the size of the network's numbers divided out. The channels are gone, so
# teacher and student need no regressor. The loss is the distance $\lVert q_s - q_t \rVert$, averaged over the batch. One
# case needs care: a sample to which the layer does not respond at all has length 0, and 0/0 is NaN. Its map is all
# zeros.

# %% exercise="attention_map" difficulty=2 minutes=6
def attention_map(features):
    """Where a layer looks: the sum over channels of the squared features, as a vector of length 1.

    features: (N, C, H, W). Returns (N, H·W); each row has Euclidean length 1. A sample whose features
    are all 0 has a row of zeros.
    Example: one sample, two channels of 1 × 2 positions, [[1, 0]] and [[-1, 1]]: the energies are
    [1 + 1, 0 + 1] = [2, 1], their length is √5, the map [0.8944, 0.4472].
    """
    ### BEGIN SOLUTION
    energy = (features**2).sum(1).flatten(1)
    return F.normalize(energy, dim=1)
    ### END SOLUTION

# %% check="attention_map" points=2
from kdtutor.checks import check, secret_logits

check(attention_map)
### BEGIN HIDDEN TESTS
import torch

features = secret_logits(3, 5, 2, 3, key="attention")
map_ = attention_map(features)
assert map_.shape == (3, 6), "one row of H·W positions a sample"
energy = (features**2).sum(1).reshape(3, 6)
ratio = map_ / energy
assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-3), "not proportional to the energy"
assert torch.allclose((map_**2).sum(1), torch.ones(3), atol=1e-4), "rows need length 1"
### END HIDDEN TESTS

# %% experiment
my_attention = use(attention_map)
chosen = torch.stack([(pictures.y == glyphs.classes.index(c)).nonzero()[1, 0] for c in "AEITO7"])
plots.show(
    plots.attention_maps(
        pictures.x[chosen, 0],
        {"teacher, 8 × 8": my_attention(seen["early"][chosen]),
         "teacher, 4 × 4": my_attention(seen["map"][chosen]),
         "student, untrained": my_attention(own["map"][chosen])},
    ),
    alt="Six glyphs, below them three rows of attention maps. The teacher's early map follows "
    "the strokes, its late map marks one or two places near the middle, and the untrained "
    "student's map is irregular.",
)

# %% [markdown]
# How to read it: the brighter a cell, the larger its share of that layer's response to that picture. The early map
# follows the strokes; the late one marks one or two places near the middle of the glyph. The untrained student's map
# has no clear pattern: its random filters respond to ink here and to empty paper there.

# %% [markdown]
# ## Who resembles whom
#
# Another wish needs no positions at all: pictures that are alike for the teacher should be alike for the student. Take
# the $N$ feature vectors of a batch as the rows of $A$. All inner products at once are
#
# $$G = A A^\top, \qquad \tilde G_{i} = \frac{G_i}{\lVert G_i \rVert}, \qquad
# L_\mathrm{sim} = \frac{1}{N^2} \sum_{i,j} \big(\tilde G_{s,ij} - \tilde G_{t,ij}\big)^2$$
#
# In words: row $i$ says how much sample $i$ has in common with each sample of the batch; it is brought to length 1, and
# the two networks' tables are compared entry by entry. $G$ is $N \times N$ whatever the width of the layer, so no
# regressor is needed. And if the features are turned into another basis, $A \to AQ$ with $Q Q^\top = 1$, then
# $G = A Q Q^\top A^\top$ stays what it was: this loss cannot see a rotation.

# %% exercise="similarity_loss" difficulty=2 minutes=6
def similarity_loss(student, teacher):
    """Mean over all N² entries of the squared difference of the two similarity tables.

    A table is G = A Aᵀ of the flattened features, each row divided by its own Euclidean length; the row
    of a sample whose features are all 0 stays 0. Only the student receives a gradient.

    student, teacher: (N, ...), the same N samples, features of any size. Returns a scalar tensor.
    Example: student [[1, 0], [0, 1]] has the table [[1, 0], [0, 1]], teacher [[1], [1]] has rows
    [0.7071, 0.7071]; each row differs by 0.2929² + 0.7071² = 0.5858; 2 · 0.5858 / 4 = 0.2929.
    """
    ### BEGIN SOLUTION
    def table(features):
        A = features.flatten(1)
        return F.normalize(A @ A.T, dim=1)

    return ((table(student) - table(teacher.detach())) ** 2).mean()
    ### END SOLUTION

# %% check="similarity_loss" points=2
from kdtutor.checks import check, secret_logits

check(similarity_loss)
### BEGIN HIDDEN TESTS
mine, theirs = secret_logits(4, 3, key="sim s").double(), secret_logits(4, 6, key="sim t").double()


def table_by_hand(rows):
    G = [[sum(a * b for a, b in zip(x, y)) for y in rows] for x in rows]
    return [[value / sum(v * v for v in row) ** 0.5 for value in row] for row in G]


rows = zip(table_by_hand(mine.tolist()), table_by_hand(theirs.tolist()))
by_hand = sum((a - b) ** 2 for x, y in rows for a, b in zip(x, y)) / 16
assert abs(float(similarity_loss(mine, theirs)) - by_hand) < 1e-4, "wrong for fresh features"
### END HIDDEN TESTS

# %% experiment
shown = torch.cat([(pictures.y == glyphs.classes.index(c)).nonzero()[:8, 0] for c in "O0QI1"])


def table_of(features):
    return F.normalize(features.flatten(1) @ features.flatten(1).T, dim=1)


plots.show(
    plots.similarity_matrices(
        {"teacher": table_of(seen["hidden"][shown]),
         "student, untrained": table_of(own["hidden"][shown])},
        [glyphs.classes[pictures.y[i]] for i in shown],
    ),
    alt="Two 40 by 40 matrices for eight pictures each of O, 0, Q, I and 1. The teacher's falls into "
    "a bright block of the round characters and one of I and 1, dark between them; the untrained "
    "student's is nearly uniform.",
)
my_similarity = use(similarity_loss)
apart = my_similarity(own["hidden"][shown], seen["hidden"][shown]).item()
print(f"similarity loss between the two: {apart:.2e}")

# %% [markdown]
# How to read it: a row belongs to one picture and is bright where another picture has much in common with it. The
# teacher's table falls into two blocks, the round O, 0, Q and the upright I, 1. A bright vertical stripe is a picture
# with a long feature vector, which has large inner products with many. The untrained student finds everything about
# equally alike. Note how small the loss is: rows of length 1 have small entries, and the mean runs over $N^2$ of them.
# Such a loss needs a large weight to be heard, and published weights run into the thousands.

# %% [markdown]
# ## Distances
#
# Relational distillation (2019) compares how far samples are from each other. Networks have no common unit of length,
# so each one's distances are divided by their mean $\mu$ over the batch:
#
# $$\psi_{ij} = \frac{\lVert x_i - x_j \rVert}{\mu}, \qquad
# \mu = \operatorname*{mean}_{i \ne j} \lVert x_i - x_j \rVert, \qquad
# L_\mathrm{dist} = \operatorname*{mean}_{i \ne j} \, h\big(\psi_{s,ij} - \psi_{t,ij}\big)$$
#
# with Huber's $h(d) = d^2/2$ for $|d| \le 1$ and $|d| - 1/2$ beyond. In words: a pair that is twice as far apart as the
# average pair in the teacher's eyes should be so in the student's; large errors pull with a constant force.
#
# A trap lies on the diagonal. The distance of a sample to itself is $\sqrt 0$, and the square root has an infinite slope
# there. Multiplied by the gradient 0 of an entry that is masked out afterwards it gives NaN, with a correct loss on the
# screen. Leave the diagonal out before the root, or use a function that knows about it, such as `torch.cdist`.

# %% exercise="rkd_distance_loss" difficulty=3 minutes=7
def rkd_distance_loss(student, teacher):
    """Mean Huber loss (threshold 1) between relative distances, over all pairs of different samples.

    Relative: Euclidean distances of the flattened features, divided by their own mean over all pairs of
    different samples. Only the student receives a gradient, and it is finite.

    student, teacher: (N, ...), the same N >= 2 samples, features of any size. Returns a scalar tensor.
    Example: student [[0], [1], [2]]: distances 1, 2, 1, mean 4/3, relative 0.75, 1.5, 0.75; teacher
    [[0], [1], [3]]: 1, 3, 2, mean 2, relative 0.5, 1.5, 1; the gaps 0.25, 0, -0.25 cost
    0.03125, 0, 0.03125, on average 0.0208.
    """
    ### BEGIN SOLUTION
    pairs = ~torch.eye(len(student), dtype=torch.bool, device=student.device)

    def relative(features):
        distances = torch.cdist(features.flatten(1), features.flatten(1))[pairs]
        return distances / distances.mean()

    return F.smooth_l1_loss(relative(student), relative(teacher.detach()))
    ### END SOLUTION

# %% check="rkd_distance_loss" points=2
from kdtutor.checks import check, secret_logits

check(rkd_distance_loss)
### BEGIN HIDDEN TESTS
mine, theirs = secret_logits(5, 3, key="rkd s").double(), secret_logits(5, 6, key="rkd t").double()


def relative_by_hand(rows):
    pairs = [(rows[i], rows[j]) for i in range(5) for j in range(i)]
    far = [sum((a - b) ** 2 for a, b in zip(x, y)) ** 0.5 for x, y in pairs]
    return [d / (sum(far) / len(far)) for d in far]


gaps = [abs(a - b) for a, b in zip(relative_by_hand(mine.tolist()), relative_by_hand(theirs.tolist()))]
by_hand = sum(d * d / 2 if d <= 1 else d - 0.5 for d in gaps) / len(gaps)
assert abs(float(rkd_distance_loss(mine, theirs)) - by_hand) < 1e-4, "wrong for fresh features"
learning = mine.clone().requires_grad_()
rkd_distance_loss(learning, theirs).backward()
assert bool(learning.grad.isfinite().all()), "the gradient holds NaN"
### END HIDDEN TESTS

# %% [markdown]
# ## Angles
#
# Three samples form a triangle. At corner $j$, the sides to $i$ and $k$ have the directions
# $e_{ij} = (x_i - x_j)/\lVert x_i - x_j \rVert$ and $e_{kj}$, and the cosine of the angle between them is
# $\langle e_{ij}, e_{kj} \rangle$. The loss is the mean Huber penalty between the cosines of teacher and student, over
# all $N(N-1)(N-2)$ ordered triplets of different samples. In words: the shape of every triangle is kept, its size is
# free.
#
# One product does it all: let $E_j$ be the $N \times D$ matrix of directions seen from $j$; then $E_j E_j^\top$ holds all
# cosines at corner $j$. The price is memory for $N^3$ numbers. The sides from a sample to itself have length 0 again.

# %% exercise="rkd_angle_loss" difficulty=4 minutes=8
def rkd_angle_loss(student, teacher):
    """Mean Huber loss (threshold 1) between the cosines of all angles that three different samples form.

    The angle at corner j between the sides to i and k: the inner product of the unit-length differences
    x_i - x_j and x_k - x_j of the flattened features. Mean over the N (N - 1) (N - 2) ordered triplets
    of different samples. Only the student receives a gradient, and it is finite.

    student, teacher: (N, ...), the same N >= 3 samples, features of any size. Returns a scalar tensor.
    Example: student (0,0), (1,0), (0,1): cosines 0, 0.7071, 0.7071 at the three corners; teacher
    0, 1, 3 on a line: 1, -1, 1. The gaps -1, 1.7071, -0.2929 cost 0.5, 1.2071, 0.0429: mean 0.5833.
    """
    ### BEGIN SOLUTION
    same = torch.eye(len(student), dtype=torch.bool, device=student.device)
    different = ~(same.unsqueeze(0) | same.unsqueeze(1) | same.unsqueeze(2))

    def cosines(features):
        x = features.flatten(1)
        sides = F.normalize(x.unsqueeze(0) - x.unsqueeze(1), dim=-1)  # [j, i] = direction from j to i
        return (sides @ sides.mT)[different]

    return F.smooth_l1_loss(cosines(student), cosines(teacher.detach()))
    ### END SOLUTION

# %% check="rkd_angle_loss" points=3
from kdtutor.checks import check, secret_logits

check(rkd_angle_loss)
### BEGIN HIDDEN TESTS
from itertools import permutations

mine, theirs = secret_logits(4, 3, key="angle s").double(), secret_logits(4, 5, key="angle t").double()


def cosine_by_hand(rows, i, j, k):
    a = [p - q for p, q in zip(rows[i], rows[j])]
    b = [p - q for p, q in zip(rows[k], rows[j])]
    return sum(p * q for p, q in zip(a, b)) / (sum(p * p for p in a) * sum(q * q for q in b)) ** 0.5


triples = list(permutations(range(4), 3))
gaps = [abs(cosine_by_hand(mine.tolist(), *t) - cosine_by_hand(theirs.tolist(), *t)) for t in triples]
by_hand = sum(d * d / 2 if d <= 1 else d - 0.5 for d in gaps) / len(gaps)
assert abs(float(rkd_angle_loss(mine, theirs)) - by_hand) < 1e-4, "wrong for fresh features"
learning = mine.clone().requires_grad_()
rkd_angle_loss(learning, theirs).backward()
assert bool(learning.grad.isfinite().all()), "the gradient holds NaN"
### END HIDDEN TESTS

# %% [markdown]
# ## What a loss cannot see
#
# Question 1. Suppose that a student's features are exactly the teacher's, but shifted by a constant, or three times as
# large, or turned into another basis. A loss that is 0 then does not mind the difference.
#
# Predict: how many of the four losses hint, similarity, distances, angles are 0 for the *shifted* features?

# %%
predict("losses that do not see a shift", ...)

# %% experiment
from kdtutor.measure import record

four = {"hint": use(hint_loss), "similarity": use(similarity_loss),
        "distances": use(rkd_distance_loss), "angles": use(rkd_angle_loss)}
forty = seen["hidden"][:40]
basis = torch.linalg.qr(torch.randn(128, 128, generator=torch.Generator().manual_seed(0)))[0]
changed = {"shifted by 1": forty + 1, "3 times larger": 3 * forty, "turned": forty @ basis,
           "untrained student": own["hidden"][:40]}
overlooked = {}
print(f"{'':>18}" + "".join(f"{loss:>12}" for loss in four))
for what, features in changed.items():
    values = [f(features, forty).item() if features.shape == forty.shape or name != "hint" else math.nan
              for name, f in four.items()]
    overlooked[what] = sum(abs(value) < 1e-6 for value in values)
    shown_values = ["(no match)" if math.isnan(value) else f"{value:.6f}" for value in values]
    print(f"{what:>18}" + "".join(f"{text:>12}" for text in shown_values))
record("overlooked", shifted=overlooked["shifted by 1"], larger=overlooked["3 times larger"],
       turned=overlooked["turned"])
reveal("losses that do not see a shift", overlooked["shifted by 1"])

# %% [markdown]
# **Reading the result.** A shift escapes {{ overlooked.shifted }} of the four losses, a factor
# {{ overlooked.larger }}, a rotation {{ overlooked.turned }}. Nothing escapes the hint, which is why it needs a regressor
# and why a narrow student may find it impossible to satisfy. Distances and angles are 0 in all three rows and so leave
# the student the most freedom. What a loss overlooks is a choice: it should be what the next layer can undo anyway.

# %% [markdown]
# ## Back to the logits: two terms in one
#
# Later papers return to the logits and ask what is inside the KD loss. Let $y$ be the label. Split the classes in two
# steps: first target or not, $b = (p_y,\, 1 - p_y)$; then, if not, which of the others, $\hat p_c = p_c/(1 - p_y)$ for
# $c \ne y$. Since $p_c = (1 - p_y)\,\hat p_c$, the sum over $c \ne y$ falls apart:
#
# $$\sum_{c \ne y} p_{t,c} \log\frac{p_{t,c}}{p_{s,c}}
# = (1 - p_{t,y}) \log\frac{1 - p_{t,y}}{1 - p_{s,y}} + (1 - p_{t,y}) \sum_{c\ne y} \hat p_{t,c} \log \frac{\hat p_{t,c}}{\hat p_{s,c}}$$
#
# Add the term of $y$ itself, and
#
# $$\mathrm{KL}(p_t\|p_s) = \underbrace{\mathrm{KL}(b_t \| b_s)}_{\text{target part}} + (1 - p_{t,y}) \underbrace{\mathrm{KL}(\hat p_t\|\hat p_s)}_{\text{non-target part}}.$$
#
# In words: what the teacher thinks of the wrong classes is multiplied by the probability it leaves to them. The surer
# the teacher, the less it says. **Decoupled KD** (2022) gives the two parts weights of their own:
#
# $$L_\mathrm{DKD} = \frac{T^2}{N}\sum_n \Big(\alpha\, \mathrm{KL}(b_t\|b_s) + \beta\, \mathrm{KL}(\hat p_t\|\hat p_s)\Big)$$
#
# with all distributions at temperature $T$. Here $\alpha$ and $\beta$ are the paper's letters, and unrelated to the
# $\alpha$ that mixes labels and teacher.
#
# Predict: on average over the validation pictures, what probability does our teacher leave to the wrong classes, at
# $T = 1$?

# %%
predict("mean of 1 - p_t(y) at T = 1", ...)

# %% experiment
left = {T: 1 - (seen["logits"] / T).softmax(-1).gather(1, pictures.y[:, None])[:, 0] for T in (1.0, 4.0)}
record("left_over", cold=left[1.0].mean().item(), median=left[1.0].median().item(),
       warm=left[4.0].mean().item())
for T, share in left.items():
    print(f"T = {T:g}: mean {share.mean():.3f}, median {share.median():.4f}")
reveal("mean of 1 - p_t(y) at T = 1", left[1.0].mean().item())

# %% [markdown]
# **Reading the result.** At $T = 1$ the mean is {{ left_over.cold | .3f }} and the median only
# {{ left_over.median | .4f }}: for half of the pictures next to nothing of the non-target part survives. At $T = 4$ the
# mean is {{ left_over.warm | .2f }}. So temperature already does part of what $\beta$ does.
#
# Now write the loss. `1 - p` is a trap: once the target's logit leads by about 17 (float32), `1 - p` rounds to 0 and
# its logarithm is $-\infty$. $\log(1 - p_y)$ is the `logsumexp` of the other classes' log-probabilities.

# %% exercise="dkd_loss" difficulty=4 minutes=8
def dkd_loss(student_logits, teacher_logits, labels, temperature, alpha, beta):
    """T² · (alpha · target part + beta · non-target part), averaged over the batch.

    Target part: KL between (p_y, 1 - p_y) of teacher and student. Non-target part: KL between the
    softmaxes over the other classes alone. Both from the teacher to the student, at temperature T.
    Only the student receives a gradient.

    student_logits, teacher_logits: (N, C), C >= 2, of any finite size. labels: (N,) class indices.
    temperature, alpha, beta: positive numbers. Returns a scalar tensor.
    Example: student [[0, 0, 0]], teacher [[0, log 2, 0]], label 0, T = 1: b_t = (1/4, 3/4),
    b_s = (1/3, 2/3), KL 0.0164; others (2/3, 1/3) against (1/2, 1/2), KL 0.0566; with
    alpha = 1, beta = 8: 0.0164 + 8 · 0.0566 = 0.4695.
    """
    ### BEGIN SOLUTION
    is_target = F.one_hot(labels, student_logits.shape[1]).bool()

    def target_and_others(logits):
        log_p = (logits / temperature).log_softmax(-1)
        others = log_p[~is_target].view(len(logits), -1)
        binary = torch.stack([log_p[is_target], others.logsumexp(1)], dim=1)
        return binary, (logits / temperature)[~is_target].view(len(logits), -1).log_softmax(-1)

    binary_s, others_s = target_and_others(student_logits)
    binary_t, others_t = target_and_others(teacher_logits.detach())
    target = (binary_t.exp() * (binary_t - binary_s)).sum(-1)
    non_target = (others_t.exp() * (others_t - others_s)).sum(-1)
    return temperature**2 * (alpha * target + beta * non_target).mean()
    ### END SOLUTION

# %% check="dkd_loss" points=3
from kdtutor.checks import check, secret_labels, secret_logits

check(dkd_loss)
### BEGIN HIDDEN TESTS
import math

mine, theirs = secret_logits(4, 5, key="dkd s"), secret_logits(4, 5, key="dkd t")
labels = secret_labels(4, 5, key="dkd")


def kl_by_hand(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q))


total = 0.0
p_s, p_t = ((z / 2).double().softmax(-1).tolist() for z in (mine, theirs))
for s, t, y in zip(p_s, p_t, labels.tolist()):
    others = [[p / (1 - row[y]) for c, p in enumerate(row) if c != y] for row in (t, s)]
    total += 1.5 * kl_by_hand([t[y], 1 - t[y]], [s[y], 1 - s[y]]) + 6 * kl_by_hand(*others)
by_hand = 4 * total / 4
off = abs(float(dkd_loss(mine, theirs, labels, 2.0, 1.5, 6.0)) - by_hand)
assert off < 1e-3 * (1 + by_hand), "wrong for fresh logits"
### END HIDDEN TESTS

# %% [markdown]
# ## Correlation instead of equality
#
# DIST (2022) asks for less than equal probabilities. A strong teacher's exact numbers may be out of reach; their pattern
# need not be. Pearson's correlation of two vectors is the cosine after each has lost its mean,
#
# $$r(u, v) = \frac{\langle u - \bar u,\, v - \bar v\rangle}{\lVert u - \bar u\rVert \, \lVert v - \bar v\rVert},
# \qquad
# L_\mathrm{DIST} = \Big(1 - \operatorname*{mean}_n r(p_{s,n\cdot},\, p_{t,n\cdot})\Big) + \Big(1 - \operatorname*{mean}_c r(p_{s,\cdot c},\, p_{t,\cdot c})\Big)$$
#
# In words: along each row (one sample, all classes) and along each column (one class, all samples) the student's
# probabilities at temperature $T$ should rise and fall with the teacher's. The second term is the first one applied to
# the transposed table. There is no $T^2$: a correlation does not shrink when its vectors do.

# %% exercise="dist_loss" difficulty=3 minutes=6
def dist_loss(student_logits, teacher_logits, temperature):
    """(1 - mean r over samples) + (1 - mean r over classes), r the correlation of p_s(T) and p_t(T).

    A row or column that does not vary counts as r = 0. Only the student receives a gradient.

    student_logits, teacher_logits: (N, C). temperature: a positive number. Returns a scalar tensor.
    Example: student [[0, 1], [1, 0]], teacher [[1, 0], [0, 1]], any T: every row and every column runs
    exactly against the teacher's, r = -1 everywhere, and the loss is (1 + 1) + (1 + 1) = 4.
    """
    ### BEGIN SOLUTION
    p_s = (student_logits / temperature).softmax(-1)
    p_t = (teacher_logits.detach() / temperature).softmax(-1)

    def correlation(u, v):
        u, v = u - u.mean(-1, keepdim=True), v - v.mean(-1, keepdim=True)
        return (u * v).sum(-1) / (u.norm(dim=-1) * v.norm(dim=-1) + 1e-12)

    return (1 - correlation(p_s, p_t).mean()) + (1 - correlation(p_s.T, p_t.T).mean())
    ### END SOLUTION

# %% check="dist_loss" points=2
from kdtutor.checks import check, secret_logits

check(dist_loss)
### BEGIN HIDDEN TESTS
import torch

mine, theirs = secret_logits(5, 4, scale=1.5, key="dist s"), secret_logits(5, 4, scale=1.5, key="dist t")
p_s, p_t = (mine / 3).double().softmax(-1), (theirs / 3).double().softmax(-1)
rows = [torch.corrcoef(torch.stack([p_s[n], p_t[n]]))[0, 1].item() for n in range(5)]
columns = [torch.corrcoef(torch.stack([p_s[:, c], p_t[:, c]]))[0, 1].item() for c in range(4)]
by_hand = 2 - sum(rows) / 5 - sum(columns) / 4
assert abs(float(dist_loss(mine, theirs, 3.0)) - by_hand) < 1e-3, "wrong for fresh logits"
### END HIDDEN TESTS

# %% [markdown]
# ## Standardised logits
#
# The same thought, earlier in the computation: teacher and student share a temperature, so KD also asks the student to
# have logits as *large* as the teacher's. A small network may not manage that, and its answer would not change if it
# did. Standardising takes out mean and size before the softmax:
#
# $$\tilde z_c = \frac{z_c - \bar z}{\sigma}, \qquad \sigma^2 = \frac{1}{C}\sum_c (z_c - \bar z)^2$$
#
# In words: every row of logits gets mean 0 and standard deviation 1. Then the usual loss is applied:
# `kd_loss(standardize_logits(z_s), standardize_logits(z_t), T)`.

# %% exercise="standardize_logits" difficulty=2 minutes=4
def standardize_logits(logits):
    """Each row of logits with mean 0 and standard deviation 1 (divisor C) over the last axis.

    logits: (..., C). Returns the same shape; a row of equal logits becomes zeros.
    Example: [1, 3] has mean 2 and standard deviation 1: [-1, 1].
    """
    ### BEGIN SOLUTION
    centred = logits - logits.mean(-1, keepdim=True)
    return centred / logits.std(-1, correction=0, keepdim=True).clamp_min(1e-12)
    ### END SOLUTION

# %% check="standardize_logits" points=2
from kdtutor.checks import check, secret_logits

check(standardize_logits)
### BEGIN HIDDEN TESTS
import torch

fresh = secret_logits(4, 6, key="standardize") + 1
rows = standardize_logits(fresh)
assert torch.allclose(rows.mean(-1), torch.zeros(4), atol=1e-4), "each row needs mean 0"
unit = torch.allclose((rows**2).mean(-1), torch.ones(4), atol=1e-3)
assert unit, "each row needs standard deviation 1, divisor C"
assert bool((rows.argmax(-1) == fresh.argmax(-1)).all()), "the order of the classes changed"
### END HIDDEN TESTS

# %% [markdown]
# What do these two not see? Take a student whose logits are the teacher's times a factor: it gives the same answers,
# more or less boldly.

# %% experiment
my_dist, my_standardize = use(dist_loss), use(standardize_logits)
factors = (0.25, 0.5, 1.0, 2.0, 4.0)
z = seen["logits"][:200]
z_standard = my_standardize(z)
of_scale = {
    "KD, T = 4": lambda z_s: distill.kd_loss(z_s, z, 4.0).item(),
    "KD, standardised, T = 2": lambda z_s: distill.kd_loss(my_standardize(z_s), z_standard, 2.0).item(),
    "DIST, T = 4": lambda z_s: my_dist(z_s, z, 4.0).item(),
}
of_untrained = own["logits"][:200]
curves = {name: [loss(a * z) / loss(of_untrained) for a in factors] for name, loss in of_scale.items()}
plots.show(
    plots.loss_by_scale(factors, curves),
    alt="Three losses against the factor between the student's logits and the teacher's. KD rises "
    "steeply away from 1, the standardised form is 0 everywhere, DIST rises a little at both ends.",
)

# %% [markdown]
# How to read it: each loss in units of what it says to the untrained student, so that one axis serves all three. KD
# punishes a student for being bolder or meeker than its teacher, the standardised form not at all, DIST a little.

# %% [markdown]
# ## Signature experiment: all of them, one budget
#
# Question 2. One teacher; students with the same initial weights and the same order of pictures for each seed; 1,000
# labelled pictures, 9 epochs. Every student is trained on cross-entropy with weight 1 plus one loss with a weight of
# its own. Hints and attention work on the 4 × 4 map; the relations, VID and CRD on the hidden vector; the rest on the
# logits. Besides your eight losses there are four that the library has ready: correlation congruence (Gaussian kernels
# of features), PKT (neighbourhoods as probabilities), VID (a likelihood of the teacher's features, with learned
# variance) and CRD (which teacher vector belongs to this student vector).
#
# Fairness takes three decisions, all made before looking at the test set. The learning rate is the one at which students
# *without* a teacher do best on validation data. The weight of every loss is chosen on validation data, with seeds that
# are not used again, from three values a decade apart; the middle one comes from a coarse search by decades, done
# beforehand with other seeds. And a gain
# is worth having from one percentage point.
#
# Predict: which loss will be best? Answer with a name such as `"KD"`, `"FitNet"`, `"attention transfer"`,
# `"similarity preserving"`, `"RKD, distances"`, `"RKD, angles"`, `"decoupled KD"`, `"DIST"` or
# `"KD, standardised logits"`.

# %%
predict("the best of all losses", ...)

# %% experiment
methods = {  # name: (middle weight, loss of what the student computes, s, and the teacher, t)
    "KD": (10, lambda s, t: distill.kd_loss(s["logits"], t["logits"], 4.0)),
    "FitNet": (0.1, lambda s, t: distill.hint_loss(s["regressed"], t["map"])),
    "attention transfer": (0.1, lambda s, t: distill.attention_loss(s["map"], t["map"])),
    "similarity preserving": (100, lambda s, t: distill.similarity_loss(s["hidden"], t["hidden"])),
    "correlation congruence": (1, lambda s, t: distill.correlation_loss(s["hidden"], t["hidden"])),
    "PKT": (100, lambda s, t: distill.pkt_loss(s["hidden"], t["hidden"])),
    "RKD, distances": (1, lambda s, t: distill.rkd_distance_loss(s["hidden"], t["hidden"])),
    "RKD, angles": (10, lambda s, t: distill.rkd_angle_loss(s["hidden"], t["hidden"])),
    "VID": (1, lambda s, t: s["loss"]),
    "CRD": (0.001, lambda s, t: s["loss"]),
    "decoupled KD": (0.01, lambda s, t: distill.dkd_loss(
        s["logits"], t["logits"], t["y"], 4.0, 1.0, 8.0)),
    "DIST": (10, lambda s, t: distill.dist_loss(s["logits"], t["logits"], 4.0)),
    "KD, standardised logits": (10, lambda s, t: distill.kd_loss(
        distill.standardize_logits(s["logits"]), distill.standardize_logits(t["logits"]), 2.0)),
}
extras = {  # what is trained with the student and dropped afterwards
    "FitNet": lambda g: distill.Regressor(8, 48, generator=g),
    "VID": lambda g: distill.VariationalInformation(32, 128, 32, generator=g),
    "CRD": lambda g: distill.ContrastiveDistillation(32, 128, 32, generator=g),
}

# %% experiment
from kdtutor.training import Recipe, fit_many

torch.set_num_threads(1)  # the tensors are small: a second thread would only wait for the first
train = glyphs.train[:1000]
of_train = taps(train.x)
inputs = torch.cat([train.x.flatten(1), of_train["hidden"]], 1)
on_maps = ("FitNet", "attention transfer")


def student_of(name, seed):
    with seeded(seed):
        student = Student()
    if name in extras:
        student.extra = extras[name](torch.Generator().manual_seed(seed))
    return student


def objective(name):
    """Cross-entropy plus the weighted loss of a method; for "labels" nothing is added."""
    def loss(outputs, y, map_, hidden, logits, weight):
        of_labels = F.cross_entropy(outputs["logits"], y)
        if name == "labels":
            return of_labels
        teacher_says = {"map": map_, "hidden": hidden, "logits": logits, "y": y}
        return of_labels + weight[0] * methods[name][1](outputs, teacher_says)

    return loss


def trained(name, weights, seeds, recipe, evaluate=None):
    """Students of every weight and seed, trained at once; the weight comes along as one more target."""
    runs = [(column, seed) for weight in weights
            for column in [torch.full((len(train),), float(weight))] for seed in seeds]
    students = [student_of(name, seed) for _, seed in runs]
    map_ = of_train["map"] if name in on_maps else of_train["map"][:, :0]  # nothing is fetched in vain
    targets = (train.y, map_, of_train["hidden"], of_train["logits"])
    shared = objective(name)
    one_by_one = name == "RKD, distances"  # its torch.pdist runs for one student at a time
    losses = [objective(name) for _ in runs] if one_by_one else shared
    fit_many(students, inputs, [(*targets, column) for column, _ in runs], losses, recipe,
             seeds=[seed for _, seed in runs], evaluate=evaluate, device="cpu")
    return students


@torch.no_grad()
def accuracy_of(student, split):
    return (student.look(split.x)["logits"].argmax(-1) == split.y).float().mean().item()

# %% [markdown]
# First the learning rate, for students without a teacher, then the weight of each loss at that rate.

# %% experiment
from kdtutor.measure import mean_interval

rates = {}
for lr in (1e-2, 2e-2, 4e-2, 8e-2):
    students = trained("labels", [0], range(100, 110), Recipe(epochs=9, batch_size=40, lr=lr))
    rates[lr] = mean_interval([accuracy_of(student, glyphs.validation) for student in students]).mean
recipe = Recipe(epochs=9, batch_size=40, lr=max(rates, key=rates.get))
print({lr: f"{accuracy:.1%}" for lr, accuracy in rates.items()}, "-> learning rate", recipe.lr)

# %% experiment
tuning, weight_of = {}, {}
for name, (middle, _) in methods.items():
    weights = [middle / 10, middle, middle * 10]
    students = trained(name, weights, range(100, 103), recipe)
    scores = torch.tensor([accuracy_of(student, glyphs.validation) for student in students])
    scores = scores.view(3, 3).mean(1)  # weight by seed
    tuning[name] = scores.tolist()
    weight_of[name] = weights[scores.argmax()]
plots.show(
    plots.accuracy_by_weight((0.1, 1, 10), tuning, without=rates[recipe.lr]),
    alt="Thirteen small panels: validation accuracy of each method at a tenth, one and ten times its "
    "middle weight, with the students without a teacher as a dashed line. Some methods fall below the "
    "line at the largest weight.",
)

# %% [markdown]
# How to read it: one panel a method; the dashed line is a student without the method, at the same learning rate. Three
# seeds each, so differences of about a percentage point may be chance. The best weight of each panel goes on to the test.

# %% experiment
from kdtutor.measure import paired_comparison

seeds = range(10)
on_test = {}
for name in ("labels", *methods):
    students = trained(name, [weight_of.get(name, 0)], seeds, recipe)
    on_test[name] = [accuracy_of(student, glyphs.test) for student in students]
gain = {name: mean_interval([a - b for a, b in zip(on_test[name], on_test["labels"])])
        for name in methods}
for name, values in on_test.items():
    weight = f"weight {weight_of[name]:g}" if name in weight_of else ""
    print(f"{name:>24}: {mean_interval(values).mean:.1%}   {weight}")

# %% [markdown]
# Twelve comparisons at 95 % would show a difference that is none, in one direction or the other, in nearly every second
# experiment. The verdicts below therefore use 99.6 % for each comparison, which leaves about 5 % for all of them
# together. "Gain" means that the interval lies above 0 and reaches one point, "no gain" that it rules a point out.

# %% experiment
def verdicts(baseline, names):
    """Each named method against the baseline, seed by seed."""
    return {name: paired_comparison(on_test[name], on_test[baseline],
                                    smallest_gain=0.01, confidence=0.996) for name in names}


over_labels = verdicts("labels", methods)
over_kd = verdicts("KD", [name for name in methods if name != "KD"])
for name, c in over_kd.items():
    interval = f"({100 * c.low:+.1f} to {100 * c.high:+.1f})"
    print(f"{name:>24} against KD: {100 * c.difference:+.1f} points {interval}, {c.verdict}")


def in_points(interval):
    """An interval of fractions in percentage points."""
    return {"mean": 100 * interval.mean, "low": 100 * interval.low, "high": 100 * interval.high,
            "n": interval.n, "confidence": interval.confidence}


def listed(comparisons, verdict):
    return "; ".join(name for name, c in comparisons.items() if c.verdict == verdict) or "none"


places = {"map": on_maps,
          "logits": ("KD", "decoupled KD", "DIST", "KD, standardised logits")}
places["hidden_vector"] = tuple(name for name in methods if name not in places["map"] + places["logits"])
by_place = {place: 100 * sum(gain[name].mean for name in names) / len(names)
            for place, names in places.items()}
order = ", ".join(sorted(by_place, key=by_place.get, reverse=True)).replace("_", " ")
at_edge = [name for name, scores in tuning.items() if max(scores) != scores[1]]
best = max(methods, key=lambda name: gain[name].mean)
beaten = listed(over_kd, "gain")
ahead = over_kd.get(best)  # None where KD itself is best
lead = "KD itself" if ahead is None else (
    f"{100 * ahead.difference:+.1f} points from KD, {100 * ahead.low:+.1f} to {100 * ahead.high:+.1f}")
record("signature", labels=mean_interval(on_test["labels"]), kd=mean_interval(on_test["KD"]),
       best=best, best_accuracy=mean_interval(on_test[best]), lead=lead,
       kd_gain=in_points(gain["KD"]), best_gain=in_points(gain[best]),
       gain_over_labels=listed(over_labels, "gain"), no_gain_over_labels=listed(over_labels, "no gain"),
       unclear_over_labels=listed(over_labels, "cannot tell"), gain_over_kd=beaten,
       no_gain_over_kd=listed(over_kd, "no gain"), unclear_over_kd=listed(over_kd, "cannot tell"),
       verdict="plain KD is not beaten: no other loss shows a gain over it" if beaten == "none"
       else f"plain KD is beaten: a gain over it is shown by {beaten}",
       by_place=by_place, order=order, at_edge="; ".join(at_edge) or "none",
       all_gains={name: in_points(gain[name]) for name in methods}, weights=weight_of, lr=recipe.lr,
       teacher=(seen["logits"].argmax(-1) == pictures.y).float().mean().item(),
       teacher_parameters=sizes["teacher"], student_parameters=sizes["student"])
reveal("the best of all losses", best)

# %% [markdown]
# ## The same names in a published table
#
# These rows are copied from the RepDistiller README (CRD paper, 2020), except for the last three, which come from the
# programs that their papers published: top-1 accuracy on CIFAR-100 in percent for three pairs of teacher and student.
# Each row carries how its number was chosen.

# %%
pairs = ("WRN-40-2 → 16-2", "resnet32x4 → 8x4", "vgg13 → vgg8")
last, best_on_test, other = "last epoch", "best epoch on test", "another program"
reported = {
    "student, labels": (last, (73.26, 72.50, 70.36)),
    "KD": (last, (74.92, 73.33, 72.98)),
    "FitNet": (last, (73.58, 73.50, 71.02)),
    "attention transfer": (last, (74.08, 73.44, 71.43)),
    "similarity preserving": (last, (73.83, 72.94, 72.68)),
    "correlation congruence": (last, (73.56, 72.97, 70.71)),
    "VID": (last, (74.11, 73.09, 71.23)),
    "RKD, both terms": (last, (73.35, 71.90, 71.48)),
    "PKT": (last, (74.54, 73.64, 72.88)),
    "CRD": (last, (75.48, 75.51, 73.94)),
    "decoupled KD": (best_on_test, (76.23, 76.32, 74.68)),
    "DIST": (other, (None, 76.31, None)),
    "KD, standardised logits": (best_on_test, (76.11, 76.62, 74.36)),
}
print(f"{'':>24}" + "".join(f"{pair:>18}" for pair in pairs))
for name, (protocol, row) in reported.items():
    printed = [f"{value:.2f}" if value else "-" for value in row]
    print(f"{name:>24}" + "".join(f"{text:>18}" for text in printed) + f"   {protocol}")

# %% experiment
alone = reported["student, labels"][1]
gains = {name: [value - base for value, base in zip(row, alone) if value]
         for name, (_, row) in reported.items() if name != "student, labels"}
plots.show(
    plots.gains_beside_reported(gain, gains, {name: reported[name][0] for name in gains}),
    alt="Left: the gain of each method over students trained on labels, measured here, with 95 % "
    "intervals. Right: gains printed for CIFAR-100, three pairs a method, marked by how the epoch "
    "was chosen.",
)

# %% [markdown]
# How to read it: on the left, the mean gain over ten paired seeds with its 95 % interval, KD in red with a dotted line
# to compare with. On the right, one mark for each pair of networks; its shape says how the epoch was chosen. There are no
# intervals on the right because the tables print none that all rows share.
#
# **Reading the result.** Students alone reach {{ signature.labels.mean | percent }} on the test set, with KD
# {{ signature.kd.mean | percent }}: a gain of {{ signature.kd_gain.mean | .1f }} percentage points
# ({{ signature.kd_gain.low | .1f }} to {{ signature.kd_gain.high | .1f }}).
# Against labels the verdict is *gain* for: {{ signature.gain_over_labels }}. *No gain*:
# {{ signature.no_gain_over_labels }}. *Cannot tell*: {{ signature.unclear_over_labels }}.
#
# Against KD the verdict is *gain* for: {{ signature.gain_over_kd }}. *No gain*: {{ signature.no_gain_over_kd }}.
# *Cannot tell*: {{ signature.unclear_over_kd }}. In one sentence: **{{ signature.verdict }}**. The largest mean is that
# of {{ signature.best }}, {{ signature.best_accuracy.mean | percent }} ({{ signature.lead }} at 99.6 %). Where the verdict
# is *cannot tell*, neither the lead nor its absence is shown: that takes more seeds, not a bolder sentence. Another
# machine rounds differently and so trains other students. Where an interval ends close to 0 or to one point, the verdict
# of your run may be another one, and neither run is wrong.
#
# Sorted by where the losses act, the mean gain is {{ signature.by_place.logits | .1f }} points for those on logits,
# {{ signature.by_place.hidden_vector | .1f }} on the hidden vector and {{ signature.by_place.map | .1f }} on the
# map: in order, {{ signature.order }}. A possible reason, not tested here: a map of 8 channels has no room for what 48
# channels hold, while the 36 logits mean the same in both networks. The best of three weights lay at an end of its range
# for: {{ signature.at_edge }}; there a wider search might find a little more.
#
# This is one small teacher, one very small student and a thousand pictures. It says what happens there, and how such a
# question is asked; it does not rank methods for your networks.

# %% [markdown]
# ## Reading critically: whose rows compare?
#
# In the right half the later methods lead by a wide margin. Before believing it, compare how the numbers came about.
# RepDistiller reports the last epoch. The program behind the rows "decoupled KD" and "standardised logits" reports the
# best epoch *on the test set*, and the second of them multiplies the weight of the KD term by ten compared with the KD
# row, from 0.9 to 9. DIST was run by a third program.
#
# Take only the rows that were measured as KD's row was. Which single method has a mean over the three pairs above KD's
# mean? Write its name, as printed above, in quotation marks in the place of `None`.

# %% exercise="ahead_of_kd" difficulty=1 minutes=2
ahead_of_kd = None
### BEGIN SOLUTION
ahead_of_kd = "CRD"
### END SOLUTION

# %% check="ahead_of_kd" points=1
from kdtutor.checks import check

check(ahead_of_kd)
### BEGIN HIDDEN TESTS
assert ahead_of_kd == "CRD", "another method is ahead among the rows with KD's protocol"
### END HIDDEN TESTS

# %% [markdown]
# ### What choosing on the test set is worth
#
# Question 3. Ten students on labels alone, no method at all, at a constant learning rate, their accuracy noted after each
# of 20 epochs. If one reports the best epoch on the test set instead of one that was chosen honestly, how many percentage
# points appear from nothing? Predict.

# %%
predict("points gained by choosing the epoch on the test set", ...)

# %% [markdown]
# First the honest rule. Validation chooses the epoch; the test set is read once, there.

# %% exercise="accuracy_to_report" difficulty=1 minutes=3
def accuracy_to_report(validation, test):
    """The test accuracy at the epoch with the best validation accuracy, the first of several equal ones.

    validation, test: lists of one number an epoch, of equal length. Returns a number.
    Example: validation [0.5, 0.7, 0.6] is best at the second epoch; test [0.55, 0.66, 0.68]
    is 0.66 there.
    """
    ### BEGIN SOLUTION
    return test[validation.index(max(validation))]
    ### END SOLUTION

# %% check="accuracy_to_report" points=1
from kdtutor.checks import check, secret_logits

check(accuracy_to_report)
### BEGIN HIDDEN TESTS
validation, test = (secret_logits(9, key=key).tolist() for key in ("validation", "test"))
best_epoch = sorted(range(9), key=lambda epoch: -validation[epoch])[0]
assert float(accuracy_to_report(validation, test)) == test[best_epoch], "wrong for fresh curves"
### END HIDDEN TESTS

# %% experiment
my_report = use(accuracy_to_report)
curves = [([], []) for _ in seeds]
by_student = {}


def note(student):
    """Called after each epoch for each student in turn."""
    validation, test = curves[by_student.setdefault(id(student), len(by_student))]
    validation.append(accuracy_of(student, glyphs.validation))
    test.append(accuracy_of(student, glyphs.test))
    return test[-1]


constant = Recipe(epochs=20, batch_size=40, lr=recipe.lr / 2, schedule="constant")
trained("labels", [0], seeds, constant, evaluate=note)
bonus = mean_interval([max(test) - my_report(validation, test) for validation, test in curves])
over_last = mean_interval([max(test) - test[-1] for _, test in curves])
record("epochs", bonus=in_points(bonus), over_last=in_points(over_last),
       share_of_kd=over_last.mean / abs(gain["KD"].mean))
reveal("points gained by choosing the epoch on the test set", 100 * bonus.mean)
plots.show(
    plots.chosen_epochs(*curves[0]),
    alt="Validation and test accuracy of one student over 20 epochs at a constant learning rate. "
    "The curve wobbles; three marks show the best test epoch, the epoch chosen on validation and "
    "the last one.",
)

# %% [markdown]
# How to read it: the run of the first seed; marks may lie on top of each other. Both curves wobble from epoch to epoch.
# Whoever takes the highest point of
# the black curve collects the wobble.
#
# **Reading the result.** Over {{ epochs.bonus.n }} students, the best epoch on the test set lies
# {{ epochs.bonus.mean | .1f }} points ({{ epochs.bonus.low | .1f }} to {{ epochs.bonus.high | .1f }}) above the epoch that
# validation chose, and {{ epochs.over_last.mean | .1f }} ({{ epochs.over_last.low | .1f }} to
# {{ epochs.over_last.high | .1f }}) above the last one. The last number is {{ epochs.share_of_kd | .2f }} times the
# gain of KD in the experiment above, and no method was used to get it. It depends on how much the curve wobbles at the
# end: with a learning rate that falls to 0 it is smaller. So rows of the two protocols cannot be compared,
# and the repair is the function you just wrote.

# %% [markdown]
# ### What a tenfold weight is worth
#
# Question 4. The tuning above holds the answer: for each method, the difference between its best and its worst weight
# of three; and, for comparison, the difference between the best and the worst method when each has its best weight.

# %% experiment
by_weight = sorted(max(scores) - min(scores) for scores in tuning.values())
by_method = max(map(max, tuning.values())) - min(map(max, tuning.values()))
median, largest = by_weight[len(by_weight) // 2], by_weight[-1]
record("weights", median=100 * median, largest=100 * largest, between_methods=100 * by_method,
       verdict="the weight matters as much as the method or more" if largest >= by_method
       else "the method matters more than the weight")
print(f"between weights of one method: median {median:.1%}, largest {largest:.1%}")
print(f"between tuned methods: {by_method:.1%}")

# %% experiment
carried = {"CRD": 0.8, "similarity preserving": 3000, "decoupled KD": 1}  # as published
for name, weight in carried.items():
    students = trained(name, [weight], range(100, 103), recipe)
    carried[name] = mean_interval([accuracy_of(student, glyphs.validation) for student in students]).mean
record("carried", crd=carried["CRD"], similarity=carried["similarity preserving"],
       dkd=carried["decoupled KD"], labels=rates[recipe.lr],
       below=sum(score < rates[recipe.lr] for score in carried.values()))
print({name: f"{score:.2%}" for name, score in carried.items()}, f"labels alone: {rates[recipe.lr]:.2%}")

# %% [markdown]
# **Reading the result.** Within one method the weight moves the validation accuracy by {{ weights.median | .1f }} points
# in the median and by {{ weights.largest | .1f }} at most; between tuned methods the range is
# {{ weights.between_methods | .1f }}. Verdict, by the largest of them: {{ weights.verdict }}. These
# are weights within a factor of ten of a good one. A weight carried over from elsewhere can be further off. With the
# published weight, three methods score on validation: CRD at
# 0.8 {{ carried.crd | .2% }}, similarity at 3000 {{ carried.similarity | .2% }}, decoupled KD at 1
# {{ carried.dkd | .2% }}, where labels alone have {{ carried.labels | .2% }}. Below labels alone:
# {{ carried.below }} of these three. Our CRD takes its negatives from the batch where the authors keep thousands in a memory, and our
# layers are smaller: the same number is another strength. A table in which one row had its weight tuned and another did
# not compares the tuning as well.
#
# Weights hide in formulas, too. The paper on attention transfer measures $\lVert q_s - q_t\rVert$; its program takes the
# mean of the squared differences over the positions. For maps of 8 × 8 positions at distance 0.1 the two differ by a
# factor of 640, which is why configurations with a weight of 1000 are not bold. The programs for relational KD divide by
# $N^2$ and $N^3$ where the paper has pairs and triplets. `kdtutor.distill.conventions` translates between them.

# %% [markdown]
# ## An interview question
#
# One of five that an article lists for interviews: *what are the main advantages of knowledge distillation?* The
# article's answer is that the student gets better and the model smaller. Answer in two or three sentences of your own,
# with a number that you measured in this unit or the last for each advantage you claim, and name one condition under
# which the advantage does not appear.

# %% [markdown] answer="main_advantages" points=2
# <!-- BEGIN SOLUTION -->
# Distillation gives a small network part of a large one's accuracy at the small one's cost: here the student has
# {{ signature.student_parameters }} parameters where the teacher has {{ signature.teacher_parameters }}, and with KD it
# reaches {{ signature.kd.mean | percent }} instead of {{ signature.labels.mean | percent }} from the same 1,000 labelled
# pictures. It works for any architecture and needs nothing from the teacher but its outputs. It is not distillation that
# makes the model small (we chose a small student), and the gain is not guaranteed: with a loss or a weight that does not
# fit, several students above did no better than with labels alone.
#
# ### BEGIN MARK SCHEME
# 1 point: an advantage stated as a comparison with the same student trained on labels, with a number that was measured.
# Half of it if the number is missing, or if the student is compared with the teacher only.
# 1 point: a condition under which the advantage disappears that fits the measurements (weight too large, a loss that
# shows no gain here, enough labelled data, a student too small, a teacher too poor). No point for "it always helps".
# Also accept: no dependence on the architecture, use of unlabelled pictures, softer targets, with evidence from unit 02.
# ### END MARK SCHEME
# <!-- END SOLUTION -->

# %% [markdown]
# ## What to remember
#
# - A feature loss is defined by what it overlooks: hints nothing, attention which channel it was, similarity a rotation and
#   a factor, distances and angles a shift as well.
# - KD is a target part plus a non-target part that a sure teacher mutes. DIST and standardised logits ask for the pattern
#   of the logits, not their size.
# - Divide by what makes the size of the batch, the layer and the numbers irrelevant; then the weight means something.
# - `sqrt(0)` and `0/0` give a correct loss and a NaN gradient.
# - Verdict of this unit's experiment: {{ signature.verdict }}.
#
# **What breaks it**: weights carried over from a program with another normalisation; the diagonal of a distance matrix;
# `1 - p` for a sure network; a baseline that was not tuned; an epoch chosen on the test set.
#
# **Where to read on**: Romero and others, *FitNets*, 2015, section 2.2. Zagoruyko and Komodakis, *Paying More Attention
# to Attention*, 2017, section 3.1. Tung and Mori, *Similarity-Preserving Knowledge Distillation*, 2019, section 3. Park
# and others, *Relational Knowledge Distillation*, 2019, section 3.2. Tian, Krishnan and Isola, *Contrastive
# Representation Distillation*, 2020, section 4, for the table. Zhao and others, *Decoupled Knowledge Distillation*,
# 2022, section 3. Huang and others, *Knowledge Distillation from A Stronger Teacher*, 2022, section 4. Sun and others,
# *Logit Standardization in Knowledge Distillation*, 2024, section 4.
#
# Next: unit 04 asks which teacher, and when.
