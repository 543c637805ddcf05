# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Quantisation
#
# A weight is stored in 32 bits, and most of them describe digits that nobody needs. This unit replaces floating-point
# numbers by small integers: first the arithmetic, exactly; then the question where the range of those integers should
# end; then a layer that multiplies integers; and at the end an account of what every saved bit costs.
#
# **After this unit** you can derive scale and zero-point, quantise a layer so that nothing wraps around, choose a range
# when there are outliers, and say when int8 makes a network faster and when it makes it slower.
#
# **Questions that the measurements below will settle**
#
# 1. One calibration picture in a thousand is spoilt. Which ways of choosing a range notice, and which break?
# 2. Is a network in int8 faster than in float32, and if not, what eats the gain?
# 3. How many bits does a weight need, and does the answer depend on how its values are named?
# 4. Two formulas from an article, mean and logarithmic quantisation: what do they do to real weights?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 16 |
# | You need | unit 00; matrix products and broadcasting in PyTorch |

# %%
import copy

import torch
import torch.nn.functional as F
from torch import nn

from kdtutor import data, models, plots, quantize
from kdtutor.checks import check, hint, predict, reveal, use
from kdtutor.measure import accuracy, mean_interval, paired_comparison, record
from kdtutor.plots import quantisation as figures

# %% [markdown]
# Wherever you are stuck, `hint(affine_parameters)` in a new cell gives the next of three hints for that exercise.
#
# ## Rounding, as it comes
#
# Ten small networks (256 inputs, layers of 128 and 64 units, 36 classes) are trained on the glyphs, each from its own
# seed. Everything below is measured on all ten. As a first attempt at fewer bits, round every weight to the nearest
# integer: integers are small, and a byte holds many of them.

# %%
predict("accuracy with every weight rounded to an integer, from 0 to 1", ...)

# %% experiment
from kdtutor.training import Recipe, fit_many

torch.set_num_threads(1)  # the networks are small, and one thread is timed more steadily than several
glyphs = data.load("glyphs")
train, pictures = glyphs.train, glyphs.validation
nets = [models.mlp(256, 128, 64, 36, seed=seed) for seed in range(10)]
fit_many(nets, train.x, (train.y,), F.cross_entropy, Recipe(epochs=8), seeds=range(10))
nets = [net.cpu() for net in nets]  # integer products are studied on the CPU


def with_weights(net, round_trip, *bits):
    """A copy of the network whose weight matrices went through round_trip; the biases stay."""
    changed = copy.deepcopy(net)
    for layer in changed:
        if isinstance(layer, nn.Linear):
            layer.weight.data = round_trip(layer.weight.detach().clone(), *bits)
    return changed


float_accuracy = mean_interval([accuracy(net, pictures) for net in nets])
integer_weights = mean_interval([accuracy(with_weights(net, torch.round), pictures) for net in nets])
largest = max(layer.weight.abs().max().item() for net in nets for layer in net[1::2])
record("start", floating=float_accuracy, integers=integer_weights, largest=largest)
print(f"float32:  {float_accuracy}")
print(f"integers: {integer_weights}")
reveal("accuracy with every weight rounded to an integer, from 0 to 1", integer_weights.mean)

# %% [markdown]
# **Reading the result.** With float32 weights the ten networks reach {{ start.floating.mean | percent }}, with integers
# {{ start.integers.mean | percent }}. The largest weight of all is {{ start.largest | .2f }}, so nearly all of them
# became 0. What is missing is a unit of measurement: how much is one step of the integer worth?

# %% [markdown]
# ## Scale and zero-point
#
# Let an integer **code** $q$ stand for the value
#
# $$x \approx s\,(q - o).$$
#
# In words: the **scale** $s$ is the width of a step, and the **zero-point** $o$ is the code on which the value 0 falls.
# With $b$ bits the codes run from $q_\min = -2^{b-1}$ to $q_\max = 2^{b-1}-1$: $2^b$ codes, so $2^b - 1$ steps between
# them.
#
# Suppose that values from $l$ to $h$ are to be covered. The lower end should have the lowest code and the upper end the
# highest:
#
# $$l = s\,(q_\min - o), \qquad h = s\,(q_\max - o).$$
#
# Subtract the first from the second and $o$ is gone; put the result into the first:
#
# $$s = \frac{h - l}{2^b - 1}, \qquad o = q_\min - \frac{l}{s}.$$
#
# Two things remain. The value 0 must be exact, because padding, a ReLU and a removed weight all produce it, millions of
# times: so $o$ is **rounded** to an integer, which moves the range by half a step at most. And 0 must have a code at
# all: so a range that does not contain 0 is first **widened** until it does, $l \le 0 \le h$. A range that is nothing
# but 0 has no width; any step will do, and 1 is as good as another.
#
# Predict: inputs lie between 0 and 6, as after a clipped ReLU, and have 8 bits. Which code does the value 0 get?

# %%
predict("the zero-point of the range [0, 6] with 8 bits", ...)

# %% exercise="affine_parameters" difficulty=2 minutes=6
def affine_parameters(low, high, bits=8):
    """Scale and zero-point of b-bit codes that cover the range from low to high, widened to contain 0.

    low, high: floating-point tensors of one shape, one range an entry, low <= high. bits: 2 to 8.
    Returns (scale, zero_point) of that shape; zero_point is an integer tensor. A range that is
    nothing but 0 gets the scale 1.
    Example: low = -1, high = 2, 2 bits: codes -2 ... 1, so 3 steps, s = 3/3 = 1;
    o = -2 - (-1)/1 = -1. The codes -2, -1, 0, 1 then stand for -1, 0, 1, 2.
    """
    ### BEGIN SOLUTION
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    scale = torch.where(scale > 0, scale, 1.0)
    zero_point = -(2 ** (bits - 1)) - (low / scale).round()
    return scale, zero_point.int()
    ### END SOLUTION

# %% check="affine_parameters" points=2
from kdtutor.checks import check, secret_logits

check(affine_parameters)
### BEGIN HIDDEN TESTS
for bits in (8, 5, 3):
    ends = secret_logits(2, 6, key=f"range {bits}").sort(0).values.double()
    scale, zero_point = affine_parameters(ends[0], ends[1], bits)
    for low, high, s, o in zip(*ends.tolist(), scale.tolist(), zero_point.tolist()):
        low, high = min(low, 0.0), max(high, 0.0)
        assert abs(s - (high - low) / (2**bits - 1)) < 1e-5 * s, "the scale is wrong for a fresh range"
        assert o == int(o) and -(2 ** (bits - 1)) <= o < 2 ** (bits - 1), "the zero-point is no code"
        lowest = s * (-(2 ** (bits - 1)) - o)
        assert abs(lowest - low) <= 0.501 * s, "the lowest code is far from the lower end"
### END HIDDEN TESTS

# %% experiment
my_affine_parameters = use(affine_parameters)
scale, zero_point = my_affine_parameters(torch.tensor(0.0), torch.tensor(6.0), 8)
reveal("the zero-point of the range [0, 6] with 8 bits", int(zero_point))

# %% [markdown]
# Where nothing is negative, 0 gets the lowest code, and all the others are there for positive values. Remember that
# number: a line of code further down trips over it.

# %% [markdown]
# ## To codes and back
#
# Solve $x = s\,(q - o)$ for $q$ and round:
#
# $$q = \mathrm{clamp}\Big(\mathrm{round}\big(\tfrac{x}{s}\big) + o,\; q_\min,\; q_\max\Big), \qquad \hat x = s\,(q - o).$$
#
# In words: count the steps from 0, move to the zero-point, and where the result is none of the codes take the outermost
# one. Taking the outermost one is called **saturating**. Inside the range the nearest code is half a step away at most,
# so $|x - \hat x| \le s/2$; outside, the error is the distance to the end of the range.
#
# The order matters. An int8 holds -128 to 127, and the number 129 does not fit. Cast to int8 it does not become 127: it
# **wraps around** to -127. So the clamp comes while the numbers are still floating point, and the cast comes last. The
# way back has the same trap: $q - o$ can be as large as 255.

# %% exercise="quantize_affine" difficulty=2 minutes=6
def quantize_affine(x, scale, zero_point, bits=8):
    """Codes clamp(round(x / scale) + zero_point, -2^(b-1), 2^(b-1) - 1), as int8.

    x: any shape, floating point; values beyond the range, however large, take the outermost code.
    scale, zero_point: tensors that broadcast to x, zero_point of an integer type. bits: 2 to 8.
    Returns int8 of x's shape. Exactly half-way either neighbour will do.
    Example: x = [-1.2, 0, 0.4, 5], s = 0.5, o = 1, 3 bits: x / s = [-2.4, 0, 0.8, 10], rounded
    [-2, 0, 1, 10], plus 1: [-1, 1, 2, 11]; the codes end at 3: [-1, 1, 2, 3].
    """
    ### BEGIN SOLUTION
    steps = (x / scale).round() + zero_point
    return steps.clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int8)
    ### END SOLUTION

# %% check="quantize_affine" points=2
from kdtutor.checks import check, secret_logits

check(quantize_affine)
### BEGIN HIDDEN TESTS
import torch

x = secret_logits(50, scale=2.0, key="codes")
for bits, s, o in ((8, 0.021, -31), (5, 0.17, 6)):
    codes = quantize_affine(x, torch.tensor(s), torch.tensor(o, dtype=torch.int32), bits)
    assert codes.dtype == torch.int8, "codes of up to 8 bits are int8"
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    for value, code in zip(x.tolist(), codes.tolist()):
        wanted = min(max(value / s + o, low), high)
        assert abs(code - wanted) <= 0.501, "a code is not the nearest one"
        assert low <= code <= high, "a code is outside the range of codes"
### END HIDDEN TESTS

# %% exercise="dequantize_affine" difficulty=1 minutes=3
def dequantize_affine(codes, scale, zero_point):
    """The values scale · (codes - zero_point) that codes stand for.

    codes: int8, any shape. scale, zero_point: tensors that broadcast to codes.
    Returns floating point of the codes' shape.
    Example: codes [-1, 1, 2, 3], s = 0.5, o = 1: 0.5 · [-2, 0, 1, 2] = [-1, 0, 0.5, 1].
    """
    ### BEGIN SOLUTION
    return scale * (codes.int() - zero_point)
    ### END SOLUTION

# %% check="dequantize_affine" points=1
from kdtutor.checks import check, secret_labels

check(dequantize_affine)
### BEGIN HIDDEN TESTS
import torch

codes = (secret_labels(40, 256, key="back") - 128).to(torch.int8)
values = dequantize_affine(codes, torch.tensor(0.25), torch.tensor(-100, dtype=torch.int32))
by_hand = [0.25 * (code + 100) for code in codes.tolist()]
assert torch.allclose(values.float(), torch.tensor(by_hand)), "the value is wrong for fresh codes"
### END HIDDEN TESTS

# %% experiment
my_quantize, my_dequantize = use(quantize_affine), use(dequantize_affine)


def cast_too_early(x, scale, zero_point):
    """The codes as a public lab template computed them: cast first, then zero-point and clamp."""
    return ((x / scale).round().to(torch.int8) + zero_point).clamp(-128, 127).to(torch.int8)


x = torch.linspace(-2.2, 2.2, 881)
low, high = torch.tensor(-1.0), torch.tensor(1.0)
coarse, fine = my_affine_parameters(low, high, 3), my_affine_parameters(low, high, 8)
returned = {
    "3 bits": my_dequantize(my_quantize(x, *coarse, 3), *coarse),
    "8 bits": my_dequantize(my_quantize(x, *fine), *fine),
    "8 bits, cast too early": my_dequantize(cast_too_early(x, *fine), *fine),
}
plots.show(
    figures.round_trips(x, returned, -1.0, 1.0),
    alt="Three panels of the returned value against x. With 3 bits a staircase of eight values, flat "
    "outside. With 8 bits a straight line, flat outside. Cast too early, the line jumps from 1 to -1 "
    "just outside the range and starts again.",
)

# %% [markdown]
# How to read it: the dashed diagonal would be no error at all, and the shaded part is the range that the codes cover.
# The first two panels saturate: outside the range they stay at its end. The third makes a large positive value a large
# negative one, and nothing warns.
#
# ### Reading critically: a cast in the wrong place
#
# The third panel is a line from a public lab template, rebuilt: the cast stands before the zero-point is added, and the
# clamp comes after both. Now quantise what the layers of our networks *receive*, pixels and outputs of ReLUs, with 8
# bits and the ranges seen in 1,000 training pictures. Then show the networks pictures that are twice as bright, which
# leave those ranges. A third variant of the code makes the codes wider before it adds, as a careful person might.

# %%
predict("accuracy on bright pictures with inputs in 8 bits, cast too early, from 0 to 1", ...)

# %% experiment
def layer_inputs(net, x):
    """What each Linear layer of the network receives."""
    x, received = x.flatten(1), []
    for layer in net:
        if isinstance(layer, nn.Linear):
            received.append(x)
        x = layer(x)
    return received


def accuracy_with_codes(net, parameters, code, x):
    """Accuracy where the input of each Linear layer goes through codes and back, by its own parameters."""
    x, parameters = x.flatten(1), iter(parameters)
    for layer in net:
        if isinstance(layer, nn.Linear):
            scale, zero_point = next(parameters)
            x = my_dequantize(code(x, scale, zero_point), scale, zero_point)
        x = layer(x)
    return (x.argmax(-1) == pictures.y).float().mean().item()


def cast_too_early_then_widened(x, scale, zero_point):
    return ((x / scale).round().to(torch.int8).int() + zero_point).clamp(-128, 127).to(torch.int8)


coded = {
    "saturated": my_quantize,
    "cast too early": cast_too_early,
    "cast too early, then widened": cast_too_early_then_widened,
}
shown = {"usual": pictures.x, "bright": 2 * pictures.x}
reached = {(name, kind): [] for name in coded for kind in shown}
with torch.no_grad():
    for net in nets:
        parameters = [my_affine_parameters(v.min(), v.max()) for v in layer_inputs(net, train.x[:1000])]
        for (name, kind), values in reached.items():
            values.append(accuracy_with_codes(net, parameters, coded[name], shown[kind]))

cost = {key: mean_interval(values) for key, values in reached.items()}
record("wrap", saturated=cost["saturated", "usual"], saturated_bright=cost["saturated", "bright"],
       early=cost["cast too early", "usual"], early_bright=cost["cast too early", "bright"],
       widened=cost["cast too early, then widened", "usual"],
       float_bright=mean_interval([accuracy(net, (shown["bright"], pictures.y)) for net in nets]))
for (name, kind), interval in cost.items():
    print(f"{name:>28}, {kind} pictures: {interval}")
reveal("accuracy on bright pictures with inputs in 8 bits, cast too early, from 0 to 1",
       cost["cast too early", "bright"].mean)

# %% [markdown]
# **Reading the result.** On the usual pictures saturating costs next to nothing: {{ wrap.saturated.mean | percent }}
# against {{ start.floating.mean | percent }} in float32. So does the wrong line, {{ wrap.early.mean | percent }}, and
# that is the treacherous part. A range that begins at 0 has the zero-point -128, so before it is added the steps count
# up to 255 and the upper half of them wraps; but the addition, done in int8 as well, wraps a second time and brings
# them back. Two faults cancel, inside the range. Mend one of them alone, by widening before the addition, and
# {{ wrap.widened.mean | percent }} remain. On bright pictures nothing brings back what lies outside: float32 has
# {{ wrap.float_bright.mean | percent }}, saturating {{ wrap.saturated_bright.mean | percent }}, the wrong line
# {{ wrap.early_bright.mean | percent }}. The repair is your `quantize_affine`. A test on values inside the range would
# have passed every time.

# %% [markdown]
# ## One scale for how many?
#
# Weights have no ReLU before them: they lie on both sides of 0. For them one chooses $o = 0$ and the range $[-m, m]$
# with $m = \max|w|$, the **symmetric** scheme:
#
# $$s = \frac{m}{2^{b-1}-1}, \qquad q = \mathrm{round}(w / s).$$
#
# In words: the largest magnitude gets the largest code, and the code of $-w$ is minus the code of $w$; the lowest code,
# $-2^{b-1}$, stays unused. But the largest magnitude *of what*? One scale can serve the whole tensor, or one output
# channel (a row of the matrix, the weights of one neuron), or a group of, say, 32 neighbours. The finer, the smaller
# the steps, and the more scales have to be stored.

# %% exercise="per_channel" difficulty=2 minutes=7
def per_channel(weight, bits=8):
    """Symmetric codes of a weight with one scale for each output channel.

    weight: (out, in) of a Linear or (out, in, height, width) of a Conv2d; axis 0 is the output channel.
    bits: 2 to 8. Returns (codes, scale): int8 of the weight's shape, and the scales with as many axes,
    of length 1 everywhere but at axis 0, so that scale · codes is the weight again.
    A channel that is nothing but 0 gets the scale 1.
    Example: [[0.3, -0.7], [6, 2]], 4 bits, largest code 7: s = [[0.7 / 7], [6 / 7]] = [[0.1], [0.857]],
    codes [[3, -7], [7, 2]].
    """
    ### BEGIN SOLUTION
    bound = weight.abs().amax(tuple(range(1, weight.ndim)), keepdim=True)
    scale = bound / (2 ** (bits - 1) - 1)
    scale = torch.where(scale > 0, scale, 1.0)
    return (weight / scale).round().to(torch.int8), scale
    ### END SOLUTION

# %% check="per_channel" points=2
from kdtutor.checks import check, secret_logits

check(per_channel)
### BEGIN HIDDEN TESTS
weight = secret_logits(5, 3, 2, 2, key="channels")
for bits in (8, 3):
    codes, scale = per_channel(weight, bits)
    assert tuple(scale.shape) == (5, 1, 1, 1), "one scale a channel, with the weight's number of axes"
    for row, row_codes, s in zip(weight, codes, scale.flatten().tolist()):
        wanted = float(row.abs().max()) / (2 ** (bits - 1) - 1)
        assert abs(s - wanted) < 1e-4 * wanted, "a channel has a wrong scale"
        off = float((s * row_codes.float() - row).abs().max())
        assert off <= 0.501 * s, "a code is not the nearest one"
weight[2] = 0
assert float(per_channel(weight, 4)[1][2]) == 1, "a channel that is nothing but 0 gets the scale 1"
### END HIDDEN TESTS

# %% [markdown]
# Does it matter? That depends on whether the rows differ. Multiply a hidden unit's weights and bias by some $c > 0$ and
# divide what the next layer reads of it by $c$: since $\mathrm{ReLU}(c\,x) = c\,\mathrm{ReLU}(x)$, the network computes
# the same function as before. Networks drift into such shapes by themselves, and folding BatchNorm into a convolution
# does it in one step. Below, every hidden unit of the ten networks gets its own $c$ between 0.1 and 10, and all weights
# are rounded to 8 bits.

# %% experiment
my_per_channel = use(per_channel)


def one_scale(weight, bits):
    codes, scale, zero_point = quantize.quantize_per_tensor(weight, bits, symmetric=True)
    return my_dequantize(codes, scale, zero_point)


def scale_a_channel(weight, bits):
    codes, scale = my_per_channel(weight, bits)
    return my_dequantize(codes, scale, torch.tensor(0, dtype=torch.int32))


def scale_a_group(weight, bits):
    codes, scale, zero_point = quantize.quantize_per_group(weight, 32, bits, symmetric=True)
    return quantize.dequantize_per_group(codes, scale, zero_point, 32)


def stretched(net, seed):
    """The same function, other weights: hidden unit j is c_j times as large, and read c_j times less."""
    net, generator = copy.deepcopy(net), torch.Generator().manual_seed(seed)
    for layer, following in ((net[1], net[3]), (net[3], net[5])):
        c = 10 ** (2 * torch.rand(len(layer.bias), generator=generator) - 1)
        layer.weight.data *= c[:, None]
        layer.bias.data *= c
        following.weight.data /= c
    return net


granularity = {"a tensor": one_scale, "a channel": scale_a_channel, "a group of 32": scale_a_group}
found = {}
families = {"as trained": nets, "stretched": [stretched(net, seed) for seed, net in enumerate(nets)]}
for shape, family in families.items():
    for name, scheme in granularity.items():
        rounded = [with_weights(net, scheme, 8) for net in family]
        found[shape, name] = [accuracy(net, pictures) for net in rounded]
        print(f"{shape:>10}, one scale {name:>13}: {mean_interval(found[shape, name])}")
channel_gain, trained_gain = (
    paired_comparison(found[shape, "a channel"], found[shape, "a tensor"], smallest_gain=0.005)
    for shape in ("stretched", "as trained")
)
print(f"stretched, a channel against a tensor:  {channel_gain}")
record("granularity", tensor=mean_interval(found["stretched", "a tensor"]),
       channel=mean_interval(found["stretched", "a channel"]),
       group=mean_interval(found["stretched", "a group of 32"]),
       stretched_verdict=channel_gain.verdict, stretched_gain=channel_gain.difference,
       trained_verdict=trained_gain.verdict)

# %% [markdown]
# **Reading the result.** On the networks as trained, 8 bits are so many that sharing hardly matters: a scale a channel
# against a scale a tensor, verdict "{{ granularity.trained_verdict }}" for half a point or more. Stretched, the same
# functions keep {{ granularity.tensor.mean | percent }} with one scale a tensor,
# {{ granularity.channel.mean | percent }} with one a channel and {{ granularity.group.mean | percent }} with one for
# every 32 weights (verdict for the channel: {{ granularity.stretched_verdict }}). A scale a channel costs one number a
# row and needs no extra work in the product, as you will see; that is why it is the rule for weights.

# %% [markdown]
# ## Where should the range end?
#
# Weights are known, and one can look at all of them. The inputs of a layer are not: one runs some typical data through
# the network, watches, and chooses a range. This is **calibration**. Four ways are common.
#
# - **Min-max**: the extremes that were seen. Nothing is clipped, and one outlier widens every step.
# - **Percentile**: the extremes without the outermost 0.1 % on either side.
# - **Error**: of the ranges $\gamma\,[\min, \max]$ with $\gamma = 0.01, 0.02, \dots, 1$ the one whose codes give the smallest
#   $\sum (x - \hat x)^2$. Clipping an outlier costs, and so do coarse steps for all the others; the sum weighs one against
#   the other.
# - **Entropy**: of many thresholds the one after which the histogram of the quantised values is closest to the clipped
#   histogram by KL divergence. It asks what happened to the shape and not to single values. `quantize.entropy_range` does
#   that; here you only use it.
#
# Whatever the method, the range is made to contain 0.

# %% exercise="calibrate" difficulty=3 minutes=10
def calibrate(x, method, bits=8):
    """The range (low, high) that the codes should cover, by one of three methods; it contains 0.

    x: floating point, any shape. method: "minmax", the extremes; "percentile", the values below and
    above which 0.1 % of x lie (torch.quantile); "error", of the ranges γ · [min, max],
    γ = 1/100 ... 100/100, with min <= 0 <= max, the one with the smallest sum of (x - x̂)², where x̂ is
    what comes back from affine codes of that many bits. Returns two scalar tensors.
    Example: calibrate([0, 0.5, 2], "minmax") is (0, 2).
    """
    ### BEGIN SOLUTION
    if method == "percentile":
        low, high = torch.quantile(x, 0.001), torch.quantile(x, 0.999)
    else:
        low, high = x.min(), x.max()
    low, high = low.clamp(max=0), high.clamp(min=0)
    if method != "error":
        return low, high

    def error(share):
        scale, zero_point = affine_parameters(share * low, share * high, bits)
        codes = quantize_affine(x, scale, zero_point, bits)
        return (x - dequantize_affine(codes, scale, zero_point)).square().sum().item()

    best = min((step / 100 for step in range(1, 101)), key=error)
    return best * low, best * high
    ### END SOLUTION

# %% check="calibrate" points=3
from kdtutor.checks import check, secret_logits

check(calibrate)
### BEGIN HIDDEN TESTS
import torch


def squared_error(x, low, high, bits):
    s = (high - low) / (2**bits - 1)
    o = round(-(2 ** (bits - 1)) - low / s)
    codes = ((x / s).round() + o).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return float((s * (codes - o) - x).square().sum())


x = secret_logits(600, key="calibrate")
low, high = (float(end) for end in calibrate(x, "minmax", 8))
assert (low, high) == (float(x.min()), float(x.max())), "min-max is wrong for fresh values"
low, high = (float(end) for end in calibrate(x, "percentile", 8))
assert abs(low - float(torch.quantile(x, 0.001))) < 1e-4, "the lower percentile is wrong"
assert abs(high - float(torch.quantile(x, 0.999))) < 1e-4, "the upper percentile is wrong"
low, high = (float(end) for end in calibrate(x, "error", 3))
ends = float(x.min()), float(x.max())
least = min(squared_error(x, g / 100 * ends[0], g / 100 * ends[1], 3) for g in range(1, 101))
assert squared_error(x, low, high, 3) <= 1.001 * least, "another share of the range has a smaller error"
low, high = (float(end) for end in calibrate(-1 - x.abs(), "minmax", 8))
assert high == 0 and low < -1, "the range of negative values contains 0"
even = torch.linspace(-1, 1, 512)
low, high = (float(end) for end in calibrate(even, "error", 8))
assert (round(low, 4), round(high, 4)) == (-1, 1), "evenly spread values need the whole of their range"
### END HIDDEN TESTS

# %% [markdown]
# Question 1. The ten networks are calibrated on 1,000 training pictures, and then again on the same pictures, one of
# which somebody forgot to divide by 255. Every input of every layer is rounded to 8 bits, and to 4. The pictures on
# which accuracy is measured are sound.

# %%
predict("accuracy after min-max calibration with the spoilt picture, 4 bits, from 0 to 1", ...)

# %% experiment
my_calibrate = use(calibrate)
clean = train.x[:1000]
spoilt = clean.clone()
spoilt[7] *= 255
ways = {
    "min-max": lambda v, bits: my_calibrate(v, "minmax", bits),
    "percentile": lambda v, bits: my_calibrate(v, "percentile", bits),
    "error": lambda v, bits: my_calibrate(v, "error", bits),
    "entropy": lambda v, bits: quantize.entropy_range(v, bits),
}


@torch.no_grad()
def accuracy_calibrated(net, seen, way, bits):
    """Accuracy with every layer's input rounded, its range chosen from what it receives for `seen`."""
    sample = [v.flatten()[::3] for v in layer_inputs(net, seen)]  # a third of the values tells as much
    parameters = [my_affine_parameters(*way(v, bits), bits) for v in sample]
    return accuracy_with_codes(net, parameters, lambda v, s, o: my_quantize(v, s, o, bits), pictures.x)


reached = {
    (bits, name, way): [accuracy_calibrated(net, seen, ways[way], bits) for net in nets]
    for bits in (8, 4)
    for name, seen in (("clean", clean), ("one spoilt picture", spoilt))
    for way in ways
}
five_spoilt = clean.clone()
five_spoilt[7:12] *= 255
percentile_of_five = [accuracy_calibrated(net, five_spoilt, ways["percentile"], 4) for net in nets]
panels = {
    f"inputs in {bits} bits": {
        name: {way: mean_interval(reached[bits, name, way]) for way in ways}
        for name in ("clean", "one spoilt picture")
    }
    for bits in (8, 4)
}
plots.show(
    figures.accuracy_by_calibration(panels, float_accuracy.mean),
    alt="Accuracy by calibration method with 8 and with 4 bits, clean and with one spoilt picture. "
    "Clean, all four are close to float32. Spoilt, min-max and error fall, to chance with 4 bits; "
    "percentile and entropy stay.",
)

# %% experiment
claims = {}
for bits, name in ((4, "clean"), (8, "one spoilt picture"), (4, "one spoilt picture")):
    kind = f"{name.split()[-2] if ' ' in name else name}_{bits}"
    for way in ways:
        claims[f"{way.replace('-', '')}_{kind}"] = mean_interval(reached[bits, name, way])
        if way == "min-max":
            continue
        outcome = paired_comparison(
            reached[bits, name, way], reached[bits, name, "min-max"], smallest_gain=0.005
        )
        claims[f"{way}_{kind}_verdict"] = outcome.verdict
        print(f"{bits} bits, {name}, {way} against min-max:\n   {outcome}")
record("calibration", **claims, percentile_five=mean_interval(percentile_of_five))
reveal("accuracy after min-max calibration with the spoilt picture, 4 bits, from 0 to 1",
       claims["minmax_spoilt_4"].mean)

# %% [markdown]
# How to read it: each point is the mean over ten networks with its 95 % interval, mostly smaller than the point; the
# dashed line is float32.
#
# **Reading the result.** On clean data with 4 bits min-max reaches {{ calibration.minmax_clean_4.mean | percent }},
# percentile {{ calibration.percentile_clean_4.mean | percent }} (verdict against min-max:
# {{ calibration.percentile_clean_4_verdict }}), error {{ calibration.error_clean_4.mean | percent }}
# ({{ calibration.error_clean_4_verdict }}) and entropy {{ calibration.entropy_clean_4.mean | percent }}
# ({{ calibration.entropy_clean_4_verdict }}).
#
# With the spoilt picture and 4 bits, min-max is left with {{ calibration.minmax_spoilt_4.mean | percent }}, and so is
# the error search with {{ calibration.error_spoilt_4.mean | percent }} (verdict against min-max:
# {{ calibration.error_spoilt_4_verdict }}). That may surprise: was it not meant to weigh outliers? It weighs them by
# their square, and one picture 255 times too bright has a larger sum of squares than the other 999 together. The
# percentile counts values instead of weighing them and keeps {{ calibration.percentile_spoilt_4.mean | percent }}
# ({{ calibration.percentile_spoilt_4_verdict }}). The entropy keeps {{ calibration.entropy_spoilt_4.mean | percent }}:
# a histogram's shape does not mind a few values either. It searches thresholds of at least as many bins as there are
# codes, 256 of 2,048 with 8 bits, so it cannot clip below an eighth of the largest value; that is why with 8 bits it
# has {{ calibration.entropy_spoilt_8.mean | percent }} and the percentile
# {{ calibration.percentile_spoilt_8.mean | percent }}. The percentile's 0.1 % is an assumption as well: with five
# spoilt pictures in a thousand and 4 bits it is left with {{ calibration.percentile_five.mean | percent }}. Only
# defaults were used here, and nothing was tuned for either set.

# %% [markdown]
# ## A product of integers
#
# So far values were rounded and multiplied in floating point as before. The gain in speed comes from multiplying the
# codes themselves. Put $x_i = s_x (q_i - o)$ and, for output channel $k$, $w_{ki} = s_k\,p_{ki}$ into
# $y_k = \sum_i x_i w_{ki} + b_k$:
#
# $$y_k = s_x s_k \Big(\underbrace{\sum_i q_i\,p_{ki}}_{\text{integers}} - o \underbrace{\sum_i p_{ki}}_{\text{known beforehand}}\Big) + b_k.$$
#
# In words: the scales come out of the sum, because $s_k$ is one number for the whole row; that is what a scale a
# channel costs, and why a scale a *column* could not be taken out. What is left inside are products of two bytes. One
# product has up to 14 bits and a sign, the sum of many has more. Hardware therefore adds up in 32 bits. PyTorch's `@`
# of two int8 tensors does not: it adds up in int8.
#
# Predict: of all the sums in the second layer (128 inputs), what fraction does not even fit into 16 bits?

# %%
predict("fraction of the sums that leave 16 bits", ...)

# %% exercise="int8_linear" difficulty=4 minutes=10
def int8_linear(x_codes, x_scale, x_zero_point, w_codes, w_scale, bias):
    """A Linear layer on codes: y = x_scale · w_scale · (Σ q p - o Σ p) + bias, with sums of 32 bits.

    x_codes: (N, in) int8, with one x_scale and one integer x_zero_point, both scalar tensors.
    w_codes: (out, in) int8, symmetric, with w_scale (out,). bias: (out,).
    Returns (N, out), floating point.
    Example: q = [100, 120], s_x = 0.01, o = -128, p = [100, 50], s_w = 0.02, b = 1:
    Σ q p = 16000, o Σ p = -19200, 0.0002 · 35200 + 1 = 8.04.
    """
    ### BEGIN SOLUTION
    sums = x_codes.int() @ w_codes.int().t()
    correction = x_zero_point * w_codes.int().sum(1)
    return x_scale * w_scale * (sums - correction) + bias
    ### END SOLUTION

# %% check="int8_linear" points=3
from kdtutor.checks import check, secret_labels, secret_logits

check(int8_linear)
### BEGIN HIDDEN TESTS
import torch

q = (secret_labels(3 * 200, 256, key="inputs").view(3, 200) - 128).to(torch.int8)
p = (secret_labels(4 * 200, 255, key="weights").view(4, 200) - 127).to(torch.int8)
scales, bias = secret_logits(4, key="scales").abs() / 100 + 0.01, secret_logits(4, key="bias")
y = int8_linear(q, torch.tensor(0.03), torch.tensor(-77, dtype=torch.int32), p, scales, bias)
for n in range(3):
    for k in range(4):
        total = sum((a + 77) * b for a, b in zip(q[n].tolist(), p[k].tolist()))
        wanted = 0.03 * float(scales[k]) * total + float(bias[k])
        off = abs(float(y[n, k]) - wanted)
        assert off < 1e-3 * (1 + abs(wanted)), "the value is wrong for fresh codes"
### END HIDDEN TESTS

# %% experiment
my_int8_linear = use(int8_linear)
beyond_16, relative_error = [], []
with torch.no_grad():
    for net in nets:
        layer, x = net[3], layer_inputs(net, pictures.x)[1]
        scale, zero_point = my_affine_parameters(x.min(), x.max())
        x_codes, (w_codes, w_scale) = my_quantize(x, scale, zero_point), my_per_channel(layer.weight)
        sums = quantize.int8_matmul(x_codes, w_codes.t())
        beyond_16.append((sums.abs() > 32767).float().mean().item())
        y = my_int8_linear(x_codes, scale, zero_point, w_codes, w_scale.flatten(), layer.bias)
        relative_error.append(((y - layer(x)).norm() / layer(x).norm()).item())
record("sums", beyond=mean_interval(beyond_16), error=mean_interval(relative_error))
print(f"sums beyond 16 bits: {mean_interval(beyond_16)}")
print(f"error of the layer's output, relative to it: {mean_interval(relative_error)}")
reveal("fraction of the sums that leave 16 bits", mean_interval(beyond_16).mean)

# %% [markdown]
# **Reading the result.** {{ sums.beyond.mean | percent }} of the sums leave 16 bits, in a layer of 128 inputs. With 32
# bits the layer's output differs from that of the float layer by {{ sums.error.mean | percent }} of its size, and all
# of that is rounding of inputs and weights: the integer sums themselves are exact.
#
# ## Static and dynamic
#
# Where does the input's range come from when the network is in use? **Static**: it was calibrated once, and is a
# constant. **Dynamic**: it is measured on every batch. `quantize.to_int8` makes either kind of a whole network. Ranges
# that were never calibrated are a known trap: some tools then go on with scale 1 and zero-point 0 without a word. Three
# tests: sound pictures; pictures twice as bright as any that were calibrated on; and batches of 500 of which one
# picture is spoilt as above (accuracy counts the other 499).

# %% experiment
bright = (2 * pictures.x, pictures.y)
hurt = pictures.x.clone()
hurt[::500] *= 255
sound = torch.arange(len(hurt)) % 500 != 0


@torch.no_grad()
def beside_a_spoilt_one(net):
    answers = torch.cat([net(batch).argmax(-1) for batch in hurt.split(500)])
    return (answers == pictures.y)[sound].float().mean().item()


kinds = {
    "float32": lambda net: net,
    "static": lambda net: quantize.to_int8(net, quantize.observe_inputs(net, [clean])),
    "dynamic": lambda net: quantize.to_int8(net),
}
regimes = {}
for name, make in kinds.items():
    made = [make(net) for net in nets]
    regimes["sound", name] = [accuracy(net, pictures) for net in made]
    regimes["bright", name] = [accuracy(net, bright) for net in made]
    regimes["spoilt", name] = [beside_a_spoilt_one(net) for net in made]
for (test, name), values in sorted(regimes.items()):
    print(f"{test:>6}, {name:>7}: {mean_interval(values)}")
lost = {
    name: paired_comparison(regimes["sound", "float32"], regimes["sound", name], smallest_gain=0.005)
    for name in ("static", "dynamic")
}
record("regimes", **{f"{test}_{name}": mean_interval(runs) for (test, name), runs in regimes.items()},
       static_verdict=lost["static"].verdict, dynamic_verdict=lost["dynamic"].verdict)

# %% [markdown]
# **Reading the result.** On sound pictures: is float32 better than int8 by half a point or more? Against static,
# verdict "{{ regimes.static_verdict }}"; against dynamic, "{{ regimes.dynamic_verdict }}". The two differ elsewhere. On
# bright pictures float32 has {{ regimes.bright_float32.mean | percent }}, dynamic
# {{ regimes.bright_dynamic.mean | percent }} and static {{ regimes.bright_static.mean | percent }}: what is brighter
# than the calibrated range saturates. Beside a spoilt picture it is the other way round: static keeps
# {{ regimes.spoilt_static.mean | percent }}, while dynamic falls to {{ regimes.spoilt_dynamic.mean | percent }},
# because one picture sets the scale for all that share its batch. A scale for every row cures that, and production
# libraries use it.

# %% [markdown]
# ## Is it faster?
#
# Question 2. A float layer takes one product. A dynamic int8 layer takes four steps: measure the input's range, turn
# the input into codes, multiply, and scale the sums back. Only one of the four is the product that int8 makes cheap.
# Square layers of three widths are timed with batches of 1, 64 and 256 rows, on one thread, in pairs of calls that
# follow one another.
#
# Predict: for 64 × 64 weights and one row, how long does int8 take, as a multiple of float32?

# %%
predict("time of int8 over float32 for 64 x 64 weights and one row", ...)

# %% experiment
from kdtutor.measure import latency, latency_ratio
from kdtutor.quantize.int8 import input_parameters, quantize_input, rescale


def int8_steps(layer, x):
    """Seconds that each of the four steps of a dynamic int8 layer takes by itself."""
    scale, zero_point = input_parameters(x)
    codes, weights = quantize_input(x, scale, zero_point), layer.weight_codes.t()
    sums = quantize.int8_matmul(codes, weights)
    steps = {
        "measure the range": lambda: input_parameters(x),
        "quantise the input": lambda: quantize_input(x, scale, zero_point),
        "multiply": lambda: quantize.int8_matmul(codes, weights),
        "scale the sums": lambda: rescale(
            sums, scale, zero_point, layer.weight_scale, layer.weight_total, layer.bias
        ),
    }
    return {name: latency(step, budget=0.1).median for name, step in steps.items()}


def against_float(linear, layer, x):
    """Time of the int8 layer over that of the float layer, from pairs of calls."""
    return latency_ratio(lambda: layer(x), lambda: linear(x), budget=0.3)


ratios, shares = {}, {}
with torch.inference_mode():
    for width in (64, 256, 768):
        linear = nn.Linear(width, width)
        layer = quantize.Int8Linear.from_float(linear)
        ratios[width] = {}
        for rows in (1, 64, 256):
            ratios[width][rows] = against_float(linear, layer, torch.randn(rows, width))
        for rows in (1, 256) if width != 256 else ():
            taken = int8_steps(layer, torch.randn(rows, width))
            name = f"{width} × {width}, {rows} row{'s' if rows > 1 else ''}"
            shares[name] = {step: seconds / sum(taken.values()) for step, seconds in taken.items()}

plots.show(
    figures.time_against_float(ratios, shares),
    alt="Left, time of int8 over float32 against batch size on logarithmic axes, for three widths: wide "
    "layers lie lower than narrow ones; a dashed line stands at 1. Right, the shares of the four steps: "
    "the product is a small part of a narrow layer's time and a larger part of a wide one's.",
)


def in_words(ratio):
    """Faster or slower where the middle half of the pairs agrees."""
    return "faster" if ratio.high < 1 else "slower" if ratio.low > 1 else "cannot tell"


claims = {}
for width, row in ratios.items():
    for rows, ratio in row.items():
        print(f"{width:5} × {width:<5} {rows:4} rows: {ratio}: {in_words(ratio)}")
        claims[f"w{width}_b{rows}"] = {
            "ratio": ratio.median, "low": ratio.low, "high": ratio.high, "verdict": in_words(ratio)
        }
product_share = {name: row["multiply"] for name, row in shares.items()}
record("speed", **claims, narrow_share=product_share["64 × 64, 1 row"],
       wide_share=product_share["768 × 768, 256 rows"])
reveal("time of int8 over float32 for 64 x 64 weights and one row", ratios[64][1].median)

# %% [markdown]
# How to read it: left, below the dashed line int8 is faster; a point is the median of many pairs and its bar the middle
# half. Right, each bar is one int8 layer, split into its four steps; only the blue part is multiplication.
#
# **Reading the result.** These numbers belong to the machine that recorded them, and yours may say something else. With
# 64 × 64 weights and one row int8 took {{ speed.w64_b1.ratio | .1f }} times as long as float32 (middle half
# {{ speed.w64_b1.low | .1f }} to {{ speed.w64_b1.high | .1f }}): {{ speed.w64_b1.verdict }}. There the product is
# {{ speed.narrow_share | percent }} of the int8 layer's time, and the rest is turning numbers into codes and sums into
# numbers. With 768 × 768 weights and one row it took {{ speed.w768_b1.ratio | .2f }} times as long
# ({{ speed.w768_b1.verdict }}), with 256 rows {{ speed.w768_b256.ratio | .2f }} times
# ({{ speed.w768_b256.verdict }}), where the product has {{ speed.wide_share | percent }} of the time.
#
# Two things are at work. Every step is a call into torch that costs some microseconds however little there is to do,
# and int8 makes several calls where float32 makes one. And a layer of width $n$ has $n^2$ products a row, but only $2n$
# numbers to convert, so the wider it is, the less the conversion weighs. A static range saves the first of the four
# steps and no more. A processor without instructions for int8 products may win nothing at all.

# %% [markdown] instructor
# Ask in which layers int8 will be faster, and where the time goes in a small layer before you show the bars. The two
# conversions around the product do not shrink with the product.

# %% [markdown]
# ## Reading critically: two formulas
#
# Question 4. An article on compression names two more number formats. **Mean quantisation**: divide the weights by
# their mean and round. **Logarithmic quantisation**: take the logarithm of the weights and round that. It also shows
# code that calls `torch.quantization.Quantize` and a class `DefaultQuantizer`. Try all of it on 1,000 normally
# distributed weights, for ten seeds.

# %%
predict("largest code of 1,000 normal weights over their mean (median of ten seeds)", ...)

# %% experiment
from torch.ao import quantization as torch_quantization

largest_codes, negative_steps, undefined = [], 0, []
for seed in range(10):
    w = torch.randn(1000, generator=torch.Generator().manual_seed(seed))
    step = w.mean()
    largest_codes.append((w / step).round().abs().max().item())
    negative_steps += int(step < 0)
    undefined.append(w.log2().isnan().float().mean().item())
middle = sorted(largest_codes)[5]
missing = [name for name in ("Quantize", "DefaultQuantizer") if not hasattr(torch_quantization, name)]
record("article", least=min(largest_codes), most=max(largest_codes), negative=negative_steps,
       undefined=mean_interval(undefined), missing=" and ".join(missing) or "neither")
print("largest code by seed:", [int(code) for code in largest_codes])
print(f"the step is negative for {negative_steps} of 10 seeds")
print(f"logarithms that are NaN: {mean_interval(undefined)}")
print("names that torch does not have:", missing)
reveal("largest code of 1,000 normal weights over their mean (median of ten seeds)", middle)

# %% [markdown]
# **Reading the result.** The largest code lies between {{ article.least | .0f }} and {{ article.most | .0f }}, and for
# {{ article.negative }} of ten seeds the step is negative, so that every sign is reversed. Weights lie on both sides of
# 0: their mean is what chance left over, and dividing by it means nothing. The logarithm is undefined for
# {{ article.undefined.mean | percent }} of the weights, the negative ones. And torch has no {{ article.missing }}.
#
# Both ideas can be repaired. The mean *absolute* value is a sensible step: half or so of the weights are smaller. And
# the logarithm belongs to the magnitude, with the sign kept beside it and an exact zero below the smallest power. A
# weight that is a power of two turns a multiplication into a shift, which matters to whoever builds the hardware.

# %% exercise="mean_quantize" difficulty=2 minutes=4
def mean_quantize(x, bits=8):
    """Symmetric codes round(x / s), at most 2^(b-1) - 1 in magnitude, with the step s = mean of |x|.

    x: floating point, any shape. bits: 2 to 8. Returns (codes, scale): int8 of x's shape, and a scalar.
    Nothing but zeros gets the scale 1.
    Example: [0.6, -2, 0.1, 1.3], 2 bits: s = 4/4 = 1; rounded [1, -2, 0, 1]; the codes end at 1:
    [1, -1, 0, 1].
    """
    ### BEGIN SOLUTION
    scale = x.abs().mean()
    scale = torch.where(scale > 0, scale, 1.0)
    largest = 2 ** (bits - 1) - 1
    return (x / scale).round().clamp(-largest, largest).to(torch.int8), scale
    ### END SOLUTION

# %% check="mean_quantize" points=1
from kdtutor.checks import check, secret_logits

check(mean_quantize)
### BEGIN HIDDEN TESTS
x = secret_logits(4, 30, key="mean")
codes, scale = mean_quantize(x, 3)
by_hand = sum(abs(value) for value in x.flatten().tolist()) / 120
assert abs(float(scale) - by_hand) < 1e-4, "the step is not the mean absolute value"
for value, code in zip(x.flatten().tolist(), codes.flatten().tolist()):
    assert abs(code - min(max(value / by_hand, -3), 3)) <= 0.501, "a code is not the nearest one"
outlier = x.flatten().clone()
outlier[0] = 100 * outlier.abs().sum()
assert int(mean_quantize(outlier, 6)[0].max()) == 31, "the largest code of 6 bits is 31"
assert float(mean_quantize(0 * x, 4)[1]) == 1, "nothing but zeros gets the scale 1"
### END HIDDEN TESTS

# %% exercise="power_of_two" difficulty=3 minutes=8
def power_of_two(x, bits):
    """x rounded to the nearest of 0 and ±2^(e-n+1), ..., ±2^e: n = 2^(b-1) - 1 powers of either sign.

    2^e is the power of two nearest to the largest |x|. Nearest is meant by distance: between 2 and 4 the
    middle is 3. x: floating point, any shape, not all zero. bits: 2 to 8. Returns values of x's shape.
    Example: [3.1, -0.8, 0.4, 0], 3 bits, n = 3: 4 is nearest to 3.1, so the values are 0, ±1, ±2, ±4;
    -0.8 is nearest to -1, 0.4 to 0: [4, -1, 0, 0].
    """
    ### BEGIN SOLUTION
    n = 2 ** (bits - 1) - 1
    top = int((x.abs().max() / 0.75).log2().floor())
    powers = 2.0 ** torch.arange(top - n + 1, top + 1)
    values = torch.cat([-powers, torch.zeros(1), powers])
    return values[(x.unsqueeze(-1) - values).abs().argmin(-1)]
    ### END SOLUTION

# %% check="power_of_two" points=2
from kdtutor.checks import check, secret_logits

check(power_of_two)
### BEGIN HIDDEN TESTS
x = secret_logits(3, 20, key="powers")
peak = max(abs(value) for value in x.flatten().tolist())
top = min(range(-20, 20), key=lambda e: abs(2.0**e - peak))
for bits in (4, 3):
    exponents = range(top - 2 ** (bits - 1) + 2, top + 1)
    named = [0.0] + [sign * 2.0**e for sign in (-1, 1) for e in exponents]
    for value, rounded in zip(x.flatten().tolist(), power_of_two(x, bits).flatten().tolist()):
        assert rounded in named, "a value is none of those that b bits can name"
        least = min(abs(value - v) for v in named)
        assert abs(value - rounded) <= least + 1e-5, "another value is nearer"
### END HIDDEN TESTS

# %% experiment
my_power_of_two, my_mean_quantize = use(power_of_two), use(mean_quantize)
weights = nets[0][1].weight.detach()
levels = {}
for bits in (2, 5):
    codes = torch.arange(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1))
    levels[f"symmetric, {bits} bits"] = quantize.symmetric_scale(weights.abs().max(), bits) * codes
    levels[f"mean, {bits} bits"] = my_mean_quantize(weights, bits)[1] * codes
levels["powers of two, 5 bits"] = my_power_of_two(weights, 5).unique()
plots.show(
    figures.levels_over_weights(weights, levels),
    alt="A histogram of the first layer's weights, highest near 0. Below it the values that each format "
    "can name. With 2 bits the symmetric scheme has 0 and the two extremes, the mean 0 and two values "
    "amid the weights. With 5 bits the symmetric scheme is much finer and the mean as coarse as before. "
    "Powers of two crowd around 0 and are far apart at the ends.",
)

# %% [markdown]
# How to read it: above, where the weights of one layer are; below, one row a format, each mark a value that it can name
# and that lies among the weights. With 2 bits the symmetric scheme spends its codes on the extremes, where hardly a weight
# is, and the mean puts them amid the weights. With 5 bits the symmetric steps are finer; the mean's step is the same as
# before, and the codes that were added lie beyond all weights. Powers of two are dense where most weights are and leave
# gaps where the large ones are.

# %% [markdown]
# ## Signature experiment: accuracy against bits
#
# Question 3. The weights of the ten networks are rounded by seven schemes to 8, 6, 4, 3 and 2 bits; inputs and biases
# stay in float32. Nothing is trained afterwards and nothing is tuned: every scheme is used with the definition above. A
# scale is a number that has to be stored too, so the horizontal axis counts 32 bits for each. Accuracy is that on the
# test pictures.
#
# Predict: with 4 bits, which scheme has the highest mean? Answer with one of the names in the cell below the next, in quotation
# marks.

# %%
predict("the best scheme with 4 bits", ...)

# %% experiment
def covering(weight, bits, method):
    """Affine codes, one scale a tensor, with the range that a method of calibration chooses."""
    scale, zero_point = my_affine_parameters(*my_calibrate(weight, method, bits), bits)
    return my_dequantize(my_quantize(weight, scale, zero_point, bits), scale, zero_point)


def by_the_mean(weight, bits):
    codes, scale = my_mean_quantize(weight, bits)
    return my_dequantize(codes, scale, torch.tensor(0, dtype=torch.int32))


schemes = {
    "tensor, symmetric": (one_scale, lambda weight: 1),
    "tensor, affine min-max": (lambda w, bits: covering(w, bits, "minmax"), lambda weight: 1),
    "tensor, affine, least error": (lambda w, bits: covering(w, bits, "error"), lambda weight: 1),
    "channel, symmetric": (scale_a_channel, len),
    "group of 32, symmetric": (scale_a_group, lambda weight: len(weight) * -(-weight.shape[1] // 32)),
    "mean": (by_the_mean, lambda weight: 1),
    "powers of two": (my_power_of_two, lambda weight: 1),
}
grid = (8, 6, 4, 3, 2)
matrices = [layer.weight for layer in nets[0][1::2]]
count = sum(weight.numel() for weight in matrices)
runs, curves = {}, {}
for name, (scheme, scales) in schemes.items():
    overhead = 32 * sum(scales(weight) for weight in matrices) / count
    for bits in grid:
        rounded = [with_weights(net, scheme, bits) for net in nets]
        runs[name, bits] = [accuracy(net, glyphs.test) for net in rounded]
    curves[name] = [(bits + overhead, mean_interval(runs[name, bits])) for bits in grid]
floating = [accuracy(net, glyphs.test) for net in nets]
plots.show(
    figures.accuracy_by_bits(curves, mean_interval(floating)),
    alt="Accuracy against bits per weight for seven schemes. From 6 bits on most reach float32. At 4 "
    "bits they begin to part, at 2 bits they lie far apart, the range of least error highest. The mean "
    "and the powers of two level off below float32.",
)

# %% experiment
print(f"{'bits':>28} " + " ".join(f"{bits:>6}" for bits in grid))
for name in schemes:
    print(f"{name:>28} " + " ".join(f"{mean_interval(runs[name, bits]).mean:6.1%}" for bits in grid))

pairs = {
    "channel_4": (("channel, symmetric", 4), ("tensor, symmetric", 4)),
    "error_3": (("tensor, affine, least error", 3), ("tensor, affine min-max", 3)),
    "group_3_to_4": (("group of 32, symmetric", 3), ("tensor, symmetric", 4)),
    "powers_4": (("powers of two", 4), ("tensor, symmetric", 4)),
    "mean_4": (("mean", 4), ("tensor, symmetric", 4)),
    "mean_2": (("mean", 2), ("tensor, symmetric", 2)),
}
outcomes = {
    key: paired_comparison(runs[a], runs[b], smallest_gain=0.005) for key, (a, b) in pairs.items()
}
for key, outcome in outcomes.items():
    (a, a_bits), (b, b_bits) = pairs[key]
    print(f"{a}, {a_bits} bits, against {b}, {b_bits} bits:\n   {outcome}")
eight = paired_comparison(floating, runs["channel, symmetric", 8], smallest_gain=0.005)
four = paired_comparison(floating, runs["channel, symmetric", 4], smallest_gain=0.005)
best = max(schemes, key=lambda name: mean_interval(runs[name, 4]).mean)
named = {name: dict(zip(grid, (mean_interval(runs[name, bits]) for bits in grid))) for name in schemes}
record("bits", floating=mean_interval(floating), best=best, best_4=named[best][4],
       channel_8=named["channel, symmetric"][8], channel_4=named["channel, symmetric"][4],
       error_3=named["tensor, affine, least error"][3], minmax_3=named["tensor, affine min-max"][3],
       tensor_4=named["tensor, symmetric"][4], tensor_2=named["tensor, symmetric"][2],
       group_3=named["group of 32, symmetric"][3], group_bits=curves["group of 32, symmetric"][3][0],
       powers_8=named["powers of two"][8], powers_4=named["powers of two"][4],
       mean_8=named["mean"][8], mean_4=named["mean"][4], mean_2=named["mean"][2],
       eight_verdict=eight.verdict, four_verdict=four.verdict, four_loss=four.difference,
       **{f"{key}_verdict": outcome.verdict for key, outcome in outcomes.items()},
       **{f"{key}_gain": 100 * outcome.difference for key, outcome in outcomes.items()})
reveal("the best scheme with 4 bits", best)

# %% [markdown]
# How to read it: each point is the mean of ten networks with its 95 % interval; the dashed line is float32. A curve
# that lies further left needs fewer bits for the same accuracy.
#
# **Reading the result.** Is float32 better by half a point or more than 8 bits with a scale a channel? Verdict
# "{{ bits.eight_verdict }}". Than 4 bits? "{{ bits.four_verdict }}": {{ bits.channel_4.mean | percent }} against
# {{ bits.floating.mean | percent }}. The highest mean with 4 bits belongs to "{{ bits.best }}",
# {{ bits.best_4.mean | percent }}; look at the intervals of its neighbours before calling it the best. The comparisons,
# each over ten pairs with half a point as the smallest gain worth having:
#
# | method | against | mean gain in points | verdict |
# |---|---|---|---|
# | a scale a channel, 4 bits | a scale a tensor, 4 bits | {{ bits.channel_4_gain | +.1f }} | {{ bits.channel_4_verdict }} |
# | range of least error, 3 bits | min-max, 3 bits | {{ bits.error_3_gain | +.1f }} | {{ bits.error_3_verdict }} |
# | groups of 32, 3 bits | a scale a tensor, 4 bits | {{ bits.group_3_to_4_gain | +.1f }} | {{ bits.group_3_to_4_verdict }} |
# | powers of two, 4 bits | a scale a tensor, 4 bits | {{ bits.powers_4_gain | +.1f }} | {{ bits.powers_4_verdict }} |
# | mean, 4 bits | a scale a tensor, 4 bits | {{ bits.mean_4_gain | +.1f }} | {{ bits.mean_4_verdict }} |
# | mean, 2 bits | a scale a tensor, 2 bits | {{ bits.mean_2_gain | +.1f }} | {{ bits.mean_2_verdict }} |
#
# Groups with 3 bits take {{ bits.group_bits | .1f }} bits a weight once their scales are counted, so plain 4-bit codes
# are what they have to beat. Powers of two level off: {{ bits.powers_4.mean | percent }} with 4 bits and
# {{ bits.powers_8.mean | percent }} with 8, because more bits buy more *small* powers, and the gap between 0.25 and 0.5
# stays. The mean levels off at {{ bits.mean_8.mean | percent }} for the same kind of reason: its step does not depend
# on the bits at all. With 2 bits the tables turn: there min-max spends its three values on the extremes and keeps
# {{ bits.tensor_2.mean | percent }}, while the mean puts them where the weights are and keeps
# {{ bits.mean_2.mean | percent }}.
#
# All of this is rounding a finished network. What training with the rounding in place can win back is the subject of
# unit 08.

# %% [markdown]
# ## With your own hand
#
# Bits, scheme and calibration together, on weights and activations of a network that is trained already.

# %% experiment
from kdtutor.demos import explore_quantising

explore_quantising()

# %% [markdown]
# How to read it: the histogram holds the values of one layer, on a logarithmic scale, and the marks below it are the
# levels that they are rounded to; what lies in the grey is cut off. Beside it the error of each layer, and accuracy
# against bits. Where this page is only read and not run, still pictures stand in for the controls.

# %% [markdown]
# ## Reading critically: a test that cannot fail
#
# The same lab's tests compare the values that come back from 8-bit codes with the originals, and allow a generous
# difference. Suppose the tolerance is 0.15 for values between -1 and 1, and somebody hands in a quantiser that uses
# fewer bits than it should. With how few bits does it still pass?

# %%
predict("the fewest bits that pass a tolerance of 0.15", ...)

# %% experiment
x = 2 * torch.rand(1000, generator=torch.Generator().manual_seed(0)) - 1


def passes(bits, tolerance):
    """Whether everything that comes back from b-bit codes lies within the tolerance."""
    parameters = my_affine_parameters(x.min(), x.max(), bits)
    back = my_dequantize(my_quantize(x, *parameters, bits), *parameters)
    return bool(((back - x).abs() <= tolerance).all())


half_a_step = my_affine_parameters(x.min(), x.max(), 8)[0].item() / 2 * 1.001  # float32 rounds as well
generous = min(bits for bits in range(2, 9) if passes(bits, 0.15))
derived = min(bits for bits in range(2, 9) if passes(bits, half_a_step))
record("tolerance", generous=generous, derived=derived, bound=half_a_step)
print(f"fewest bits that pass 0.15: {generous}")
print(f"fewest bits that pass half a step of 8 bits, {half_a_step:.4f}: {derived}")
reveal("the fewest bits that pass a tolerance of 0.15", generous)

# %% [markdown]
# **Reading the result.** {{ tolerance.generous }} bits pass as 8. The repair follows from the derivation: inside the
# range the error is at most $s/2$, here {{ tolerance.bound | .4f }}, and with that bound it takes
# {{ tolerance.derived }} bits to pass. A tolerance is a claim about the right answer; where the mathematics gives a
# bound, use that one.
#
# ## In production
#
# Nobody has to write these layers for a product. In PyTorch the library for it is *torchao*: one call replaces every
# Linear layer of a model by one with int8 weights, a scale a channel, and int8 inputs whose range is measured at every
# call, row by row, with integer products; `torch.compile` then joins the conversion to the product, so that it costs
# less. The cell below shows the call where torchao is installed, and says so where it is not; nothing else in the
# course needs it.

# %% experiment
from importlib.util import find_spec

if find_spec("torchao") is None:
    print("torchao is not installed here, so there is nothing to show; `pip install torchao` brings it.")
else:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    production = copy.deepcopy(nets[0]).eval()
    quantize_(production, Int8DynamicActivationInt8WeightConfig())
    print(f"float32 {accuracy(nets[0], pictures):.1%}, int8 {accuracy(production, pictures):.1%}")

# %% [markdown]
# ## What to remember
#
# - $x \approx s\,(q - o)$: two ends give two equations, and those give scale and zero-point. Zero is exact, always.
# - Round, add the zero-point, clamp, and only then cast. The difference of two codes does not fit into a code.
# - A scale a channel for weights comes out of the sum; products of bytes are added up in 32 bits.
# - Min-max trusts every value, the squared error trusts the largest most, a percentile trusts a fixed share.
# - int8 pays where there are many products for every number that has to be converted.
#
# **What breaks it**: a cast before the clamp; a range without 0; an input range that was never calibrated or that the
# data have left; one spoilt sample in a batch with one scale; codes counted and scales forgotten.
#
# **Where to read on**: Jacob et al., *Quantization and Training of Neural Networks for Efficient
# Integer-Arithmetic-Only Inference*, 2018, section 2 for the product. Krishnamoorthi, *Quantizing deep convolutional
# networks for efficient inference*, 2018, sections 2 and 3 for scales a channel. Wu et al., *Integer Quantization for
# Deep Learning Inference*, 2020, section 4 for calibration. Nagel et al., *Data-Free Quantization Through Weight
# Equalization and Bias Correction*, 2019, section 4 for stretched networks. Miyashita, Lee and Murmann, *Convolutional
# Neural Networks using Logarithmic Data Representation*, 2016.
#
# Next: unit 08 trains networks that know they will be rounded.
