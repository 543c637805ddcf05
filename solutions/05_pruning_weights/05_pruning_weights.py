# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Pruning weights
#
# Most weights of a trained network can be set to zero, and it still works. That is the promise of pruning, and it is
# kept. A second promise is often heard with it: that the network is then faster and smaller. This unit builds the
# usual methods, compares each with the control that it has to beat, and puts both promises to the test.
#
# **After this unit** you can prune a network by magnitude in one layer or over all of them, keep the pruned weights at
# zero while the others are trained, say what a lottery ticket is and what it must be compared with, and read a pruning
# program critically.
#
# **Questions that the measurements below will settle**
#
# 1. How many weights can go before the accuracy does, and how much of the loss does retraining repair?
# 2. Does it pay to rank all layers together, and to prune in several rounds instead of one?
# 3. Is it the places of the surviving weights that matter, their values, or neither?
# 4. With nine weights in ten at zero: how much faster is the network, and how much smaller is its file?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 16 |
# | You need | unit 00; a training loop with an optimiser, as in any introduction to PyTorch |

# %%
import copy

import torch
import torch.nn.functional as F

from kdtutor import data, models, prune
from kdtutor.checks import check, hint, predict, reveal, use
from kdtutor.plots import pruning_weights, show

# %% [markdown]
# Wherever you are stuck, `hint(magnitude_mask)` in a new cell gives the next of three hints for that exercise.
#
# ## Ten networks to prune
#
# Everything below is done to the same ten networks: perceptrons with two hidden layers of 64 units, on the glyphs of
# unit 00, each from its own seed. Ten, because a single network may be lucky. Their learning rate was chosen from
# 0.003, 0.006, 0.01, 0.02, 0.04 and 0.08 on five other seeds and the validation part. Accuracies are those on the test part, in per cent.

# %% experiment
from kdtutor.measure import accuracy, mean_interval, paired_comparison, record
from kdtutor.training import Recipe, fit_many

glyphs = data.load("glyphs")
seeds = range(10)
full_training = Recipe(epochs=6, lr=4e-2)
untrained = [models.mlp(256, 64, 64, 36, seed=seed) for seed in seeds]
networks = [copy.deepcopy(network) for network in untrained]
fit_many(networks, glyphs.train.x, (glyphs.train.y,), F.cross_entropy, full_training, seeds=seeds)


def score(network):
    return 100 * accuracy(network, glyphs.test)


def weights_of(network):
    """The weights that may be pruned, by name: those of the Linear layers, not the few biases."""
    return {name: weight.detach().cpu() for name, weight in prune.prunable_weights(network).items()}


whole = [score(network) for network in networks]
print("accuracy:", mean_interval(whole))
print({name: tuple(weight.shape) for name, weight in weights_of(networks[0]).items()})

# %% [markdown]
# ## Which weights can go
#
# Set one weight $w$ to zero. To second order the loss changes by
#
# $$L(0) - L(w) \approx -g\,w + \tfrac{1}{2} h\,w^2$$
#
# with $g$ and $h$ the first and second derivative of the loss by this weight. In words: what a removal costs depends on
# the slope, the curvature and the size of the weight. In a trained network the slope is close to zero. If the curvature
# were the same everywhere, the price would be proportional to $w^2$, and the cheapest weights to remove would be those
# of the smallest **magnitude** $|w|$. The assumption is bold and the method is old; it is the one to beat.
#
# The **sparsity** is the fraction removed. A **mask** $m$ says what stays: `True` means kept, so that the pruned weight
# is $m \odot w$, entry by entry.


# %% exercise="magnitude_mask" difficulty=2 minutes=7
def magnitude_mask(weight, sparsity):
    """The mask that removes the round(sparsity · n) entries of smallest magnitude out of n.

    weight: any shape, floating point. sparsity: from 0 to 1, both included.
    Returns a boolean tensor of the same shape, True = kept. Exactly so many are removed even where
    magnitudes are equal; which of the equal ones go is up to you.
    Example: magnitude_mask([0.1, -0.5, 0.3, -0.2], 0.5): 2 of 4 go, the 0.1 and the -0.2:
    [False, True, True, False].
    """
    ### BEGIN SOLUTION
    order = weight.abs().flatten().argsort()
    mask = torch.ones_like(order, dtype=torch.bool)
    mask[order[: round(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)
    ### END SOLUTION


# %% check="magnitude_mask" points=2
from kdtutor.checks import check, secret_logits  # the secret ones are for grading

check(magnitude_mask)
### BEGIN HIDDEN TESTS
weight = secret_logits(9, 11, key="magnitude")
mask = magnitude_mask(weight, 0.7)
assert int((~mask).sum()) == 69, "of 99 entries at sparsity 0.7 exactly 69 go"
assert float(weight[~mask].abs().max()) < float(weight[mask].abs().min()), (
    "a kept weight is smaller than a removed one"
)
### END HIDDEN TESTS

# %% [markdown]
# Every claim of the form "these weights matter" needs a control: the same number of weights, chosen without looking.
# Randomness has to come from a generator that is handed in, so that the control can be repeated.


# %% exercise="random_mask" difficulty=2 minutes=5
def random_mask(weight, sparsity, generator):
    """A mask that removes round(sparsity · n) entries out of n, every choice of them equally likely.

    weight: any shape; its values play no part. sparsity: from 0 to 1.
    generator: a torch.Generator on the CPU, the only source of randomness.
    Returns a boolean tensor of the weight's shape, True = kept.
    Example: random_mask([0.1, -0.5, 0.3, -0.2], 0.5, generator) has two True and two False; the
    next call with the same generator may have others.
    """
    ### BEGIN SOLUTION
    order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
    return (order >= round(sparsity * weight.numel())).view(weight.shape)
    ### END SOLUTION


# %% check="random_mask" points=1
from kdtutor.checks import check, secret_generator

check(random_mask)
### BEGIN HIDDEN TESTS
import torch

mask = random_mask(torch.zeros(8, 9), 0.3, secret_generator("random mask"))
again = random_mask(torch.ones(8, 9), 0.3, secret_generator("random mask"))
assert int((~mask).sum()) == 22, "of 72 entries at sparsity 0.3 exactly 22 go"
assert bool((mask == again).all()), "the same generator gives the same mask, whatever the weights"
### END HIDDEN TESTS

# %% [markdown]
# What does the mask see that a random one does not? The first layer reads 16 × 16 pixels with 64 units. Below, at
# sparsity 0.9, the number of weights that are left at each pixel.

# %% experiment
my_magnitude_mask, my_random_mask = use(magnitude_mask), use(random_mask)
first_layer = weights_of(networks[0])["1.weight"]
kept = {
    "by magnitude": my_magnitude_mask(first_layer, 0.9),
    "at random": my_random_mask(first_layer, 0.9, torch.Generator().manual_seed(0)),
}
by_pixel = {name: mask.sum(0).view(16, 16) for name, mask in kept.items()}
border = torch.ones(16, 16, dtype=torch.bool)
border[2:-2, 2:-2] = False
shares = {name: (grid[border].sum() / grid.sum()).item() for name, grid in by_pixel.items()}
record("border", magnitude=shares["by magnitude"], random=shares["at random"])
show(
    pruning_weights.kept_by_pixel(by_pixel),
    alt="Two 16 by 16 maps of the weights kept at each input pixel. By magnitude they gather in the "
    "middle of the picture and the border is darker; at random they are spread evenly.",
)

# %% [markdown]
# How to read it: the brighter a pixel, the more of the 64 units still look at it. The outermost two rows and columns
# hold 44 % of all pixels. A random mask leaves {{ border.random | percent }} of its weights there, the magnitude
# {{ border.magnitude | percent }}. Nobody told the mask where the characters are: at the border there is little to
# learn, so the weights there are small.

# %% [markdown]
# ## All layers in one ranking
#
# Should every layer lose the same share? Ranking all weights together lets the layers decide: one **global** threshold,
# and a layer with small weights loses more than one with large weights.


# %% exercise="global_magnitude_masks" difficulty=3 minutes=7
def global_magnitude_masks(weights, sparsity):
    """Masks that remove the smallest magnitudes of all tensors together.

    weights: a dictionary from name to tensor, of any shapes. sparsity: from 0 to 1, the fraction of
    all entries together that goes: exactly round(sparsity · total).
    Returns a dictionary with the same names: a boolean mask in the shape of each tensor, True = kept.
    Example: {"a": [0.1, 0.2], "b": [-0.9, 0.3]} at 0.5: the two smallest of all four are both in a:
    {"a": [False, False], "b": [True, True]}.
    """
    ### BEGIN SOLUTION
    magnitudes = torch.cat([weight.abs().flatten() for weight in weights.values()])
    mask = torch.ones_like(magnitudes, dtype=torch.bool)
    mask[magnitudes.argsort()[: round(sparsity * len(magnitudes))]] = False
    parts = mask.split([weight.numel() for weight in weights.values()])
    return {name: part.view(weights[name].shape) for name, part in zip(weights, parts)}
    ### END SOLUTION


# %% check="global_magnitude_masks" points=2
from kdtutor.checks import check, secret_logits

check(global_magnitude_masks)
### BEGIN HIDDEN TESTS
first, second = secret_logits(6, 7, scale=0.2, key="small"), secret_logits(5, 6, scale=1.0, key="large")
masks = global_magnitude_masks({"small": first, "large": second}, 0.5)
gone = [int((~masks[name]).sum()) for name in ("small", "large")]
assert sum(gone) == 36, "of 72 entries at sparsity 0.5 exactly 36 go"
assert gone[0] > 21 and gone[1] < 15, (
    "the tensor with the small weights loses more than half, the other less"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Which layer minds
#
# A **sensitivity scan** prunes one layer at a time, everything else left whole, and evaluates the network at several
# sparsities. Nothing is retrained. It tells which layer can give and which cannot.
#
# Predict: the network has layers of 16,384, 4,096 and 2,304 weights. Which one loses least when 80 % of its weights are
# removed: the first, the second or the third? Answer with 1, 2 or 3.

# %%
predict("the layer that minds least at sparsity 0.8", ...)


# %% exercise="sensitivity_scan" difficulty=3 minutes=8
def sensitivity_scan(model, evaluate, sparsities, make_mask):
    """The score of the model with one weight tensor pruned at a time, at each sparsity.

    model: left as it was. evaluate: takes a model, returns a number. sparsities: a list of numbers.
    make_mask: takes a weight and a sparsity, returns a mask, as your magnitude_mask does.
    Returns table[name][sparsity] for every parameter with two or more axes; the names are those
    of model.named_parameters(), such as "1.weight".
    Example: for the sparsities [0.5, 0.9] and layers "1.weight" and "3.weight" the table has four
    scores; table["3.weight"][0.9] is that of a model in which nothing but 3.weight is pruned.
    """
    ### BEGIN SOLUTION
    table = {}
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            table[name] = {}
            for sparsity in sparsities:
                pruned = copy.deepcopy(model)
                pruned.get_parameter(name).data *= make_mask(weight.detach(), sparsity)
                table[name][sparsity] = evaluate(pruned)
    return table
    ### END SOLUTION


# %% check="sensitivity_scan" points=2
from kdtutor.checks import check, secret_logits

check(sensitivity_scan)
### BEGIN HIDDEN TESTS
import torch

model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
with torch.no_grad():
    model[0].weight.copy_(secret_logits(3, 4, key="scan 0"))
    model[1].weight.copy_(secret_logits(2, 3, key="scan 1"))
sizes = {
    name: float(weight.detach().abs().sum())
    for name, weight in model.named_parameters()
    if weight.ndim > 1
}
table = sensitivity_scan(
    model,
    lambda m: float(sum(p.detach().abs().sum() for p in m.parameters() if p.ndim > 1)),
    [1.0, 0.0],
    lambda weight, sparsity: torch.full_like(weight, sparsity < 0.5).bool(),
)
for name in sizes:
    left = sum(sizes.values()) - sizes[name]
    assert abs(table[name][1.0] - left) < 1e-3, "with all of one layer removed the others must be whole"
    assert abs(table[name][0.0] - sum(sizes.values())) < 1e-3, (
        "with nothing removed the model must be whole"
    )
### END HIDDEN TESTS

# %% experiment
my_scan, my_magnitude_mask = use(sensitivity_scan), use(magnitude_mask)
grid = [0.2, 0.4, 0.6, 0.8, 0.9, 0.95]
scans = [my_scan(network, score, grid, my_magnitude_mask) for network in networks]
titles = {
    "1.weight": "layer 1: 16,384 weights",
    "3.weight": "layer 2: 4,096",
    "5.weight": "layer 3: 2,304",
}
by_layer = {
    title: {s: mean_interval([scan[name][s] for scan in scans]) for s in grid}
    for name, title in titles.items()
}
at_80 = [by_layer[title][0.8] for title in titles.values()]
least = 1 + max(range(3), key=lambda i: at_80[i].mean)
record("scan", first=at_80[0], second=at_80[1], third=at_80[2], least=least)
reveal("the layer that minds least at sparsity 0.8", least)
show(
    pruning_weights.accuracy_by_sparsity(
        {"one layer pruned, the others whole": by_layer}, mean_interval(whole)
    ),
    alt="Accuracy against the share of weights removed from one layer at a time, for three layers. All "
    "start near the whole network's accuracy and fall; layer 3 first, layer 2 last.",
)

# %% [markdown]
# How to read it: each curve prunes one layer by the share on the axis and leaves the others whole; the band is the
# 95 % interval over the ten networks. With 80 % of one layer removed the accuracy is {{ scan.first.mean | .1f }} % for
# layer 1, {{ scan.second.mean | .1f }} % for layer 2 and {{ scan.third.mean | .1f }} % for layer 3: layer
# {{ scan.least }} minds least, and not the one with most weights. A scan leaves the other layers whole: with 80 % of each
# removed at once, as measured below, {{ before.per_layer_80.mean | .1f }} % are left.

# %% [markdown]
# ## Zero has to stay zero
#
# A pruned network is usually trained further, so that the weights that are left can make up for the others. The ones
# removed have to stay at zero meanwhile. The obvious way is to set their gradient to zero. Is that enough? A step of
# SGD with momentum $\mu$, learning rate $\eta$ and weight decay $\lambda$ is
#
# $$v \leftarrow \mu v + g + \lambda w, \qquad w \leftarrow w - \eta v$$
#
# In words: the weight moves along a running sum of gradients, not along today's gradient. With $g = 0$ and $w = 0$ the
# sum $v$ of the steps before is still there, and $w$ becomes $-\eta\mu v$. Adam remembers as well.
#
# Predict: 90 % of the weights were just removed, and the gradients of the removed ones are masked. After **one** step of
# SGD with momentum 0.9, which share of the removed weights is not zero any more? Answer with a number from 0 to 1.

# %%
predict("share of removed weights that are back after one step", ...)


# %% exercise="masked_step" difficulty=4 minutes=10
def masked_step(model, optimizer, masks):
    """One optimiser step after which every removed weight is exactly 0, and nothing moves it later.

    model: gradients are there already, after backward(). optimizer: SGD, Adam or another one of
    torch's, over the model's parameters; in the middle of a training. masks: a dictionary from
    parameter name to mask, True = kept; other parameters are trained as usual.
    Changes the model and the optimiser in place and returns nothing. What the optimiser remembers
    for a removed weight is 0 afterwards too: the tensors in optimizer.state[parameter] that have
    the parameter's shape.
    Example: w = [1, 2], mask [True, False], gradient [0.5, 0.5], SGD with rate 0.1: w = [0.95, 0].
    """
    ### BEGIN SOLUTION
    optimizer.step()
    with torch.no_grad():
        for name, mask in masks.items():
            weight = model.get_parameter(name)
            weight *= mask
            for remembered in optimizer.state[weight].values():
                if torch.is_tensor(remembered) and remembered.shape == weight.shape:
                    remembered *= mask
    ### END SOLUTION


# %% check="masked_step" points=3
from kdtutor.checks import check, secret_logits

check(masked_step)
### BEGIN HIDDEN TESTS
import torch

model = torch.nn.Sequential(torch.nn.Linear(5, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
mask = secret_logits(4, 5, key="step mask") > 0
for step in range(4):
    for parameter in model.parameters():
        parameter.grad = secret_logits(*parameter.shape, key=f"gradient {step}")
    if step < 2:
        optimizer.step()
    else:
        before = model[0].weight.detach().clone()
        masked_step(model, optimizer, {"0.weight": mask})
        weight = model[0].weight.detach()
        assert float(weight[~mask].abs().max()) == 0, "a removed weight is not zero after the step"
        assert bool((weight[mask] != before[mask]).all()), "the kept weights are not trained"
for parameter in model.parameters():
    parameter.grad = torch.zeros_like(parameter)
optimizer.step()
assert float(model[0].weight.detach()[~mask].abs().max()) == 0, (
    "the optimiser still remembers a removed weight"
)
### END HIDDEN TESTS

# %% [markdown]
# To see it on real tensors: each of the ten networks is trained for 20 steps of SGD with momentum, loses 90 % of its
# weights, and is trained for 40 steps more, in three ways. The unit on the vertical axis is the pruning threshold, the magnitude
# below which a weight was removed.

# %% experiment
my_masked_step, my_global_masks = use(masked_step), use(global_magnitude_masks)


def gradient_masked_step(model, optimizer, masks):
    for name, mask in masks.items():
        model.get_parameter(name).grad.mul_(mask.to(model.get_parameter(name).device))
    optimizer.step()


def plain_step(model, optimizer, masks):
    optimizer.step()


def magnitudes_of_removed(step, network, seed, steps=40):
    """Mean |w| of the removed weights after each step, in thresholds; the share not 0 after one."""
    model = copy.deepcopy(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    device = next(model.parameters()).device
    order = torch.randperm(len(glyphs.train), generator=torch.Generator().manual_seed(seed))
    batches = [(glyphs.train.x[i].to(device), glyphs.train.y[i].to(device)) for i in order.split(128)]
    seen, back = [], None
    for number, (x, y) in enumerate(batches[: 20 + steps]):
        if number == 20:
            masks = my_global_masks(weights_of(model), 0.9)
            threshold = max(w[~masks[n]].abs().max() for n, w in weights_of(model).items()).item()
            masks = {name: mask.to(device) for name, mask in masks.items()}
            prune.apply_masks_(model, masks)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if number < 20:
            optimizer.step()
            continue
        step(model, optimizer, masks)
        removed = torch.cat([model.get_parameter(name).detach()[~mask] for name, mask in masks.items()])
        seen.append(removed.abs().mean().item() / threshold)
        back = (removed != 0).float().mean().item() if back is None else back
    return [0.0, *seen], back


runs = {
    name: [magnitudes_of_removed(step, network, seed) for seed, network in zip(seeds, networks)]
    for name, step in (
        ("plain steps", plain_step),
        ("gradients masked", gradient_masked_step),
        ("masked_step", my_masked_step),
    )
}
curves = {
    name: [mean_interval(values) for values in zip(*(path for path, _ in of_name))]
    for name, of_name in runs.items()
}
back = {name: mean_interval([share for _, share in of_name]) for name, of_name in runs.items()}
record(
    "revival",
    gradients=back["gradients masked"],
    masked=back["masked_step"],
    plain_end=curves["plain steps"][-1],
    gradients_end=curves["gradients masked"][-1],
    masked_end=curves["masked_step"][-1],
)
reveal("share of removed weights that are back after one step", back["gradients masked"].mean)
show(
    pruning_weights.revived(range(41), curves),
    alt="Mean magnitude of the removed weights against steps since pruning. With plain steps it rises "
    "throughout, with masked gradients it rises at first and stays there, with masked_step it is zero.",
)

# %% [markdown]
# How to read it: a curve above zero means that removed weights are back. **Reading the result.** With masked gradients
# {{ revival.gradients.mean | percent }} of the removed weights are not zero after a single step. The others have had no
# gradient so far: their input or their unit was silent in all 20 batches. Those that move drift until the momentum is used up
# and then stay where they are, at {{ revival.gradients_end.mean | .3f }} thresholds on average. Plain steps reach
# {{ revival.plain_end.mean | .3f }} thresholds after 40 steps. With `masked_step` it is {{ revival.masked_end.mean | .0f }}.
# No error message appears in any of the three; count the zeros at the end of every pruned training.

# %% [markdown]
# ## When to remove
#
# Removing everything at once is called **one shot**. The alternative is to remove in rounds with training between them,
# so that the network can adapt before the next ones go. A schedule says how much is gone at which step. A common one is
# the cube:
#
# $$s(t) = s_f + (s_i - s_f)\Big(1 - \frac{t}{t_f}\Big)^3 \quad\text{for } t \le t_f, \qquad s(t) = s_f \text{ after it}$$
#
# In words: what is still missing to the final sparsity $s_f$ shrinks with the third power of the steps still to come.
# Most weights go early, when many are superfluous; the last ones go slowly.


# %% exercise="cubic_sparsity" difficulty=1 minutes=4
def cubic_sparsity(step, total_steps, final, initial=0.0):
    """The fraction removed at a step: from `initial` at step 0 to `final` at total_steps, and then on.

    step: 0, 1, 2, ..., also beyond total_steps. final, initial: fractions of the whole.
    Returns a number.
    Example: cubic_sparsity(5, 10, 0.8): half of the steps are left, (1/2)³ = 0.125,
    0.8 + (0 - 0.8) · 0.125 = 0.7.
    """
    ### BEGIN SOLUTION
    left = max(0.0, 1 - step / total_steps)
    return final + (initial - final) * left**3
    ### END SOLUTION


# %% check="cubic_sparsity" points=1
from kdtutor.checks import check, secret_generator

check(cubic_sparsity)
### BEGIN HIDDEN TESTS
import torch

low, high = sorted(torch.rand(2, generator=secret_generator("cubic")).tolist())
for step in (0, 4, 13, 20, 31):
    by_hand = high - (high - low) * max(0, (20 - step) / 20) ** 3
    assert abs(float(cubic_sparsity(step, 20, high, low)) - by_hand) < 1e-6, "wrong for fresh fractions"
### END HIDDEN TESTS

# %% [markdown]
# Sparsity here always counts from the whole. In `torch.nn.utils.prune` an `amount` counts from what is **left**. Predict: 50 % are
# removed there, and then 50 % again. Which fraction of the weights is left?

# %%
predict("fraction left after amount=0.5 twice", ...)

# %% experiment
from torch.nn.utils import prune as torch_prune

layer = copy.deepcopy(networks[0])[1]
torch_prune.l1_unstructured(layer, "weight", amount=0.5)
torch_prune.l1_unstructured(layer, "weight", amount=0.5)
reveal("fraction left after amount=0.5 twice", (layer.weight != 0).float().mean().item())

# %% [markdown]
# ## Signature experiment: accuracy against sparsity
#
# Questions 1 and 2. Four ways, four sparsities, ten networks each:
#
# - **random**, **per layer** and **global**: one shot, then three epochs of retraining;
# - **iterative**: global, in three rounds by your cubic schedule, one epoch of retraining after each.
#
# All have the same budget. So has the baseline: the whole network, trained three epochs more. The learning rate of the
# retraining was chosen for each way from 0.01, 0.02, 0.04 and 0.08, on five other seeds and the validation part, by the
# mean over the four sparsities: 0.04 for every way (0.08 does as well per layer), 0.01 for the whole network.
#
# Predict: the accuracy, in per cent, after 80 % of the weights are removed globally, **before** any retraining. The whole network
# has {{ whole.trained.mean | .0f }}.

# %%
predict("accuracy with 80 % removed globally, before retraining", ...)

# %% experiment
my_magnitude_mask, my_random_mask = use(magnitude_mask), use(random_mask)
my_global_masks, my_cubic_sparsity = use(global_magnitude_masks), use(cubic_sparsity)


def random_masks(weights, sparsity, seed):
    generator = torch.Generator().manual_seed(seed)
    return {name: my_random_mask(weight, sparsity, generator) for name, weight in weights.items()}


ways = {
    "random": random_masks,
    "per layer": lambda weights, s, seed: {
        name: my_magnitude_mask(weight, s) for name, weight in weights.items()
    },
    "global": lambda weights, s, seed: my_global_masks(weights, s),
}
sparsities = (0.5, 0.8, 0.9, 0.95)
one_shot = [("whole", 0.0, seed) for seed in seeds]
one_shot += [(way, s, seed) for way in ways for s in sparsities for seed in seeds]
pruned, masks_of = {}, {}


def prune_to(run, network, way, sparsity):
    """Prune a copy of the network and remember its masks: they hold while it is retrained."""
    masks = ways.get(way, ways["global"])(weights_of(network), sparsity, run[-1])
    pruned[run] = prune.masked_copy(network, masks)
    masks_of[pruned[run]] = masks


def holding(masks_of):
    """A function for after_step that sets the removed weights of a network back to zero."""
    masks = {
        network: [(weight, masks[name].to(weight)) for name, weight in prune.prunable_weights(network).items()]
        for network, masks in masks_of.items()
    }

    @torch.no_grad()
    def hold(network):
        for weight, mask in masks[network]:
            weight.mul_(mask)

    return hold


def retrain(runs, epochs, lr=4e-2):
    fit_many(
        [pruned[run] for run in runs],
        glyphs.train.x,
        (glyphs.train.y,),
        F.cross_entropy,
        Recipe(epochs=epochs, lr=lr),
        seeds=[seed for *_, seed in runs],
        after_step=holding({pruned[run]: masks_of[pruned[run]] for run in runs}),
    )


for run in one_shot:
    prune_to(run, networks[run[-1]], run[0], run[1])
before = {run: score(pruned[run]) for run in one_shot}
retrain(one_shot[:10], epochs=3, lr=1e-2)  # the whole networks, at their own best rate
retrain(one_shot[10:], epochs=3)

# %% experiment
iterative = [("iterative", s, seed) for s in sparsities for seed in seeds]
for stage in (1, 2, 3):
    for run in iterative:
        network = pruned[run] if stage > 1 else networks[run[-1]]
        prune_to(run, network, "global", my_cubic_sparsity(stage, 3, run[1]))
    retrain(iterative, epochs=1)
after = {run: score(pruned[run]) for run in (*one_shot, *iterative)}
for (way, s, seed), network in pruned.items():
    assert abs(prune.mask_sparsity({n: w != 0 for n, w in weights_of(network).items()}) - s) < 0.002


def curve(results, way):
    return {s: mean_interval([results[way, s, seed] for seed in seeds]) for s in sparsities}


def difference(way, other, s, t=None):
    ours, theirs = (
        [after[w, r, seed] for seed in seeds] for w, r in ((way, s), (other, s if t is None else t))
    )
    return paired_comparison(ours, theirs, smallest_gain=1.0)


whole_again = mean_interval([after["whole", 0.0, seed] for seed in seeds])
panels = {
    "before retraining": {way: curve(before, way) for way in ways},
    "after three epochs": {way: curve(after, way) for way in (*ways, "iterative")},
}
reveal(
    "accuracy with 80 % removed globally, before retraining",
    panels["before retraining"]["global"][0.8].mean,
)
show(
    pruning_weights.accuracy_by_sparsity(panels, whole_again),
    alt="Accuracy against sparsity before and after retraining. Before, random pruning has collapsed at "
    "50 %, per layer and global magnitude fall steeply between 50 and 90 %. After retraining all are "
    "higher; random stays below the others.",
)

# %% experiment
for when, results in panels.items():
    record(
        when.split()[0],
        **{
            f"{way.replace(' ', '_')}_{round(100 * s)}": v
            for way, c in results.items()
            for s, v in c.items()
        },
    )
record("whole", trained=mean_interval(whole), again=whole_again)
comparisons = {
    "half_free": difference("global", "whole", 0.5, 0.0),
    "magnitude_80": difference("per layer", "random", 0.8),
    "global_80": difference("global", "per layer", 0.8),
    "global_90": difference("global", "per layer", 0.9),
    "chance_95": difference("global", "random", 0.95),
    "iterative_50": difference("iterative", "global", 0.5),
    "iterative_80": difference("iterative", "global", 0.8),
    "iterative_90": difference("iterative", "global", 0.9),
    "iterative_95": difference("iterative", "global", 0.95),
}
record("versus", **comparisons)
half = comparisons["half_free"]
cost = "half of the network is not free" if half.high < 0 else "whether it costs anything cannot be told"
record("half", verdict="a loss of a point is ruled out" if half.low > -1 else cost)
for name, comparison in comparisons.items():
    print(f"{name:>13}: {comparison}")

# %% [markdown]
# How to read it: the dashed line is the whole network after the same three epochs, {{ whole.again.mean | .1f }} %. Each
# curve is the mean over ten networks, the band its 95 % interval. Every comparison printed is one of paired seeds, in
# points of accuracy, and a gain counts from one point.
#
# **Reading the result.**
#
# - Before retraining, removing half of the weights leaves {{ before.global_50.mean | .1f }} % by global magnitude and
#   {{ before.random_50.mean | .1f }} % at random. At 80 % the global ranking is left with
#   {{ before.global_80.mean | .1f }} %; three epochs bring it back to {{ after.global_80.mean | .1f }} %.
# - Is half of the network free? Against the whole network with the same training the difference is
#   {{ versus.half_free.difference | +.1f }} points ({{ versus.half_free.low | +.1f }} to {{ versus.half_free.high | +.1f }}):
#   {{ half.verdict }}.
# - Magnitude against its control at 80 %, after retraining: {{ versus.magnitude_80.difference | +.1f }} points; verdict:
#   {{ versus.magnitude_80.verdict }}. The weights that are kept matter, not only their number.
# - Global against per layer: {{ versus.global_80.difference | +.1f }} points at 80 % (verdict:
#   {{ versus.global_80.verdict }}) and {{ versus.global_90.difference | +.1f }} at 90 % (verdict:
#   {{ versus.global_90.verdict }}). At 95 % it is {{ versus.chance_95.difference | +.1f }} points from random
#   ({{ versus.chance_95.low | +.1f }} to {{ versus.chance_95.high | +.1f }}; verdict: {{ versus.chance_95.verdict }}).
# - Three rounds against one: {{ versus.iterative_50.difference | +.1f }} points at 50 % (verdict:
#   {{ versus.iterative_50.verdict }}), {{ versus.iterative_80.difference | +.1f }} at 80 % (verdict:
#   {{ versus.iterative_80.verdict }}), {{ versus.iterative_90.difference | +.1f }} at 90 % (verdict:
#   {{ versus.iterative_90.verdict }}), {{ versus.iterative_95.difference | +.1f }} at 95 % (verdict:
#   {{ versus.iterative_95.verdict }}).
#
# Rounds are often recommended without a budget beside them. Here the three rounds share three epochs, so after the last
# removal only one is left to repair it.
#
# Does the answer about global ranking hold for other networks of the same shape? Ten more, trained with half of the
# learning rate and pruned at 90 % in both ways:

# %% experiment
gentle = [copy.deepcopy(network) for network in untrained]
gentle_recipe = Recipe(epochs=6, lr=2e-2)
fit_many(gentle, glyphs.train.x, (glyphs.train.y,), F.cross_entropy, gentle_recipe, seeds=seeds)
gentle_whole = [score(network) for network in gentle]
gentle_runs = [(f"gentle {way}", 0.9, seed) for way in ("global", "per layer") for seed in seeds]
for run in gentle_runs:
    prune_to(run, gentle[run[-1]], run[0].removeprefix("gentle "), 0.9)
retrain(gentle_runs, epochs=3)
after.update({run: score(pruned[run]) for run in gentle_runs})
gentle_global = difference("gentle global", "gentle per layer", 0.9)
print(gentle_global)


def left_in_each_layer(trained):
    """Mean share of each layer's weights that a global ranking at 90 % keeps."""
    masks = [my_global_masks(weights_of(network), 0.9) for network in trained]
    return [sum(m[name].float().mean().item() for m in masks) / len(masks) for name in masks[0]]


shares = {"lr 0.04": left_in_each_layer(networks), "lr 0.02": left_in_each_layer(gentle)}
for name, layers_left in shares.items():
    print(f"trained with {name}: kept in layers 1, 2, 3:", *(f"{share:.1%}" for share in layers_left))
record(
    "gentle",
    globally=gentle_global,
    whole=mean_interval(gentle_whole),
    reached=mean_interval([after["gentle global", 0.9, seed] for seed in seeds]),
    **{f"left_{i}": share for i, share in enumerate(shares["lr 0.02"], 1)},
    **{f"fast_{i}": share for i, share in enumerate(shares["lr 0.04"], 1)},
)

# %% [markdown]
# There global against per layer is {{ gentle.globally.difference | +.1f }} points (verdict: {{ gentle.globally.verdict }}),
# where it was {{ versus.global_90.difference | +.1f }} above. A global ranking compares weights of different layers as if
# their sizes meant the same, and what they mean depends on the training. With the higher rate it keeps
# {{ gentle.fast_1 | percent }}, {{ gentle.fast_2 | percent }} and {{ gentle.fast_3 | percent }} of the three layers, with the lower
# {{ gentle.left_1 | percent }}, {{ gentle.left_2 | percent }} and {{ gentle.left_3 | percent }}: more of layer 3, which
# minded most in the scan. Which ranking is better is a question to each network, not a rule. So is how much can go: before pruning the
# gentle ten have {{ gentle.whole.mean | .1f }} %, the others {{ whole.trained.mean | .1f }} %; after 90 % are removed
# globally and three epochs, {{ gentle.reached.mean | .1f }} % and {{ after.global_90.mean | .1f }} %.

# %% [markdown]
# ## With your own hand
#
# One network, two ways of making it smaller: weights here and there, or whole neurons. Accuracy, bytes and milliseconds
# are measured as you move the slider.

# %% experiment
from kdtutor.demos import explore_pruning

explore_pruning()

# %% [markdown]
# How to read it: the curves are accuracy against what was removed, without any training after it; the mark is where you
# are. The bars are the bytes of the file, with the zeros packed away, and the time of one batch, measured just now. Where this page is only read and not run, still pictures stand in for the controls.

# %% [markdown]
# ## Winning tickets
#
# Question 3. The **lottery ticket hypothesis** says: inside a freshly initialised network there is a small one that
# trains as well as the whole, if it is given its own initial weights. To look for it: train, prune, then set the
# weights that survive **back to their initial values** and train again under the mask. Going back is called rewinding. Without it there is no
# ticket, only a pruned network.
#
# A ticket has two parts, the places of its weights and their initial values, and so two controls: the same places with
# values **drawn anew**, and as many weights in each layer at **random places**.


# %% exercise="rewind" difficulty=3 minutes=7
def rewind(model, early, masks):
    """A new model with the early state, under the masks: its weights are m · w_early.

    model: trained; it stays as it is. early: a state_dict of the same model from an earlier step,
    copied then; it stays as it is too. masks: a dictionary from parameter name to mask, True = kept. Everything in the state goes back, biases and buffers too.
    Returns the new model.
    Example: trained w = [3, -1], early w = [0.5, 0.2], mask [True, False]: the ticket has [0.5, 0].
    """
    ### BEGIN SOLUTION
    ticket = copy.deepcopy(model)
    ticket.load_state_dict(early)
    with torch.no_grad():
        for name, mask in masks.items():
            ticket.get_parameter(name).mul_(mask)
    return ticket
    ### END SOLUTION


# %% check="rewind" points=2
from kdtutor.checks import check, secret_logits

check(rewind)
### BEGIN HIDDEN TESTS
import torch

model = torch.nn.Linear(4, 3)
early = {"weight": secret_logits(3, 4, key="early weight"), "bias": secret_logits(3, key="early bias")}
mask = secret_logits(3, 4, key="ticket mask") > 0
ticket = rewind(
    model, {name: value.clone() for name, value in early.items()}, {"weight": mask}
).state_dict()
assert float((ticket["weight"] - early["weight"] * mask).abs().max()) < 1e-6, (
    "the weights are not m · w_early"
)
assert float((ticket["bias"] - early["bias"]).abs().max()) < 1e-6, "the biases do not go back"
### END HIDDEN TESTS

# %% [markdown]
# Tickets that go back to step 0 are known to be found where the learning rate is low (Frankle and Carbin, section 4), so
# the ten gentle networks are asked. Each gives its ticket and both controls, at two sparsities. All are trained with the recipe and
# the data order of the whole network.
#
# Predict: at sparsity 0.9, how many points of accuracy is the ticket ahead of the same number of weights at random
# places?

# %%
predict("points by which the ticket beats random places at 0.9", ...)

# %% experiment
my_rewind, my_global_masks = use(rewind), use(global_magnitude_masks)
arms, places = {}, {}
for s in (0.5, 0.9):
    for seed, network in zip(seeds, gentle):
        generator = torch.Generator().manual_seed(seed)
        masks = my_global_masks(weights_of(network), s)
        elsewhere = prune.shuffled_masks(masks, generator)
        device_masks = {
            name: mask.to(network.get_parameter(name).device) for name, mask in masks.items()
        }
        start = prune.snapshot(untrained[seed])
        arms["ticket", s, seed] = my_rewind(network, start, device_masks)
        arms["values drawn anew", s, seed] = prune.reinitialized(network, masks, generator)
        arms["random places", s, seed] = prune.rewind(network, start, elsewhere)
        for arm in ("ticket", "values drawn anew", "random places"):
            places[arms[arm, s, seed]] = elsewhere if arm == "random places" else masks
fit_many(
    list(arms.values()),
    glyphs.train.x,
    (glyphs.train.y,),
    F.cross_entropy,
    gentle_recipe,
    seeds=[seed for *_, seed in arms],
    after_step=holding(places),
)

reached = {}
for (arm, s, seed), network in arms.items():
    reached.setdefault((arm, s), []).append(score(network))
names = ("ticket", "values drawn anew", "random places")
ticket_curves = {arm: {s: mean_interval(reached[arm, s]) for s in (0.5, 0.9)} for arm in names}
against = {}
for s in (0.5, 0.9):
    for other, values in (
        ("whole", gentle_whole),
        ("anew", reached[names[1], s]),
        ("places", reached[names[2], s]),
    ):
        against[f"{other}_{round(100 * s)}"] = paired_comparison(
            reached["ticket", s], values, smallest_gain=1.0
        )
for name, comparison in against.items():
    print(f"ticket against {name:>9}: {comparison}")
record(
    "ticket",
    **against,
    reached_50=ticket_curves["ticket"][0.5],
    reached_90=ticket_curves["ticket"][0.9],
    verdict_50="wins" if against["whole_50"].low > -1 else "does not win",
    verdict_90="wins" if against["whole_90"].low > -1 else "does not win",
)
reveal("points by which the ticket beats random places at 0.9", against["places_90"].difference)
show(
    pruning_weights.tickets(ticket_curves, mean_interval(gentle_whole)),
    alt="Accuracy of tickets and two controls at 50 % and 90 % sparsity. At 50 % all lie within a few "
    "points of the whole network; at 90 % the ticket is above the same places with new values, and "
    "those are above random places.",
)

# %% [markdown]
# How to read it: each point is the mean of ten networks with its 95 % interval. A ticket is called winning here when its
# interval rules out that it is a point or more below the whole network, {{ gentle.whole.mean | .1f }} %.
#
# **Reading the result.** At 50 % the ticket reaches {{ ticket.reached_50.mean | .1f }} % and
# {{ ticket.verdict_50 }} by that measure; at 90 % it reaches {{ ticket.reached_90.mean | .1f }} % and
# {{ ticket.verdict_90 }}. Both of its parts count at 90 %: it is {{ ticket.anew_90.difference | +.1f }} points from the
# same places with new values (verdict: {{ ticket.anew_90.verdict }}) and {{ ticket.places_90.difference | +.1f }} from
# random places (verdict: {{ ticket.places_90.verdict }}). At 50 % the same two differences are
# {{ ticket.anew_50.difference | +.1f }} and {{ ticket.places_50.difference | +.1f }} (verdicts:
# {{ ticket.anew_50.verdict }}, {{ ticket.places_50.verdict }}). A paper that shows a ticket without a random one beside
# it has shown that small networks can be trained.

# %% [markdown]
# ## Training toward zero
#
# Another way to zeros is to ask for them: add $\lambda \lVert w \rVert_1$ to the loss. An article states the update of
# such a training by adding the number $\lambda \lVert\theta\rVert_1$ to it. But the update needs the *slope* of the penalty,
# which is $\lambda\,\mathrm{sign}(w)$ for each weight by itself, and it is subtracted. Even then no weight becomes zero: the sign jumps from one side to the
# other, and the weight with it.
#
# The **proximal step** asks instead for the point $u$ that is best for both: near $w$, and small.
#
# $$\arg\min_u\; \tfrac{1}{2}(u - w)^2 + a\,|u|$$
#
# For $u > 0$ the derivative is $u - w + a$, zero at $u = w - a$, which is positive only if $w > a$. For $u < 0$ likewise
# $u = w + a$, if $w < -a$. In between neither exists and the minimum lies at the kink, $u = 0$. In words: move every
# weight toward zero by $a$, and stop there. This is called **soft thresholding**. In training $a$ is the learning rate
# times $\lambda$.


# %% exercise="soft_threshold" difficulty=2 minutes=5
def soft_threshold(weight, amount):
    """Every entry moved toward zero by `amount`, and stopped there.

    weight: any shape, floating point. amount: a number, zero or more. Returns the same shape.
    Example: soft_threshold([0.5, -0.1, -0.7], 0.2) = [0.3, 0, -0.5].
    """
    ### BEGIN SOLUTION
    return weight.sign() * (weight.abs() - amount).clamp(min=0)
    ### END SOLUTION


# %% check="soft_threshold" points=2
from kdtutor.checks import check, secret_logits

check(soft_threshold)
### BEGIN HIDDEN TESTS
weight = secret_logits(7, 6, key="soft")
shrunk = soft_threshold(weight, 1.5)
by_hand = [max(w - 1.5, 0) if w > 0 else min(w + 1.5, 0) for w in weight.flatten().tolist()]
off = max(abs(a - b) for a, b in zip(shrunk.flatten().tolist(), by_hand))
assert off < 1e-5, "the value is wrong for fresh weights"
### END HIDDEN TESTS

# %% [markdown]
# First one weight that no gradient moves, under three rules with $a = 0.02$. It starts at 0.05. For the article's rule it
# has a neighbour of -0.25, since the formula needs a norm.

# %% experiment
my_soft_threshold = use(soft_threshold)
rules = {
    "the article: w - a · ‖w‖₁": lambda w: w - 0.02 * w.abs().sum(),
    "subgradient: w - a · sign(w)": lambda w: w - 0.02 * w.sign(),
    "soft threshold": lambda w: my_soft_threshold(w, 0.02),
}
paths = {}
for name, rule in rules.items():
    weight, path = torch.tensor([0.05, -0.25]), []
    for _ in range(13):
        path.append(weight[0].item())
        weight = rule(weight)
    paths[name] = path
show(
    pruning_weights.one_weight(paths),
    alt="The path of one weight over twelve steps. Under the article's rule it passes zero and goes on; "
    "the subgradient jumps back and forth across zero; the soft threshold stays at exactly zero.",
)

# %% [markdown]
# How to read it: only the curve that stays on the axis gives a zero that can be removed. The article's rule moves all
# weights by one number: a positive one through zero and on, a negative one away from it.
#
# Now the ten networks, trained for one epoch more under each rule with $a = 0.002$ a step. The article's rule is shown after a
# single step: its number is a sum over all 22,784 weights. Predict: which share of the weights is exactly zero
# after the epoch with the **subgradient**?

# %%
predict("share of exact zeros after an epoch of the subgradient rule", ...)

# %% experiment
amount = 2e-3


def each_weight(rule):
    """A function for after_step that applies the rule to every weight of a network."""

    @torch.no_grad()
    def apply(network):
        for weight in prune.prunable_weights(network).values():
            weight.copy_(rule(weight))

    return apply


steps = {
    "nothing": lambda w: w,
    "subgradient": lambda w: w - amount * w.sign(),
    "soft threshold": lambda w: my_soft_threshold(w, amount),
}
finished = {}
for name, rule in steps.items():
    finished[name] = [copy.deepcopy(network) for network in networks]
    fit_many(
        finished[name],
        glyphs.train.x,
        (glyphs.train.y,),
        F.cross_entropy,
        Recipe(epochs=1, lr=5e-3),
        seeds=seeds,
        after_step=each_weight(rule),
    )
finished["the article, one step"] = [copy.deepcopy(network) for network in networks]
for network in finished["the article, one step"]:
    norm = sum(weight.abs().sum() for weight in weights_of(network).values()).item()
    each_weight(lambda w: w - amount * norm)(network)


def zeros(network):
    return prune.mask_sparsity({name: weight != 0 for name, weight in weights_of(network).items()})


table = {
    n: (mean_interval([zeros(m) for m in ms]), mean_interval([score(m) for m in ms]))
    for n, ms in finished.items()
}
for name, (share, right) in table.items():
    print(
        f"{name:>22}: exact zeros {share.mean:6.1%}   accuracy {right.mean:.1f} % "
        f"({right.low:.1f} to {right.high:.1f})"
    )
shrunk, jumping, article = (table[n] for n in ("soft threshold", "subgradient", "the article, one step"))
record(
    "toward_zero",
    soft_zeros=shrunk[0],
    soft=shrunk[1],
    sub_zeros=jumping[0],
    sub=jumping[1],
    article_zeros=article[0],
    article=article[1],
    nothing=table["nothing"][1],
)
reveal("share of exact zeros after an epoch of the subgradient rule", jumping[0].mean)

# %% [markdown]
# **Reading the result.** Soft thresholding leaves {{ toward_zero.soft_zeros.mean | percent }} exact zeros at
# {{ toward_zero.soft.mean | .1f }} % accuracy; the subgradient, which pulls just as hard, {{ toward_zero.sub_zeros.mean | percent }} at
# {{ toward_zero.sub.mean | .1f }} %. Training on without any pull gives {{ toward_zero.nothing.mean | .1f }} %. One
# step of the article's rule leaves {{ toward_zero.article.mean | .1f }} %, where guessing has 2.8 %.

# %% [markdown]
# ## Faster? Smaller?
#
# Question 4. A perceptron 784–1200–1200–10 answers a batch of 64, and 90 % of its weights are zero. Commit yourself to
# three ratios before you look: 1 means no change, 0.1 would be all that the zeros promise.

# %%
predict("time with 90 % zeros over time without", ...)
predict("bytes of the file with 90 % zeros over bytes without", ...)
predict("bytes of the zipped file with 90 % zeros over zipped without", ...)

# %% experiment
from kdtutor.measure import latency_ratio, state_dict_bytes
from kdtutor.training import default_device

my_global_masks = use(global_magnitude_masks)
device = default_device()
large = models.mlp(784, 1200, 1200, 10, seed=0).to(device).eval()
narrow = models.mlp(784, 600, 600, 10, seed=0).to(device).eval()  # half of the hidden units, really gone
sparse = prune.masked_copy(large, my_global_masks(weights_of(large), 0.9)).eval()
reparametrised = copy.deepcopy(large).eval()
layers = [(module, "weight") for module in reparametrised if isinstance(module, torch.nn.Linear)]
torch_prune.global_unstructured(layers, pruning_method=torch_prune.L1Unstructured, amount=0.9)
pictures = torch.rand(64, 784, generator=torch.Generator().manual_seed(0)).to(device)

with torch.inference_mode():
    times = {
        name: latency_ratio(lambda: network(pictures), lambda: large(pictures), budget=1.5)
        for name, network in (
            ("zeros", sparse),
            ("mask_beside", reparametrised),
            ("half_the_units", narrow),
        )
    }
for name, ratio in times.items():
    print(f"{name:>15}: {ratio}")

# %% experiment
network = networks[0]
pruned_to = {s: prune.masked_copy(network, my_global_masks(weights_of(network), s)) for s in (0.5, 0.9)}
beside = copy.deepcopy(network)
layers = [(module, "weight") for module in beside if isinstance(module, torch.nn.Linear)]
torch_prune.global_unstructured(layers, pruning_method=torch_prune.L1Unstructured, amount=0.9)


def csr_bytes(model):
    """As torch's CSR format holds it: 4 bytes a value, 8 its column, 8 a row; the biases as they are."""
    total = 4 * sum(p.numel() for name, p in model.named_parameters() if "bias" in name)
    for weight in weights_of(model).values():
        total += (4 + 8) * int(weight.count_nonzero()) + 8 * (len(weight) + 1)
    return total


plain, zipped = state_dict_bytes(network), state_dict_bytes(network, compressed=True)
sizes = {
    "file": state_dict_bytes(pruned_to[0.9]) / plain,
    "mask_beside": state_dict_bytes(beside) / plain,
    "zipped": state_dict_bytes(pruned_to[0.9], compressed=True) / zipped,
    "zipped_50": state_dict_bytes(pruned_to[0.5], compressed=True) / zipped,
    "csr_50": csr_bytes(pruned_to[0.5]) / plain,
    "csr_90": csr_bytes(pruned_to[0.9]) / plain,
}
for name, ratio in sizes.items():
    print(f"{name:>12}: {ratio:.3f}")
# decided beforehand: faster means that three pairs of calls in four take at least a twentieth less time
gains = times["zeros"].high < 0.95
record(
    "cost",
    **{f"time_{name}": ratio.median for name, ratio in times.items()},
    **{f"bytes_{name}": ratio for name, ratio in sizes.items()},
    dense_bytes=plain,
    zipped_dense=zipped / plain,
    threads=times["zeros"].threads,
    low_zeros=times["zeros"].low,
    high_zeros=times["zeros"].high,
    verdict_time="faster" if gains else "no faster",
    verdict_file="smaller" if sizes["file"] < 0.95 else "no smaller",
)
reveal("time with 90 % zeros over time without", times["zeros"].median)
reveal("bytes of the file with 90 % zeros over bytes without", sizes["file"])
reveal("bytes of the zipped file with 90 % zeros over zipped without", sizes["zipped"])

# %% [markdown]
# **Reading the result.** Recorded on a processor (threads: {{ cost.threads }}): the network with 90 % zeros takes {{ cost.time_zeros | .2f }} times the
# time of the dense one (half of the pairs of calls lie between {{ cost.low_zeros | .2f }} and {{ cost.high_zeros | .2f }}):
# {{ cost.verdict_time }}. A matrix product multiplies by zero as diligently as by any other
# number. With torch's mask left beside the weight it takes {{ cost.time_mask_beside | .2f }} times, because the product
# with the mask is made anew at every call. The network with half of its hidden units really gone takes {{ cost.time_half_the_units | .2f }} times.
#
# The file is {{ cost.verdict_file }}: {{ cost.bytes_file | .2f }} times the bytes, since a zero takes four bytes like any number, and
# {{ cost.bytes_mask_beside | .2f }} times with the mask beside it. Zipped, it does shrink, to {{ cost.bytes_zipped | .2f }} times
# the zipped dense file (not to a tenth: where the weights are has to be said as well), and to
# {{ cost.bytes_zipped_50 | .2f }} at half sparsity. That is a gain for a download and for nothing else: unpacked, in
# memory and in time it is the dense network again. A sparse format that stores positions (CSR, with 64-bit indices as torch makes
# them) takes {{ cost.bytes_csr_90 | .2f }} times the dense bytes at 90 % and {{ cost.bytes_csr_50 | .2f }} times at 50 %.
#
# So single weights at zero buy neither time nor memory by themselves. Unit 06 removes whole neurons and channels, which
# does; unit 08 stores the zeros so that the file becomes smaller by more than any zip.

# %% [markdown] instructor
# Collect the predictions for time and bytes before anything runs. That neither changes surprises only
# those who have committed themselves. Then ask what would have to be true of the kernel, or of
# the file, for zeros to pay: that question leads to unit 06 and to unit 08.

# %% [markdown]
# ## Reading critically: what is an amount?
#
# An article on data handling for distillation shows a pruning program for PyTorch. It removes small weights by handing
# `l1_unstructured` a threshold of 1e-3 as `amount`, keeps "0.9 of the weights" by handing it 0.9, and finishes with a call of
# `prune.remove_pruning`. Rebuilt on our first network: which fraction of the first layer's weights will be zero after
# `amount=1e-3`?

# %%
predict("fraction removed by amount=1e-3", ...)

# %% experiment
fractions = {}
for given in (1e-3, 0.9):
    layer = copy.deepcopy(networks[0])[1]
    torch_prune.l1_unstructured(layer, "weight", amount=given)
    fractions[given] = (layer.weight == 0).float().mean().item()
    print(f"amount = {given:g}: {fractions[given]:.2%} of the weights are removed")
below = (weights_of(networks[0])["1.weight"].abs() < 1e-3).float().mean().item()
there = hasattr(torch_prune, "remove_pruning")
print(f"weights with a magnitude below 1e-3: {below:.2%}")
print(
    f"torch.nn.utils.prune has remove_pruning: {there}; it has remove: {hasattr(torch_prune, 'remove')}"
)
record(
    "amounts",
    threshold=fractions[1e-3],
    share=fractions[0.9],
    below=below,
    has_function="there is" if there else "there is no",
)
reveal("fraction removed by amount=1e-3", fractions[1e-3])

# %% [markdown]
# The amount is a fraction to remove. Given the threshold, torch removed {{ amounts.threshold | .2% }} of the weights,
# whatever their size, while {{ amounts.below | .2% }} lie below it; given the fraction to keep, it removed
# {{ amounts.share | percent }}. Neither raises an error. And in the version that ran here {{ amounts.has_function }}
# function `remove_pruning`; the one that makes a mask permanent is `remove`.
#
# Repair it: write the function that turns a threshold into the amount that torch needs.


# %% exercise="amount_for_threshold" difficulty=1 minutes=3
def amount_for_threshold(weight, threshold):
    """The `amount` for which l1_unstructured removes the weights with magnitude below the threshold.

    weight: any shape. threshold: a positive number. Returns a number from 0 to 1.
    Example: amount_for_threshold([0.001, -0.2, 0.04, -0.03], 0.05): three of four are below: 0.75.
    """
    ### BEGIN SOLUTION
    return (weight.abs() < threshold).double().mean().item()
    ### END SOLUTION


# %% check="amount_for_threshold" points=1
from kdtutor.checks import check, secret_logits

check(amount_for_threshold)
### BEGIN HIDDEN TESTS
weight = secret_logits(8, 9, key="amount")
by_hand = sum(abs(w) < 0.8 for w in weight.flatten().tolist()) / 72
assert abs(float(amount_for_threshold(weight, 0.8)) - by_hand) < 1e-6, (
    "the share is wrong for fresh weights"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Reading critically: a test that cannot fail
#
# The tests that a public lab course hands out have two faults, which are rebuilt here in a test of pruning. It looks reasonable:
# after pruning at least half of the weights are zero, and those that are left have kept their value. Three functions are put to it, one after
# another: a right one, one that does nothing, and one that doubles what it keeps. Predict how many of the three it
# accepts.

# %%
predict("how many of the three functions the test accepts", ...)

# %% experiment
sample = torch.randn(100, generator=torch.Generator().manual_seed(0))


def looks_right(prune_in_place, weight=sample.clone()):
    before = weight
    prune_in_place(weight)
    left = weight != 0
    return bool((~left).sum() >= 50) and bool((weight[left] == before[left]).all())


def looks_right_repaired(prune_in_place):
    weight, before = sample.clone(), sample.clone()
    prune_in_place(weight)
    left = weight != 0
    return int((~left).sum()) == 50 and bool((weight[left] == before[left]).all())


candidates = {
    "right": lambda w: w.mul_(prune.magnitude_mask(w, 0.5)),
    "does nothing": lambda w: None,
    "doubles what it keeps": lambda w: w.mul_(2 * prune.magnitude_mask(w, 0.5)),
}
accepted = {name: looks_right(candidate) for name, candidate in candidates.items()}
repaired = {name: looks_right_repaired(candidate) for name, candidate in candidates.items()}
for name in candidates:
    print(f"{name:>22}: accepted {accepted[name]!s:>5}   by the repaired test {repaired[name]}")
record("vacuous", accepted=sum(accepted.values()), repaired=sum(repaired.values()))
reveal("how many of the three functions the test accepts", sum(accepted.values()))

# %% [markdown]
# It accepts {{ vacuous.accepted }}, the repaired one {{ vacuous.repaired }}. Two faults. The default argument is made once and changed in place,
# so from the second call on the weights come pruned already: doing nothing passes. And `before` is another name for the
# same tensor, so the weights that are left are compared with themselves. A test is worth what it refuses: give every
# test something wrong before you believe it.
#
# ## Reading critically: a schedule in the wrong unit
#
# The same course steps a learning-rate schedule in every batch although its period was meant in epochs. The slip is as easy with
# your schedule of sparsity: five epochs of 63 batches, a final sparsity of 0.9, `total_steps=5`, and `step` counts batches. Predict the sparsity after ten
# of the 315 batches.

# %%
predict("sparsity after 10 of 315 batches", ...)

# %% experiment
my_cubic_sparsity = use(cubic_sparsity)
schedules = {
    "total_steps=5 · 63, as meant": [my_cubic_sparsity(step, 5 * 63, 0.9) for step in range(316)],
    "total_steps=5, as run": [my_cubic_sparsity(step, 5, 0.9) for step in range(316)],
}
meant, run = schedules.values()
record("unit_of_steps", meant=meant[10], run=run[10])
reveal("sparsity after 10 of 315 batches", run[10])
show(
    pruning_weights.sparsity_by_step(schedules),
    alt="Sparsity against training step. As meant it rises over 315 steps, fast at first; "
    "as run it stands at 90 % after five steps.",
)

# %% [markdown]
# How to read it: after ten batches {{ unit_of_steps.run | percent }} of the weights are gone where
# {{ unit_of_steps.meant | percent }} were meant. The run is one-shot pruning under the name of a gradual schedule, and
# its report would compare one shot with one shot. Print the schedule before you train.

# %% [markdown]
# ## What to remember
#
# - Small magnitude means cheap to remove if the curvature is alike everywhere. Rank, count, and break ties by position.
# - Retraining repairs most of the damage up to a point; past it a random control shows what the choice was worth.
# - Zero has to be enforced: mask the weight and the optimiser's memory after every step, and count zeros at the end.
# - A ticket needs its rewinding and its random control.
# - The subgradient of the L1 norm never gives a zero; the proximal step does.
# - Zeros alone buy no time and no memory.
#
# **What breaks it**: a threshold given as an amount, amounts that compound, momentum, a schedule in the wrong unit, a
# comparison without equal budgets.
#
# **Where to read on**: LeCun, Denker and Solla, *Optimal Brain Damage*, 1990, section 2, for the price of a removal. Han
# and others, *Learning both Weights and Connections*, 2015, section 3, for pruning and retraining. Zhu and Gupta, *To Prune,
# or Not to Prune*, 2017, section 3, for the cubic schedule. Frankle and Carbin, *The Lottery Ticket Hypothesis*, 2019, sections 1
# and 2; Frankle and others, *Linear Mode Connectivity and the Lottery Ticket Hypothesis*, 2020, for rewinding to a later step. Parikh
# and Boyd, *Proximal Algorithms*, 2014, section 6.5.2.
#
# Next: unit 06 removes whole neurons, channels and layers, and measures the milliseconds.
