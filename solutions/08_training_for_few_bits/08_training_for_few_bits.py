# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training for few bits
#
# Unit 07 rounded networks that were finished. A network that is trained while it is rounded can do better, but rounding
# has no slope to train by. This unit gives it one, trains networks at 8, 4, 3 and 2 bits, and then writes a whole
# network into a file in which every byte is counted.
#
# **After this unit** you can derive the straight-through gradient and say what it is at the bounds, train the step of a
# quantiser or the entries of a codebook, round gradients without bias, and say how large a compressed network really is.
#
# **Questions that the measurements below will settle**
#
# 1. How many bits does a weight need if the network is trained for it, and how many if it is rounded afterwards?
# 2. Can gradients be rounded to 2 bits, and does it matter how?
# 3. How many times smaller does LeNet-300-100 become with pruning, a codebook and Huffman coding, down to the last byte
#    of the header, and what does that cost in accuracy?
# 4. An article announces compression by k-means or L1, and its formula is weight decay. Does that compress?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 19 |
# | You need | unit 07 for scale, zero-point and codes; unit 05 for masks; autograd |

# %%
import copy
import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from kdtutor import data, models, plots, prune, quantize
from kdtutor.checks import check, hint, predict, reveal, use
from kdtutor.measure import accuracy, mean_interval, paired_comparison, record, state_dict_bytes
from kdtutor.plots import few_bits as figures
from kdtutor.training import Recipe, fit, fit_many
from kdtutor.training import predict as outputs_of
from kdtutor.training.side_by_side import SideBySide, fit_side_by_side

torch.set_num_threads(1)  # networks as small as these lose more time to waiting threads than they gain

# %% [markdown]
# Wherever you are stuck, `hint(fake_quantize)` in a new cell gives the next of three hints for that exercise.
#
# ## A staircase has no slope
#
# Put the rounding inside the network: every layer multiplies by $\hat w = s \cdot \mathrm{round}(w/s)$ instead of $w$,
# and gradient descent moves $w$. Here the weights have 4 bits, and autograd differentiates what it is given. How large
# is the gradient of the loss by the first layer's weights?

# %%
predict("norm of the gradient by the weights, rounding left to autograd", ...)

# %% experiment
glyphs = data.load("glyphs")
train, pictures = glyphs.train, glyphs.validation
net = models.mlp(256, 64, 36, seed=0)
w = net[1].weight
step_of_w = w.detach().abs().max() / 7
rounded = step_of_w * (w / step_of_w).round()
logits = net[3](F.linear(train.x[:128].flatten(1), rounded, net[1].bias).relu())
(by_w,) = torch.autograd.grad(F.cross_entropy(logits, train.y[:128]), w)
print(f"gradient by the weights: {by_w.norm().item():g}")
reveal("norm of the gradient by the weights, rounding left to autograd", by_w.norm().item())

# %% [markdown]
# A staircase is flat wherever it is not a jump, so the derivative is 0 almost everywhere and says nothing about where
# the next step lies. Autograd is right, and it is of no use.
#
# What we want to know is how $\hat x$ reacts to a change of $x$ that is not infinitely small. Average the staircase over
# a window as wide as one step:
#
# $$\bar x(x) = \frac1s \int_{-s/2}^{s/2} \hat x(x + t)\,dt, \qquad \bar x'(x) = \frac{\hat x(x + s/2) - \hat x(x - s/2)}{s}.$$
#
# In words: the slope of the average is the height that the staircase climbs between the two ends of the window, divided
# by the window's width. Inside the range the window always contains exactly one jump of height $s$, so the slope is
# **1**. Beyond the largest value $s\,(q_\max - o)$ both ends of the window lie on the top stair, so it is **0**. The
# change happens exactly at the bound: there the slope is 1 to one side and 0 to the other, and every number from 0 to
# 1 is as good. This course takes 1, so the bounds belong to the inside:
#
# $$\frac{\partial \hat x}{\partial x} := \begin{cases} 1 & q_\min - o \le x/s \le q_\max - o \\ 0 & \text{otherwise.} \end{cases}$$
#
# This is the **straight-through estimator**: going forward the value is rounded, going back the gradient passes through
# as if nothing had happened, except where the value was clipped. You need a function whose value and whose gradient are
# two different things. One way is to write a `torch.autograd.Function`. Another: `x - x.detach()` has the value 0 and
# the derivative 1.

# %% exercise="fake_quantize" difficulty=3 minutes=8
def fake_quantize(x, scale, zero_point, bits=8):
    """Quantised and back, with the straight-through gradient.

    Forward: scale · (clamp(round(x / scale) + zero_point, q_min, q_max) - zero_point), with
    q_min = -2^(b-1) and q_max = 2^(b-1) - 1. Backward: the gradient by x is what arrives where
    q_min - zero_point <= x / scale <= q_max - zero_point, both ends included, and 0 elsewhere.
    x: any shape, floating point. scale, zero_point: tensors that broadcast to x. Returns x's shape.
    Example: scale 0.25, zero_point 0, 4 bits, so codes -8 ... 7 and values -2 ... 1.75:
    x = [-2.5, -0.3, 0.4, 1.75] becomes [-2, -0.25, 0.5, 1.75]; the gradient passes [0, 1, 1, 1].
    """
    ### BEGIN SOLUTION
    low, high = -(2 ** (bits - 1)) - zero_point, 2 ** (bits - 1) - 1 - zero_point
    steps = (x / scale).detach()
    inside = (steps >= low) & (steps <= high)
    value = scale * steps.round().clamp(low, high)
    return value.detach() + inside * (x - x.detach())
    ### END SOLUTION

# %% check="fake_quantize" points=3
from kdtutor.checks import check, secret_logits

check(fake_quantize)
### BEGIN HIDDEN TESTS
import torch

for bits, s, o in ((4, 0.5, 2), (8, 0.03125, -20), (2, 2.0, 0)):  # powers of two: x / s is exact
    low, high = s * (-(2 ** (bits - 1)) - o), s * (2 ** (bits - 1) - 1 - o)
    fresh = torch.cat([secret_logits(60, key=f"fake {bits}"), torch.tensor([low, high])])
    fresh = fresh.requires_grad_()
    back = fake_quantize(fresh, torch.tensor(s), torch.tensor(o, dtype=torch.int32), bits)
    (back * torch.arange(1.0, 63.0)).sum().backward()
    rows = zip(fresh.tolist(), back.tolist(), fresh.grad.tolist(), range(1, 63))
    for value, returned, gradient, arrived in rows:
        assert abs(returned - min(max(value, low), high)) <= 0.501 * s, "a value is not the nearest one"
        assert abs(returned / s - round(returned / s)) < 1e-3, "a value is not on the grid"
        wanted = arrived if low <= value <= high else 0
        assert abs(gradient - wanted) < 1e-3, "the gradient is wrong for a fresh value or at a bound"
### END HIDDEN TESTS

# %% [markdown]
# Does the derivation hold? Below, for 3 bits: the staircase, its mean over a window (computed by summing, without any
# calculus), the slope of that mean, and the gradient of your function.

# %% experiment
my_fake_quantize = use(fake_quantize)
s, o = torch.tensor(0.5), torch.tensor(0, dtype=torch.int32)  # 3 bits: values -2 ... 1.5
x = torch.linspace(-3, 2.5, 1101).requires_grad_()
value = my_fake_quantize(x, s, o, 3)
(gradient,) = torch.autograd.grad(value.sum(), x)


def windowed(x):
    """The staircase's mean over one step around each x."""
    window = s * (torch.arange(400) + 0.5 - 200) / 400
    return my_fake_quantize(x[:, None] + window, s, o, 3).mean(1)


with torch.no_grad():
    mean_value = windowed(x)
    slope = (windowed(x + 0.005) - windowed(x - 0.005)) / 0.01
near_a_bound = ((x + 2).abs() < 0.006) | ((x - 1.5).abs() < 0.006)
gap = (gradient - slope)[~near_a_bound].abs().max().item()
plots.show(
    figures.staircase(x.detach(), value.detach(), mean_value,
                      {"straight through": gradient, "slope of the mean": slope.detach()}, -2.0, 1.5),
    alt="Left, a staircase of eight values with its running mean, a straight line that bends at both "
    "ends of the shaded range. Right, the slope of that mean and the straight-through gradient lie on "
    "one another: 1 inside the range, 0 outside.",
)
print(f"largest gap between the two slopes away from the bounds: {gap:.3f}")

# %% [markdown]
# How to read it: left, the dashed line is the mean of the blue staircase over one step; right, its slope and your
# gradient. The shaded part is the range of the codes. The two slopes agree everywhere but at the two bounds, where the
# mean has a kink.
#
# ### Reading critically: whose derivative is it at the bound?
#
# A public quantiser rounds straight through and leaves the clipping to `torch.clamp`, whose derivative it trusts. What
# does that give at the bound itself, and a little beyond it? Four ways, same four points. The last one is PyTorch's own
# `fake_quantize_per_tensor_affine`.

# %%
predict("derivative of torch.clamp exactly at its bound, in this release", ...)

# %% experiment
def left_to_clamp(x):
    steps = x / s
    steps = (steps + (steps.round() - steps).detach()).clamp(-4, 3)
    return s * steps


def never_cut(x):
    return x + (my_fake_quantize(x, s, o, 3) - x).detach()


ways = {
    "yours": lambda x: my_fake_quantize(x, s, o, 3),
    "never cut": never_cut,
    "rounded, then clamp": left_to_clamp,
    "PyTorch's own": lambda x: torch.fake_quantize_per_tensor_affine(x, float(s), 0, -4, 3),
}
points = torch.tensor([1.4, 1.5, 1.6, 2.0])  # inside, at the bound, a little and far beyond
at_points = {}
for name, way in ways.items():
    x = points.clone().requires_grad_()
    (found,) = torch.autograd.grad(way(x).sum(), x)
    at_points[name] = found.tolist()
    pairs = zip(points.tolist(), found.tolist())
    print(f"{name:>24}: " + "   ".join(f"x = {point:.1f}: {slope:g}" for point, slope in pairs))
x = torch.tensor(1.5, requires_grad=True)
(of_clamp,) = torch.autograd.grad(x.clamp(-2, 1.5), x)
record("bounds", gap=gap, clamp=of_clamp.item(), torch_version=torch.__version__.split("+")[0],
       own_beyond=at_points["PyTorch's own"][2], clamp_inside=at_points["rounded, then clamp"][0])
reveal("derivative of torch.clamp exactly at its bound, in this release", of_clamp.item())

# %% [markdown]
# **Reading the result.** With torch {{ bounds.torch_version }} `clamp` has the derivative {{ bounds.clamp | .0f }} at its bound.
# In earlier releases it was 1: code that relied on it got another gradient without a line of it being touched. And
# that is no corner case: the largest weight of every layer lies *exactly* on the bound when the range is min–max.
# The quantiser that rounds first and clamps then loses even more: at 1.4 the rounded value *is* the bound, so its
# gradient there is {{ bounds.clamp_inside | .0f }}, half a step too early. PyTorch's own passes {{ bounds.own_beyond | .0f }} at 1.6, where the value is clipped already: it asks whether the
# *rounded* code is in the range and so cuts half a step later than the derivation says. The repair is to write the
# condition yourself, as you did.
#
# ### What the cut is for
#
# A gradient that is never cut pushes a clipped weight on, although the loss does not feel it. One weight, step 0.25, 4
# bits, so 1.75 is the largest value. It is to reach 3 for 60 steps, then 1.

# %% experiment
def one_weight(way):
    """The weight after 60 steps towards 3, and how many more until it leaves the top stair."""
    w = torch.tensor(0.5, requires_grad=True)
    for step in range(400):
        (slope,) = torch.autograd.grad((way(w) - (3.0 if step < 60 else 1.0)).square() / 2, w)
        w = (w - 0.1 * slope).detach().requires_grad_()
        far = w.item() if step == 59 else far if step > 59 else None
        if step > 59 and way(w).item() < 1.75:
            return far, step - 59
    return far, None


quarter = torch.tensor(0.25)
far_cut, back_cut = one_weight(lambda w: my_fake_quantize(w, quarter, o, 4))
far_free, back_free = one_weight(lambda w: w + (my_fake_quantize(w, quarter, o, 4) - w).detach())
in_words = {name: f"after {n} more steps" if n else "not once in the next 340 steps"
            for name, n in (("cut", back_cut), ("never cut", back_free))}
print(f"cut:       w = {far_cut:.2f} after 60 steps; x̂ moves {in_words['cut']}")
print(f"never cut: w = {far_free:.2f} after 60 steps; x̂ moves {in_words['never cut']}")
record("cut", far_cut=far_cut, far_free=far_free, back_cut=in_words["cut"],
       back_free=in_words["never cut"])

# %% [markdown]
# **Reading the result.** Without the cut the weight has run to {{ cut.far_free | .2f }}, and when it is wanted back
# the rounded value moves {{ cut.back_free }}. With the cut it stops at {{ cut.far_cut | .2f }}, just outside, and gets no
# gradient any more: the rounded value moves {{ cut.back_cut }}. The cut is honest and not a
# cure. What brings such a weight back is a range that moves: chosen anew from the weights, or trained.

# %% [markdown]
# ## A step that learns
#
# So train the step as well. For signed codes let $Q_N = 2^{b-1}$ and $Q_P = 2^{b-1} - 1$, and
#
# $$\hat x = s \cdot \mathrm{round}\big(\mathrm{clamp}(x/s,\, -Q_N,\, Q_P)\big).$$
#
# Differentiate by $s$. Outside the range $\hat x = s\,Q_P$ or $-s\,Q_N$, so the derivative is $Q_P$ or $-Q_N$. Inside,
# use the product rule, with the rounding straight through, $\mathrm{round}'(u) = 1$:
#
# $$\frac{\partial \hat x}{\partial s} = \mathrm{round}(x/s) + s \cdot 1 \cdot \Big(-\frac{x}{s^2}\Big) = \mathrm{round}(x/s) - x/s.$$
#
# In words: inside, the step feels the rounding error, in steps; outside it feels how much it lacks. A quantiser with a
# step that is too short hears many clipped values ask for more, and one with a step that is too long hears many
# rounding errors of both signs.
#
# One thing more. The step collects the gradients of all $N$ weights of its layer, so it would move much faster,
# relative to its size, than a weight does. Its gradient is therefore multiplied by $g = 1/\sqrt{N\,Q_P}$. The value of
# $\hat x$ and the gradient by $x$ are not touched.

# %% exercise="learned_step" difficulty=4 minutes=10
def learned_step(x, step, bits):
    """Rounded to a step that is trained: gradients by x and by the step.

    Forward: step · round(clamp(x / step, -Q_N, Q_P)), Q_N = 2^(b-1), Q_P = 2^(b-1) - 1.
    Backward: by x, what arrives where -Q_N <= x / step <= Q_P, else 0. By the step, the sum over all
    values of what arrives times g times: round(x / step) - x / step inside, -Q_N below, Q_P above;
    g = 1 / sqrt(number of values · Q_P). The two bounds count as inside.
    x: any shape. step: a positive scalar tensor. bits: 2 to 8. Returns x's shape.
    Example: x = [0.3, 0.9, -4], step 0.5, 3 bits, Q_N = 4, Q_P = 3: x / step = [0.6, 1.8, -8],
    values [0.5, 1, -2]; slopes by the step g · [0.4, 0.2, -4] with g = 1 / sqrt(3 · 3) = 1/3.
    """
    ### BEGIN SOLUTION
    below, above = 2 ** (bits - 1), 2 ** (bits - 1) - 1
    steps = (x / step).detach()
    inside = (steps >= -below) & (steps <= above)
    codes = steps.clamp(-below, above).round()
    slope = torch.where(inside, codes - steps, codes) / math.sqrt(x.numel() * above)
    return step.detach() * codes + inside * (x - x.detach()) + slope * (step - step.detach())
    ### END SOLUTION

# %% check="learned_step" points=3
from kdtutor.checks import check, secret_logits

check(learned_step)
### BEGIN HIDDEN TESTS
import torch

for bits, size in ((3, 0.7), (2, 1.9), (5, 0.15)):
    fresh = secret_logits(50, key=f"step {bits}").requires_grad_()
    size = torch.tensor(size, requires_grad=True)
    learned_step(fresh, size, bits).sum().backward()
    below, above = 2 ** (bits - 1), 2 ** (bits - 1) - 1
    wanted = 0.0
    for value, gradient in zip((fresh / size).tolist(), fresh.grad.tolist()):
        inside = -below <= value <= above
        assert abs(gradient - inside) < 1e-4, "the gradient by x is wrong for a fresh value"
        wanted += round(value) - value if inside else (above if value > 0 else -below)
    wanted /= (50 * above) ** 0.5
    off = abs(float(size.grad) - wanted)
    assert off < 1e-3 * (1 + abs(wanted)), "the gradient by the step is wrong for fresh values"
### END HIDDEN TESTS

# %% [markdown]
# ## A few values, shared
#
# Steps of equal width are one way to name $2^b$ values. Why not choose the values themselves? Let a **codebook** $c$ hold
# $2^b$ numbers and give every weight a code $q$, the place of its number: $w \approx c_q$. The best codebook has the smallest
# $\sum_i (w_i - c_{q_i})^2$, and two things must hold for it: each weight has the entry nearest to it (else change its
# code), and each entry is the mean of its weights (the sum of squares is smallest there). **k-means** makes one true,
# then the other, until nothing moves; neither step can raise the sum, so it ends. Where it ends depends on the start.
# Starting from values spread evenly between the smallest and the largest weight leaves entries for the few large ones,
# which matter most to the network.

# %% exercise="kmeans_codebook" difficulty=3 minutes=8
def kmeans_codebook(weight, bits):
    """A codebook of 2^b values and the code of every weight, by k-means.

    weight: any shape. bits: 1 to 4. Start: 2^b values spread evenly from the smallest to the largest
    weight, both included. Then, until nothing moves: every weight takes the nearest entry, every
    entry moves to the mean of its weights; an entry without weights keeps its place.
    Returns (codebook, codes): (2^b,) floating point, and integers of weight's shape.
    Example: [0, 1, 2, 10], 1 bit: start [0, 10]; 0, 1, 2 are nearest to the first, whose mean is 1;
    nothing moves any more: codebook [1, 10], codes [0, 0, 0, 1].
    """
    ### BEGIN SOLUTION
    values = weight.detach().flatten()
    codebook = torch.linspace(values.min().item(), values.max().item(), 2**bits)
    while True:
        codes = (values[:, None] - codebook).abs().argmin(1)
        sums = torch.zeros(2**bits).index_add_(0, codes, values)
        sizes = torch.bincount(codes, minlength=2**bits)
        means = torch.where(sizes > 0, sums / sizes.clamp(min=1), codebook)
        if torch.equal(means, codebook):
            return codebook, codes.view(weight.shape)
        codebook = means
    ### END SOLUTION

# %% check="kmeans_codebook" points=3
from kdtutor.checks import check, secret_logits

check(kmeans_codebook)
### BEGIN HIDDEN TESTS
fresh = secret_logits(12, 15, key="codebook")
for bits in (2, 3):
    codebook, codes = kmeans_codebook(fresh, bits)
    assert tuple(codebook.shape) == (2**bits,), "b bits name 2^b entries"
    assert tuple(codes.shape) == (12, 15), "the codes have the weight's shape"
    entries, members = codebook.tolist(), [[] for _ in range(2**bits)]
    for value, code in zip(fresh.flatten().tolist(), codes.flatten().tolist()):
        best = min(abs(value - entry) for entry in entries)
        assert abs(value - entries[code]) < best + 1e-4, "a weight has not the nearest entry"
        members[code].append(value)
    for entry, held in zip(entries, members):
        if held:
            assert abs(entry - sum(held) / len(held)) < 1e-3, "an entry is not the mean of its weights"
### END HIDDEN TESTS

# %% [markdown]
# A codebook is trained like anything else. All weights with code $k$ *are* the number $c_k$; move it by a little, and they all
# move as much. By the chain rule their gradients add up:
#
# $$\frac{\partial L}{\partial c_k} = \sum_{i\,:\,q_i = k} \frac{\partial L}{\partial w_i}.$$
#
# In words: sort the gradients of the weights by code, and sum each heap. The codes themselves stay as they are. Nothing
# is rounded here, so no straight-through trick is needed; this gradient is exact.

# %% exercise="centroid_gradient" difficulty=2 minutes=3
def centroid_gradient(gradient, codes, entries):
    """The gradient by each entry of a codebook, from the gradient by each weight.

    gradient: floating point, any shape. codes: integers below `entries`, of the same shape.
    entries: how many the codebook has. Returns (entries,); an entry that no weight uses has 0.
    Example: gradient [[1, 2], [4, -3]], codes [[0, 2], [0, 2]], 4 entries: [1 + 4, 0, 2 - 3, 0].
    """
    ### BEGIN SOLUTION
    return torch.zeros(entries).index_add_(0, codes.flatten().long(), gradient.flatten())
    ### END SOLUTION

# %% check="centroid_gradient" points=1
from kdtutor.checks import check, secret_labels, secret_logits

check(centroid_gradient)
### BEGIN HIDDEN TESTS
fresh, codes = secret_logits(8, 9, key="by weight"), secret_labels(72, 5, key="shared").view(8, 9)
heaps = [0.0] * 6
for value, code in zip(fresh.flatten().tolist(), codes.flatten().tolist()):
    heaps[code] += value
found = centroid_gradient(fresh, codes, 6)
assert tuple(found.shape) == (6,), "one number an entry, the unused one too"
assert max(abs(a - b) for a, b in zip(found.tolist(), heaps)) < 1e-3, "wrong for a fresh gradient"
### END HIDDEN TESTS

# %% [markdown]
# ## Signature experiment: trained for it, or rounded afterwards
#
# Question 1. Ten networks (256 inputs, 64 hidden units, 36 classes, ten seeds) are trained for six epochs. Then all
# of them get three epochs more, the same number for every method:
#
# - **rounded afterwards**: the three epochs in float32, then each matrix gets the symmetric step with the smallest
#   squared error. This is the best that unit 07 can do with one scale a matrix;
# - **straight through**: that same step is chosen first and kept, and the three epochs run through your
#   `fake_quantize`;
# - **learned step**: the same with your `learned_step`, which moves its step too;
# - **k-means afterwards**: float32, then your `kmeans_codebook`;
# - **codebook trained**: the codebook first, then three epochs that move its entries; the codes stay.
#
# The learning rate was chosen from 0.003, 0.01, 0.03 and 0.1 on four other seeds, by the validation pictures: 0.03 is the
# best for the float32 networks that are rounded, and each trained method is within a point of its best there.
#
# Predict: with 2 bits a weight, what is the accuracy of a network that is rounded afterwards? And of one that was trained
# straight through? (float32 is near 0.83.)

# %%
predict("accuracy with 2 bits, rounded afterwards, from 0 to 1", ...)
predict("accuracy with 2 bits, trained straight through, from 0 to 1", ...)

# %% experiment
my_learned_step, my_kmeans = use(learned_step), use(kmeans_codebook)
seeds = range(10)
nets = [models.mlp(256, 64, 36, seed=seed) for seed in seeds]
fit_many(nets, train.x, (train.y,), F.cross_entropy, Recipe(epochs=6), seeds=seeds, device="cpu")
zero = torch.tensor(0, dtype=torch.int32)


def three_more_epochs(seen, extra=()):
    """The ten networks, trained on while their layers see their weights through `seen`."""
    side = SideBySide(nets, seen, extra)
    fit_side_by_side(side, train.x, train.y, Recipe(epochs=3, lr=0.03, batch_size=256), seeds=seeds)
    return side


def best_steps(weights, bits):
    """For each of ten matrices the step with the smallest squared error: (10, 1, 1)."""
    bound = weights.abs().amax((1, 2), keepdim=True)
    steps = [share * bound / (2 ** (bits - 1) - 1) for share in torch.linspace(0.1, 1, 19)]
    rounded = [quantize.fake_quantize(weights, step, 0, bits) for step in steps]
    errors = [(back - weights).square().sum((1, 2)) for back in rounded]
    return torch.stack(steps)[torch.stack(errors).argmin(0), torch.arange(len(weights))]


def shared(weights, bits):
    """The codebooks of ten matrices (10, 2^b) and their codes (10, weights)."""
    books, codes = zip(*(my_kmeans(w, bits) for w in weights))
    return torch.stack(books), torch.stack([q.flatten().long() for q in codes])


floating = three_more_epochs(lambda i, w: w)


def accuracies_of(bits):
    """Test accuracy of the ten networks by each method."""
    test = glyphs.test.x, glyphs.test.y
    final = [w.detach() for w in floating.weights]
    first = [w.detach() for w in SideBySide(nets, floating.seen).weights]
    steps = [best_steps(w, bits) for w in final]
    floating.seen = lambda i, w: my_fake_quantize(w, steps[i], zero, bits)
    found = {"rounded afterwards": floating.accuracies(*test)}

    kept = [best_steps(w, bits) for w in first]
    through = three_more_epochs(lambda i, w: my_fake_quantize(w, kept[i], zero, bits))
    found["straight through"] = through.accuracies(*test)

    if bits > 4:
        return found  # little is left to win, and 256 entries serve a small matrix as well as float32
    learned = [nn.Parameter(torch.stack([quantize.initial_step(v, bits) for v in w])) for w in first]

    def each(i, w):
        return torch.stack([my_learned_step(v, s, bits) for v, s in zip(w, learned[i])])

    found["learned step"] = three_more_epochs(each, learned).accuracies(*test)

    books = [shared(w, bits) for w in final]
    floating.seen = lambda i, w: books[i][0].gather(1, books[i][1]).view_as(w)
    found["k-means afterwards"] = floating.accuracies(*test)

    start = [shared(w, bits) for w in first]
    values = [nn.Parameter(book) for book, _ in start]
    found["codebook trained"] = three_more_epochs(
        lambda i, w: values[i].gather(1, start[i][1]).view_as(w), values
    ).accuracies(*test)
    return found


in_float = mean_interval(floating.accuracies(glyphs.test.x, glyphs.test.y))
reached = {bits: accuracies_of(bits) for bits in (8, 4, 3, 2)}

# %% experiment
curves = {name: {b: mean_interval(found[name]) for b, found in reached.items() if name in found}
          for name in reached[2]}
plots.show(
    figures.accuracy_by_bits(curves, in_float),
    alt="Test accuracy against bits a weight for five methods. At 8 bits all are close to float32. "
    "Towards 2 bits the two that are rounded afterwards fall steeply; the trained ones fall much less.",
)
claims = {
    f"{name.replace(' ', '_').replace('-', '_')}_{bits}": interval
    for name, curve in curves.items()
    for bits, interval in curve.items()
}
pairs = {
    "straight": ("straight through", "rounded afterwards"),
    "learned": ("learned step", "straight through"),
    "codebook": ("codebook trained", "k-means afterwards"),
}
for bits, found in reached.items():
    for key, (method, baseline) in pairs.items():
        if method in found:
            outcome = paired_comparison(found[method], found[baseline], smallest_gain=0.005)
            claims[f"{key}_gain_{bits}"] = 100 * outcome.difference
            claims[f"{key}_verdict_{bits}"] = outcome.verdict
            print(f"{bits} bits, {method} against {baseline}:\n   {outcome}")
record("bits", floating=in_float, **claims)
reveal("accuracy with 2 bits, rounded afterwards, from 0 to 1", curves["rounded afterwards"][2].mean)
reveal("accuracy with 2 bits, trained straight through, from 0 to 1", curves["straight through"][2].mean)

# %% [markdown]
# How to read it: each point is the mean over ten networks, the band its 95 % interval, the grey line float32. Dashed
# lines were never trained with the rounding in place.
#
# **Reading the result.** Test accuracy; a gain counts from half a point, over ten paired seeds. float32 has
# {{ bits.floating.mean | percent }}.
#
# | bits | rounded afterwards | straight through | gain in points | verdict |
# |---|---|---|---|---|
# | 8 | {{ bits.rounded_afterwards_8.mean | percent }} | {{ bits.straight_through_8.mean | percent }} | {{ bits.straight_gain_8 | +.1f }} | {{ bits.straight_verdict_8 }} |
# | 4 | {{ bits.rounded_afterwards_4.mean | percent }} | {{ bits.straight_through_4.mean | percent }} | {{ bits.straight_gain_4 | +.1f }} | {{ bits.straight_verdict_4 }} |
# | 3 | {{ bits.rounded_afterwards_3.mean | percent }} | {{ bits.straight_through_3.mean | percent }} | {{ bits.straight_gain_3 | +.1f }} | {{ bits.straight_verdict_3 }} |
# | 2 | {{ bits.rounded_afterwards_2.mean | percent }} | {{ bits.straight_through_2.mean | percent }} | {{ bits.straight_gain_2 | +.1f }} | {{ bits.straight_verdict_2 }} |
#
# | bits | learned step | against straight through | verdict | codebook trained | against k-means afterwards | verdict |
# |---|---|---|---|---|---|---|
# | 4 | {{ bits.learned_step_4.mean | percent }} | {{ bits.learned_gain_4 | +.1f }} | {{ bits.learned_verdict_4 }} | {{ bits.codebook_trained_4.mean | percent }} | {{ bits.codebook_gain_4 | +.1f }} | {{ bits.codebook_verdict_4 }} |
# | 3 | {{ bits.learned_step_3.mean | percent }} | {{ bits.learned_gain_3 | +.1f }} | {{ bits.learned_verdict_3 }} | {{ bits.codebook_trained_3.mean | percent }} | {{ bits.codebook_gain_3 | +.1f }} | {{ bits.codebook_verdict_3 }} |
# | 2 | {{ bits.learned_step_2.mean | percent }} | {{ bits.learned_gain_2 | +.1f }} | {{ bits.learned_verdict_2 }} | {{ bits.codebook_trained_2.mean | percent }} | {{ bits.codebook_gain_2 | +.1f }} | {{ bits.codebook_verdict_2 }} |
#
# The advantage of training straight through over rounding afterwards grows as the bits fall: from {{ bits.straight_gain_8 | +.1f }} points at 8 bits (verdict: {{ bits.straight_verdict_8 }}) to
# {{ bits.straight_gain_2 | +.1f }} at 2 bits ({{ bits.straight_verdict_2 }}), where four values a matrix are left.
# Learning the step as well changes less: "{{ bits.learned_verdict_4 }}" at 4 bits, "{{ bits.learned_verdict_3 }}" at 3,
# "{{ bits.learned_verdict_2 }}" at 2, against a fixed step that was searched for the smallest error.
#
# The codebook teaches the opposite at 4 bits: {{ bits.codebook_gain_4 | +.1f }} points, so there it is worse to share
# first and train then. Its codes were fixed after six epochs, and from then on weights move in groups only, while the
# float32 networks went on learning with every weight by itself before they were shared. At 2 bits, where sharing
# afterwards costs most, training the four values is worth {{ bits.codebook_gain_2 | +.1f }} points
# ({{ bits.codebook_verdict_2 }}). Hence the order of Deep Compression: learn first, share last, then train what is shared.

# %% [markdown]
# ## Rounding gradients
#
# When many machines train one network they send gradients to each other, and fewer bits mean less to send. One of the source
# articles names "gradient quantisation" and leaves it at that. Its catch: let a gradient have the step $s$ and an entry of
# $0.3\,s$. Rounded to nearest it is 0, in every batch; that weight never moves, however long one trains. The error is
# not noise that averages out, it is a **bias**.
#
# **Stochastic rounding** goes up by chance. With $f = x - \lfloor x \rfloor$, take $\lfloor x \rfloor + 1$ with probability $f$, else
# $\lfloor x \rfloor$. Its mean and variance are
#
# $$\mathbb E = (1-f)\,\lfloor x \rfloor + f\,(\lfloor x \rfloor + 1) = \lfloor x \rfloor + f = x, \qquad \mathrm{Var} = f\,(1-f) \le \tfrac14.$$
#
# In words: any single rounding is off by more than to nearest, and the average of many is exactly right. Gradient
# descent sums thousands of gradients, so it is the average that counts.

# %% exercise="stochastic_round" difficulty=2 minutes=5
def stochastic_round(x, generator):
    """floor(x) + 1 with probability x - floor(x), else floor(x), for every entry by itself.

    x: floating point, any shape, negative values too. generator: a torch.Generator, the only source
    of randomness. Returns x's shape and dtype.
    Example: x = [0.25, -0.25, 3]: 0.25 becomes 1 once in four times, else 0; -0.25 becomes 0 three
    times in four, else -1; 3 is always 3.
    """
    ### BEGIN SOLUTION
    below = x.floor()
    up = torch.rand(x.shape, generator=generator) < x - below
    return below + up.to(x.dtype)
    ### END SOLUTION

# %% check="stochastic_round" points=2
from kdtutor.checks import check, secret_generator, secret_logits

check(stochastic_round)
### BEGIN HIDDEN TESTS
fresh = secret_logits(5, key="chance")
drawn = stochastic_round(fresh.expand(40000, 5).clone(), secret_generator("coins"))
for value, column in zip(fresh.tolist(), drawn.t()):
    assert abs(float(column.mean()) - value) < 0.02, "the mean of many roundings is not the value"
    assert float((column - value).abs().max()) < 1.0, "a value that is no neighbour occurs"
again = stochastic_round(fresh.expand(40000, 5).clone(), secret_generator("coins"))
assert bool((drawn == again).all()), "a generator in the same state gives the same coins"
### END HIDDEN TESTS

# %% [markdown]
# Question 2. First one real gradient, rounded to 2 bits (that is -1, 0 and 1 times the largest magnitude): how far is
# the mean of $n$ roundings from it? Then training: ten networks by plain SGD with momentum for three epochs, the
# gradient of every tensor rounded before the update, with 4 and 2 bits. The learning rate was chosen on other seeds and
# the validation pictures from 0.03, 0.1 and 0.3, for each way of rounding by itself: 0.1 with 2 bits by chance, 0.3 for
# all others.

# %%
predict("fraction of a gradient's entries that become 0 with 2 bits, to nearest", ...)

# %% experiment
my_round = use(stochastic_round)


def rounding(bits, by_chance, generator):
    """What happens to a gradient of ten networks: a scale for each of them, then codes, then back."""

    def rounded(gradient):
        top = gradient.abs().amax(tuple(range(1, gradient.ndim)), keepdim=True)
        scale = torch.where(top > 0, top, 1.0) / (2 ** (bits - 1) - 1)
        steps = gradient / scale
        return scale * (my_round(steps, generator) if by_chance else steps.round())

    return rounded


side = SideBySide(nets, lambda i, w: w)
logits = side(train.x[:128].expand(10, 128, 1, 16, 16))
loss = F.cross_entropy(logits.flatten(0, 1), train.y[:128].repeat(10), reduction="sum")
(gradient,) = torch.autograd.grad(loss, side.weights[0])
to_zero = [(g == 0).float().mean().item() for g in rounding(2, False, None)(gradient)]
draws = [1, 4, 16, 64, 256]
errors = {"to nearest": [], "by chance": []}
for name, values in errors.items():
    total, coins = 0, torch.Generator().manual_seed(0)
    for n in range(1, draws[-1] + 1):
        total = total + rounding(2, name == "by chance", coins)(gradient)
        if n in draws:
            values.append(((total / n - gradient).norm() / gradient.norm()).item())


def sgd_with(bits, by_chance):
    """Test accuracy of ten networks trained from scratch with rounded gradients."""
    side = SideBySide([models.mlp(256, 64, 36, seed=seed) for seed in seeds], lambda i, w: w)
    coins = torch.Generator().manual_seed(1)
    if bits < 32:
        for parameter in side.parameters():
            parameter.register_hook(rounding(bits, by_chance, coins))
    recipe = Recipe(epochs=3, lr=0.1 if bits == 2 and by_chance else 0.3, optimizer="sgd")
    fit_side_by_side(side, train.x, train.y, recipe, seeds=seeds)
    return side.accuracies(glyphs.test.x, glyphs.test.y)


with_float = sgd_with(32, False)
trained = {name: {bits: sgd_with(bits, name == "by chance") for bits in (4, 2)} for name in errors}

# %% experiment
by_bits = {name: {b: mean_interval(a) for b, a in row.items()} for name, row in trained.items()}
plots.show(
    figures.rounded_gradients(draws, errors, by_bits, mean_interval(with_float)),
    alt="Left, the error of the mean of n roundings on logarithmic axes: to nearest it stays flat, by "
    "chance it starts higher and falls as a straight line. Right, accuracy after training with 2 and 4 "
    "bits, to nearest and by chance, beside float32.",
)
claims = {}
for bits in (4, 2):
    chance, nearest = (trained[name][bits] for name in ("by chance", "to nearest"))
    outcome = paired_comparison(chance, nearest, smallest_gain=0.005)
    claims |= {f"verdict_{bits}": outcome.verdict, f"gain_{bits}": 100 * outcome.difference}
    claims |= {f"nearest_{bits}": mean_interval(nearest), f"chance_{bits}": mean_interval(chance)}
    print(f"{bits} bits, by chance against to nearest:\n   {outcome}")
record("gradients", zero=mean_interval(to_zero), floating=mean_interval(with_float),
       nearest_error=errors["to nearest"][-1], chance_first=errors["by chance"][0],
       chance_last=errors["by chance"][-1], **claims)
lost_entries = mean_interval(to_zero)
reveal("fraction of a gradient's entries that become 0 with 2 bits, to nearest", lost_entries.mean)

# %% [markdown]
# How to read it: left, both axes are logarithmic, and a mean of independent, unbiased roundings falls along a line of slope
# -1/2. Right, accuracy after training with its 95 % interval; the grey line is SGD with gradients as they are.
#
# **Reading the result.** With 2 bits, {{ gradients.zero.mean | percent }} of the entries become 0 when they are rounded to
# nearest, and the mean of 256 roundings is as wrong as the first: {{ gradients.nearest_error | .2f }} of the gradient's own
# length. By chance a single rounding is much worse, {{ gradients.chance_first | .1f }} times that length, and the mean of 256
# is off by {{ gradients.chance_last | .2f }}. In training:
#
# | bits | to nearest | by chance | difference in points | verdict for chance |
# |---|---|---|---|---|
# | 4 | {{ gradients.nearest_4.mean | percent }} | {{ gradients.chance_4.mean | percent }} | {{ gradients.gain_4 | +.1f }} | {{ gradients.verdict_4 }} |
# | 2 | {{ gradients.nearest_2.mean | percent }} | {{ gradients.chance_2.mean | percent }} | {{ gradients.gain_2 | +.1f }} | {{ gradients.verdict_2 }} |
#
# With 4 bits chance is worth {{ gradients.gain_4 | .1f }} points. With 2 bits it decides: rounding to nearest leaves nearly every weight
# without an update, and {{ gradients.nearest_2.mean | percent }} remain of {{ gradients.floating.mean | percent }} in float32;
# by chance {{ gradients.chance_2.mean | percent }}. The variance has its price: by chance with 2 bits needed a third of
# the learning rate.

# %% [markdown]
# ## From codes to bytes: packing
#
# A code of 3 bits in an `int8` tensor takes 8. To save the other five, write the codes as one stream of bits and cut it into
# bytes. Code $j$ occupies the bits $jb, \dots, jb + b - 1$ of the stream, its lowest bit first, and bit $i$ of the stream is bit
# $i \bmod 8$ of byte $\lfloor i/8 \rfloor$, counted from the lowest. So eight codes of $b$ bits fill $b$ bytes exactly, and a
# code may begin in one byte and end in the next.

# %% exercise="pack_bits" difficulty=3 minutes=6
def pack_bits(codes, bits):
    """Codes of b bits one after the other in ceil(count · b / 8) bytes.

    codes: uint8, any shape (read row by row), each below 2^b. bits: 1 to 8. Returns uint8 of one axis.
    Bit i of the stream is bit i mod 8 of byte i // 8 (bit 0 is the lowest); a code's lowest bit comes
    first; what is left of the last byte is 0.
    Example: codes [1, 2, 3], 4 bits: 1 is 1000 (lowest first), 2 is 0100, 3 is 1100; the first byte
    is 1 + 2 · 16 = 33, the second 3.
    """
    ### BEGIN SOLUTION
    stream = (codes.flatten().int()[:, None] >> torch.arange(bits) & 1).flatten()
    stream = F.pad(stream, (0, -len(stream) % 8)).view(-1, 8)
    return (stream << torch.arange(8)).sum(1).to(torch.uint8)
    ### END SOLUTION

# %% check="pack_bits" points=2
from kdtutor.checks import check, secret_labels

check(pack_bits)
### BEGIN HIDDEN TESTS
import torch

for bits, count in ((3, 29), (5, 8), (7, 10)):
    fresh = secret_labels(count, 2**bits, key=f"pack {bits}")
    number = sum(code << j * bits for j, code in enumerate(fresh.tolist()))
    by_hand = list(number.to_bytes(-(-count * bits // 8), "little"))
    packed = pack_bits(fresh.to(torch.uint8), bits)
    assert packed.tolist() == by_hand, "the bytes are wrong for fresh codes"
### END HIDDEN TESTS

# %% [markdown]
# ## Huffman: frequent codes, fewer bits
#
# Codes are rarely all equally frequent. Give the frequent ones short bit strings and the rare ones long ones. To be readable
# without separators no string may begin with another: a **prefix code**. Such a code with lengths $\ell_k$ exists exactly if
# $\sum_k 2^{-\ell_k} \le 1$. For symbols with frequencies $p_k$ no such code has a mean length below the entropy
# $H = -\sum_k p_k \log_2 p_k$, and the best has less than $H + 1$.
#
# The best is found from the bottom up. Two rarest symbols can share all bits but the last. Join them: from now on they are one
# symbol with the sum of their counts, and whatever string that gets, each of the two has one bit more. Repeat until one is left.
# Only the lengths need to be stored; both sides can build the same strings from them.

# %% exercise="huffman_code_lengths" difficulty=4 minutes=10
def huffman_code_lengths(counts):
    """How many bits each symbol's code has, so that the sum of count · length is smallest.

    counts: (K,) integers >= 0. Returns (K,) integers: 0 for a symbol that never occurs, 1 for a symbol
    that is the only one. Where counts tie, any of the best answers will do.
    Example: [5, 1, 1, 1]: join two of the ones (2), join that with the third (3), join that with the
    5. The first symbol took part in one merger, the others in 2 or 3: [1, 2, 3, 3] in some order of
    the last three.
    """
    ### BEGIN SOLUTION
    lengths = torch.zeros(len(counts), dtype=torch.int64)
    groups = [(count, [symbol]) for symbol, count in enumerate(counts.tolist()) if count > 0]
    if len(groups) == 1:
        lengths[groups[0][1]] = 1
    while len(groups) > 1:
        groups.sort(key=lambda group: group[0])
        (a, first), (b, second), *others = groups
        lengths[first + second] += 1
        groups = [(a + b, first + second), *others]
    return lengths
    ### END SOLUTION

# %% check="huffman_code_lengths" points=3
from kdtutor.checks import check, secret_logits

check(huffman_code_lengths)
### BEGIN HIDDEN TESTS
import heapq

for K in (6, 13):
    counts = (100 * secret_logits(K, scale=1.5, key=f"counts {K}").exp()).long() + 1
    heap, best = counts.tolist(), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        best += joined
        heapq.heappush(heap, joined)
    lengths = [int(length) for length in huffman_code_lengths(counts)]
    assert sum(2.0**-length for length in lengths) <= 1, "no prefix code has these lengths"
    total = sum(count * length for count, length in zip(counts.tolist(), lengths))
    assert total == best, "a shorter code exists for fresh counts"
### END HIDDEN TESTS

# %% [markdown]
# ## What a file holds
#
# A size that leaves out the codebook, the table of code lengths or the header is not a size: nobody could read such a file.
# Public tables do leave them out, and then a 3-bit codebook is "32/3 = 10.7 times smaller" whatever the layer. Let one layer be
# stored as
#
# 1. a head (magic number, version, shape) of a given number of bytes,
# 2. the codebook, in its own dtype,
# 3. for each entry of the codebook the length of its Huffman code, 4 bits each, two in a byte,
# 4. the stream of Huffman codes, the last byte filled up.

# %% exercise="stored_bytes" difficulty=2 minutes=5
def stored_bytes(codes, codebook, head):
    """How many bytes the layer takes in the file described above. An integer.

    codes: uint8, any shape, each below K. codebook: (K,), floating point, K up to 16. head: bytes of
    the head. quantize.huffman_code_lengths(counts) gives the code lengths.
    Example: codes [0, 0, 0, 0, 0, 1, 2, 3], a float16 codebook of 4 entries, a head of 10 bytes:
    counts [5, 1, 1, 1], a stream of 5 + 2 + 3 + 3 = 13 bits, 2 bytes; 10 + 4 · 2 + 2 + 2 = 22.
    """
    ### BEGIN SOLUTION
    counts = torch.bincount(codes.flatten().long(), minlength=len(codebook))
    bits = int((counts * quantize.huffman_code_lengths(counts)).sum())
    return head + codebook.numel() * codebook.element_size() + -(-len(codebook) // 2) + -(-bits // 8)
    ### END SOLUTION

# %% check="stored_bytes" points=2
from kdtutor.checks import check, secret_labels

check(stored_bytes)
### BEGIN HIDDEN TESTS
import torch

from kdtutor import quantize

fresh = (secret_labels(500, 12, key="file a") * secret_labels(500, 2, key="file b")).to(torch.uint8)
for K, dtype in ((12, torch.float16), (15, torch.float32)):
    counts = torch.bincount(fresh.long(), minlength=K)
    lengths = quantize.huffman_code_lengths(counts)
    written = bytes(19) + bytes(torch.zeros(K, dtype=dtype).nbytes)
    written += quantize.pack_bits(lengths, 4).numpy().tobytes() + quantize.huffman_encode(fresh, lengths)
    said = stored_bytes(fresh, torch.zeros(K, dtype=dtype), 19)
    assert abs(said - len(written)) < 0.5, "a file that was written has another size"
### END HIDDEN TESTS

# %% [markdown]
# ## Signature experiment: one network, every byte
#
# Question 3. LeNet-300-100 (here with 256 inputs and 36 classes, about 110,000 weights) goes through the three stages of *Deep
# Compression*, on three seeds:
#
# 1. trained on the labels for 16 epochs; then **pruned** by global magnitude along the cubic schedule of unit 05 during 8
#    more, to a sparsity of 90 % (nine weights in ten are gone), on labels and on the answers of unit 01's teacher;
# 2. its weights **shared**: seven values and an exact zero for each layer, 3 bits, and the values trained for 4 epochs,
#    again on labels and teacher;
# 3. **coded** and written to a file.
#
# What should it be compared with? The paper compares with the network that came in. But pruning and sharing brought 12 epochs
# of training and a teacher along, so there is a second baseline here: the same network, trained for the same 12 epochs with
# the same loss and learning rates, and not compressed. Sparsity, bits and rates were chosen on other seeds by the validation
# pictures, the number of epochs by the time that a notebook may take; accuracies below are those on the test pictures.

# %%
predict("how many times smaller the file becomes", ...)

# %% experiment
from kdtutor.distill import distillation_loss
from kdtutor.training import glyph_teacher

lenet_seeds = (0, 1, 2)
lenets = [models.lenet_300_100(36, 256, seed=seed) for seed in lenet_seeds]
fit_many(lenets, train.x, (train.y,), F.cross_entropy, Recipe(epochs=16, lr=1e-2, weight_decay=0.1),
         seeds=lenet_seeds, device="cpu")
dense = copy.deepcopy(lenets)
before = [accuracy(lenet, glyphs.test) for lenet in lenets]
targets = (outputs_of(glyph_teacher().cpu(), train.x), train.y)
both = partial(distillation_loss, temperature=4.0, alpha=0.9)
pruning, sharing = Recipe(epochs=8, lr=1e-2), Recipe(epochs=4, lr=5e-3)
ramp = int(0.7 * pruning.steps(len(train)))


class Pruning:
    """After an update: global masks, grown every 20 steps along the cubic schedule, then held."""

    def __init__(self, model):
        self.weights, self.step, self.masks = prune.prunable_weights(model), 0, {}

    def __call__(self, model):
        self.step += 1
        if self.step <= ramp and (self.step % 20 == 0 or self.step == ramp):
            sparsity = prune.cubic_sparsity(self.step, ramp, 0.9)
            self.masks = prune.global_magnitude_masks(self.weights, sparsity, within=self.masks or None)
        prune.apply_masks_(model, self.masks)


holds = {id(lenet): Pruning(lenet) for lenet in lenets}
fit_many(lenets + dense, train.x, targets, both, pruning, seeds=lenet_seeds * 2, device="cpu",
         after_step=lambda model: holds[id(model)](model) if id(model) in holds else None)
after_pruning = [accuracy(lenet, glyphs.test) for lenet in lenets]
fit_many(dense, train.x, targets, both, sharing, seeds=lenet_seeds, device="cpu")
for lenet, seed in zip(lenets, lenet_seeds):
    for layer in lenet:
        if isinstance(layer, nn.Linear):
            quantize.share_weights_(layer, 3, keep_zero=True)
    fit(lenet, train.x, targets, both, sharing, seed=seed, device="cpu")

# %% [markdown]
# Each network becomes codes, codebooks and biases (float16) in one file, by `quantize.save_artifact`. Then a **clean process**, a
# new Python that knows nothing but the path, reads it, decodes it, runs it on the test pictures and reports a digest of all its
# weights. Here the same digest is made from memory, before anything was written.

# %% experiment
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

READER = """
import hashlib, json, sys
from kdtutor import data, models, quantize
from kdtutor.measure import accuracy

for path in sys.argv[1:]:
    tensors = quantize.load_artifact(path)
    digest = hashlib.sha256(b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors)))
    network = models.lenet_300_100(36, 256)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    reached = accuracy(network, data.load("glyphs").test)
    print(json.dumps({"digest": digest.hexdigest(), "accuracy": reached}))
"""


def entries_of(lenet):
    """What is stored of a network: a codebook and codes for each weight, each bias in float16."""
    entries = {}
    for name, layer in lenet.named_children():
        if isinstance(layer, nn.Linear):
            parametrised = layer.parametrizations.weight
            codebook = parametrised.original.detach().half()
            codebook[0] = 0  # the entry of the removed weights
            entries[f"{name}.weight"] = quantize.CodebookTensor(codebook, parametrised[0].codes)
            entries[f"{name}.bias"] = quantize.RawTensor(layer.bias.detach().half())
    return entries


stored = [entries_of(lenet) for lenet in lenets]
in_memory = [b"".join(e[name].decode().numpy().tobytes() for name in sorted(e)) for e in stored]
with tempfile.TemporaryDirectory() as folder:
    paths = [str(Path(folder) / f"lenet_{seed}.kdqa") for seed in lenet_seeds]
    sizes = [quantize.save_artifact(path, entries) for path, entries in zip(paths, stored)]
    command = [sys.executable, "-c", READER, *paths]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
reports = [json.loads(line) for line in said]
digests = [hashlib.sha256(content).hexdigest() for content in in_memory]
intact = [report["digest"] == digest for report, digest in zip(reports, digests)]

full = state_dict_bytes(dense[0])
ratios = mean_interval([full / size for size in sizes])
small, longer = [r["accuracy"] for r in reports], [accuracy(lenet, glyphs.test) for lenet in dense]
print(f"bytes {sizes}, float32 {full}: {ratios} times smaller")
print(f"decoded bit for bit in a clean process: {intact}")
print(f"test accuracy of the files: {mean_interval(small)}")
print(f"after pruning:              {mean_interval(after_pruning)}")
claims = {}
for name, uncompressed in (("before", before), ("longer", longer)):
    lost = mean_interval([100 * (b - a) for a, b in zip(small, uncompressed)])
    outcome = paired_comparison(uncompressed, small, smallest_gain=0.003)
    claims |= {name: mean_interval(uncompressed), f"{name}_lost": lost}
    claims[f"{name}_verdict"] = outcome.verdict
    claims[f"{name}_within"] = "shown" if outcome.verdict == "no gain" else "not shown"
    print(f"uncompressed, {name}: {mean_interval(uncompressed)}, points lost {lost}\n   {outcome}")
record("compression", ratio=ratios, bytes=mean_interval([float(size) for size in sizes]), full=full,
       intact=sum(intact), least=min(full / size for size in sizes), small=mean_interval(small),
       pruned=mean_interval(after_pruning), **claims)
reveal("how many times smaller the file becomes", ratios.mean)

# %% [markdown]
# Where do the bytes go? The network of seed 0, pruned and shared, in four ways: its float32 file zipped; 3-bit codes by your
# `pack_bits`; Huffman codes by your `stored_bytes`; and the file from above, which stores where the weights are that are not 0,
# as gaps between them, and Huffman codes both the gaps and the codes.

# %% experiment
from kdtutor.quantize.code_streams import write_codes
from kdtutor.quantize.tensor_streams import write_tensor

my_pack, my_lengths, my_stored = use(pack_bits), use(huffman_code_lengths), use(stored_bytes)


def written(write, *arguments):
    """How many bytes the artifact's writer makes of this."""
    out = bytearray()
    write(out, *arguments)
    return len(out)


books = [entry for entry in stored[0].values() if isinstance(entry, quantize.CodebookTensor)]
raw = [entry for entry in stored[0].values() if isinstance(entry, quantize.RawTensor)]
biases = sum(entry.values.nbytes for entry in raw)
pruned = {name: entry.decode().float() for name, entry in stored[0].items()}
values = sum(book.codebook.nbytes for book in books)
tables = 4 * len(books)  # eight code lengths of 4 bits each
streams = sum(my_stored(b.codes, b.codebook, 0) for b in books) - values - tables
in_file = {
    "codes and places": sum(written(write_codes, b.codes, 3) for b in books),
    "codebooks": sum(written(write_tensor, b.codebook) for b in books),
    "biases": sum(written(write_tensor, entry.values) for entry in raw),
}
in_file["heads, tables, checksum"] = sizes[0] - sum(in_file.values())
files = {
    "zipped float32": {"codes and places": state_dict_bytes(pruned, compressed=True)},
    "3 bits, packed": {"codes and places": sum(len(my_pack(b.codes, 3)) for b in books),
                       "codebooks": values, "biases": biases, "heads, tables, checksum": 3 * 16},
    "3 bits, Huffman": {"codes and places": streams, "codebooks": values, "biases": biases,
                        "heads, tables, checksum": 3 * 16 + tables},
    "gaps and Huffman": in_file,
}
plots.show(
    figures.bytes_by_part(files, full),
    alt="Four bars of bytes: 3-bit codes packed are the longest, the zipped float32 file and Huffman "
    "codes half as long, gaps and Huffman codes the shortest. Codebooks, biases and heads are thin.",
)

# %% experiment
N = sum(book.codes.numel() for book in books)
bits_of = []  # entropy and Huffman's mean length, all layers together
for book in books:
    counts = torch.bincount(book.codes.flatten().long(), minlength=8)
    p = counts.double() / counts.sum()
    entropy = -(torch.special.xlogy(p, p)).sum().item() / math.log(2)
    bits_of.append((entropy * counts.sum().item(), int((counts * my_lengths(counts)).sum())))
entropy_bits, huffman_bits = (sum(column) / N for column in zip(*bits_of))
own = {name: full / sum(parts.values()) for name, parts in files.items()}
record("bytes", zipped=own["zipped float32"], packed=own["3 bits, packed"], entropy=entropy_bits,
       huffman=own["3 bits, Huffman"], huffman_bits=huffman_bits, gaps=own["gaps and Huffman"],
       file_bits=8 * in_file["codes and places"] / N, weights=N,
       overhead=1 - in_file["codes and places"] / sizes[0])
print(f"bits a weight: entropy {entropy_bits:.3f}, Huffman {huffman_bits:.3f}, "
      f"gaps and Huffman {8 * in_file['codes and places'] / N:.3f}")
print(", ".join(f"{part} {size}" for part, size in in_file.items()), f"together {sizes[0]} bytes")

# %% [markdown]
# How to read it: one bar a way of storing, its parts side by side in kB; the number behind each is how many times less it is than
# the float32 file of {{ compression.full }} bytes.
#
# **Reading the result.** The three files have {{ compression.bytes.mean | .0f }} bytes on average, with everything that is needed to
# read them: **{{ compression.ratio.mean | .1f }} times smaller** ({{ compression.ratio.low | .1f }} to {{ compression.ratio.high | .1f }}; the largest of
# the three {{ compression.least | .1f }} times).
# {{ compression.intact }} of 3 were decoded bit for bit by a process that had nothing but the file. The test accuracy is
# {{ compression.small.mean | percent }}.
#
# | compared with | its accuracy | points lost | 95 % interval | is it better by 0.3 points? |
# |---|---|---|---|---|
# | the network that came in | {{ compression.before.mean | percent }} | {{ compression.before_lost.mean | .2f }} | {{ compression.before_lost.low | .2f }} to {{ compression.before_lost.high | .2f }} | {{ compression.before_verdict }} |
# | 12 epochs more with the teacher, not compressed | {{ compression.longer.mean | percent }} | {{ compression.longer_lost.mean | .2f }} | {{ compression.longer_lost.low | .2f }} to {{ compression.longer_lost.high | .2f }} | {{ compression.longer_verdict }} |
#
# A "gain" in the last column is one of the *uncompressed* network. So the file is {{ compression.ratio.mean | .0f }} times smaller, decoded
# and measured; and that it costs at most 0.3 points is **{{ compression.before_within }}** against the network that came in, and
# {{ compression.longer_within }} against the one that was trained on alike. The two rows differ because those 12 epochs and the
# teacher helped the dense network as well: a table with the first row alone credits compression with what they did. After
# pruning the three had {{ compression.pruned.mean | percent }}, after sharing and float16 {{ compression.small.mean | percent }}.
#
# Zipping the float32 file of the pruned and shared network gives {{ bytes.zipped | .1f }} times, because zip finds the repeated
# zeros and values too; 3 bits packed {{ bytes.packed | .1f }}, a little less than the 32/3 of the tables because of what the tables leave out; Huffman {{ bytes.huffman | .1f }}. Why not more? Nine of ten codes are
# the zero, so the entropy is only {{ bytes.entropy | .2f }} bits a weight, but a code cannot be shorter than one bit: Huffman spends
# {{ bytes.huffman_bits | .2f }}. Storing the *gaps* between the weights that are left gets past that limit,
# {{ bytes.file_bits | .2f }} bits a weight, because one symbol then speaks for many zeros at once. What is not codes or places, from
# biases to checksum, is {{ bytes.overhead | percent }} of the file.

# %% [markdown]
# ## Reading critically: small is not few
#
# Question 4. One of the source articles says that a teacher's parameters can be compressed by k-means, L1 or L2, then retrained. The
# text announces k-means and L1; the formula under it adds $\lambda \lVert w \rVert_2^2$, weight decay. Put the four side by
# side: two more epochs for ten networks with nothing, with a strong decay, with soft thresholding after every step (the proximal
# step of L1, unit 05), and with a 3-bit codebook. Count how many *different* values the first layer's 16,384 weights have, and
# how large the zipped float32 file is.

# %%
predict("different values among 16,384 weights after strong weight decay", ...)

# %% experiment
def continued(label, seen=lambda i, w: w, extra=(), decay=0.0, threshold=0.0):
    """Different values, norm, zipped bytes and accuracy of ten networks after two more epochs."""
    side = SideBySide(nets, seen, extra)
    recipe = Recipe(epochs=2, lr=0.003, batch_size=256, weight_decay=decay)

    def shrink(side, _batch=None):
        for weights in side.weights:
            weights.data = prune.soft_threshold(weights.data, threshold)

    if threshold:
        side.register_forward_pre_hook(shrink)
    fit_side_by_side(side, train.x, train.y, recipe, seeds=seeds)
    if threshold:
        shrink(side)  # after the last update too
    with torch.no_grad():
        weights = [side.seen(i, w) for i, w in enumerate(side.weights)]
    different = mean_interval([float(len(w.unique())) for w in weights[0]])
    state = {f"{i}": w[0].clone() for i, w in enumerate(weights)}
    zipped = state_dict_bytes(state) / state_dict_bytes(state, compressed=True)
    norm = mean_interval([w.norm().item() for w in weights[0]])
    zeros = (weights[0] == 0).float().mean().item()
    found = mean_interval(side.accuracies(pictures.x, pictures.y))
    print(f"{label:>22}: {different.mean:6.0f} different values, {zeros:.0%} zeros, "
          f"norm {norm.mean:.1f}, zipped {zipped:5.2f} times smaller, accuracy {found.mean:.1%}")
    return {"different": different, "zeros": zeros, "zipped": zipped, "accuracy": found, "norm": norm}


three_bits = [shared(w.detach(), 3) for w in SideBySide(nets, None).weights]
entries = [nn.Parameter(book) for book, _ in three_bits]


def by_codebook(i, w):
    return entries[i].gather(1, three_bits[i][1]).view_as(w)


nothing = continued("nothing")
decayed = continued("L2 (weight decay)", decay=5.0)
lasso = continued("L1 (soft threshold)", threshold=1e-3)
few = continued("k-means, 3 bits", by_codebook, entries)
record("formula", nothing=nothing, decay=decayed, lasso=lasso, codebook=few)
distinct = round(decayed["different"].mean)
reveal("different values among 16,384 weights after strong weight decay", distinct)

# %% [markdown]
# **Reading the result.** Weight decay brings the norm of the first layer from {{ formula.nothing.norm.mean | .1f }} to
# {{ formula.decay.norm.mean | .1f }} and leaves {{ formula.decay.different.mean | .0f }} different values: the weights become smaller
# and hardly any two become equal. The zipped file is {{ formula.decay.zipped | .2f }} times smaller, against
# {{ formula.nothing.zipped | .2f }} without any of it. L1 by its proximal step makes {{ formula.lasso.zeros | percent }} of
# the weights exactly 0, which leaves {{ formula.lasso.different.mean | .0f }} values and a file {{ formula.lasso.zipped | .1f }} times smaller; the codebook leaves
# {{ formula.codebook.different.mean | .0f }} values and {{ formula.codebook.zipped | .1f }} times, even before it is packed. L2 makes weights
# small, L1 makes them zero, k-means makes them few. Bits are saved by the last two.

# %% [markdown]
# ## What to remember
#
# - Straight through: the value is rounded, the gradient passes inside the range and stops outside. It is the slope of the
#   staircase averaged over one step. Write the bounds yourself.
# - A learned step feels the rounding error inside, $\mathrm{round}(x/s) - x/s$, and the missing range outside.
# - Weights that share a value add up their gradients.
# - Rounding to nearest has a bias that no number of steps removes; rounding by chance has variance instead.
# - A size is what lies on the disk: codes, places, codebooks, tables, heads. It counts when another process has read it.
#
# **What breaks it**: autograd's own derivative of `round` or of `clamp` at its bound; an uncut gradient; a range that clips and never
# moves; one coin for a whole row; Huffman codes for a symbol that is nearly always the same; a size without its tables.
#
# **Where to read on**: Bengio, Léonard and Courville, *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013, section 4.
# Jacob et al., *Quantization and Training of Neural Networks*, 2018, section 3. Esser et al., *Learned Step Size Quantization*, 2020,
# section 2. Gupta et al., *Deep Learning with Limited Numerical Precision*, 2015, section 3. Huffman, *A Method for the
# Construction of Minimum-Redundancy Codes*, 1952. Han, Mao and Dally, *Deep Compression*, 2016, sections 2 to 4, where the same network
# on MNIST goes from 1,070 kB to 27 kB.
#
# Next: unit 09 asks how little data is enough.
