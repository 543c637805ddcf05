# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Smaller networks
#
# Unit 05 set single weights to zero and gained neither time nor memory: the zeros are still multiplied. This unit takes
# whole neurons, channels and layers out, so that the tensors themselves become smaller. The multiplications saved can
# be counted exactly. What they save in milliseconds has to be measured, and it is usually less.
#
# **After this unit** you can remove neurons and channels so that everything that knows them follows (the next layer,
# BatchNorm, a skip connection), leave out layers, count multiply-accumulates, time a network so that the number holds,
# and say whether it pays to distil a large network back into its pruned self.
#
# **Questions that the measurements below will settle**
#
# 1. Which neurons can go, and what does a network lose before it is trained again?
# 2. How much of the time that the saved multiplications promise is really saved, and at which batch size?
# 3. Are odd numbers of channels slower than round ones?
# 4. Is a pruned network better than a small one trained from scratch, does distilling help, and in which order?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 16 |
# | You need | unit 00; unit 05 for magnitude and retraining; unit 02 for the distillation loss |

# %%
import copy
from time import perf_counter

import torch
import torch.nn.functional as F

from kdtutor import data, distill, models, prune
from kdtutor.checks import check, hint, predict, reveal, use
from kdtutor.plots import show, smaller_networks

# %% [markdown]
# Wherever you are stuck, `hint(neuron_scores)` in a new cell gives the next of three hints for that exercise.
#
# ## Ten networks to cut
#
# Ten perceptrons with two hidden layers of 128 units, on the glyphs of unit 00, each from its own seed. Their learning
# rate was chosen from 0.005, 0.01, 0.02, 0.04 and 0.08 on four other seeds and the validation part. Accuracies below
# are those on the test part, in per cent.

# %% experiment
from kdtutor.measure import accuracy, latency_ratio, macs, mean_interval
from kdtutor.measure import paired_comparison, parameters, record
from kdtutor.training import Recipe, default_device, fit, fit_many

glyphs = data.load("glyphs")
seeds = range(10)


def trained(networks, targets, loss, epochs, lr):
    """The networks, trained side by side, one seed each, and back on the CPU."""
    recipe = Recipe(epochs=epochs, lr=lr)
    fit_many(networks, glyphs.train.x, targets, loss, recipe, seeds=seeds)
    return [network.cpu() for network in networks]


def score(network):
    return 100 * accuracy(network, glyphs.test)


large = [models.mlp(256, 128, 128, 36, seed=seed) for seed in seeds]
large = trained(large, (glyphs.train.y,), F.cross_entropy, epochs=6, lr=2e-2)
whole = mean_interval([score(network) for network in large])
print("accuracy:", whole)

# %% [markdown]
# ## Which neurons can go
#
# A neuron is a row $w_j$ of its layer's weight: all that it reads. Removing it removes the whole row. The usual score is
# the norm of the row,
#
# $$\|w_j\|_1 = \sum_k |w_{jk}| \qquad\text{or}\qquad \|w_j\|_2 = \sqrt{\sum_k w_{jk}^2}$$
#
# In words: the sizes of all weights of the neuron, added up; with the squares, a few large weights count more than many
# small ones. A filter of a convolution is a neuron whose row has the shape (channels read, height, width).


# %% exercise="neuron_scores" difficulty=1 minutes=5
def neuron_scores(weight, norm="l1"):
    """The norm of the weights of each neuron of a layer.

    weight: (out, in) of a Linear layer or (out, in, H, W) of a convolution. norm: "l1" or "l2".
    Returns (out,): one score a neuron (a row), over all axes but the first.
    Example: [[3., -4.], [1., 1.]] has the L1 norms [7, 2] and the L2 norms [5, 1.4142].
    """
    ### BEGIN SOLUTION
    rows = weight.flatten(1)
    return rows.abs().sum(1) if norm == "l1" else rows.square().sum(1).sqrt()
    ### END SOLUTION


# %% check="neuron_scores" points=2
from kdtutor.checks import check, secret_logits  # the secret ones are for grading

check(neuron_scores)
### BEGIN HIDDEN TESTS
weight = secret_logits(3, 2, 2, 2, key="filters")
for norm, power in (("l1", 1), ("l2", 2)):
    by_hand = [sum(abs(w) ** power for w in row) ** (1 / power) for row in weight.flatten(1).tolist()]
    scores = neuron_scores(weight, norm)
    assert scores.shape == (3,), "one score a filter"
    assert all(abs(a - b) < 1e-3 for a, b in zip(scores.tolist(), by_hand)), "wrong for fresh filters"
### END HIDDEN TESTS

# %% [markdown]
# ## Taking neurons out
#
# Between two layers, $z = W_2\,\phi(W_1 x + b_1) + b_2$, a neuron $j$ appears in three places: row $j$ of $W_1$, entry
# $j$ of $b_1$ and **column** $j$ of $W_2$. In words: the numbers it reads with, its own offset, and the numbers by which
# others read it. Where one of the three is forgotten the shapes no longer fit, and that is the lucky case.


# %% exercise="remove_neurons" difficulty=2 minutes=8
def remove_neurons(first, second, keep):
    """Two new Linear layers with only the kept neurons between them.

    first: Linear with weight (hidden, in). second: Linear with weight (out, hidden), reading the
    first one's outputs. Both have a bias. keep: boolean (hidden,), True = kept.
    Returns (first, second), new ones; those that came in stay as they are. Their attributes
    (out_features, in_features) tell the new width.
    Example: hidden 3, keep [True, False, True]: the first weight loses row 1, its bias entry 1,
    the second weight column 1.
    """
    ### BEGIN SOLUTION
    small, reader = copy.deepcopy(first), copy.deepcopy(second)
    small.weight = torch.nn.Parameter(first.weight[keep])
    small.bias = torch.nn.Parameter(first.bias[keep])
    reader.weight = torch.nn.Parameter(second.weight[:, keep])
    small.out_features = reader.in_features = int(keep.sum())
    return small, reader
    ### END SOLUTION


# %% check="remove_neurons" points=2
from kdtutor.checks import check, secret_logits

check(remove_neurons)
### BEGIN HIDDEN TESTS
import torch

first, second = torch.nn.Linear(4, 6), torch.nn.Linear(6, 3)
with torch.no_grad():
    first.weight.copy_(secret_logits(6, 4, key="first"))
    second.weight.copy_(secret_logits(3, 6, key="second"))
keep = torch.tensor([False, True, True, False, True, False])
small, reader = remove_neurons(first, second, keep)
x = secret_logits(5, 4, key="inputs")
with torch.no_grad():
    wanted = second(first(x).relu() * keep)
    assert small.weight.shape == (3, 4), "the first layer does not have three neurons"
    assert float((reader(small(x).relu()) - wanted).abs().max()) < 1e-3, "wrong neurons, or a wrong bias"
### END HIDDEN TESTS

# %% [markdown]
# Now both hidden layers of the ten networks are cut, by four scores: the two norms, a random one as the control, and
# the **signed** sum $\sum_k w_{jk}$, which an article on pruning uses. Nothing is trained after the cut.
#
# Predict: the accuracy, in per cent, with 64 of the 128 units left in each layer, the largest L1 norms kept. The whole
# networks have {{ whole.large.mean | .0f }}.

# %%
predict("accuracy with half of the units left, by L1", ...)

# %% experiment
my_scores, my_remove_neurons = use(neuron_scores), use(remove_neurons)
chance = torch.Generator().manual_seed(0)
by_score = {
    "L1 norm": lambda weight: my_scores(weight, "l1"),
    "L2 norm": lambda weight: my_scores(weight, "l2"),
    "signed sum": lambda weight: weight.detach().sum(1),
    "random": lambda weight: torch.rand(len(weight), generator=chance),
}


def highest(scores, count):
    """The mask that keeps `count` units, those with the highest scores."""
    return torch.zeros(len(scores), dtype=torch.bool).index_fill(0, scores.topk(count).indices, True)


def narrowed(network, units, scores):
    """The perceptron with `units` neurons left in each of its two hidden layers."""
    flatten, first, relu, second, _, last = copy.deepcopy(network)
    keep = highest(scores(first.weight), units)
    first, second = my_remove_neurons(first, second, keep)
    second, last = my_remove_neurons(second, last, highest(scores(second.weight), units))
    return torch.nn.Sequential(flatten, first, relu, second, torch.nn.ReLU(), last)


widths = (128, 112, 96, 80, 64, 48, 32)
cut = {
    name: {k: [score(narrowed(network, k, scores)) for network in large] for k in widths}
    for name, scores in by_score.items()
}
curves = {name: {k: mean_interval(v) for k, v in curve.items()} for name, curve in cut.items()}
reveal("accuracy with half of the units left, by L1", curves["L1 norm"][64].mean)
record("whole", large=whole)
record(
    "cut",
    **{f"{name.split()[0]}_{k}": curves[name][k] for name in curves for k in (96, 64, 32)},
    against_random=paired_comparison(cut["L1 norm"][64], cut["random"][64], smallest_gain=1.0),
    against_signed=paired_comparison(cut["L1 norm"][64], cut["signed sum"][64], smallest_gain=1.0),
    signed_against_random=paired_comparison(cut["signed sum"][64], cut["random"][64], smallest_gain=1.0),
)
show(
    smaller_networks.accuracy_by_units(curves, whole),
    alt="Accuracy against units kept in each hidden layer, for four scores. All start at the whole "
    "network and fall as units go.",
)

# %% [markdown]
# How to read it: from left to right fewer units are left; each curve is the mean over ten networks, the band its 95 %
# interval. **Reading the result.** With half of the units left, L1 keeps {{ cut.L1_64.mean | .1f }} % accuracy and L2
# {{ cut.L2_64.mean | .1f }} %. L1 against the random control: {{ cut.against_random.difference | +.1f }} points (verdict:
# {{ cut.against_random.verdict }}), against the signed sum {{ cut.against_signed.difference | +.1f }} (verdict:
# {{ cut.against_signed.verdict }}). The signed sum itself against random: {{ cut.signed_against_random.difference | +.1f }}
# points (verdict: {{ cut.signed_against_random.verdict }}); a neuron with large weights of both signs looks like nothing to it.
#
# ## Channels, BatchNorm, and what follows
#
# A channel of a convolution has more acquaintances. BatchNorm holds four numbers for it, $\gamma_j, \beta_j$ and the running
# mean $\mu_j$ and variance $\sigma_j^2$; the next convolution reads it through `weight[:, j]`. If a Linear layer follows
# after `Flatten`, a map of $P$ positions becomes $P$ columns: channel $j$ owns the columns $jP, \dots, jP + P - 1$. In words:
# flattening writes all positions of channel 0 first, then all of channel 1, and so on.


# %% exercise="remove_channels" difficulty=4 minutes=12
def remove_channels(conv, norm, following, keep):
    """New layers with only the kept channels between them.

    conv: Conv2d, weight (channels, in, H, W), bias (channels,) or None. norm: BatchNorm2d over its
    channels. following: a Conv2d that reads them, or a Linear that reads the flattened map, so that
    in_features is channels times the number of positions. keep: boolean (channels,), True = kept.
    Returns (conv, norm, following), new ones with the settings (stride, padding) of the old ones;
    out_channels, num_features and in_channels or in_features tell the new number.
    Example: 2 channels, a map of 3 positions, keep [False, True]: a Linear that follows keeps its
    columns 3, 4 and 5.
    """
    ### BEGIN SOLUTION
    conv, norm, following = copy.deepcopy(conv), copy.deepcopy(norm), copy.deepcopy(following)
    for module, name in ((conv, "weight"), (conv, "bias"), (norm, "weight"), (norm, "bias")):
        if getattr(module, name) is not None:
            setattr(module, name, torch.nn.Parameter(getattr(module, name)[keep]))
    norm.running_mean, norm.running_var = norm.running_mean[keep], norm.running_var[keep]
    columns = keep.repeat_interleave(following.weight.shape[1] // len(keep))
    following.weight = torch.nn.Parameter(following.weight[:, columns])
    conv.out_channels = norm.num_features = int(keep.sum())
    if isinstance(following, torch.nn.Linear):
        following.in_features = int(columns.sum())
    else:
        following.in_channels = int(columns.sum())
    return conv, norm, following
    ### END SOLUTION


# %% check="remove_channels" points=3
from kdtutor.checks import check, secret_logits

check(remove_channels)
### BEGIN HIDDEN TESTS
import torch

conv, norm = torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.BatchNorm2d(4).eval()
following = torch.nn.Linear(4 * 6, 2)
with torch.no_grad():
    conv.weight.copy_(secret_logits(4, 1, 3, 3, key="conv"))
    norm.running_mean.copy_(secret_logits(4, key="mean"))
    following.weight.copy_(secret_logits(2, 24, key="reader"))
    keep = torch.tensor([False, True, False, True])
    small, thin, reader = remove_channels(conv, norm, following, keep)
    x = secret_logits(3, 1, 2, 3, key="pictures")
    wanted = following((norm(conv(x)).relu() * keep[:, None, None]).flatten(1))
    found = reader(thin.eval()(small(x)).relu().flatten(1))
assert small.weight.shape == (2, 1, 3, 3), "the convolution does not have two channels"
assert float((found - wanted).abs().max()) < 1e-2, "not the output of the kept channels"
### END HIDDEN TESTS

# %% [markdown]
# ## A network with skip connections
#
# A block of a residual network computes $x + f(x)$. Channel $j$ of $x$ and channel $j$ of $f(x)$ are added, so they are
# one channel: it can leave only from both, hence from **every** block on the same stream. The channels inside $f$ belong
# to one block and can go alone. Below, one network with 16 channels and three blocks is trained (one seed; it serves to
# follow shapes, and no verdict rests on it).
#
# What happens if half of the channels are removed from the second convolution of the first block and from nothing else?

# %% experiment
my_remove_channels = use(remove_channels)
residual = models.residual_cnn(channels=16, blocks=3, seed=0)
fit(residual, glyphs.train.x, (glyphs.train.y,), F.cross_entropy, Recipe(epochs=2, lr=1e-2), seed=0)
residual = residual.cpu()
picture = glyphs.test.x[:1]

torn = copy.deepcopy(residual)
block = torn.blocks[0]
keep = highest(my_scores(block.conv2.weight), 8)
block.conv2, block.norm2, _ = my_remove_channels(block.conv2, block.norm2, torn.blocks[1].conv1, keep)
try:
    torn(picture)
except RuntimeError as error:
    print("RuntimeError:", error)

groups = prune.channel_groups(residual, picture)
for group in groups.values():
    if group.writers:
        print(f"\n{group.channels} channels, {'fixed: ' + group.fixed if group.fixed else 'free'}")
        print("  written by", ", ".join(group.writers))
        print("  read by   ", ", ".join(group.readers) or "nobody")

# %% [markdown]
# The sum of 16 and 8 channels does not exist. `prune.channel_groups` reads off the network's own computation which layers
# share a stream: the stem and the last convolution of all three blocks write one, every block and the head read it. (The
# head pools each channel to four positions, so it reads four columns a channel.) The inside of each block is a group of its own.
#
# ## Leaving out layers
#
# With skip connections a whole block can go: what it would have added is missing, and the shapes fit. Which one? A simple
# score is how much a block turns its stream, $1 - \cos(x, x + f(x))$, averaged over pictures and positions.


# %% exercise="drop_layers" difficulty=2 minutes=5
def drop_layers(blocks, drop):
    """A new stack without the blocks at the positions `drop`.

    blocks: torch.nn.Sequential of blocks that each keep the shape; stays as it is. drop: a list of
    positions, counted from 0 in the stack as it came, in any order.
    Returns a new Sequential of copies of the other blocks, in their old order.
    Example: blocks A, B, C, D and drop [1, 2]: a stack of A and D.
    """
    ### BEGIN SOLUTION
    left = [copy.deepcopy(block) for position, block in enumerate(blocks) if position not in drop]
    return torch.nn.Sequential(*left)
    ### END SOLUTION


# %% check="drop_layers" points=2
from kdtutor.checks import check, secret_logits

check(drop_layers)
### BEGIN HIDDEN TESTS
import torch

blocks = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(5)))
with torch.no_grad():
    for position, block in enumerate(blocks):
        block.bias.copy_(secret_logits(2, key=f"block {position}"))
short = drop_layers(blocks, [3, 0])
assert len(short) == 3 and len(blocks) == 5, "three blocks are left, and the old stack has its five"
for new, old in zip(short, (1, 2, 4)):
    gap = (new.bias - blocks[old].bias).detach().abs().max()
    assert float(gap) < 1e-6, "not the blocks 1, 2 and 4"
### END HIDDEN TESTS

# %% [markdown]
# ## Counting
#
# A **multiply-accumulate** (MAC) is one product and its addition. A Linear layer from $I$ to $O$ needs $I \cdot O$ for each
# sample, a convolution
#
# $$C_{out} \cdot H_{out} \cdot W_{out} \cdot \frac{C_{in}}{\text{groups}} \cdot K_h \cdot K_w .$$
#
# In words: as many products for each output number as one filter has weights, and as many output numbers as there are
# channels and positions. Halve all channels and a convolution keeps a quarter of its MACs.


# %% exercise="count_macs" difficulty=3 minutes=10
def count_macs(model, example):
    """Multiply-accumulates of one forward pass of the whole example, in evaluation mode.

    model: made of Linear and Conv2d layers (with stride, padding, groups) and others that are not
    counted: norms, activations, pooling. It stays as it is: mode and running statistics too.
    example: a batch (N, ...). Returns a whole number; biases are not counted, zeros are.
    Example: Linear(3, 2) on 5 samples: 5 · 3 · 2 = 30.
    """
    ### BEGIN SOLUTION
    counts = []

    def note(layer, inputs, output):
        counts.append(output.numel() * layer.weight[0].numel())

    copied = copy.deepcopy(model).eval()
    for layer in copied.modules():
        if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d)):
            layer.register_forward_hook(note)
    with torch.no_grad():
        copied(example)
    return sum(counts)
    ### END SOLUTION


# %% check="count_macs" points=3
from kdtutor.checks import check, secret_generator

check(count_macs)
### BEGIN HIDDEN TESTS
import torch

size = int(torch.randint(7, 15, (1,), generator=secret_generator("size")))
model = torch.nn.Sequential(torch.nn.Conv2d(2, 6, 3, stride=2, groups=2), torch.nn.ReLU())
side = (size - 3) // 2 + 1
found = int(count_macs(model, torch.zeros(3, 2, size, size)))
assert found == 3 * 6 * side * side * 9, "wrong for a fresh size"
### END HIDDEN TESTS

# %% [markdown]
# Three ways to cut the residual network: half of the inner channels of each block, half of the stream, and the block that
# turns its stream least. Each is then trained one more epoch, and so is the whole network.

# %% experiment
my_drop, my_count = use(drop_layers), use(count_macs)
turned = prune.layer_scores(residual.blocks, residual.stem(glyphs.validation.x[:256]))
least = int(turned.argmin())
print("how much each block turns its stream:", [round(t, 3) for t in turned.tolist()])
record("residual_choice", least=least)

inner = copy.deepcopy(residual)
for block in inner.blocks:
    keep = highest(my_scores(block.conv1.weight), 8)
    three = my_remove_channels(block.conv1, block.norm1, block.conv2, keep)
    block.conv1, block.norm1, block.conv2 = three
stream = groups["stem.0"]
half_stream = {"stem.0": highest(prune.group_scores(residual, stream), 8)}
shorter = copy.deepcopy(residual)
shorter.blocks = my_drop(residual.blocks, [least])
variants = {
    "whole": copy.deepcopy(residual),
    "half_inner": inner,
    "half_stream": prune.shrink(residual, half_stream, groups),
    "one_block_less": shorter,
}
for name, network in variants.items():
    before = score(network)
    fit(network, glyphs.train.x, (glyphs.train.y,), F.cross_entropy, Recipe(epochs=1, lr=5e-3), seed=1)
    network.cpu()
    share = my_count(network, picture) / my_count(residual, picture)
    after = score(network)
    print(
        f"{name:>15}: {parameters(network):>6} parameters, MACs x {share:.2f}, "
        f"accuracy {before:.1f} %, after an epoch {after:.1f} %"
    )
    record(f"residual_{name}", macs=share, before=before, after=after, parameters=parameters(network))

# %% [markdown]
# **Reading the result.** Removing the block that turns least (number {{ residual_choice.least }}, counted from 0) leaves
# {{ residual_one_block_less.before | .1f }} % of the {{ residual_whole.before | .1f }} % before any training; half of the inner channels
# leave {{ residual_half_inner.before | .1f }} %, half of the stream {{ residual_half_stream.before | .1f }} %. After one epoch the three are at
# {{ residual_one_block_less.after | .1f }}, {{ residual_half_inner.after | .1f }} and {{ residual_half_stream.after | .1f }} %, the whole
# network at {{ residual_whole.after | .1f }} %. The MACs that are left: {{ residual_one_block_less.macs | percent }},
# {{ residual_half_inner.macs | percent }} and {{ residual_half_stream.macs | percent }}. One network, one seed: this shows that shapes
# fit and accuracy comes back, not which way is best.
#
# ## A stopwatch
#
# A time is easily wrong. The first calls are slow, because memory is fetched and kernels are chosen. A GPU returns from a
# call before the work is done, so one has to wait for it. And other programs interrupt, so that a single reading, or a mean, says little.


# %% exercise="time_it" difficulty=3 minutes=8
def time_it(call, clock, wait, warmup=3, repeats=7):
    """The seconds that one call takes: the median of several readings.

    call(): what is timed. clock(): the time in seconds. wait(): returns when all work that was
    queued is done (on a GPU torch.cuda.synchronize, on a CPU a function that does nothing).
    warmup: calls that come first and are not timed. repeats: calls that are timed, an odd number,
    each by two readings of the clock; before each reading everything queued must be done.
    Makes warmup + repeats calls. Returns a number of seconds.
    Example: readings of 2, 9 and 3 seconds: 3.
    """
    ### BEGIN SOLUTION
    for _ in range(warmup):
        call()
    taken = []
    for _ in range(repeats):
        wait()
        began = clock()
        call()
        wait()
        taken.append(clock() - began)
    return sorted(taken)[repeats // 2]
    ### END SOLUTION


# %% check="time_it" points=2
from kdtutor.checks import check, secret_logits

check(time_it)
### BEGIN HIDDEN TESTS
seconds = secret_logits(9, key="seconds").abs().tolist()
state = {"now": 5.0, "queued": 0.0, "calls": 0}


def call():
    state["queued"] += seconds[state["calls"] % 9]
    state["calls"] += 1


def wait():
    state["now"] += state["queued"]
    state["queued"] = 0.0


found = float(time_it(call, lambda: state["now"], wait, 4, 5))
assert abs(found - sorted(seconds[4:])[2]) < 1e-4, "not the median of the timed calls"
### END HIDDEN TESTS

# %% [markdown] instructor
# The ratio of operations is what a paper promises and the ratio of milliseconds is what a user gets. Have two groups
# measure with different batch sizes and compare: where they disagree, both may be right.

# %% [markdown]
# ## Signature experiment: promised and measured
#
# Question 2. A perceptron 784–1200–1200–10 loses half of its hidden units; a residual network with 32 channels loses half of
# its inner channels, half of all of them, or one block of three. The MACs promise a ratio; the times are measured in pairs, small and
# large network in turn, at four batch sizes.
#
# Predict: the perceptron with half of its units has {{ speed_units.promised | .2f }} times the MACs. How many times the time at batch size 1?

# %%
predict("time of the half perceptron at batch size 1", ...)

# %% experiment
my_time_it = use(time_it)
device = default_device()
wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
large_mlp, large_cnn = models.mlp(784, 1200, 1200, 10, seed=0), models.residual_cnn(32, 3, seed=0)
of_cnn = prune.channel_groups(large_cnn, picture)
half = {
    name: highest(prune.group_scores(large_cnn, group), 16)
    for name, group in of_cnn.items()
    if group.writers and group.fixed is None
}
half_inner = {name: keep for name, keep in half.items() if "conv1" in name}
one_less = copy.deepcopy(large_cnn)
one_less.blocks = my_drop(large_cnn.blocks, [1])
pairs = {
    "half the units": (models.mlp(784, 600, 600, 10, seed=0), large_mlp, torch.rand(1, 1, 28, 28)),
    "half the inner\nchannels": (prune.shrink(large_cnn, half_inner, of_cnn), large_cnn, picture),
    "half of all\nchannels": (prune.shrink(large_cnn, half, of_cnn), large_cnn, picture),
    "one block of\nthree less": (one_less, large_cnn, picture),
}
batches = (1, 8, 64, 256)
promised, measured = {}, {}
with torch.inference_mode():
    for name, (small, whole_one, example) in pairs.items():
        small, whole_one = small.eval().to(device), whole_one.eval().to(device)
        example = example.to(device)
        promised[name] = my_count(small, example) / my_count(whole_one, example)
        measured[name] = {}
        for batch in batches:
            x = example.repeat(batch, 1, 1, 1)
            measured[name][batch] = latency_ratio(lambda: small(x), lambda: whole_one(x), budget=0.25)
    x = pairs["half of all\nchannels"][2].to(device).repeat(64, 1, 1, 1)
    seconds = my_time_it(lambda: large_cnn(x), perf_counter, wait, 3, 9)
print(f"the residual network, batch of 64, by your stopwatch: {1e3 * seconds:.2f} ms")
reveal("time of the half perceptron at batch size 1", measured["half the units"][1].median)
cases = [(promised[name], ratio) for name, ratios in measured.items() for ratio in ratios.values()]
for key, name in zip(("units", "inner", "all", "block"), measured):
    at = {f"at_{batch}": ratio.median for batch, ratio in measured[name].items()}
    record(f"speed_{key}", promised=promised[name], **at)
record(
    "speed",
    cases=len(cases),
    faster=sum(ratio.high < 0.95 for _, ratio in cases),
    less=sum(ratio.low > 1.1 * promise for promise, ratio in cases),
    more=sum(ratio.high < 0.9 * promise for promise, ratio in cases),
    threads=cases[0][1].threads,
    where="a GPU" if device.type == "cuda" else "a CPU",
)
show(
    smaller_networks.promised_and_measured(promised, measured, "the large network"),
    alt="Four panels, one a smaller network: time relative to the large network at four "
    "batch sizes, beside a dashed line for the ratio of the MACs.",
)

# %% [markdown]
# How to read it: dashed is what the MACs promise, dots are medians over pairs of calls with their middle half, and 1 is the large
# network. **Reading the result**, on {{ speed.where }} (threads: {{ speed.threads }}):
#
# | | MACs | time, batch 1 | batch 8 | batch 64 | batch 256 |
# |---|---|---|---|---|---|
# | half the units | {{ speed_units.promised | .2f }} | {{ speed_units.at_1 | .2f }} | {{ speed_units.at_8 | .2f }} | {{ speed_units.at_64 | .2f }} | {{ speed_units.at_256 | .2f }} |
# | half the inner channels | {{ speed_inner.promised | .2f }} | {{ speed_inner.at_1 | .2f }} | {{ speed_inner.at_8 | .2f }} | {{ speed_inner.at_64 | .2f }} | {{ speed_inner.at_256 | .2f }} |
# | half of all channels | {{ speed_all.promised | .2f }} | {{ speed_all.at_1 | .2f }} | {{ speed_all.at_8 | .2f }} | {{ speed_all.at_64 | .2f }} | {{ speed_all.at_256 | .2f }} |
# | one block less | {{ speed_block.promised | .2f }} | {{ speed_block.at_1 | .2f }} | {{ speed_block.at_8 | .2f }} | {{ speed_block.at_64 | .2f }} | {{ speed_block.at_256 | .2f }} |
#
# In {{ speed.faster }} of {{ speed.cases }} cases the smaller network is clearly faster (three pairs in four take at least a twentieth
# less); in {{ speed.less }} of {{ speed.cases }} it saves clearly less than the MACs promise (three pairs in four lie more than a tenth
# above the promise), in {{ speed.more }} clearly more, which can happen where the smaller weights fit into a nearer cache. MACs
# leave out what does not shrink with them: the cost of starting each layer, norms, activations and pooling, and the reading of memory.
#
# ## Round and odd
#
# Question 3. Libraries compute in blocks of 8, 16 or 32 channels. Predict: a 3 × 3 convolution with 63 channels in and out needs
# 0.97 times the MACs of one with 64. How many times the time does it take?

# %%
predict("time of 63 channels over time of 64", ...)

# %% experiment
sizes = (48, 56, 60, 63, 64, 65, 68, 72, 80)


def convolution(channels):
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1).to(device)
    x = torch.rand(16, channels, 16, 16, device=device)
    return lambda: conv(x)


with torch.inference_mode():
    reference = convolution(64)
    by_width = {size: latency_ratio(convolution(size), reference, budget=0.3) for size in sizes}
of_macs = {size: (size / 64) ** 2 for size in sizes}
excess = {size: by_width[size].median / of_macs[size] for size in sizes}
worst = max(excess, key=excess.get)
record(
    "width",
    at_63=by_width[63].median,
    at_65=by_width[65].median,
    at_60=by_width[60].median,
    worst=worst,
    worst_excess=excess[worst],
    verdict="slower than 64, with fewer MACs" if by_width[63].low > 1 else "not clearly slower than 64",
)
reveal("time of 63 channels over time of 64", by_width[63].median)
show(
    smaller_networks.time_by_width(by_width, of_macs, 64),
    alt="Time of a convolution against its number of channels from 48 to 80, relative to 64 channels, "
    "beside a dashed curve for the ratio of the MACs.",
)

# %% [markdown]
# How to read it: a point above the dashed curve pays for more than its MACs. 63 channels take {{ width.at_63 | .2f }} times the time
# of 64 ({{ width.verdict }}), 65 take {{ width.at_65 | .2f }} times and 60 {{ width.at_60 | .2f }} times. The worst for its MACs is
# {{ width.worst }}: {{ width.worst_excess | .2f }} times what they promise. Measure before you decide how many channels stay;
# `prune.keep_channels(scores, sparsity, multiple_of=8)` rounds the number up for you.
#
# ## Two of four
#
# Between single weights and whole neurons lies a pattern that some hardware can use: of each four neighbouring weights in a row, two are
# kept (2:4). From the Ampere generation on, NVIDIA's matrix units skip the other two.


# %% exercise="n_m_mask" difficulty=3 minutes=8
def n_m_mask(weight, n=2, m=4):
    """The mask that keeps the n largest magnitudes of each m neighbours in a row.

    weight: (out, in); `in` is a multiple of m, and the neighbours are entries 0 to m-1 of a row,
    then m to 2m-1, and so on. Returns a boolean tensor of the same shape, True = kept; exactly n
    of each m, also where magnitudes are equal.
    Example: [[0.1, -0.9, 0.4, -0.2]] with 2 of 4: [[False, True, True, False]].
    """
    ### BEGIN SOLUTION
    grouped = weight.abs().unflatten(1, (-1, m))
    places = grouped.topk(n).indices
    mask = torch.zeros_like(grouped, dtype=torch.bool).scatter(-1, places, True)
    return mask.view(weight.shape)
    ### END SOLUTION


# %% check="n_m_mask" points=2
from kdtutor.checks import check, secret_logits

check(n_m_mask)
### BEGIN HIDDEN TESTS
weight = secret_logits(5, 24, key="pattern")
mask = n_m_mask(weight, 3, 8)
sizes = weight.abs().view(5, 3, 8)
kept = mask.view(5, 3, 8)
assert bool((kept.sum(-1) == 3).all()), "three of each eight neighbours stay"
largest_gone = (sizes * ~kept).amax(-1)
smallest_kept = sizes.masked_fill(~kept, 1e9).amin(-1)
assert bool((largest_gone <= smallest_kept).all()), "a removed weight is larger than a kept neighbour"
### END HIDDEN TESTS

# %% [markdown]
# What does the pattern cost in accuracy, against half of the weights removed wherever they are smallest in their layer? And what does
# it save on the machine at hand?

# %% experiment
my_n_m = use(n_m_mask)


def halved(network, make_mask):
    weights = {name: weight.detach() for name, weight in prune.prunable_weights(network).items()}
    return score(prune.masked_copy(network, {name: make_mask(w) for name, w in weights.items()}))


in_pattern = [halved(network, my_n_m) for network in large]
anywhere = [halved(network, lambda w: prune.magnitude_mask(w, 0.5)) for network in large]
pattern_cost = paired_comparison(anywhere, in_pattern, smallest_gain=1.0)
print("free places against 2:4:", pattern_cost)

obstacle = prune.semi_structured_obstacle(device)
kind = torch.float32 if obstacle else torch.float16
dense = torch.nn.Linear(1024, 1024, bias=False).to(device, kind)
zeros = copy.deepcopy(dense)
with torch.no_grad():
    zeros.weight *= my_n_m(dense.weight.float()).to(zeros.weight)
tested = zeros if obstacle else prune.to_semi_structured(zeros)
x = torch.rand(256, 1024, device=device, dtype=kind)
with torch.inference_mode():
    two_four = latency_ratio(lambda: tested(x), lambda: dense(x), budget=0.8)
print("2:4 in hardware:", obstacle or "run")
print("time with the pattern over time without:", two_four)
record(
    "two_four",
    pattern=mean_interval(in_pattern),
    anywhere=mean_interval(anywhere),
    cost=pattern_cost,
    ratio=two_four.median,
    low=two_four.low,
    high=two_four.high,
    ran=f"not run, since {obstacle}" if obstacle else "run",
    what="the zeros in an ordinary product" if obstacle else "the compressed weight",
)

# %% [markdown]
# **Reading the result.** Without retraining the pattern leaves {{ two_four.pattern.mean | .1f }} % accuracy, free places leave
# {{ two_four.anywhere.mean | .1f }} %: freedom is worth {{ two_four.cost.difference | +.1f }} points (verdict:
# {{ two_four.cost.verdict }}). Speed in hardware: {{ two_four.ran }}. What was timed here is {{ two_four.what }}:
# {{ two_four.ratio | .2f }} times the time of the dense layer (middle half {{ two_four.low | .2f }} to {{ two_four.high | .2f }}). On a
# suitable GPU the same cell times the compressed weight; whatever it says there, also above 1, is the answer for that machine and shape.
#
# ## Signature experiment: prune, and distil back
#
# Question 4. The target is 32 units in each hidden layer. Five ways, each with six epochs and ten paired seeds, and a control:
#
# - a small network **from scratch**, trained on the labels, or distilled from the large one;
# - the large network **pruned** to that size, then trained on the labels, or **then distilled** from its old self;
# - the other order: a middle network (64 units) is **distilled** for three epochs, **then pruned** to 32 units and distilled for three more;
# - the control: from scratch on the labels for **twelve** epochs, as many as the large and the pruned network have had together.
#
# For each way learning rate (0.01, 0.02, 0.04, 0.08) and, where it distils, temperature and weight
# (4 and 0.9, 2 and 0.5, 2 and 0.9) were chosen on four other seeds and the validation part; the control has the rate of its six-epoch sister.

# %% experiment
with torch.no_grad():
    answers = [network(glyphs.train.x) for network in large]
targets = [(logits, glyphs.train.y) for logits in answers]
by_l1 = by_score["L1 norm"]


def labels_alone(z_s, z_t, y):
    return F.cross_entropy(z_s, y)


def distilled(temperature, alpha):
    return lambda z_s, z_t, y: distill.distillation_loss(z_s, z_t, y, temperature, alpha)


def fresh(units):
    return [models.mlp(256, units, units, 36, seed=seed) for seed in seeds]


def pruned(networks):
    return [narrowed(network, 32, by_l1) for network in networks]


ways = {
    "scratch, labels": trained(fresh(32), targets, labels_alone, 6, 4e-2),
    "scratch, labels, 12 epochs": trained(fresh(32), targets, labels_alone, 12, 4e-2),
    "scratch, distilled": trained(fresh(32), targets, distilled(4.0, 0.9), 6, 8e-2),
    "pruned, labels": trained(pruned(large), targets, labels_alone, 6, 2e-2),
    "pruned, then distilled": trained(pruned(large), targets, distilled(2.0, 0.9), 6, 2e-2),
}
middle = trained(fresh(64), targets, distilled(4.0, 0.9), 3, 4e-2)
ways["distilled, then pruned"] = trained(pruned(middle), targets, distilled(4.0, 0.9), 3, 4e-2)
accuracies = {name: [score(network) for network in networks] for name, networks in ways.items()}
shown = {name: mean_interval(values) for name, values in accuracies.items()}
versus = {
    "pruning": ("pruned, labels", "scratch, labels"),
    "pruning_long": ("pruned, labels", "scratch, labels, 12 epochs"),
    "distilling_scratch": ("scratch, distilled", "scratch, labels"),
    "distilling_pruned": ("pruned, then distilled", "pruned, labels"),
    "order": ("pruned, then distilled", "distilled, then pruned"),
}
record("small", **{name.replace(", ", "_").replace(" ", "_"): value for name, value in shown.items()})
for key, (way, other) in versus.items():
    comparison = paired_comparison(accuracies[way], accuracies[other], smallest_gain=1.0)
    print(f"{way} against {other}: {comparison}")
    record(f"versus_{key}", comparison=comparison)
share = my_count(ways["scratch, labels"][0], picture) / my_count(large[0], picture)
record("target", macs=share)
show(
    smaller_networks.accuracy_by_way(shown, whole),
    alt="Accuracy of networks with 32 units a layer, made in six ways, each with its "
    "interval; a dashed line marks the large network.",
)

# %% [markdown]
# How to read it: every row is a network of the same size, with {{ target.macs | percent }} of the large one's MACs; points are means over
# ten seeds, bars their 95 % intervals, the dashed line the large network. **Reading the result**, where a gain counts from one point:
#
# - Pruned against from scratch, both on labels: {{ versus_pruning.comparison.difference | +.1f }} points (verdict:
#   {{ versus_pruning.comparison.verdict }}). But the pruned network has had six epochs more, as a part of the large one. Against the
#   control with twelve: {{ versus_pruning_long.comparison.difference | +.1f }} (verdict: {{ versus_pruning_long.comparison.verdict }}).
# - Distilling instead of labels: {{ versus_distilling_scratch.comparison.difference | +.1f }} points from scratch (verdict:
#   {{ versus_distilling_scratch.comparison.verdict }}), {{ versus_distilling_pruned.comparison.difference | +.1f }} after pruning (verdict:
#   {{ versus_distilling_pruned.comparison.verdict }}).
# - The order, prune then distil against distil then prune: {{ versus_order.comparison.difference | +.1f }} points (verdict:
#   {{ versus_order.comparison.verdict }}). The first order starts from weights that had six epochs at full width, the second from three at the
#   middle one; that is part of the two recipes, and the comparison cannot separate it from the order itself.
#
# ## Reading critically: one layer's scores for all
#
# An article on distillation and pruning scores the units of the **last** layer by the signed sum of their weights, keeps the best, and
# indexes the output channels of every convolution with those numbers. Rebuilt on our convolutional network: 24 and 48 channels, 36
# classes, the best 18 kept. Predict: does it run, and if not, which step fails first? Answer 1 (cutting a convolution), 2 (the
# forward pass after cutting) or 3 (it runs).

# %%
predict("where the article's pruning fails", ...)

# %% experiment
article = models.cnn(seed=0).eval()
keep = article[12].weight.detach().sum(1).topk(18).indices
failed = 3
try:
    failed = 1
    for conv in (article[0], article[4]):
        conv.weight = torch.nn.Parameter(conv.weight.detach()[keep])
        conv.bias = torch.nn.Parameter(conv.bias.detach()[keep])
    failed = 2
    article(picture)
    failed = 3
except (IndexError, RuntimeError) as error:
    print(f"step {failed}: {type(error).__name__}: {error}")

repaired = models.cnn(seed=0).eval()
before = my_count(repaired, picture)
for conv, norm, following in ((0, 1, 4), (4, 5, 9)):
    keep = highest(my_scores(repaired[conv].weight), repaired[conv].out_channels // 2)
    three = my_remove_channels(repaired[conv], repaired[norm], repaired[following], keep)
    repaired[conv], repaired[norm], repaired[following] = three
with torch.no_grad():
    print("repaired:", tuple(repaired(picture).shape))
steps = {1: "cutting a convolution", 2: "the forward pass after cutting", 3: "no step"}
record("article", failed=steps[failed], macs=my_count(repaired, picture) / before)
reveal("where the article's pruning fails", failed)

# %% [markdown]
# What fails: {{ article.failed }}. The number of a class is no number of a channel, and the norm and the next layer are
# never told. Repaired with your functions, every layer is scored by its own filters, its acquaintances follow, and
# {{ article.macs | percent }} of the MACs are left. The same article gives a ResNet-50 10 million parameters and a MobileNet 5
# million. Count before you believe:

# %% experiment
from torchvision.models import mobilenet_v2, resnet50

with torch.device("meta"):  # shapes without memory
    photographs = torch.empty(1, 3, 224, 224)
    known = {"resnet": resnet50(num_classes=10), "mobilenet": mobilenet_v2(num_classes=10)}
counted = {
    name: (parameters(network) / 1e6, macs(network, photographs) / 1e9)
    for name, network in known.items()
}
for name, (millions, billions) in counted.items():
    print(f"{name}: {millions:.2f} million parameters, {billions:.2f} billion MACs")
record("known", **{f"{name}_{what}": v for name, both in counted.items() for what, v in zip("pm", both)})

# %% [markdown]
# With ten classes they have {{ known.resnet_p | .1f }} and {{ known.mobilenet_p | .2f }} million parameters (MobileNetV2) and
# {{ known.resnet_m | .2f }} and {{ known.mobilenet_m | .2f }} billion MACs for a picture of 224 × 224.
#
# ## What to remember
#
# - A unit has acquaintances: its row, its bias, its norm, the columns that read it, and everything added to it. Follow them all.
# - Score by a norm, never by a signed sum; beat a random choice before you claim anything.
# - MACs are a promise. Time it: warm up, wait, repeat, take the median, in pairs, at the batch size that you will use.
# - Round numbers of channels are safe; odd ones need a measurement. 2:4 needs the hardware.
# - Compare a pruned network with a small one trained from scratch, and say what its history has cost.
#
# **What breaks it**: a skip connection whose other end was forgotten, the order of flattened columns, a fresh BatchNorm, a time without
# warm-up, a ratio of MACs reported as a speed-up.
#
# **Where to read on**: Li and others, *Pruning Filters for Efficient ConvNets*, 2017, section 3. Liu and others, *Rethinking the Value of
# Network Pruning*, 2019, sections 3 and 4, for networks trained from scratch. Fang and others, *DepGraph*, 2023, section 3, for coupled channels. Men and
# others, *ShortGPT*, 2024, section 3, for dropping layers. Mishra and others, *Accelerating Sparse Deep Neural Networks*, 2021, section 3, for 2:4.
#
# Next: unit 07 keeps every weight and spends fewer bits on it.
