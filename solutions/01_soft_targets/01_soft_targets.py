# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Soft targets
#
# A label says "this is a B". A trained network says more: almost certainly a B, perhaps an 8, possibly a D, hardly a T.
# What it says about the wrong answers is knowledge too, and it is the part that a label throws away. This unit is
# about hearing that part, and about turning it into a loss that a small network can learn from.
#
# **After this unit** you can write the distillation loss from memory, say where each factor comes from, and recognise
# the usual ways of getting it wrong.
#
# **Questions that the measurements below will settle**
#
# 1. When a teacher is shown a letter, which wrong answers does it consider, and how seriously?
# 2. What happens to the pull of the teacher when the temperature rises and the factor T² is left out?
# 3. An article computes a distillation loss for two small distributions and prints 0.16. Which loss is that?
#
# | | |
# |---|---|
# | Time | 50 minutes |
# | Points | 12 |
# | You need | unit 00; softmax and cross-entropy, as in any introduction to PyTorch |

# %%
import torch

from kdtutor import data, plots
from kdtutor.checks import check, hint, predict, reveal, use

# %% [markdown]
# Wherever you are stuck, `hint(soften)` in a new cell gives the next of three hints for that exercise.
#
# ## A label is a whisper
#
# Below, a trained teacher looks at one picture of the letter O. Its answer is a distribution over 36 classes. The bar
# of the right class is so long that the others can hardly be seen, yet the others are the news: they say what else this
# picture could have been, and what it could not.

# %% experiment
from kdtutor.training import glyph_teacher, predict as outputs_of

glyphs = data.load("glyphs")
teacher = glyph_teacher()
pictures = glyphs.validation  # the test part is for the end of an experiment, and this is a look around
teacher_logits = outputs_of(teacher, pictures.x).cpu()

of_letter_o = (pictures.y == glyphs.classes.index("O")).nonzero().flatten()
certainty = teacher_logits[of_letter_o].softmax(-1)[:, glyphs.classes.index("O")]
chosen = of_letter_o[(certainty - 0.99).abs().argmin()]  # a picture that the teacher is 99 % sure of
plots.show(
    plots.softened(pictures.x[chosen, 0], {1.0: teacher_logits[chosen].softmax(-1)}, glyphs.classes),
    alt="A noisy picture of the letter O, and the teacher's probabilities: "
    "the bar of O is close to 1, all others are hardly visible.",
)

# %% [markdown]
# How to read it: each bar is the probability of one class, the ten likeliest from top to bottom. The small network that
# is to learn from the teacher is called the *student*. To a student that is trained on these numbers, everything below
# the first bar is almost silence.

# %% [markdown]
# ## Softening
#
# A network turns its *logits* $z$ into probabilities by the softmax. Dividing the logits by a **temperature** $T$ first
# keeps their order and changes how loudly the runners-up speak:
#
# $$p_c(T) = \frac{\exp(z_c / T)}{\sum_k \exp(z_k / T)}$$
#
# In words: every logit is made $T$ times smaller, then the softmax is taken as usual. The ratio of two probabilities is
# $p_a / p_b = \exp((z_a - z_b)/T)$. With $T = 1$ nothing changes. As $T$ grows all ratios tend to 1 and the distribution
# becomes uniform; as $T$ falls towards 0 the largest logit takes everything.
#
# Predict: the picture above has its O at probability 0.99. What will that probability be at $T = 4$?

# %%
predict("probability of O at T = 4", ...)

# %% exercise="soften" difficulty=1 minutes=5
def soften(logits, temperature):
    """Probabilities of softened logits: softmax(logits / temperature) over the last axis.

    logits: (..., C) floating point, any finite size. temperature: a positive number.
    Returns (..., C); each row sums to 1.
    Example: soften([0, 2], 2) divides to [0, 1]; exp gives [1, 2.7183];
    divided by their sum: [0.2689, 0.7311].
    """
    ### BEGIN SOLUTION
    return (logits / temperature).softmax(-1)
    ### END SOLUTION

# %% check="soften" points=2
from kdtutor.checks import check, secret_logits  # the secret ones are for grading

check(soften)
### BEGIN HIDDEN TESTS
fresh = secret_logits(4, 7)
rows = soften(fresh, 3.0)
assert rows.shape == (4, 7), "works for any number of classes"
assert abs(float(rows.sum()) - 4) < 1e-4, "each row sums to 1"
ratio = (rows[:, 0] / rows[:, 1]).log() - (fresh[:, 0] - fresh[:, 1]) / 3.0
assert float(ratio.abs().max()) < 1e-3, "log(p_a / p_b) is not the difference of the logits over T"
### END HIDDEN TESTS

# %% experiment
my_soften = use(soften)
softened = {T: my_soften(teacher_logits[chosen], T) for T in (1.0, 2.0, 4.0, 8.0)}
reveal("probability of O at T = 4", softened[4.0].max().item())
plots.show(
    plots.softened(pictures.x[chosen, 0], softened, glyphs.classes),
    alt="The teacher's ten likeliest classes for one O at temperatures 1, 2, 4 and 8. "
    "The order stays; the bars even out as T rises.",
)

# %% [markdown]
# **Reading the result.** The order of the bars is the same in every panel: softening never changes the answer. What
# changes is how much of what a student is shown is about the runners-up. At a high temperature even the tail gets a
# share, so there is such a thing as too soft: then the student is asked to copy the teacher's noise.

# %% [markdown]
# ## How soft is soft: entropy
#
# One number says how undecided a distribution is. The *surprise* of an outcome with probability $p$ is $-\log p$: rare
# things surprise. **Entropy** is the surprise to expect:
#
# $$H(p) = -\sum_c p_c \log p_c$$
#
# with $0 \log 0 = 0$, because what never happens never surprises. It is 0 for a certain distribution and $\log C$ for
# $C$ equal classes. This course uses natural logarithms, so the unit is the *nat*.

# %% exercise="entropy" difficulty=2 minutes=5
def entropy(probs):
    """Entropy of each distribution, in nats: -sum of p log p over the last axis; 0 log 0 counts as 0.

    probs: (..., C), rows that sum to 1; entries may be exactly 0. Returns (...).
    Example: entropy([0.5, 0.5]) = -2 · 0.5 · log 0.5 = 0.6931.
    """
    ### BEGIN SOLUTION
    return -torch.special.xlogy(probs, probs).sum(-1)
    ### END SOLUTION

# %% check="entropy" points=2
from kdtutor.checks import check, secret_logits

check(entropy)
### BEGIN HIDDEN TESTS
import math

import torch

probs = secret_logits(6, 9, key="entropy").softmax(-1)
by_hand = [-sum(p * math.log(p) for p in row) for row in probs.tolist()]
close = torch.allclose(entropy(probs).float(), torch.tensor(by_hand), atol=1e-4)
assert close, "the value is wrong for fresh distributions"
certain = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
assert float(entropy(certain).abs().max()) < 1e-6, "a certain distribution has entropy 0"
### END HIDDEN TESTS

# %% experiment
import math

my_soften, my_entropy = use(soften), use(entropy)
grid = [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0]
curves = {}
for name in ("A", "O", "I"):
    rows = teacher_logits[pictures.y == glyphs.classes.index(name)]
    curves[f"pictures of {name}"] = [my_entropy(my_soften(rows, T)).mean().item() for T in grid]
plots.show(
    plots.entropy_by_temperature(grid, curves, ceiling=math.log(len(glyphs.classes))),
    alt="Mean entropy of the teacher's answers against temperature for pictures of A, O and I. "
    "All rise from below 1 nat towards log 36; at T = 1 the letters O and I are well above A.",
)

# %% [markdown]
# How to read it: each curve is the mean entropy over all pictures of one letter; the dashed line is the uniform
# distribution. At $T = 1$ the teacher is nearly certain of an A and less so of an I, which often looks like a 1. At
# $T = 20$ it is undecided about everything: the difference that a student could learn from is almost gone.

# %% [markdown]
# ## Comparing two distributions
#
# The student should come to say what the teacher says. How far is its distribution $q$ from the teacher's $p$? When the
# truth is $p$ and one expects $q$, the surprise to expect is the **cross-entropy** $-\sum_c p_c \log q_c$. It cannot be
# less than $H(p)$, the surprise that remains when one expects the truth. What is above that is due to $q$ being wrong:
#
# $$\mathrm{KL}(p \,\|\, q) = \underbrace{-\sum_c p_c \log q_c}_{\text{cross-entropy}} - H(p) = \sum_c p_c \log \frac{p_c}{q_c}$$
#
# In words: the average, under $p$, of how much likelier $p$ finds each class than $q$ does. This **Kullback–Leibler
# divergence** is 0 exactly when $p = q$, never negative, and it has a direction. $\mathrm{KL}(p\,\|\,q)$ punishes a $q$
# that misses what $p$ holds possible; the other direction punishes a $q$ that claims what $p$ rules out.

# %% exercise="kl_divergence" difficulty=2 minutes=7
def kl_divergence(p, q):
    """KL(p || q) for each pair of rows, in nats: the sum of p log(p / q) over the last axis.

    p, q: (..., C) of one shape, rows that sum to 1, q positive. An entry of p may be exactly 0:
    it adds 0.
    Returns (...). The expectation is under p.
    Example: p = [0.5, 0.5], q = [0.25, 0.75]: 0.5 · log 2 + 0.5 · log(2/3) = 0.3466 - 0.2027 = 0.1438.
    """
    ### BEGIN SOLUTION
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum(-1)
    ### END SOLUTION

# %% check="kl_divergence" points=2
from kdtutor.checks import check, secret_logits

check(kl_divergence)
### BEGIN HIDDEN TESTS
import math

import torch

p, q = (secret_logits(5, 6, key=key).softmax(-1) for key in ("kl p", "kl q"))
by_hand = [sum(a * math.log(a / b) for a, b in zip(x, y)) for x, y in zip(p.tolist(), q.tolist())]
close = torch.allclose(kl_divergence(p, q).float(), torch.tensor(by_hand), atol=1e-3)
assert close, "the value is wrong for fresh distributions"
assert float(kl_divergence(p, p).abs().max()) < 1e-5, "equal distributions have no divergence"
### END HIDDEN TESTS

# %% [markdown]
# ## The distillation loss
#
# Now put it together. Call the logits of teacher and student $z_t$ and $z_s$, and their softened distributions
# $p_t(T)$ and $p_s(T)$. Soften both by the same temperature, compare them with KL from the teacher to the student,
# average over the $N$ samples of the batch, and multiply by $T^2$:
#
# $$L_\mathrm{KD} = \frac{T^2}{N} \sum_{n=1}^{N} \mathrm{KL}\big(p_t^{(n)}(T) \,\|\, p_s^{(n)}(T)\big)$$
#
# Where does $T^2$ come from? You will derive it in a moment; first write the loss. Three things go wrong often enough
# to be worth saying. The teacher is fixed, so no gradient may reach it. The sum runs over the classes, the mean over
# the samples: these are not the same division. And `log(softmax(z))` in two steps is $-\infty$ for a class whose logit is
# a hundred or so below the largest, where `log_softmax` is not.

# %% exercise="kd_loss" difficulty=3 minutes=10
def kd_loss(student_logits, teacher_logits, temperature):
    """T² · KL(p_t(T) || p_s(T)), summed over classes, averaged over the batch.

    student_logits, teacher_logits: (N, C), of any finite size, 10,000 too.
    temperature: T, a positive number. Returns a scalar tensor that the student can be trained
    through; the teacher gets no gradient.
    Example: student [[0, 0]], teacher [[0, 2]], T = 2: p_t = [0.2689, 0.7311], p_s = [0.5, 0.5],
    KL = 0.1109, times 4: 0.4438.
    """
    ### BEGIN SOLUTION
    log_t = (teacher_logits.detach() / temperature).log_softmax(-1)
    log_s = (student_logits / temperature).log_softmax(-1)
    return temperature**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean()
    ### END SOLUTION

# %% check="kd_loss" points=3
from kdtutor.checks import check, secret_logits

check(kd_loss)
### BEGIN HIDDEN TESTS
import torch

student, teacher_says = secret_logits(6, 8, key="student"), secret_logits(6, 8, key="teacher")
p_t, p_s = (teacher_says / 3).double().softmax(-1), (student / 3).double().softmax(-1)
by_hand = 9 * float((p_t * (p_t / p_s).log()).sum()) / 6
off = abs(float(kd_loss(student, teacher_says, 3.0)) - by_hand)
assert off < 1e-3 * (1 + by_hand), "the value is wrong at T = 3 for fresh logits"
twice = kd_loss(torch.cat([student, student]), torch.cat([teacher_says, teacher_says]), 3.0)
off = abs(float(twice) - by_hand)
assert off < 1e-3 * (1 + by_hand), "a batch seen twice has the same mean loss"
### END HIDDEN TESTS

# %% [markdown]
# ## Its gradient
#
# Take one sample, and let $u = z_s / T$. The only part of KL that depends on the student is $-\sum_c p_{t,c} \log p_{s,c}$,
# and $\log p_{s,c} = u_c - \log \sum_k e^{u_k}$. Its derivative by $u_j$ is therefore
#
# $$-p_{t,j} + \Big(\sum_c p_{t,c}\Big)\, \frac{e^{u_j}}{\sum_k e^{u_k}} = p_{s,j} - p_{t,j}.$$
#
# In words: the student is pulled towards the teacher by exactly the difference of their probabilities. By $z_s$ instead
# of $u$ the chain rule gives one factor $1/T$. For large $T$ a second one hides in the difference itself: there
# $e^{z/T} \approx 1 + z/T$, so for logits whose mean over the classes is 0, $p_{s,j} - p_{t,j} \approx (z_{s,j} - z_{t,j}) / (C\,T)$. Together the
# gradient falls as $1/T^2$, and multiplying the loss by $T^2$ keeps it in place when $T$ is changed.
#
# Write the gradient of your loss, with its $T^2$ and its mean over the batch, in closed form.

# %% exercise="kd_gradient" difficulty=3 minutes=8
def kd_gradient(student_logits, teacher_logits, temperature):
    """The gradient of the distillation loss (with T², averaged over the batch) by the student's logits.

    student_logits, teacher_logits: (N, C), of any finite size. temperature: T, a positive number.
    Returns (N, C); each row sums to 0.
    Example: student [[0, 0]], teacher [[0, 2]], T = 2, one sample:
    2/1 · ([0.5, 0.5] - [0.2689, 0.7311]) = [0.4621, -0.4621].
    """
    ### BEGIN SOLUTION
    p_s, p_t = (student_logits / temperature).softmax(-1), (teacher_logits / temperature).softmax(-1)
    return temperature / len(student_logits) * (p_s - p_t)
    ### END SOLUTION

# %% check="kd_gradient" points=2
from kdtutor.checks import check, secret_logits

check(kd_gradient)
### BEGIN HIDDEN TESTS
student = secret_logits(3, 5, key="student").double()
teacher_says = secret_logits(3, 5, key="teacher").double()


def loss_by_hand(z):
    p_t, p_s = (teacher_says / 2).softmax(-1), (z / 2).softmax(-1)
    return 4 * float((p_t * (p_t / p_s).log()).sum()) / 3


gradient = kd_gradient(student, teacher_says, 2.0)
for row, column in ((0, 0), (1, 3), (2, 4)):
    nudged = student.clone()
    nudged[row, column] += 1e-4
    slope = (loss_by_hand(nudged) - loss_by_hand(student)) / 1e-4
    off = abs(float(gradient[row, column]) - slope)
    assert off < 1e-3, "it is not the slope of the loss for fresh logits"
### END HIDDEN TESTS

# %% [markdown]
# ## Signature experiment: what T² is for
#
# Question 2. Ten untrained students (64 hidden units, ten seeds) look at 64 pictures each. The gradient of the
# loss by the student's logits is measured at five temperatures, with the factor $T^2$ and without it.
#
# Predict: without $T^2$, how many times smaller is the gradient at $T = 20$ than at $T = 1$?

# %%
predict("gradient at T = 1 over gradient at T = 20, without T²", ...)

# %% experiment
from kdtutor import models
from kdtutor.measure import mean_interval, record

my_kd_loss = use(kd_loss)
grid = (1.0, 2.0, 4.0, 8.0, 20.0)
norms = {T: [] for T in grid}
for seed in range(10):
    batch = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))[:64]
    student_logits = models.mlp(256, 64, 36, seed=seed)(pictures.x[batch]).detach().requires_grad_()
    for T in grid:
        loss = my_kd_loss(student_logits, teacher_logits[batch], T)
        norms[T].append(torch.autograd.grad(loss, student_logits)[0].norm().item())

with_factor = [mean_interval(norms[T]) for T in grid]
without = [mean_interval([norm / T**2 for norm in norms[T]]) for T in grid]
for T, a, b in zip(grid, with_factor, without):
    print(f"T = {T:4g}   with T²: {a}   without: {b}")

# %% experiment
shrinkage = mean_interval([400 * first / last for first, last in zip(norms[1.0], norms[20.0])])
spread = mean_interval([max(norms[T][s] for T in grid) / min(norms[T][s] for T in grid) for s in range(10)])
holds = spread.high < shrinkage.low / 10
gap = (student_logits - teacher_logits[batch]).detach()  # of the last student
limit = ((gap - gap.mean(-1, keepdim=True)) / gap.numel()).norm().item()  # what T² times 1/T² tends to
record("gradient", shrinkage=shrinkage, spread=spread, limit=limit,
       verdict=f"T² {'keeps' if holds else 'does not keep'} it in place")
reveal("gradient at T = 1 over gradient at T = 20, without T²", shrinkage.mean)
plots.show(
    plots.gradient_by_temperature(
        grid,
        {"with T²": with_factor, "without": without},
    ),
    alt="Norm of the gradient against temperature on logarithmic axes. With T² it stays between "
    "a tenth and three tenths; without, it falls by more than two orders of magnitude up to T = 20.",
)

# %% [markdown]
# How to read it: each point is the mean over ten students. The band is its 95 % interval: the mean plus and minus what
# Student's t allows for ten runs, here hardly wider than the line.
# Both axes are logarithmic, so a straight line is a power of $T$.
#
# **Reading the result.** Recorded over {{ gradient.shrinkage.n }} seeds: without $T^2$ the gradient at $T = 20$ is
# {{ gradient.shrinkage.mean | .0f }} times smaller than at $T = 1$ (95 % interval {{ gradient.shrinkage.low | .0f }} to
# {{ gradient.shrinkage.high | .0f }}). With it, the largest and the smallest gradient of the five temperatures differ by
# a factor of {{ gradient.spread.mean | .1f }} ({{ gradient.spread.low | .1f }} to {{ gradient.spread.high | .1f }}).
# Verdict: {{ gradient.verdict }}, though not perfectly. The first $1/T$ of the derivation is exact, the second an
# approximation that is good only for large $T$; that is why the curve with $T^2$ rises at first and then falls towards
# its limit, {{ gradient.limit | .2f }}, the gradient of half the mean squared difference of the logits shifted to mean 0. In practice: leave the
# factor out, and a loss that mixes teacher and labels turns into one with labels alone as you raise $T$, without any
# error message.

# %% [markdown] instructor
# A derivation invites trust at every temperature. Ask at which temperature the approximation begins to hold,
# and what has to be small for it: the logits divided by $T$, not $T$ alone. The factor belongs to the limit; the curve is
# the truth.

# %% [markdown]
# ## What the teacher says about look-alikes
#
# Question 1. Which wrong class does the teacher find likeliest when it is shown an I? Answer with one character in
# quotation marks, such as `"T"`.

# %%
predict("the teacher's first wrong guess for an I", ...)

# %% experiment
my_soften = use(soften)
shares = {}
for name in ("I", "O", "Q"):
    index = glyphs.classes.index(name)
    mean = my_soften(teacher_logits[pictures.y == index], 4.0).mean(0)
    shares[name] = {c: mean[i].item() for i, c in enumerate(glyphs.classes) if i != index}
of_i = shares["I"]
rival = max(of_i, key=of_i.get)
record("look_alikes", rival=rival, share=of_i[rival], share_of_o=of_i["O"], times=of_i[rival] / of_i["O"])
reveal("the teacher's first wrong guess for an I", rival)
plots.show(
    plots.look_alikes(shares, temperature=4.0),
    alt="Three bar charts. For pictures of I the likeliest wrong class is the digit 1; "
    "for pictures of O it is the digit 0; for pictures of Q it is O.",
)

# %% [markdown]
# How to read it: for all pictures of one character, the mean probability that the softened teacher gives to each
# wrong class; the five largest are shown.
#
# **Reading the result.** For an I the first rival is {{ look_alikes.rival }}, with a mean share of
# {{ look_alikes.share | percent }} at $T = 4$; an O gets {{ look_alikes.share_of_o | percent }},
# {{ look_alikes.times | .0f }} times less. No label contains this. Nobody told the teacher that I and 1 are alike; it
# found out, and it passes it on to any student that listens to the whole distribution.

# %% [markdown]
# ## With your own hand
#
# The same teacher, one picture at a time. Say first what you expect, then move the temperature.

# %% experiment
from kdtutor.demos import explore_temperature

explore_temperature()

# %% [markdown]
# How to read it: the bars are the teacher's probabilities at the chosen temperature. The curves are the entropy of its
# answer and the norm of the loss's gradient, with and without $T^2$, at every temperature; the marks are where you are. Where this page is only read and not run, still pictures stand in for the controls.

# %% [markdown]
# ## Reading critically: which loss is 0.16?
#
# An article that introduces distillation sets this task: the teacher says $[0.8, 0.1, 0.1]$, the student says
# $[0.6, 0.3, 0.1]$; compute the loss. It calls the loss cross-entropy, shows a program for it, and prints 0.16. First
# commit yourself, by eye: can 0.16 be the cross-entropy?

# %%
predict("is the printed 0.16 the cross-entropy? ('yes' or 'no')", ...)

# %% experiment
my_kl, my_entropy = use(kl_divergence), use(entropy)
teacher_says, student_says = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.6, 0.3, 0.1])
middle = (teacher_says + student_says) / 2
candidates = {
    "cross-entropy": -(teacher_says * student_says.log()).sum().item(),
    "KL(teacher || student)": my_kl(teacher_says, student_says).item(),
    "KL(student || teacher)": my_kl(student_says, teacher_says).item(),
    "entropy of the teacher": my_entropy(teacher_says).item(),
    "mean squared error": ((teacher_says - student_says) ** 2).mean().item(),
    "Jensen-Shannon": ((my_kl(teacher_says, middle) + my_kl(student_says, middle)) / 2).item(),
}
record("article", **candidates)
for name, value in candidates.items():
    print(f"{name:>24}: {value:.4f}")
is_it = "yes" if round(candidates["cross-entropy"], 2) == 0.16 else "no"
reveal("is the printed 0.16 the cross-entropy? ('yes' or 'no')", is_it)

# %% [markdown]
# Which of the six, rounded to two digits, is 0.16? Write its name in the place of `None`, in quotation marks,
# as it is printed above.

# %% exercise="which_divergence" difficulty=2 minutes=3
which_divergence = None
### BEGIN SOLUTION
which_divergence = "KL(student || teacher)"
### END SOLUTION

# %% check="which_divergence" points=1
from kdtutor.checks import check

check(which_divergence)
### BEGIN HIDDEN TESTS
assert which_divergence == "KL(student || teacher)", "another of the listed losses rounds to 0.16"
### END HIDDEN TESTS

# %% [markdown]
# So the text names one loss, its program would compute it, and the number beside it belongs to another. Two lessons. A
# printed result is not evidence until somebody has run it. And the sum of the teacher's entropy and the forward divergence is the cross-entropy; if you want
# to check a loss by eye, let student and teacher agree: a divergence gives 0, a cross-entropy does not.

# %% experiment
total = candidates["entropy of the teacher"] + candidates["KL(teacher || student)"]
print(f"entropy + forward KL = {total:.4f}, cross-entropy = {candidates['cross-entropy']:.4f}")

# %% [markdown]
# ## What to remember
#
# - Softening keeps the order and gives the runners-up a voice. What they say is where the teacher's knowledge is.
# - $\mathrm{KL}(p_t \| p_s)$ is cross-entropy minus the teacher's entropy: same gradient for the student, but 0 at the
#   optimum.
# - The student is pulled by $p_s - p_t$. $T^2$ makes up for one $1/T$ of the chain rule and one of the flattening.
# - Sum over classes, average over samples, detach the teacher, use `log_softmax`.
#
# **What breaks it**: a forgotten $T^2$ (no error, the teacher just falls silent), `reduction="mean"` (weaker by the
# number of classes), the two arguments swapped (another loss, equally plausible numbers).
#
# **Where to read on**: Hinton, Vinyals and Dean, *Distilling the Knowledge in a Neural Network*, 2015, section 2 for the
# loss and its high-temperature limit. Kullback and Leibler, *On Information and Sufficiency*, 1951, for the divergence.
#
# Next: unit 02 trains students with this loss and measures whether it helped.
