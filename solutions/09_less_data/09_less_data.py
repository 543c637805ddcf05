# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Less data
#
# The other units make the network smaller. This one makes its training data smaller. There are three ways, and they are
# easily mixed up: fewer numbers a sample, fewer samples, fewer bits a number. Each is built here, and then all of them
# compete for the same bytes.
#
# **After this unit** you can derive principal components, k-means prototypes, mutual information and the LASSO, say which
# of them leaves out samples and which leaves out features, and count what a reduced data set weighs with all it needs.
#
# **Questions that the measurements below will settle**
#
# 1. A quarter, an eighth, a sixteenth of the bytes: which reduction leaves the most accurate student?
# 2. Are the samples on which a teacher is most unsure the best ones to keep?
# 3. What does the teacher add when it answers for the reduced data?
# 4. Is it cheaper to send gradients than to send the data?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 16 |
# | You need | units 01 and 02; a little linear algebra |

# %%
from functools import partial

import torch
import torch.nn.functional as F

from kdtutor import data, distill, models, plots, quantize, reduce
from kdtutor.checks import check, hint, predict, reveal, use
from kdtutor.measure import mean_interval, paired_comparison, record
from kdtutor.plots import less_data as figures
from kdtutor.training import Recipe, fit_many, glyph_teacher
from kdtutor.training import predict as outputs_of
from kdtutor.training.side_by_side import SideBySide, fit_side_by_side

torch.set_num_threads(1)  # networks as small as these lose more time to waiting threads than they gain

# %% [markdown]
# Wherever you are stuck, `hint(principal_components)` in a new cell gives the next of three hints for that exercise.
#
# ## What is there to save?
#
# The 8,000 training glyphs are a table: $N = 8000$ rows, one a picture, and $D = 256$ columns, one a pixel. With a byte a
# pixel and a byte a label it weighs $8000 \cdot 257$ bytes. Pixels of a glyph are far from independent, so the table holds
# less than it weighs. Let $x_1, \dots, x_N$ be its rows. Which $k$ numbers a picture are worth keeping?

# %% experiment
glyphs = data.load("glyphs")
x, y = glyphs.train.x.flatten(1), glyphs.train.y
test_x, test_y = glyphs.test.x.flatten(1), glyphs.test.y
whole_bytes = x.numel() + len(y)
print(f"{len(x)} pictures of {x.shape[1]} pixels, {whole_bytes / 1e6:.2f} MB")

# %% [markdown]
# ## Fewer numbers a sample: principal components
#
# Look for one direction $v$, $\|v\| = 1$, along which the data vary most. With the mean $\bar x$ taken away,
#
# $$\frac{1}{N-1}\sum_i \big(v^\top (x_i - \bar x)\big)^2 = v^\top S\, v, \qquad S = \frac{1}{N-1}\sum_i (x_i-\bar x)(x_i-\bar x)^\top.$$
#
# To make $v^\top S v$ as large as possible under $v^\top v = 1$, set the slope of $v^\top S v - \lambda (v^\top v - 1)$ to
# zero: $S v = \lambda v$. In words: the best direction is an **eigenvector** of the covariance, and the variance along it is
# its eigenvalue. The next one is the best among those at right angles to the first, and so on. Write the centred table as
# $U \Sigma V^\top$; then $S = V \Sigma^2 V^\top / (N-1)$, so the directions are the right singular vectors and the variances
# $\sigma_j^2/(N-1)$.
#
# Keeping the coordinates $z = V_k (x - \bar x)$ and going back by $\hat x = \bar x + V_k^\top z$ loses exactly the variance
# of the directions left out. **What has to be stored** are the coordinates, and the mean and the $k$ directions as well.

# %%
predict("share of the variance in the first 30 of 256 components, from 0 to 1", ...)

# %% exercise="principal_components" difficulty=2 minutes=7
def principal_components(x, k):
    """Mean, first k principal components and the variances along them.

    x: (N, D), N >= 2. k: 1 to min(N, D). Returns (mean (D,), components (k, D), variances (k,)):
    rows of length 1, largest variance first, divisor N - 1. Features are centred, not scaled. The
    sign of a component does not matter.
    Example: x = [[0, 1], [2, 1], [4, 1]], k = 1: mean [2, 1], component [[1, 0]], variance [4].
    """
    ### BEGIN SOLUTION
    mean = x.mean(0)
    _, singular_values, directions = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, directions[:k], singular_values[:k] ** 2 / (len(x) - 1)
    ### END SOLUTION

# %% check="principal_components" points=2
from kdtutor.checks import check, secret_logits

check(principal_components)
### BEGIN HIDDEN TESTS
fresh = secret_logits(40, 3, key="pca") @ secret_logits(3, 6, key="mix") + 5
mean, rows, variances = principal_components(fresh, 3)
back = mean + (fresh - mean) @ rows.T @ rows
assert float((back - fresh).abs().max()) < 0.05, "three directions hold data that has only three"
along = ((fresh - mean) @ rows.T).var(0)
assert float((along / variances - 1).abs().max()) < 0.01, "a variance is not that along its row"
assert variances.tolist() == sorted(variances.tolist(), reverse=True), "largest variance first"
### END HIDDEN TESTS

# %% experiment
my_principal_components = use(principal_components)
mean, directions, variances = my_principal_components(x, 60)
share = (variances.cumsum(0) / x.var(0).sum()).tolist()
shown = x[:9]
rows = {"pictures": shown.view(-1, 16, 16)}
for k in (60, 30, 7):
    back = mean + (shown - mean) @ directions[:k].T @ directions[:k]
    rows[f"from {k} numbers"] = back.view(-1, 16, 16)
rows["components"] = directions[:9].view(-1, 16, 16)
plots.show(
    figures.pictures_in_rows(rows),
    alt="Nine glyphs; below, the same rebuilt from 60, 30 and 7 numbers, more and more blurred. The "
    "last row shows the first nine principal components, large soft stripes and blobs.",
)
record("components", share_30=share[29], share_60=share[59], share_7=share[6])
print(f"share of the variance: 7 components {share[6]:.1%}, 30 {share[29]:.1%}, 60 {share[59]:.1%}")
reveal("share of the variance in the first 30 of 256 components, from 0 to 1", share[29])

# %% [markdown]
# How to read it: each row of glyphs has fewer numbers a picture than the one above; the last row shows what the numbers
# multiply. Thirty components hold {{ components.share_30 | percent }} of the variance and seven
# {{ components.share_7 | percent }}. The noise of single pixels is variance too, and it is spread over all directions: part
# of what is left out was never worth keeping.

# %% [markdown]
# ## Fewer samples: prototypes
#
# Instead of shortening the rows one can keep fewer of them. Replace the samples of a class by $k$ points $\mu_1, \dots, \mu_k$
# such that
#
# $$\sum_i \min_j \|x_i - \mu_j\|^2$$
#
# is small: every sample should have a point nearby. Two facts give the algorithm. For given points, the best choice for a
# sample is the nearest point. For given choices, the best point is the **mean** of its samples, because the slope
# $-2\sum_i (x_i - \mu)$ is zero there. Doing the two in turn never increases the sum, and as there are finitely many
# assignments it stops: **k-means**, Lloyd's algorithm. Each class is clustered by itself, so that a point has one label.

# %% exercise="prototypes" difficulty=3 minutes=10
def prototypes(x, y, per_class):
    """k-means within each class: per_class points that stand for all its samples.

    x: (N, D). y: (N,) class indices. Each class starts from its own first per_class samples, in the
    order in which they stand in x, and goes on until no sample changes its point (Euclidean distance).
    A point that has lost all its samples stays where it is.
    Returns (points (C·per_class, D), labels (C·per_class,), counts (C·per_class,)), classes ascending;
    counts: how many samples each point stands for.
    Example: x = [[0], [10], [1], [12], [5]], y = [0, 0, 0, 0, 1], one a class: points [[5.75], [5]],
    labels [0, 1], counts [4, 1].
    """
    ### BEGIN SOLUTION
    points, counts = [], []
    for c in y.unique():
        members = x[y == c]
        centroids, nearest = members[:per_class].clone(), None
        while True:
            before, nearest = nearest, torch.cdist(members, centroids).argmin(1)
            if before is not None and torch.equal(before, nearest):
                break
            for j in nearest.unique():
                centroids[j] = members[nearest == j].mean(0)
        points.append(centroids)
        counts.append(nearest.bincount(minlength=per_class))
    return torch.cat(points), y.unique().repeat_interleave(per_class), torch.cat(counts)
    ### END SOLUTION

# %% check="prototypes" points=3
from kdtutor.checks import check, secret_labels, secret_logits

check(prototypes)
### BEGIN HIDDEN TESTS
import torch

fresh_y = torch.cat([torch.arange(3).repeat(4), secret_labels(30, 3, key="proto")])
fresh_x = secret_logits(42, 2, key="proto") + 2 * fresh_y[:, None]
points, labels, counts = prototypes(fresh_x, fresh_y, 2)
assert labels.tolist() == [0, 0, 1, 1, 2, 2], "two points a class, classes ascending"
assert int(counts.sum()) == 42, "every sample belongs to one point"
for c in range(3):
    mine, own = fresh_x[fresh_y == c], points[labels == c]
    nearest = torch.cdist(mine, own).argmin(1)
    for j in nearest.unique().tolist():
        off = float((mine[nearest == j].mean(0) - own[j]).abs().max())
        assert off < 1e-4, "a point is not the mean of its samples"
### END HIDDEN TESTS

# %% [markdown]
# ## Which real samples? Ask the teacher
#
# A prototype is a picture that nobody drew. The alternative is a **coreset**: some of the real samples. A teacher says of
# each sample how sure it is, through the entropy of its answer,
#
# $$H(p) = -\sum_c p_c \log p_c.$$
#
# In words: 0 where one class has everything, $\log C$ where all are equally likely. One may keep the samples with the
# largest entropy, because there is most to learn, or those with the smallest, because they are typical. Hard classes would
# crowd the choice, so classes take turns.

# %% exercise="coreset" difficulty=2 minutes=6
def coreset(probs, k, mode="unsure", labels=None):
    """Positions of the k samples with the highest ("unsure") or lowest ("sure") entropy.

    First choice first. probs: (N, C), rows sum to 1, zeros allowed. labels: None, or (N,) class
    indices: then the classes take turns. First comes every class's best sample, sorted among each
    other by entropy, then every class's second best, and so on. Ties go to the earlier sample.
    Returns (k,) integers.
    Example: probs = [[.5, .5], [.9, .1], [.6, .4]], k = 2: the rows 0 and 2 are the least sure: [0, 2].
    """
    ### BEGIN SOLUTION
    entropy = -torch.special.xlogy(probs, probs).sum(1)
    order = entropy.argsort(descending=mode == "unsure", stable=True)
    if labels is not None:
        members = F.one_hot(labels[order])
        turn = (members.cumsum(0) * members).sum(1)
        order = order[turn.argsort(stable=True)]
    return order[:k]
    ### END SOLUTION

# %% check="coreset" points=2
from kdtutor.checks import check, secret_labels, secret_logits

check(coreset)
### BEGIN HIDDEN TESTS
import math

probs = secret_logits(30, 4, key="coreset").softmax(1)
entropy = [-sum(p * math.log(p) for p in row if p > 0) for row in probs.tolist()]
for mode, sign in (("unsure", -1), ("sure", 1)):
    by_hand = sorted(range(30), key=lambda i: sign * entropy[i])
    assert coreset(probs, 9, mode).tolist() == by_hand[:9], "other samples for fresh probabilities"
    own = secret_labels(30, 2, key="coreset").tolist()
    turn, turns = {}, []
    for i in by_hand:
        turns.append((turn.get(own[i], 0), len(turns), i))
        turn[own[i]] = turns[-1][0] + 1
    wanted = [i for _, _, i in sorted(turns)][:11]
    chosen = coreset(probs, 11, mode, secret_labels(30, 2, key="coreset"))
    assert chosen.tolist() == wanted, "the classes do not take turns as they should"
### END HIDDEN TESTS

# %% experiment
my_prototypes, my_coreset = use(prototypes), use(coreset)
teacher = glyph_teacher().cpu()
pictures = x.view(-1, 1, 16, 16)
answers = outputs_of(teacher, pictures)
sure_of = answers.softmax(1)
of_a = y == 10
rows = {
    "any": x[of_a][:8],
    "most unsure": x[of_a][my_coreset(sure_of[of_a], 8, "unsure")],
    "most sure": x[of_a][my_coreset(sure_of[of_a], 8, "sure")],
    "prototypes": my_prototypes(x[of_a], y[of_a], 8)[0],
}
plots.show(
    figures.pictures_in_rows({name: row.view(-1, 16, 16) for name, row in rows.items()}),
    alt="Four rows of eight pictures of the letter A: any eight, the eight on which the teacher is most "
    "unsure, faint or noisy or cut off, the eight most sure, clear and bold, and eight prototypes, "
    "smooth averages without noise.",
)

# %% [markdown]
# How to read it: four ways to choose eight pictures for the letter A. The unsure ones are hard for people too. The
# prototypes have no noise, because noise is what a mean takes away. Keep a guess of which row teaches best.

# %% [markdown]
# ## Fewer features: one at a time
#
# Principal components mix all pixels. Sometimes a measurement itself is to be left out, because it costs something. Then each
# feature needs a **score**. The **variance** asks whether it changes at all. The **variance ratio** compares its variance
# between classes with that within. **Chi²** compares its total in each class with what the class sizes alone would give. And
# information theory asks how much knowing the feature says about the label. Cut the feature into bins $b$, count how often
# each occurs with each class $c$, and divide by $N$:
#
# $$I = \sum_{b,c} p(b,c)\,\log\frac{p(b,c)}{p(b)\,p(c)}.$$
#
# In words: the divergence of what is from what would be if feature and label had nothing to do with each other. It is 0 if
# they are independent. Write the logarithm of the quotient as $\log p(c \mid b) - \log p(c)$ and sum: $I = H(c) - H(c \mid b)$, the entropy of
# the label that disappears when the bin is known. Decision trees call the same number **information gain**.

# %% exercise="mutual_information" difficulty=3 minutes=8
def mutual_information(x, y, bins=16):
    """Mutual information, in nats, of each feature, cut into bins of equal width, and the label.

    x: (N, D). y: (N,) class indices. The bins divide the way from the feature's own smallest value to
    its largest, which belongs to the last bin. Returns (D,); a feature that never changes scores 0.
    Example: x = [[0, 0], [1, 1], [2, 0], [3, 1]], y = [0, 0, 1, 1], 2 bins. The first feature's bins are
    [0, 0, 1, 1], the label itself: log 2 = 0.693. The second's are [0, 1, 0, 1]: 0.
    """
    ### BEGIN SOLUTION
    low, high = x.amin(0), x.amax(0)
    width = torch.where(high > low, high - low, 1.0)
    bin_of = ((x - low) / width * bins).long().clamp_max(bins - 1)
    members = F.one_hot(y).double()
    joint = torch.stack([F.one_hot(b, bins).double().T @ members for b in bin_of.T]) / len(y)
    independent = joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True)
    terms = torch.special.xlogy(joint, joint) - torch.special.xlogy(joint, independent)
    return terms.sum((1, 2)).to(x.dtype)
    ### END SOLUTION

# %% check="mutual_information" points=2
from kdtutor.checks import check, secret_labels, secret_logits

check(mutual_information)
### BEGIN HIDDEN TESTS
import math

fresh_y = secret_labels(60, 3, key="information")
fresh = secret_logits(60, 3, key="information") + 3 * fresh_y[:, None]
scores = mutual_information(fresh, fresh_y, 5).tolist()
for j, column in enumerate(fresh.T.tolist()):
    low, high = min(column), max(column)
    bins = [min(int((v - low) / (high - low) * 5), 4) for v in column]
    pairs = list(zip(bins, fresh_y.tolist()))
    by_hand = 0.0
    for b, c in set(pairs):
        p, pb, pc = pairs.count((b, c)) / 60, bins.count(b) / 60, fresh_y.tolist().count(c) / 60
        by_hand += p * math.log(p / (pb * pc))
    assert abs(scores[j] - by_hand) < 0.02, "the information is wrong for a fresh feature"
### END HIDDEN TESTS

# %% [markdown]
# ## Fewer features: judged together
#
# Two neighbouring pixels that say the same score alike, and both are kept. **Recursive elimination** looks at features
# together: fit a model on all of them, drop those that it uses least, fit again on the rest. A copy loses its neighbour in one
# round and gets the whole weight in the next.

# %% exercise="recursive_elimination" difficulty=3 minutes=8
def recursive_elimination(fit_scores, x, y, k, step=1):
    """Fit, drop the `step` lowest scores, fit again, until k features are left (never fewer).

    fit_scores(x_remaining, y) -> one number for each remaining feature, larger is more useful.
    x: (N, D). Of equal scores the later feature goes first. Returns (kept, ranking): the k positions
    in x, ascending, and (D,) integers: 1 for what is kept, 2 for what was dropped in the last round, 3
    in the one before.
    Example: x = [[0, 0, 0], [1, 3, 2]], scores the ranges, k = 1, step 1: the ranges are 1, 3, 2, so 0
    goes first, then 2. kept [1], ranking [3, 1, 2].
    """
    ### BEGIN SOLUTION
    remaining = torch.arange(x.shape[1])
    ranking = torch.ones(x.shape[1], dtype=torch.int64)
    while len(remaining) > k:
        best_first = fit_scores(x[:, remaining], y).argsort(descending=True, stable=True)
        survivors = max(k, len(remaining) - step)
        ranking[ranking > 1] += 1
        ranking[remaining[best_first[survivors:]]] = 2
        remaining = remaining[best_first[:survivors].sort().values]
    return remaining, ranking
    ### END SOLUTION

# %% check="recursive_elimination" points=2
from kdtutor.checks import check, secret_logits

check(recursive_elimination)
### BEGIN HIDDEN TESTS
seen = []


def sizes_seen(part, _labels):
    seen.append(part.shape[1])
    return part.abs().sum(0)


fresh = secret_logits(20, 7, key="elimination")
kept, ranking = recursive_elimination(sizes_seen, fresh, fresh[:, 0], 2, 2)
by_size = sorted(range(7), key=lambda j: -float(fresh[:, j].abs().sum()))
assert seen == [7, 5, 3], "every round fits what remains, and the last drops no more than it may"
assert kept.tolist() == sorted(by_size[:2]), "other features are kept"
wanted = {j: 1 + (place >= 2) + (place >= 3) + (place >= 5) for place, j in enumerate(by_size)}
assert ranking.tolist() == [wanted[j] for j in range(7)], "the ranking is wrong for fresh features"
### END HIDDEN TESTS

# %% [markdown]
# The **LASSO** does it in one fit. Least squares with a penalty on the size of the weights,
#
# $$\min_{w, b}\; \frac{1}{2N}\|Y - Xw - b\|^2 + \lambda \|w\|_1.$$
#
# Why does this set weights to exactly zero, and a penalty on squares does not? Move one weight away from 0 by $\epsilon$: the
# first term falls by at most $\epsilon\,|\text{slope}|$, and the penalty rises by $\epsilon\,\lambda$. A feature whose slope
# is below $\lambda$ is not worth its penalty and stays at 0. A squared penalty rises by $\epsilon^2$ only, which any
# slope beats.
#
# To solve it, take a step along the slope of the squares, and then the best step for the penalty, which is **soft
# thresholding** (unit 05): shrink every weight by $\eta\lambda$ and stop at 0. With a step length
# $\eta = 1/\lambda_{\max}(X^\top X/N)$, and the means taken away before, this converges:
#
# $$w \leftarrow \mathrm{soft}\big(w - \eta\, \tfrac1N X^\top (Xw - Y),\; \eta\lambda\big), \qquad b = \bar y - \bar x\, w.$$

# %% exercise="lasso" difficulty=4 minutes=10
def lasso(x, y, strength, steps=500):
    """Least squares with an L1 penalty: w, b that minimise 1/(2N) ‖y - x w - b‖² + strength · ‖w‖₁.

    `steps` rounds from w = 0. x: (N, D). y: (N, K). Returns (w (D, K), b (K,)). Weights that are not
    worth the penalty are exactly 0; the intercept is not penalised.
    Example: x = [[0], [2]], y = [[1], [5]], strength 0.5. Centred x is ±1 and y is ±2, so without a
    penalty w = 2 (and the mean of x² is 1); the penalty takes 0.5 off: w = 1.5, b = 3 - 1 · 1.5 = 1.5.
    """
    ### BEGIN SOLUTION
    x_mean, y_mean = x.mean(0), y.mean(0)
    gram = (x - x_mean).T @ (x - x_mean) / len(x)
    moments = (x - x_mean).T @ (y - y_mean) / len(x)
    rate = 1 / torch.linalg.eigvalsh(gram)[-1]
    w = torch.zeros_like(moments)
    for _ in range(steps):
        w = w - rate * (gram @ w - moments)
        w = w.sign() * (w.abs() - rate * strength).clamp_min(0)
    return w, y_mean - x_mean @ w
    ### END SOLUTION

# %% check="lasso" points=3
from kdtutor.checks import check, secret_logits

check(lasso)
### BEGIN HIDDEN TESTS
fresh = secret_logits(60, 5, scale=1.0, key="lasso") + 2
target = fresh[:, :2] @ secret_logits(2, 2, scale=1.0, key="truth")
target = target + 0.1 * secret_logits(60, 2, scale=1.0, key="noise")
for strength in (0.05, 0.3):
    w, b = lasso(fresh, target, strength, 800)
    slope = (fresh - fresh.mean(0)).T @ (target - fresh @ w - b) / 60
    assert float(slope.abs().max()) < strength + 0.002, "a weight could still move and gain"
    moved = (slope - strength * w.sign())[w != 0]
    assert len(moved) == 0 or float(moved.abs().max()) < 0.002, "a weight pays too much or too little"
    assert float((target - fresh @ w - b).mean(0).abs().max()) < 0.002, "the intercept is off"
### END HIDDEN TESTS

# %% experiment
my_information, my_elimination = use(mutual_information), use(recursive_elimination)
my_lasso = use(lasso)
one_hot = F.one_hot(y, 36).float()
scaled = (x - x.mean(0)) / x.std(0)  # one scale for all features, so that their weights compare


def size_of_weights(part, _labels):
    """How much a linear fit of the 36 classes uses each feature."""
    gram = part.T @ part / len(part) + 1e-3 * torch.eye(part.shape[1])
    return torch.linalg.solve(gram, part.T @ one_hot / len(part)).norm(dim=1)


def lasso_of(k):
    """Weights at the smallest strength found at which at most k pixels have one."""
    low, high = 1e-3, 0.2
    for _ in range(12):
        strength = (low * high) ** 0.5
        alive = (reduce.lasso(scaled, one_hot, strength, tolerance=1e-5).weights != 0).any(1).sum()
        low, high = (strength, high) if alive > k else (low, strength)
    return reduce.lasso(scaled, one_hot, high, tolerance=1e-5).weights


scores = {
    "variance": reduce.variance(x),
    "variance ratio": reduce.variance_ratio(x, y),
    "chi²": reduce.chi_square(x, y),
    "mutual information": my_information(x, y, 16),
}
choices = {name: partial(reduce.select, score) for name, score in scores.items()} | {
    "entropy, uncorrelated": lambda k: reduce.select_uncorrelated(x, reduce.binned_entropy(x), k, 0.7),
    "recursive elimination": lambda k: my_elimination(size_of_weights, scaled, y, k, 8)[0],
    "LASSO": lambda k: reduce.select(lasso_of(k).norm(dim=1), k),
}
plots.show(
    figures.kept_pixels({name: choose(32) for name, choose in choices.items()}, 16, 16),
    alt="Seven squares of 16 by 16 pixels in which the 32 kept ones are dark. Scores of single pixels "
    "keep connected blobs around the middle; recursive elimination spreads its pixels.",
)
gain = (reduce.information_gain(x, y) - scores["mutual information"]).abs().max().item()
survivors = int((my_lasso(scaled, one_hot, 0.02, 300)[0] != 0).any(1).sum())
silent = int((lasso_of(32) == 0).all(0).sum())
record("features", gap=gain, survivors=survivors, silent=silent)
print(f"largest gap between mutual information and information gain: {gain:.1e}")
print(f"pixels with a weight under LASSO of strength 0.02: {survivors} of 256")

# %% [markdown]
# How to read it: each square is a picture, and the dark pixels are the 32 that a method keeps. Scores of single pixels gather
# where glyphs differ most and keep neighbours that tell the same story; what looks at pixels together spreads out. Information gain is not
# drawn: it is mutual information to within rounding.

# %% [markdown]
# ## Fewer bits a number
#
# Three formats for the pixels, from $b$ bits each. **Affine** codes have equal steps from the smallest to the largest value
# (unit 07). The **mean** format has steps as wide as the mean size $m$ of a feature: $q = \mathrm{round}(x/m)$. The
# **logarithmic** one keeps signed powers of two,
#
# $$x \approx \mathrm{sign}(x)\, 2^{\,e}, \qquad e = \mathrm{round}(\log_2 |x|).$$
#
# In words: every value is right up to a factor of $\sqrt 2$, however small, until the powers run out. With $E$ the largest
# exponent of a feature, one bit holds the sign and $b - 1$ bits the level $E - e + 1 = 1, 2, \dots, 2^{b-1}-1$; level 0 is the
# number 0, and so is everything below the last level.

# %% exercise="log_format" difficulty=3 minutes=7
def log_format(x, bits=4):
    """Codes of b bits for signed powers of two, and each feature's largest exponent.

    x: (N, D), floating point. bits: 2 to 8. Returns (codes (N, D), exponents (D,)), both integers. With
    e = round(log2|x|) and E the largest e of the feature, level = E - e + 1 where that is at most
    2^(b-1) - 1, else 0; the code is the level, plus 2^(b-1) where x is negative. x = 0 has the level 0,
    and a feature of nothing but zeros the exponent 0.
    Example: x = [[3], [-0.7], [0], [0.1]], 3 bits: e = 2, -1, -inf, -3, so E = 2 and the levels are
    1, 4, -, 6. At most 3 is allowed: levels 1, 0, 0, 0, codes [[1], [4], [0], [0]], exponents [2].
    """
    ### BEGIN SOLUTION
    exponent = x.double().abs().log2().round()
    top = exponent.amax(0).nan_to_num(neginf=0)
    level = top - exponent + 1
    level = torch.where(level < 2 ** (bits - 1), level, 0)
    return level.long() + 2 ** (bits - 1) * (x < 0), top.long()
    ### END SOLUTION

# %% check="log_format" points=2
from kdtutor.checks import check, secret_logits

check(log_format)
### BEGIN HIDDEN TESTS
import math

fresh = secret_logits(40, 2, key="powers")
for bits in (5, 3):
    half = 2 ** (bits - 1)
    codes, exponents = log_format(fresh, bits)
    for column, own, top in zip(fresh.T.tolist(), codes.T.tolist(), exponents.tolist()):
        assert top == max(round(math.log2(abs(v))) for v in column), "the largest exponent is wrong"
        for value, code in zip(column, own):
            level = top - round(math.log2(abs(value))) + 1
            assert code % half == (level if level < half else 0), "a level is wrong for a fresh value"
            assert level >= half or (code >= half) == (value < 0), "a sign is lost"
### END HIDDEN TESTS

# %% experiment
my_log_format = use(log_format)


def in_powers_of_two(values, bits):
    """Bytes, and the values that come back: codes of b bits, 16 bits a feature for its exponent."""
    codes, exponents = my_log_format(values, bits)
    half = 2 ** (bits - 1)
    level, size = codes % half, 2.0 ** (exponents - codes % half + 1)
    back = torch.where(level == 0, 0.0, torch.where(codes >= half, -size, size))
    return codes.numel() * bits // 8 + 2 * values.shape[1], back.float()


def in_format(encode, values, bits):
    encoded = encode(values, bits)
    return encoded.nbytes, encoded.decode()


formats = {
    "affine": partial(in_format, reduce.affine_format),
    "mean": partial(in_format, reduce.mean_format),
    "logarithmic": in_powers_of_two,
}
for name, stored in formats.items():
    errors = [(stored(x, bits)[1] - x).square().mean().sqrt().item() for bits in (4, 3, 2)]
    print(f"{name:>12}: error with 4, 3, 2 bits " + " ".join(f"{error:.3f}" for error in errors))

# %% [markdown]
# Pixels begin at 0 and have no sign. The affine format takes that into account; the other two spend a bit on a sign that
# never occurs. With 2 bits they are left with 0 and one other value.
#
# There is a third thing that can be rounded: **gradients**. They are not data, but in training across devices they travel in
# its place: each device keeps its pictures, and sends what they say about the weights. Unit 08 showed why they have to be
# rounded by chance. Here the question is what they weigh.

# %% [markdown]
# ## Signature experiment: accuracy against bytes
#
# Question 1. Three budgets: about a quarter, an eighth and a sixteenth of the whole. Every method takes as much
# as fits, counted with all it needs: labels at a byte, pixels and coordinates at a byte (or the bits named), principal
# components at two bytes a number, positions of the kept pixels, parameters of every format. A perceptron with 48 hidden units
# is trained on each, ten seeds, with the same number of updates for all, about 250 batches of 128. Where a method draws by
# chance (random samples, random pixels) each seed draws its own, and prototypes start in three ways, shared by the seeds; where
# nothing is drawn, the interval speaks of the students only. Inputs are centred, and divided by one number.
#
# The learning rate was chosen for each family from 0.003, 0.01, 0.02 and 0.04, on four other seeds and the validation pictures:
# 0.01 for fewer samples and fewer bits, 0.04 for fewer numbers, the largest that was tried: components might gain from more.
# Accuracy is that on the test pictures.

# %%
predict("the best family with an eighth of the bytes: \"samples\", \"numbers\" or \"bits\"", ...)

# %% experiment
seeds = range(10)
budgets = (522_048, 266_048, 133_024)  # the first two: all pictures with 2 bits, and with 1 bit
rates = {"samples": 0.01, "numbers": 0.04, "bits": 0.01}


def coin(seed):
    return torch.Generator().manual_seed(seed)


def accuracies(sets, rate, loss=F.cross_entropy):
    """Ten students, student s from sets[s] = (inputs, targets, test inputs): their test accuracies."""
    ready = {}
    for inputs, _, test in sets:
        if id(inputs) not in ready:
            centre, scale = inputs.mean(0), (inputs - inputs.mean(0)).std()
            ready[id(inputs)] = ((inputs - centre) / scale, (test - centre) / scale)
    ready = [ready[id(inputs)] for inputs, _, _ in sets]
    nets = [models.mlp(sets[0][0].shape[1], 48, 36, seed=seed) for seed in seeds]
    epochs = round(252 / -(-len(sets[0][0]) // 128))
    shared = all(inputs is sets[0][0] for inputs, _, _ in sets)
    own_inputs = ready[0][0] if shared else [train for train, _ in ready]
    fit_many(nets, own_inputs, [target for _, target, _ in sets], loss,
             Recipe(epochs=epochs, lr=rate), seeds=seeds, device="cpu")
    return [(outputs_of(net, test).argmax(1) == test_y).float().mean().item()
            for net, (_, test) in zip(nets, ready)]


def same_for_all(inputs, test, targets=(y,)):
    return [(inputs, targets, test)] * len(seeds)


def in_bytes(values, bits=8):
    """Numbers as affine codes of a feature each: bytes, and what comes back."""
    return in_format(reduce.affine_format, values, bits)


runs, sizes = {}, {}


def enter(family, name, budget, size, sets):
    runs[name, budget] = accuracies(sets, rates[family])
    sizes[name, budget] = size


enter("bits", "all", whole_bytes, whole_bytes, same_for_all(in_bytes(x)[1], test_x))
kept_samples = {}
for budget in budgets:
    n = budget // 257
    kept_samples["random", budget] = [torch.randperm(len(x), generator=coin(s))[:n] for s in seeds]
    for mode in ("unsure", "sure"):
        kept_samples[mode, budget] = [my_coreset(sure_of, n, mode, y)] * 10
    for name in ("random", "unsure", "sure"):
        own = kept_samples[name, budget]
        parts = {id(i): (x[i], (y[i],), test_x) for i in own}
        enter("samples", name, budget, 257 * n, [parts[id(i)] for i in own])
    starts = [torch.randperm(len(x), generator=coin(s)) for s in range(3)]
    found = [my_prototypes(x[order], y[order], n // 36) for order in starts]
    three = [(points, (labels,), test_x) for points, labels, _ in found]
    kept_samples["prototypes", budget] = sets = [three[s % 3] for s in seeds]
    enter("samples", "prototypes", budget, 257 * 36 * (n // 36), sets)

# %% experiment
def in_components(budget, bits):
    """As many components as fit, coordinates in `bits` bits: bytes, k, coordinates, mean and rows."""
    per_component = len(x) * bits // 8 + 2 * 256 + 8
    k = min((budget - 2 * 256 - len(x)) // per_component, 256)
    mean, rows, _ = my_principal_components(x, k)
    return k * per_component + 2 * 256 + len(x), k, in_bytes((x - mean) @ rows.T, bits)[1], mean, rows


components = {}
for budget in budgets:
    for name, bits in (("principal components", 8), ("components, 4 bits", 4)):
        size, k, coordinates, mean, rows = in_components(budget, bits)
        components[name, budget] = (k, coordinates, mean, rows)
        enter("numbers", name, budget, size, same_for_all(coordinates, (test_x - mean) @ rows.T))
    k = (budget - len(x) - 32) // (len(x) + 8)  # a pixel: 8 bytes of format; 32 bytes: which are kept
    in_size = k * (len(x) + 8) + len(x) + 32
    own = [torch.randperm(256, generator=coin(s))[:k] for s in seeds]
    enter("numbers", "random pixels", budget, in_size, [(x[:, i], (y,), test_x[:, i]) for i in own])
    for name, choose in choices.items():
        kept = choose(k)
        enter("numbers", name, budget, in_size, same_for_all(in_bytes(x[:, kept])[1], test_x[:, kept]))

for name, stored in formats.items():
    for bits in (4, 2):
        size, back = stored(x, bits)
        enter("bits", name, bits, size + len(y), same_for_all(back, test_x))
size, back = in_bytes(x, 1)
enter("bits", "affine", 1, size + len(y), same_for_all(back, test_x))

# %% [markdown]
# Then the gradients. Ten students see all pictures, and the gradient of every batch is rounded by chance to 8 or 2 bits, with
# a scale for each tensor, before it is sent. Sent is one gradient an update.

# %% experiment
def with_gradients_in(bits):
    """Bytes of the 252 gradients that one student sends, with that many bits, and ten accuracies."""
    nets = [models.mlp(256, 48, 36, seed=seed) for seed in seeds]
    side = SideBySide(nets, lambda layer, weight: weight)

    def rounded(gradient):
        top = gradient.abs().amax(tuple(range(1, gradient.ndim)), keepdim=True)
        step = torch.where(top > 0, top, 1.0) / (2 ** (bits - 1) - 1)
        return step * quantize.stochastic_round(gradient / step, coins)

    coins = coin(0)
    for parameter in side.parameters():
        parameter.register_hook(rounded)
    centre, scale = x.mean(0), (x - x.mean(0)).std()
    fit_side_by_side(side, (x - centre) / scale, y, Recipe(epochs=4, lr=rates["bits"]), seeds=seeds)
    a_gradient = sum(-(-p[0].numel() * bits // 8) + 4 for p in side.parameters())
    return 252 * a_gradient, side.accuracies((test_x - centre) / scale, test_y)


for bits in (8, 2):
    sizes["gradients", bits], runs["gradients", bits] = with_gradients_in(bits)

reached = {key: mean_interval(values) for key, values in runs.items()}


def curve(name):
    points = [(sizes[key], reached[key]) for key in reached if key[0] == name]
    return sorted(points, key=lambda point: point[0])


panels = {
    "Fewer samples": {name: curve(name) for name in ("prototypes", "sure", "unsure")},
    "Fewer numbers a sample": {
        name: curve(name)
        for name in ("principal components", "components, 4 bits", *choices, "random pixels")
    },
    "Fewer bits a number": {name: curve(name) for name in (*formats, "gradients")},
}
plots.show(
    figures.accuracy_by_data(panels, ("random samples", curve("random")), reached["all", whole_bytes]),
    alt="Three panels of accuracy against kilobytes of training data, all on the same axes, with the "
    "curve of random samples in grey in each. Prototypes lie above it, coresets below. Principal "
    "components lie highest, far above every selection of pixels. Affine codes stay close to all data, "
    "mean and logarithmic ones fall at 2 bits; gradients lie to the right.",
)

# %% experiment
_, eighth, _ = budgets
against_random = [
    ("prototypes", eighth), ("unsure", eighth), ("sure", eighth), ("components, 4 bits", eighth),
    ("principal components", eighth), ("recursive elimination", eighth), ("mutual information", eighth),
    ("chi²", eighth), ("variance", eighth), ("LASSO", eighth), ("affine", 1),
]
outcomes = {}
for name, at in against_random:
    outcomes[name] = paired_comparison(runs[name, at], runs["random", eighth], smallest_gain=0.01)
    print(f"{name:>22}: {100 * reached[name, at].mean:.1f} %, {outcomes[name].verdict}, "
          f"{100 * outcomes[name].difference:+.1f} points against random samples")
pixel_pairs = {
    "elimination": ("recursive elimination", "mutual information"),
    "lasso": ("LASSO", "random pixels"),
    "information": ("mutual information", "random pixels"),
}
for key, (a, b) in pixel_pairs.items():
    outcomes[key] = paired_comparison(runs[a, eighth], runs[b, eighth], smallest_gain=0.01)
lossless = paired_comparison(
    runs["all", whole_bytes], runs["components, 4 bits", eighth], smallest_gain=0.01
)
two_bits = paired_comparison(runs["all", whole_bytes], runs["affine", 2], smallest_gain=0.01)
by_family = {
    "samples": max(reached[name, eighth].mean for name in ("random", "unsure", "sure", "prototypes")),
    "numbers": max(reached[n, eighth].mean for n in panels["Fewer numbers a sample"]),
    "bits": reached["affine", 1].mean,
}
best_family = max(by_family, key=by_family.get)
short = {"components, 4 bits": "mixed", "principal components": "pca", "recursive elimination": "rfe",
         "mutual information": "mi", "chi²": "chi", "affine": "one_bit", "LASSO": "lasso_pixels"}
claims = {}
for name, at in against_random:
    key = short.get(name, name)
    claims |= {key: reached[name, at], f"{key}_gain": 100 * outcomes[name].difference,
               f"{key}_verdict": outcomes[name].verdict}
for key in pixel_pairs:
    claims |= {f"{key}_pair": 100 * outcomes[key].difference,
               f"{key}_pair_verdict": outcomes[key].verdict}
record("bytes", all=reached["all", whole_bytes], random=reached["random", eighth],
       best_family=best_family,
       random_pixels=reached["random pixels", eighth], k=components["components, 4 bits", eighth][0],
       all_gain=100 * lossless.difference, all_verdict=lossless.verdict,
       two_bits=reached["affine", 2], two_bits_verdict=two_bits.verdict,
       mean_2=reached["mean", 2], log_2=reached["logarithmic", 2], log_4=reached["logarithmic", 4],
       mean_4=reached["mean", 4], gradient_8=reached["gradients", 8], gradient_2=reached["gradients", 2],
       gradient_bytes=sizes["gradients", 2] / 1e6, gradient_bytes_8=sizes["gradients", 8] / 1e6,
       whole=whole_bytes / 1e6, **claims)
reveal("the best family with an eighth of the bytes: \"samples\", \"numbers\" or \"bits\"", best_family)

# %% [markdown]
# How to read it: three panels on the same two axes; further left is less data, higher is a better student. The grey curve is the
# same in all: random samples. The dashed line is all data, a byte a pixel: {{ bytes.all.mean | percent }}.
#
# **Reading the result**, at an eighth of the bytes, where random samples reach {{ bytes.random.mean | percent }}. A gain is worth having
# from one point on.
#
# | method | accuracy | against random samples, points | verdict |
# |---|---|---|---|
# | principal components, 4 bits | {{ bytes.mixed.mean | percent }} | {{ bytes.mixed_gain | +.1f }} | {{ bytes.mixed_verdict }} |
# | principal components, 8 bits | {{ bytes.pca.mean | percent }} | {{ bytes.pca_gain | +.1f }} | {{ bytes.pca_verdict }} |
# | prototypes | {{ bytes.prototypes.mean | percent }} | {{ bytes.prototypes_gain | +.1f }} | {{ bytes.prototypes_verdict }} |
# | affine, 1 bit | {{ bytes.one_bit.mean | percent }} | {{ bytes.one_bit_gain | +.1f }} | {{ bytes.one_bit_verdict }} |
# | recursive elimination | {{ bytes.rfe.mean | percent }} | {{ bytes.rfe_gain | +.1f }} | {{ bytes.rfe_verdict }} |
# | coreset, most sure | {{ bytes.sure.mean | percent }} | {{ bytes.sure_gain | +.1f }} | {{ bytes.sure_verdict }} |
# | mutual information | {{ bytes.mi.mean | percent }} | {{ bytes.mi_gain | +.1f }} | {{ bytes.mi_verdict }} |
# | chi² | {{ bytes.chi.mean | percent }} | {{ bytes.chi_gain | +.1f }} | {{ bytes.chi_verdict }} |
# | variance | {{ bytes.variance.mean | percent }} | {{ bytes.variance_gain | +.1f }} | {{ bytes.variance_verdict }} |
# | coreset, most unsure | {{ bytes.unsure.mean | percent }} | {{ bytes.unsure_gain | +.1f }} | {{ bytes.unsure_verdict }} |
# | LASSO | {{ bytes.lasso_pixels.mean | percent }} | {{ bytes.lasso_pixels_gain | +.1f }} | {{ bytes.lasso_pixels_verdict }} |
#
# The best family is "{{ bytes.best_family }}". Components with 4 bits take {{ bytes.k }} numbers a picture; do all data do
# better by a point or more? Verdict "{{ bytes.all_verdict }}", {{ bytes.all_gain | +.1f }} points for all data. The family matters: the
# components use every pixel, and a student that sees only some pixels cannot see the others however well they were chosen.
#
# Among the selections, recursive elimination against mutual information: {{ bytes.elimination_pair | +.1f }} points, verdict
# "{{ bytes.elimination_pair_verdict }}". Mutual information against pixels drawn by chance:
# {{ bytes.information_pair | +.1f }}, "{{ bytes.information_pair_verdict }}". LASSO against chance:
# {{ bytes.lasso_pair | +.1f }}, "{{ bytes.lasso_pair_verdict }}". Its strength was raised until
# few pixels were left, and with 32 of them {{ features.silent }} of the 36 classes have no weight at all: the penalty is the same for
# every class, and the pixels that survive serve the others.
#
# Question 2: keeping the samples on which the teacher is most unsure gives {{ bytes.unsure.mean | percent }}, verdict
# "{{ bytes.unsure_verdict }}" against random ones, and the surest {{ bytes.sure.mean | percent }},
# "{{ bytes.sure_verdict }}". A chosen set has another distribution than the test pictures; look at the rows of the letter A
# again.
#
# The formats: with 2 bits, affine codes keep {{ bytes.two_bits.mean | percent }} (are all bits better by a point?
# "{{ bytes.two_bits_verdict }}"), the mean format {{ bytes.mean_2.mean | percent }} and powers of two
# {{ bytes.log_2.mean | percent }}; with 4 bits these two reach {{ bytes.mean_4.mean | percent }} and
# {{ bytes.log_4.mean | percent }}.
#
# Question 4: gradients of 2 bits weigh {{ bytes.gradient_bytes | .2f }} MB over the whole training and give
# {{ bytes.gradient_2.mean | percent }}; those of 8 bits {{ bytes.gradient_bytes_8 | .2f }} MB and
# {{ bytes.gradient_8.mean | percent }}. The pictures weigh {{ bytes.whole | .2f }} MB once, and much less reduced. Their bytes grow
# with the updates and the weights, those of the data with the samples. People also send gradients to keep
# their data private, which is not measured here.

# %% [markdown]
# ## Distillation with the reduced data
#
# Question 3. The teacher can be asked about anything that is a picture: real samples, prototypes, pictures rebuilt from
# components. If it is at hand where the student is trained, its answers cost no bytes. With an eighth of the bytes, each set
# once with its labels and once with the loss of unit 02. Temperature and weight were chosen for each set from $T$ in 2, 4, 8
# and $\alpha$ in 0.5, 0.9, 1, on other seeds and the validation pictures, and the learning rate from 0.01 and 0.02; components
# keep the 0.04 that was best for their labels.
#
# Predict: which set gains most points from the teacher? Answer with one of the names in the next cell, in quotation marks.

# %%
# "random", "most unsure", "prototypes" or "components"
predict("the set that gains most from the teacher", ...)

# %% experiment
def asked(flat):
    return outputs_of(teacher, flat.view(-1, 1, 16, 16))


def with_answers(sets):
    """The same sets, with the teacher's answers before the labels; a shared set is asked about once."""
    said = {id(inputs): asked(inputs) for inputs, _, _ in sets}
    return [(inputs, (said[id(inputs)], labels), test) for inputs, (labels,), test in sets]


k, coordinates, mean, rows = components["components, 4 bits", eighth]
rebuilt = mean + coordinates @ rows
unsure = kept_samples["unsure", eighth][0]
teaching = {  # inputs with answers, temperature, alpha, learning rate, name of the run with labels
    "random": (with_answers([(x[i], (y[i],), test_x) for i in kept_samples["random", eighth]]),
               8.0, 0.9, 0.01, ("random", eighth)),
    "most unsure": (with_answers(same_for_all(x[unsure], test_x, (y[unsure],))),
                    4.0, 1.0, 0.01, ("unsure", eighth)),
    "prototypes": (with_answers(kept_samples["prototypes", eighth]),
                   2.0, 0.5, 0.01, ("prototypes", eighth)),
    "components": (same_for_all(coordinates, (test_x - mean) @ rows.T, (asked(rebuilt), y)),
                   2.0, 0.5, 0.04, ("components, 4 bits", eighth)),
    "all": (same_for_all(x, test_x, (answers, y)), 4.0, 0.5, 0.02, ("all", whole_bytes)),
}
taught, claims = {}, {}
for name, (sets, T, alpha, rate, plain) in teaching.items():
    loss = partial(distill.distillation_loss, temperature=T, alpha=alpha)
    taught[name] = accuracies(sets, rate, loss)
    outcome = paired_comparison(taught[name], runs[plain], smallest_gain=0.005)
    key = name.replace("most ", "")
    claims |= {key: mean_interval(taught[name]), f"{key}_gain": 100 * outcome.difference,
               f"{key}_verdict": outcome.verdict, f"{key}_labels": reached[plain]}
    print(f"{name:>12}: {outcome}")
points = {name: (reached[row[4]], mean_interval(taught[name])) for name, row in teaching.items()}
plots.show(
    figures.labels_and_teacher({n: p for n, p in points.items() if n != "all"}, points["all"]),
    alt="Five rows of two joined points, accuracy from labels and from the teacher's answers. The line "
    "of the most unsure samples is by far the longest, that of random samples the next.",
)
gains = {name: claims[f"{name.replace('most ', '')}_gain"] for name in teaching if name != "all"}
most = max(gains, key=gains.get)
rebuilt_right = (asked(rebuilt).argmax(1) == y).float().mean().item()
record("taught", most=most, teacher_on_rebuilt=rebuilt_right, answer_share=72 / 257, **claims)
reveal("the set that gains most from the teacher", most)

# %% [markdown]
# How to read it: open points are students of the labels, filled ones of the teacher, with 95 % intervals.
#
# **Reading the result.** Verdicts for half a point or more:
#
# | set | from labels | from the teacher | points | verdict |
# |---|---|---|---|---|
# | random | {{ taught.random_labels.mean | percent }} | {{ taught.random.mean | percent }} | {{ taught.random_gain | +.1f }} | {{ taught.random_verdict }} |
# | most unsure | {{ taught.unsure_labels.mean | percent }} | {{ taught.unsure.mean | percent }} | {{ taught.unsure_gain | +.1f }} | {{ taught.unsure_verdict }} |
# | prototypes | {{ taught.prototypes_labels.mean | percent }} | {{ taught.prototypes.mean | percent }} | {{ taught.prototypes_gain | +.1f }} | {{ taught.prototypes_verdict }} |
# | components, 4 bits | {{ taught.components_labels.mean | percent }} | {{ taught.components.mean | percent }} | {{ taught.components_gain | +.1f }} | {{ taught.components_verdict }} |
# | all | {{ taught.all_labels.mean | percent }} | {{ taught.all.mean | percent }} | {{ taught.all_gain | +.1f }} | {{ taught.all_verdict }} |
#
# The set that gains most is "{{ taught.most }}". A hard sample with a hard label says one thing, and it is untypical; the
# teacher's answer for it says what it resembles. Where a reduction has changed the pictures, the teacher's knowledge of
# real ones is worth less: on pictures rebuilt from components its own accuracy is
# {{ taught.teacher_on_rebuilt | percent }}. If the teacher cannot come along, its answers have to be stored: 36 numbers of two
# bytes are {{ taught.answer_share | percent }} on top of a picture with its label.

# %% [markdown]
# ## Reading critically: fewer samples or fewer features?
#
# An article recommends "Euclidean distance" to reduce the *dimension* of data: compute distances between samples, cluster them by
# k-means, and represent each cluster by one point. Rebuilt: 2,000 glyphs into 72 clusters, labels not used. What is the shape
# of the table afterwards, and how good is a student that learns from it, each point with the label of the majority?

# %%
predict("features of the table after the article's dimension reduction (before: 256)", ...)

# %% experiment
few_x, few_y = x[:2000], y[:2000]


def with_majority(points_of):
    """Ten sets of clusters without regard to labels: centroids, each with its most frequent label."""
    sets, purity = [], []
    for s in seeds:
        clusters = points_of(s)
        votes = F.one_hot(clusters.assignment, 72).float().T @ one_hot[:2000]
        purity.append((votes.amax(1).sum() / 2000).item())
        sets.append((clusters.centroids, (votes.argmax(1),), test_x))
    return sets, mean_interval(purity)


mixed, purity = with_majority(lambda s: reduce.k_means(few_x, 72, generator=coin(s), iterations=20))
own = []
for s in seeds:
    order = torch.randperm(len(few_x), generator=coin(s))
    points_, labels_, _ = my_prototypes(few_x[order], few_y[order], 2)
    own.append((points_, (labels_,), test_x))
groups = reduce.k_means(scaled.T, 31, generator=coin(0)).assignment  # columns: 256 pixels into 31 groups
averaging = F.one_hot(groups, 31).float() / F.one_hot(groups, 31).float().sum(0)
article = accuracies(mixed, 0.01)
by_class = accuracies(own, 0.01)
columns = accuracies(same_for_all(in_bytes(x @ averaging)[1], test_x @ averaging), 0.04)
repair = paired_comparison(by_class, article, smallest_gain=0.01)
record("mixed_up", rows=len(mixed[0][0]), columns=mixed[0][0].shape[1], purity=purity,
       article=mean_interval(article),
       own=mean_interval(by_class), verdict=repair.verdict, gain=100 * repair.difference,
       groups=mean_interval(columns))
print(f"before {tuple(few_x.shape)}, after the article's reduction {tuple(mixed[0][0].shape)}")
print(f"samples whose cluster has their own majority label: {purity}")
print(f"clusters without classes: {mean_interval(article)}")
print(f"clusters within classes:  {mean_interval(by_class)}\n   {repair}")
print(f"clusters of pixels, {(x @ averaging).shape[1]} features: {mean_interval(columns)}")
reveal("features of the table after the article's dimension reduction (before: 256)",
       mixed[0][0].shape[1])

# %% [markdown]
# **Reading the result.** {{ mixed_up.rows }} rows are left, and each still has {{ mixed_up.columns }} features: clustering samples
# leaves out samples. The dimension has not changed. And clusters that do not know the classes mix them: in
# {{ mixed_up.purity.mean | percent }} of cases only, a sample's cluster carries its own label. A student of these points reaches
# {{ mixed_up.article.mean | percent }}.
#
# Two repairs, by what was meant. If fewer samples were meant, cluster within the classes: with as many points
# {{ mixed_up.own.mean | percent }}, {{ mixed_up.gain | +.1f }} points, verdict "{{ mixed_up.verdict }}". If fewer features were meant,
# cluster the *columns*, whose distances say which pixels behave alike, and keep each group's mean: 31 features,
# {{ mixed_up.groups.mean | percent }}, to be compared with the {{ bytes.mi.mean | percent }} of as many single pixels by mutual
# information.
#
# ## Reading critically: scores against no labels
#
# The same article selects features by chi² and passes labels that are all zero. With one class, the total of a feature in that
# class is what the class size leads one to expect. So what are the scores, and which 31 pixels are "best"?

# %%
predict("the largest chi² score of 256 pixels against labels that are all zero", ...)

# %% experiment
def chi_square_unguarded(x, y):
    """Σ_c (O_c - E_c)² / E_c as the formula says, without asking whether the labels say anything."""
    members = F.one_hot(y).double()
    observed, expected = members.T @ x.double(), members.mean(0)[:, None] * x.double().sum(0)
    return ((observed - expected) ** 2 / expected).sum(0).float()


no_labels = chi_square_unguarded(x, torch.zeros_like(y))
kept_by_nothing = reduce.select(no_labels, 31)
part, test_part = in_bytes(x[:, kept_by_nothing])[1], test_x[:, kept_by_nothing]
by_nothing = accuracies(same_for_all(part, test_part), 0.04)
repaired = paired_comparison(runs["chi²", eighth], by_nothing, smallest_gain=0.01)
try:
    reduce.chi_square(x, torch.zeros_like(y))
    refused = False
except ValueError as reason:
    refused = True
    print(f"kdtutor.reduce.chi_square: {reason}")
record("no_labels", largest=no_labels.max().item(), nothing=mean_interval(by_nothing),
       verdict=repaired.verdict, gain=100 * repaired.difference, refused=refused)
print(f"scores from {no_labels.min():.2g} to {no_labels.max():.2g}; kept: {kept_by_nothing.tolist()}")
print(f"with the true labels against with none: {repaired}")
reveal("the largest chi² score of 256 pixels against labels that are all zero", no_labels.max().item())

# %% [markdown]
# **Reading the result.** The largest score is {{ no_labels.largest | .1g }}: whatever differs from 0 would be rounding, and
# the choice is what ties leave, the first rows of the picture. Students of those pixels reach {{ no_labels.nothing.mean | percent }}; true labels are worth
# {{ no_labels.gain | +.1f }} points, verdict "{{ no_labels.verdict }}". The repair is a question asked before the formula: do the
# labels name two classes at least? `reduce.chi_square` asks it.

# %% [markdown]
# ## An application: a ranking student from a factorisation teacher
#
# Recommendation is where data are large and each sample is thin. Below, 250 made-up users with six hidden tastes each have
# looked at 12 of 200 items, and which five others they would like is hidden. A **factorisation** teacher gives every user
# and every item 24 numbers and scores an item by their product; the student has 4 numbers and so a sixth of the bytes. It is trained
# on the clicks, or on the teacher's ranking of *all* items: the loss of unit 02 with items in the place of classes. Measured is
# the share of the hidden five among a user's first ten. The penalty on the numbers was chosen on
# other seeds, for teacher and clicks from 0.01 to 0.4 and for the ranking from 0.01 to 0.2 together with $T$ of 1 and 2.

# %% experiment
def made_up_users(seed):
    """Clicks (users, items), twelve a user, and five hidden ones: drawn by taste, none twice."""
    g = coin(1000 + seed)
    taste = torch.randn(250, 6, generator=g) @ torch.randn(6, 200, generator=g) / 6**0.5
    noise = -(-torch.rand(250, 200, generator=g).log()).log()
    liked = (2.0 * taste + torch.randn(200, generator=g) * 0.5 + noise).topk(17).indices
    liked = liked.gather(1, torch.rand(250, 17, generator=g).argsort(1))
    empty = torch.zeros(250, 200)
    return empty.scatter(1, liked[:, :12], 1.0), empty.scatter(1, liked[:, 12:], 1.0)


def factorised(size, target, penalty, first_seed=0):
    """Scores of ten factorisations, trained at once on distributions over items (10, users, items)."""
    g = coin(first_seed + size)
    users, items = (0.1 * torch.randn(len(target), n, size, generator=g) for n in target.shape[1:])
    users.requires_grad_(), items.requires_grad_()
    optimiser = torch.optim.Adam([users, items], lr=0.05)
    for _ in range(150):
        scores = users @ items.mT
        misfit = -(target * scores.log_softmax(-1)).sum(-1).mean(1).sum()
        loss = misfit + penalty * (users.square().sum(-1).mean(1) + items.square().sum(-1).mean(1)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return (users @ items.mT).detach()


def found_among_ten(scores, clicks, hidden):
    ten = scores.masked_fill(clicks > 0, -torch.inf).topk(10).indices
    return (hidden.gather(2, ten).sum(-1) / 5).mean(1).tolist()


PENALTIES = {"teacher": 0.2, "clicks": 0.2, "teacher's ranking": 0.01}
clicks, hidden = (torch.stack(part) for part in zip(*(made_up_users(s) for s in seeds)))
ranking_teacher = factorised(24, clicks / 12, PENALTIES["teacher"])
ranked = {
    "teacher": ranking_teacher,
    "clicks": factorised(4, clicks / 12, PENALTIES["clicks"]),
    "teacher's ranking": factorised(
        4, distill.soften(ranking_teacher, 1.0), PENALTIES["teacher's ranking"]
    ),
}
found = {name: found_among_ten(scores, clicks, hidden) for name, scores in ranked.items()}
for name, values in found.items():
    print(f"{name:>18}: {mean_interval(values)}")
ranking = paired_comparison(found["teacher's ranking"], found["clicks"], smallest_gain=0.01)
print(ranking)
record("ranking", teacher=mean_interval(found["teacher"]), clicks=mean_interval(found["clicks"]),
       taught=mean_interval(found["teacher's ranking"]), verdict=ranking.verdict,
       gain=100 * ranking.difference)

# %% [markdown]
# **Reading the result.** The teacher finds {{ ranking.teacher.mean | percent }} of the hidden items, a student of the clicks
# {{ ranking.clicks.mean | percent }}, a student of the teacher's ranking {{ ranking.taught.mean | percent }}:
# {{ ranking.gain | +.1f }} points, verdict "{{ ranking.verdict }}" for one point or more. Ten pairs, each with users of its own.
# The users are made up by a rule with few tastes, which suits small factorisations; real ones will differ.

# %% [markdown]
# ## What to remember
#
# - Samples, numbers a sample, bits a number: three ways to make a table smaller. Say which one you mean.
# - Count everything: labels, components, means, scales, positions.
# - Directions of largest variance are eigenvectors of the covariance; prototypes are means, and means take noise away.
# - A score of one feature knows nothing of its neighbours; recursive elimination and the LASSO do.
# - Compare with a random subset of the same bytes before you believe in a clever one.
#
# **What breaks it**: features in different units before PCA or LASSO; labels that say nothing; clusters across classes; a choice
# that changes the distribution; a logarithm of signed values; features chosen while looking at the test data.
#
# **Where to read on**: Pearson, *On Lines and Planes of Closest Fit to Systems of Points in Space*, 1901. Lloyd, *Least Squares
# Quantization in PCM*, 1982. Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 2009, sections 3.4 and 13.2. Guyon et
# al., *Gene Selection for Cancer Classification using Support Vector Machines*, 2002, section III. Tibshirani, *Regression
# Shrinkage and Selection via the Lasso*, 1996. Settles, *Active Learning Literature Survey*, 2009, section 3.1. Miyashita, Lee
# and Murmann, *Convolutional Neural Networks using Logarithmic Data Representation*, 2016, section 3. Tang and Wang, *Ranking
# Distillation*, 2018, section 3, for recommendation.
#
# Next: unit 10 leaves pictures for language.
