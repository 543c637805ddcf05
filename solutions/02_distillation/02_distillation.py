# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Distillation
#
# Unit 01 ended with a loss that pulls a student towards a teacher. This unit trains students with it: it asks the
# teacher properly, mixes its voice with the labels, and measures whether the student became better. The answer is not
# always yes, and it depends on things that are easily overlooked.
#
# **After this unit** you can write a distillation loop that does what it says, tune it fairly against plain training,
# save the teacher's answers, use pictures without labels, and repair a student that never saw a class.
#
# **Questions that the measurements below will settle**
#
# 1. The same student with the same budget: does it learn more from labels or from a teacher?
# 2. How many labels is a teacher worth, when pictures without labels are plenty?
# 3. Can a student recognise a class that it has never been shown?
# 4. Seven faults make no error message. Which of them would you notice by looking at the accuracy?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 18 |
# | You need | units 00 and 01; a training loop in PyTorch |

# %%
import torch
import torch.nn.functional as F

from kdtutor.checks import check, hint, predict, reveal, use

# %% [markdown]
# Your functions are graded where the course's own library is not at hand, so write them with torch alone.
# `hint(teacher_logits)` in a new cell gives the next of three hints, for this exercise and every other.
#
# ## A teacher that is not at rest
#
# The teacher is the convolutional network of unit 01. Below it is asked about the same picture three times: once in
# evaluation mode, and twice as it is while it trains.

# %% experiment
from copy import deepcopy

from kdtutor import data, plots
from kdtutor.measure import record
from kdtutor.training import glyph_teacher, predict as outputs_of

glyphs = data.load("glyphs")
train, validation, test = glyphs.train, glyphs.validation, glyphs.test
teacher = glyph_teacher().cpu()
torch.set_num_threads(1)  # for networks as small as these students two threads mostly wait for each other

batch = validation.x[:500]
restless = deepcopy(teacher).train()
before = restless[1].running_mean.clone()
with torch.no_grad(), torch.random.fork_rng():
    torch.manual_seed(0)
    first, second = restless(batch).softmax(-1), restless(batch).softmax(-1)
gap = (first - second).abs().sum(-1)
chosen = gap.argmax()
at_rest = outputs_of(teacher, batch).softmax(-1)
said = {"at rest": at_rest[chosen], "training": first[chosen], "again": second[chosen]}
record("restless", gap=gap.mean().item(),
       other_class=(first.argmax(-1) != second.argmax(-1)).double().mean().item())
moved = (restless[1].running_mean - before).abs().max()
print(f"BatchNorm's running mean moved by up to {moved:.4f}")
plots.show(
    plots.asked_again(batch[chosen, 0], said, glyphs.classes),
    alt="One noisy character and three bar charts of the teacher's five likeliest classes for it. "
    "In evaluation mode one answer; in training mode two that differ from it and from each other.",
)

# %% [markdown]
# How to read it: of 500 pictures, this is the one on which the two answers in training mode differ most. Over all of
# them, the two answers are {{ restless.gap | .2f }} apart in the sum of absolute differences, and name different classes for
# {{ restless.other_class | percent }} of the pictures.
#
# Two layers do that. Dropout removes units at random, so the answer is partly noise. BatchNorm normalises by the batch
# instead of by its running statistics, so what the teacher says about one picture depends on the others beside it, and
# it moves those statistics on the way, under `no_grad` as well. And a third thing can go wrong without any layer:
# where gradients are recorded, the backward pass of the student runs through the teacher too.

# %% exercise="teacher_logits" difficulty=2 minutes=6
def teacher_logits(teacher, inputs):
    """What the teacher says about the inputs: in evaluation mode, without a graph, and left as it was.

    teacher: a torch.nn.Module. Each of its parts may come in either mode and gets its own back.
    inputs: (N, ...). Returns the teacher's logits (N, C); they carry no gradient.
    Example: for a teacher nn.Dropout(0.5) in training mode and the input [[2.0, 4.0]] the answer is
    [[2.0, 4.0]], because dropout does nothing in evaluation mode; afterwards teacher.training is True.
    """
    ### BEGIN SOLUTION
    modes = [(part, part.training) for part in teacher.modules()]
    teacher.eval()
    with torch.no_grad():
        logits = teacher(inputs)
    for part, training in modes:
        part.training = training
    return logits
    ### END SOLUTION

# %% check="teacher_logits" points=2
from kdtutor.checks import check, secret_logits

check(teacher_logits)
### BEGIN HIDDEN TESTS
import torch
from torch import nn

asked = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
asked[1].load_state_dict({"running_mean": secret_logits(5), "running_var": torch.ones(5)}, strict=False)
inputs = secret_logits(6, 4, key="inputs")
statistics = asked[1].running_mean.clone()
wanted = asked.eval()(inputs).detach()
asked.train()
asked[1].eval()
logits = teacher_logits(asked, inputs)
assert torch.allclose(logits, wanted, atol=1e-4), "these are not the answers of evaluation mode"
assert not logits.requires_grad, "the answers still carry a graph"
assert [part.training for part in asked] == [True, False, True, True], "a part lost the mode it had"
assert torch.equal(asked[1].running_mean, statistics), "the running statistics have moved"
### END HIDDEN TESTS

# %% [markdown]
# ## Two voices: labels and teacher
#
# Labels are certain and say little; a teacher says much and may be wrong. A student can listen to both:
#
# $$L = (1-\alpha)\,\underbrace{\frac1N \sum_n -\log p_{s,y_n}}_{\text{labels}} \;+\; \alpha\,\underbrace{\frac{T^2}{N} \sum_n \mathrm{KL}\big(p_t^{(n)}(T)\,\|\,p_s^{(n)}(T)\big)}_{\text{teacher}}$$
#
# In words: the cross-entropy with the labels and the distillation loss of unit 01, weighed by $1-\alpha$ and $\alpha$. In this course
# **$\alpha$ weighs the teacher**; other libraries let it weigh the labels, so look before you copy a setting. The labels'
# term has no temperature: what is deployed is the student at $T = 1$.
#
# At $T = 1$ the two terms melt into one. The gradient of each by a sample's logits is "what the student says minus what
# it should say", so with $e_y$ for the label as a distribution
#
# $$\frac{\partial L}{\partial z_s} = (1-\alpha)(p_s - e_y) + \alpha (p_s - p_t) = p_s - \big[(1-\alpha)\,e_y + \alpha\, p_t\big].$$
#
# In words: the student is trained on one mixed target, the label smoothed by the teacher. At a higher temperature the
# teacher's part becomes $\alpha\, T\,(p_s(T) - p_t(T))$ and brings the runners-up to the fore.

# %% exercise="distillation_loss" difficulty=2 minutes=6
def distillation_loss(student_logits, teacher_logits, labels, temperature, alpha):
    """(1 - α) · cross-entropy with the labels + α · T² · KL(p_t(T) || p_s(T)), averaged over the batch.

    student_logits, teacher_logits: (N, C), of any finite size. labels: (N,) class indices.
    temperature: T, positive. alpha: α from 0 to 1, the weight of the teacher. Returns a scalar tensor
    that the student can be trained through; the teacher gets no gradient.
    Example: student [[0, 0]], teacher [[0, 2]], label 0, T = 2, α = 0.5: the cross-entropy is
    log 2 = 0.6931, the teacher's term 0.4438 (unit 01), half of each: 0.5685.
    """
    ### BEGIN SOLUTION
    log_t = (teacher_logits.detach() / temperature).log_softmax(-1)
    log_s = (student_logits / temperature).log_softmax(-1)
    from_teacher = temperature**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean()
    return (1 - alpha) * F.cross_entropy(student_logits, labels) + alpha * from_teacher
    ### END SOLUTION

# %% check="distillation_loss" points=3
from kdtutor.checks import check, secret_labels, secret_logits

check(distillation_loss)
### BEGIN HIDDEN TESTS
student, teacher_says = secret_logits(6, 8, key="student"), secret_logits(6, 8, key="teacher")
labels = secret_labels(6, 8)
p_t, p_s = (teacher_says / 3).double().softmax(-1), (student / 3).double().softmax(-1)
soft = 9 * float((p_t * (p_t / p_s).log()).sum()) / 6
hard = -float(student.double().log_softmax(-1)[range(6), labels.tolist()].sum()) / 6
for alpha in (0.0, 0.3, 1.0):
    wanted = (1 - alpha) * hard + alpha * soft
    off = abs(float(distillation_loss(student, teacher_says, labels, 3.0, alpha)) - wanted)
    assert off < 1e-3 * (1 + wanted), f"the value is wrong at T = 3, alpha = {alpha}"
### END HIDDEN TESTS

# %% [markdown]
# ## One step
#
# A step of distillation is a step of ordinary training with one more line: the teacher is asked first. What can go
# wrong is in the order and in the modes. `backward()` *adds* to the gradients that are there, so the old ones have to
# go. The student may come to you in evaluation mode, because somebody has just measured it. And the loss that you
# return should be a plain number: kept with its graph, it keeps all activations of the batch in memory.

# %% exercise="train_step" difficulty=3 minutes=8
def train_step(student, teacher, inputs, labels, optimizer, loss):
    """One update of the student. Returns the loss that was minimised, as a plain number.

    student, teacher: torch.nn.Modules. inputs: (N, ...). labels: (N,).
    optimizer: of the student's parameters.
    loss: a function of (student_logits, teacher_logits, labels) that returns a scalar tensor.
    The student is trained in training mode. The teacher answers in evaluation mode, without a graph,
    and is left as it was: your teacher_logits does that.
    Example: train_step(student, teacher, x, y, torch.optim.SGD(student.parameters(), lr=0.1), loss)
    moves every weight w of the student to w - 0.1 · ∂loss/∂w and returns the loss from before the move.
    """
    ### BEGIN SOLUTION
    from_teacher = teacher_logits(teacher, inputs)
    student.train()
    value = loss(student(inputs), from_teacher, labels)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    return value.item()
    ### END SOLUTION

# %% check="train_step" points=3
from kdtutor.checks import check, secret_labels, secret_logits

check(train_step)
### BEGIN HIDDEN TESTS
import copy

import torch
import torch.nn.functional as F
from torch import nn


def both(z_s, z_t, y):
    return F.cross_entropy(z_s, y) + ((z_s - z_t.detach()) ** 2).mean()


mine = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)).eval()
ours, of_teacher = copy.deepcopy(mine), nn.Linear(4, 3)
x, y = secret_logits(8, 4), secret_labels(8, 3)
steps = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (mine, ours)]
for _ in range(3):
    value = train_step(mine, of_teacher, x, y, steps[0], both)
    wanted = both(ours.train()(x), of_teacher(x), y)
    steps[1].zero_grad()
    wanted.backward()
    steps[1].step()
    off = abs(float(value) - wanted.item())
    assert off < 1e-3, "the returned loss is not the one that was minimised"
for p, q in zip(mine.parameters(), ours.parameters()):
    close = torch.allclose(p.detach(), q.detach(), atol=1e-4)
    assert close, "after three steps the student's weights differ"
assert of_teacher.weight.grad is None, "the teacher was given a gradient"
### END HIDDEN TESTS

# %% [markdown]
# Now all three together, on real pictures: one student, two rounds over 2,000 of them.

# %% experiment
from functools import partial

from kdtutor import models
from kdtutor.measure import accuracy

my_step, my_loss = use(train_step), use(distillation_loss)
student = models.mlp(256, 64, 36, seed=0)
optimizer = torch.optim.AdamW(student.parameters(), lr=0.01)
for epoch in range(2):
    order = torch.randperm(2000, generator=torch.Generator().manual_seed(epoch))
    for rows in order.split(128):
        last = my_step(student, teacher, train.x[rows], train.y[rows], optimizer,
                       lambda z_s, z_t, y: my_loss(z_s, z_t, y, 4.0, 0.9))
    print(f"epoch {epoch + 1}: loss {last:.2f}, validation accuracy {accuracy(student, validation):.1%}")

# %% [markdown]
# ## Signature experiment: labels or teacher?
#
# Question 1. A student with 64 hidden units is trained on labels alone, or distilled with $T = 4$ and $\alpha = 0.9$: same
# pictures, same eight epochs, same initial weights and order of the samples for each seed. Before you look, decide what
# would count: here a gain is worth having from half a percentage point of test accuracy.
#
# One thing is left open, the learning rate, and it matters more than one would like. First both are run with 0.005, the
# default of this course's loop.

# %%
predict("labels or teacher, both at learning rate 0.005? ('labels' or 'teacher')", ...)

# %% experiment
from kdtutor import distill
from kdtutor.measure import mean_interval, paired_comparison
from kdtutor.training import Recipe, fit_many

z_t = outputs_of(teacher, train.x)  # row n is what the teacher says about training picture n
SEEDS, TUNING = range(10), range(100, 103)


def labels_alone(z_s, z_t, y):
    return F.cross_entropy(z_s, y)


def trained(losses, rate, seeds, epochs=8, x=train.x, targets=(z_t, train.y)):
    """For every named loss one student a seed, all of them trained together."""
    students = {name: [models.mlp(256, 64, 36, seed=seed) for seed in seeds] for name in losses}
    fit_many(
        [student for group in students.values() for student in group], x, targets,
        [loss for loss in losses.values() for _ in seeds],
        Recipe(epochs=epochs, lr=rate), seeds=[*seeds] * len(losses),
    )
    return students


distilled = partial(distill.distillation_loss, temperature=4.0, alpha=0.9)
WAYS = {"labels": labels_alone, "distilled": distilled}
untuned = {name: [accuracy(s, test) for s in group]
           for name, group in trained(WAYS, 0.005, SEEDS).items()}
at_default = paired_comparison(untuned["distilled"], untuned["labels"], smallest_gain=0.005)
print(at_default)
record("untuned", labels=mean_interval(untuned["labels"]), distilled=mean_interval(untuned["distilled"]),
       comparison=at_default)
better = max(untuned, key=lambda name: sum(untuned[name]))
reveal("labels or teacher, both at learning rate 0.005? ('labels' or 'teacher')",
       {"labels": "labels", "distilled": "teacher"}[better])

# %% [markdown]
# At this learning rate the verdict on distillation is "{{ untuned.comparison.verdict }}": {{ untuned.comparison.difference | +.1% }} against labels, with a 95 %
# interval from {{ untuned.comparison.low | +.1% }} to {{ untuned.comparison.high | +.1% }} (here and below, differences of accuracies are in percentage points).
# One could stop here. But the two losses are different functions with
# gradients of different size, and a rate that suits one need not suit the other. So each gets its own, chosen from the same five on
# validation pictures with three other seeds.

# %% experiment
def by_rate(losses, rates, seeds=TUNING, **settings):
    """Validation accuracy of each way of training at each learning rate, over the tuning seeds."""
    measured = {name: {} for name in losses}
    for rate in rates:
        for name, group in trained(losses, rate, seeds, **settings).items():
            measured[name][rate] = mean_interval([accuracy(student, validation) for student in group])
    return measured


def best(measured):
    """The learning rate with the highest mean, for each way of training."""
    return {name: max(row, key=lambda rate: row[rate].mean) for name, row in measured.items()}


RATES = (0.005, 0.02, 0.05, 0.1, 0.2)
tuning = by_rate(WAYS, RATES)
rate_of = best(tuning)
record("tuning", **rate_of)
plots.show(
    plots.accuracy_by_learning_rate(RATES, {name: list(row.values()) for name, row in tuning.items()}),
    alt="Validation accuracy against the learning rate from 0.005 to 0.2 for labels and distilled "
    "students. At the smallest rate labels are above; the curves cross, and at the large rates the "
    "distilled students are above.",
)

# %% [markdown]
# How to read it: each point is the mean of three students, the band its 95 % interval (wide, because there are three).
# The curves cross: a single learning rate decides in advance who wins.

# %% experiment
tuned = {name: [accuracy(s, test) for s in trained({name: loss}, rate_of[name], SEEDS)[name]]
         for name, loss in WAYS.items()}
signature = paired_comparison(tuned["distilled"], tuned["labels"], smallest_gain=0.005)
print(signature)
record("signature", labels=mean_interval(tuned["labels"]), distilled=mean_interval(tuned["distilled"]),
       teacher=accuracy(teacher, test), comparison=signature)
plots.show(
    plots.paired_runs(
        {"both at 0.005": (untuned["labels"], untuned["distilled"]),
         "each at its own best": (tuned["labels"], tuned["distilled"])},
        ("labels", "distilled"),
    ),
    alt="Two panels of ten thin lines, each joining the test accuracy of one seed on labels and "
    "distilled. At the common learning rate the lines fall, at each one's own they rise.",
)

# %% [markdown]
# How to read it: a thin line joins the two students of one seed, the thick one their means.
#
# **Reading the result.** With the rate that suits each ({{ tuning.labels }} for labels, {{ tuning.distilled }} for the teacher) the students
# reach {{ signature.labels.mean | percent }} on labels and {{ signature.distilled.mean | percent }} distilled (the teacher itself {{ signature.teacher | percent }}). Verdict:
# {{ signature.comparison.verdict }}, {{ signature.comparison.difference | +.1% }} over {{ signature.comparison.n }} paired seeds (95 % interval {{ signature.comparison.low | +.1% }} to {{ signature.comparison.high | +.1% }}).
# The same student, data and number of epochs gave "{{ untuned.comparison.verdict }}" before. Neither run is wrong; they answer different
# questions, and only the second one is about the methods. What was tuned for each side belongs next to every such
# number.

# %% [markdown]
# ## The race, live
#
# Ten students on labels against ten that listen to the teacher, trained now, on your machine. Say who wins, and by how
# much, before you press the button.

# %% experiment
from kdtutor.demos import explore_race

explore_race()

# %% [markdown]
# How to read it: on the left, a line is the mean accuracy of ten seeds and the band reaches from the worst to the best.
# On the right, each thin line says how far one seed's distilled student is ahead of its twin, the thick one the mean.
# At the end the sentence gives the paired comparison on test pictures. Where this page is only read and not run, a
# still picture shows a race that was run.

# %% [markdown] instructor
# Before you show the second comparison, ask what the first one has proven. If someone says that distillation does not
# work: what it has shown is that one learning rate suits one loss. "No gain" means that the interval excludes a
# gain worth having; "cannot tell" means that it does not, and then the honest next step is more seeds.

# %% [markdown]
# ## Which temperature, which α?
#
# Now the settings of the loss, on a smaller and harder task: the first 1,000 pictures only, two students for every
# square. All share the learning rate 0.02, which above favoured neither side much.

# %%
predict("the best temperature on this map (1, 2, 4, 8 or 16)", ...)

# %% experiment
TEMPERATURES, ALPHAS = (1.0, 2.0, 4.0, 8.0, 16.0), (0.3, 0.6, 0.9)
few = {"x": train.x[:1000], "targets": (z_t[:1000], train.y[:1000])}
squares = {(T, a): partial(distill.distillation_loss, temperature=T, alpha=a)
           for T in TEMPERATURES for a in ALPHAS}
groups = trained({**squares, "labels": labels_alone}, 0.02, TUNING[:2], epochs=24, **few)
reached = {name: mean_interval([accuracy(s, validation) for s in group]).mean
           for name, group in groups.items()}
square = torch.tensor([[reached[T, a] for a in ALPHAS] for T in TEMPERATURES])
brightest = max(squares, key=lambda name: reached[name])
record("map", labels=reached["labels"], best=reached[brightest], temperature=brightest[0],
       alpha=brightest[1],
       apart=sum(abs(accuracy(a, validation) - accuracy(b, validation))
                 for a, b in groups.values()) / len(groups),
       cold=square[0].mean().item(), warm=square[2:4].mean().item(),
       alphas=(square[2:4].mean(0).max() - square[2:4].mean(0).min()).item())
reveal("the best temperature on this map (1, 2, 4, 8 or 16)", brightest[0])
plots.show(
    plots.temperature_alpha_map(TEMPERATURES, ALPHAS, square, reached["labels"]),
    alt="A map of validation accuracy for five temperatures and three weights. The row T = 1 is the "
    "darkest; from T = 4 on the squares are brighter, and differ little from each other.",
)

# %% [markdown]
# How to read it: every square is one pair of settings, with its accuracy written in; labels alone, which is $\alpha = 0$ at
# any temperature, stand above. The two students of a square differ by {{ map.apart | .1% }} on average, so read no more out of it.
#
# **Reading the result.** From a cold teacher ($T = 1$: {{ map.cold | percent }} on average) to a warm one ($T = 4$ and $8$: {{ map.warm | percent }}) is a large
# step. Among the warm ones $\alpha$ moves the average by {{ map.alphas | .1% }}. The brightest square, $T = {{ map.temperature | .0f }}$ and $\alpha = {{ map.alpha }}$ with {{ map.best | percent }}, is
# one of several that two students cannot tell apart, so do not read it as *the* best setting. And all squares share one
# learning rate: a fair contest between two of them would tune each, as above.

# %% [markdown]
# ## Ask once, remember by name
#
# The teacher's answer to a fixed picture never changes, so it can be kept. The trap is the key. A loader shuffles:
# the third batch of one epoch holds other pictures than the third batch of the next. Answers that are stored in the
# order of delivery belong, from the second epoch on, to other pictures, and nothing complains. What does not change is
# the sample's own number, so a loader for distillation hands it out with every picture.

# %% exercise="cache_logits" difficulty=3 minutes=8
def cache_logits(teacher, batches, samples):
    """The teacher's logits for every sample, kept under the sample's number: row n belongs to sample n.

    teacher: a torch.nn.Module, asked in evaluation mode without a graph, and left as it was.
    batches: what a shuffling loader delivers, pairs (index, inputs): inputs[i] is sample index[i].
    index: (B,) int64, inputs: (B, ...). Every sample comes once. samples: how many there are.
    Returns (samples, C), without a graph.
    Example: batches [([2, 0], x of 2 and 0), ([1], x of 1)] and samples = 3 give the teacher's answers
    to sample 0, sample 1, sample 2, in this order.
    """
    ### BEGIN SOLUTION
    cache = None
    for index, inputs in batches:
        answers = teacher_logits(teacher, inputs)
        if cache is None:
            cache = answers.new_empty(samples, answers.shape[1])
        cache[index] = answers
    return cache
    ### END SOLUTION

# %% check="cache_logits" points=3
from kdtutor.checks import check, secret_generator, secret_logits

check(cache_logits)
### BEGIN HIDDEN TESTS
import torch
from torch import nn

asked = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 5)).train()
x = secret_logits(11, 4)
order = torch.randperm(11, generator=secret_generator("order"))
cache = cache_logits(asked, [(index, x[index]) for index in order.split(3)], 11)
assert tuple(cache.shape) == (11, 5), "one row for each sample is needed"
assert asked.training, "the teacher came in training mode and should leave in it"
wanted = asked.eval()(x).detach()
assert torch.allclose(cache, wanted, atol=1e-4), "a row does not belong to its sample"
assert not cache.requires_grad, "the cache carries a graph"
### END HIDDEN TESTS

# %% [markdown]
# How much does it save? Below, one step that asks the teacher is timed against the same step that looks its answer up.

# %%
predict("how many times longer is a step that asks the teacher?", ...)

# %% experiment
from kdtutor.measure import latency_ratio

my_cache = use(cache_logits)
order = torch.randperm(2000, generator=torch.Generator().manual_seed(0))
cache = my_cache(teacher, [(index, train.x[index]) for index in order.split(250)], 2000)
print("largest difference from asking in order:", f"{(cache - z_t[:2000]).abs().max():.1e}")

x, y, rows = train.x[:128], train.y[:128], torch.arange(128)
student = models.mlp(256, 64, 36, seed=0)
optimizer = torch.optim.AdamW(student.parameters(), lr=0.01, fused=True)


def step(from_teacher):
    value = distilled(student(x), from_teacher, y)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()


def asking():
    step(distill.teacher_logits(teacher, x))


saving = latency_ratio(asking, lambda: step(cache[rows]), budget=1.5)
print("asking against looking up:", saving)
record("cache", ratio=saving.median, low=saving.low, high=saving.high, megabytes=z_t.nbytes / 1e6)
reveal("how many times longer is a step that asks the teacher?", saving.median)

# %% [markdown]
# **Reading the result.** On the machine that built this page a step that asks takes {{ cache.ratio | .0f }} times as long as one that
# looks up (the middle half of the pairs between {{ cache.low | .0f }} and {{ cache.high | .0f }}): the smaller the student, the more of the
# time is the teacher's. Filling the cache is one pass of the teacher over the data, so it pays from the second epoch on.
# It costs {{ cache.megabytes | .1f }} MB for these 8,000 pictures and 36 classes. Two limits: a picture that is augmented at random
# is another picture each time, so the cache must be keyed by sample *and* view, and student and teacher must see the same
# view (the library's `LogitCache` does both); and with many thousand classes the cache outgrows the data (unit 04 keeps
# the largest few).

# %% [markdown]
# ## Few labels, many pictures
#
# Question 2. A teacher answers for any picture, labelled or not. Suppose only a few pictures have labels. Three ways to
# train, each with the same number of updates: on those labels; on the teacher's answers to those same pictures; on the
# teacher's answers to all 8,000 pictures with no label at all (a *transfer set*). For every point the learning rate is
# chosen from 0.01 and 0.05, by two other seeds on validation pictures.
#
# To be fair to labels: the teacher was once trained on all of them. The question is not whether labels are needed, but
# who has to have them.

# %%
predict("test accuracy of students on 200 labels (from 0 to 1)", ...)

# %% experiment
UPDATES, COUNTS = 189, (200, 800, 3200)
teacher_alone = partial(distill.kd_loss, temperature=4.0)


def answers_alone(z_s, z_t, y):
    return teacher_alone(z_s, z_t)


def after_tuning(losses, settings):
    """Test accuracies over the ten seeds, each way at the better of two learning rates."""
    rate = best(by_rate(losses, (0.01, 0.05), TUNING[:2], **settings))
    groups = [trained({name: loss}, rate[name], SEEDS, **settings) for name, loss in losses.items()]
    return {name: [accuracy(s, test) for s in group] for each in groups for name, group in each.items()}


by_count = {}
for n in COUNTS:
    batches = -(-n // 128)
    settings = {"x": train.x[:n], "targets": (z_t[:n], train.y[:n]), "epochs": round(UPDATES / batches)}
    said_of_them = {"labels": labels_alone, "teacher, same pictures": answers_alone}
    by_count[n] = after_tuning(said_of_them, settings)
transfer = after_tuning({"transfer": answers_alone}, {"epochs": 3})["transfer"]
reveal("test accuracy of students on 200 labels (from 0 to 1)",
       mean_interval(by_count[200]["labels"]).mean)

# %% experiment
curves = {name: [mean_interval(by_count[n][name]) for n in COUNTS] for name in by_count[200]}
record("few_labels", labels={f"n{n}": mean_interval(by_count[n]["labels"]) for n in COUNTS},
       same={f"n{n}": paired_comparison(by_count[n]["teacher, same pictures"], by_count[n]["labels"],
                                        smallest_gain=0.005) for n in COUNTS},
       transfer=mean_interval(transfer),
       against_most=paired_comparison(transfer, by_count[3200]["labels"], smallest_gain=0.005))
plots.show(
    plots.accuracy_by_labels(
        COUNTS, curves, ("teacher, 8,000 pictures without labels", mean_interval(transfer))),
    alt="Test accuracy against 200, 800 and 3,200 pictures. The teacher's answers to the same pictures "
    "lie above labels at every count; a level line for 8,000 pictures without labels lies above both.",
)

# %% [markdown]
# How to read it: the two curves use the same pictures and differ only in what is said about them. The level line is the
# student that saw all pictures and no label.
#
# **Reading the result.** With 200 pictures the teacher's answers add {{ few_labels.same.n200.difference | +.1% }} to the {{ few_labels.labels.n200.mean | percent }} of labels (verdict: {{ few_labels.same.n200.verdict }}),
# with 3,200 {{ few_labels.same.n3200.difference | +.1% }} (verdict: {{ few_labels.same.n3200.verdict }}): a soft target says more per picture. The student without any label reaches
# {{ few_labels.transfer.mean | percent }}, {{ few_labels.against_most.difference | +.1% }} against 3,200 labels (verdict: {{ few_labels.against_most.verdict }}). Where pictures are cheap and labels
# are not, this is the strongest reason to distil.

# %% [markdown]
# ## A class that never came
#
# Question 3. All pictures of the digit 3 are removed from the training set. One student is trained on the labels of the
# rest, one is distilled on the teacher's answers to the rest (learning rates as chosen above). The teacher knows the 3,
# and gives it a small probability wherever something looks a little like one. The student therefore learns what a 3
# looks like from its own absence. What it learns badly is how *common* a 3 is: in its training set it never was the
# answer, so the bias of that class ends up far too low. Raising it means adding one number $\delta$ to one logit:
#
# $$z'_c = z_c + \delta \text{ for the missing class } c, \qquad z'_k = z_k \text{ for all others.}$$
#
# In words: every picture finds the missing class likelier by the same factor $e^\delta$, and nothing else changes.

# %% exercise="correct_missing_class" difficulty=1 minutes=3
def correct_missing_class(logits, class_index, shift):
    """Logits with the shift added to one class, for every sample: its bias raised afterwards.

    logits: (N, C), left as they are. class_index: from 0 to C - 1. shift: a number.
    Returns new logits (N, C).
    Example: correct_missing_class([[1, 0], [2, -1]], 1, 1.5) -> [[1, 1.5], [2, 0.5]].
    """
    ### BEGIN SOLUTION
    corrected = logits.clone()
    corrected[:, class_index] += shift
    return corrected
    ### END SOLUTION

# %% check="correct_missing_class" points=1
from kdtutor.checks import check, secret_logits

check(correct_missing_class)
### BEGIN HIDDEN TESTS
import torch

z = secret_logits(5, 6)
moved = correct_missing_class(z, 4, 2.5) - z
wanted = torch.tensor([0.0, 0.0, 0.0, 0.0, 2.5, 0.0]).expand(5, 6)
assert torch.allclose(moved, wanted, atol=1e-4), "only the named class moves, and by the shift"
### END HIDDEN TESTS

# %%
predict("share of the 3s that the distilled student recognises after the correction", ...)

# %% experiment
MISSING = glyphs.classes.index("3")
others = train.y != MISSING
rest = {"x": train.x[others], "targets": (z_t[others], train.y[others]), "epochs": 6}
my_correction = use(correct_missing_class)
blind = {**trained({"labels": labels_alone}, rate_of["labels"], SEEDS, **rest),
         **trained({"distilled": answers_alone}, rate_of["distilled"], SEEDS, **rest)}


def recall_and_accuracy(logits, labels):
    """Among the pictures of the missing class, and among all: the share that is recognised."""
    right = (logits.argmax(-1) == labels).double()
    return right[labels == MISSING].mean().item(), right.mean().item()


SHIFTS = [0.5 * k for k in range(33)]
said_on_test = {name: [outputs_of(s, test.x).cpu() for s in group] for name, group in blind.items()}
swept = {name: torch.tensor([[recall_and_accuracy(my_correction(z, MISSING, d), test.y) for d in SHIFTS]
                             for z in group]) for name, group in said_on_test.items()}

# %% experiment
def corrected(name, shifts):
    """Recall of the missing class and accuracy on the test pictures, a pair a student."""
    pairs = zip(said_on_test[name], shifts)
    return [recall_and_accuracy(my_correction(z, MISSING, shift), test.y) for z, shift in pairs]


chosen, common_enough = {}, {}
for name, group in blind.items():
    on_validation = [outputs_of(s, validation.x).cpu() for s in group]
    chosen[name] = [distill.missing_class_shift(z, validation.y, MISSING) for z in on_validation]
    common_enough[name] = [distill.missing_class_shift_for_frequency(z, MISSING, 1 / 36)
                           for z in on_validation]
result = {name: corrected(name, chosen[name]) for name in blind}
counted = {name: mean_interval([recall for recall, _ in corrected(name, common_enough[name])])
           for name in blind}
after = mean_interval([recall for recall, _ in result["distilled"]])
record("missing", before=mean_interval(swept["distilled"][:, 0, 0]), after=after,
       shift=mean_interval(chosen["distilled"]),
       before_all=mean_interval(swept["distilled"][:, 0, 1]),
       after_all=mean_interval([share for _, share in result["distilled"]]),
       frequency=counted["distilled"], labels_frequency=counted["labels"],
       labels_before=mean_interval(swept["labels"][:, 0, 0]),
       labels_after=mean_interval([recall for recall, _ in result["labels"]]),
       teacher=recall_and_accuracy(outputs_of(teacher, test.x), test.y)[0])
reveal("share of the 3s that the distilled student recognises after the correction", after.mean)
panels = {title: {name: [mean_interval(column) for column in runs[:, :, k].T]
                  for name, runs in swept.items()}
          for k, title in enumerate(("recognised among the 3s", "recognised among all"))}
plots.show(
    plots.by_shift(SHIFTS, panels, mean_interval(chosen["distilled"])),
    alt="Two panels against the shift from 0 to 16. Left: the share of 3s recognised; the distilled "
    "students start near one half and rise steeply, those on labels stay near 0 up to a shift of 10. "
    "Right: the share of all pictures recognised; the distilled curve falls when too much is added.",
)

# %% [markdown]
# How to read it: to the right the missing class is made likelier. Left, what that gains among the 3s; right, what it
# does to all pictures. The grey band is the interval of the shift that was chosen on validation pictures.
#
# **Reading the result.** Without any correction the distilled students recognise {{ missing.before.mean | percent }} of the 3s of the test set, though
# none was ever shown to them. With one number added, {{ missing.shift.mean | .1f }} on average, it is {{ missing.after.mean | percent }} (95 % interval {{ missing.after.low | percent }} to
# {{ missing.after.high | percent }}; the teacher: {{ missing.teacher | percent }}), and the share recognised among all goes from {{ missing.before_all.mean | percent }} to {{ missing.after_all.mean | percent }}. If no validation
# label is at hand, knowing how common a 3 should be is enough: a shift chosen so that one picture in 36 becomes a 3 gives
# {{ missing.frequency.mean | percent }}. The students on labels start at {{ missing.labels_before.mean | percent }} and end at {{ missing.labels_after.mean | percent }} with the shift that validation prefers.
# Shifted until one picture in 36 becomes a 3, they find {{ missing.labels_frequency.mean | percent }} of the real ones: what they call a 3 is mostly something
# else, for there is hardly any knowledge of a 3 in them that a bias could bring out.
#
# This repeats, in small, an experiment of Hinton, Vinyals and Dean (2015, section 3), where a student that had seen
# no 3 got 98.6 % of the test threes right after its bias was raised.

# %% [markdown]
# ## Rare classes
#
# In most data some classes are rare. A common advice is to weigh the classes in the divergence:
#
# $$L = \frac{T^2}{N} \sum_n \sum_c w_c\, p_{t,c}^{(n)}(T) \log \frac{p_{t,c}^{(n)}(T)}{p_{s,c}^{(n)}(T)}$$
#
# In words: the term of each class counts $w_c$ times, in every sample. With all $w_c = 1$ it is the loss of unit 01.

# %% exercise="class_weighted_kd_loss" difficulty=2 minutes=5
def class_weighted_kd_loss(student_logits, teacher_logits, class_weights, temperature):
    """T² · Σ_c w_c · p_t,c(T) · log(p_t,c(T) / p_s,c(T)), averaged over the batch.

    student_logits, teacher_logits: (N, C), of any finite size. class_weights: w, (C,), positive, taken
    as they are. temperature: T. Returns a scalar tensor; the teacher gets no gradient.
    Example: student [[0, 0]], teacher [[0, 2]], w = [3, 1], T = 2: p_t = [0.2689, 0.7311],
    p_s = [0.5, 0.5]; terms 0.2689 · log 0.5379 = -0.1668 and 0.7311 · log 1.4621 = 0.2777;
    4 · (3 · -0.1668 + 0.2777) = -0.8905.
    """
    ### BEGIN SOLUTION
    log_t = (teacher_logits.detach() / temperature).log_softmax(-1)
    log_s = (student_logits / temperature).log_softmax(-1)
    terms = log_t.exp() * (log_t - log_s)
    return temperature**2 * (class_weights * terms).sum(-1).mean()
    ### END SOLUTION

# %% check="class_weighted_kd_loss" points=2
from kdtutor.checks import check, secret_logits

check(class_weighted_kd_loss)
### BEGIN HIDDEN TESTS
student, teacher_says = secret_logits(5, 6, key="student"), secret_logits(5, 6, key="teacher")
w = secret_logits(6, key="weights").exp()
p_t, p_s = (teacher_says / 3).double().softmax(-1), (student / 3).double().softmax(-1)
by_hand = 9 * float((w * p_t * (p_t / p_s).log()).sum()) / 5
off = abs(float(class_weighted_kd_loss(student, teacher_says, w, 3.0)) - by_hand)
assert off < 1e-3 * (1 + abs(by_hand)), "the value is wrong at T = 3 for fresh logits and weights"
### END HIDDEN TESTS

# %% [markdown]
# The value in the example is negative: with weights this is no divergence any more. Where is it smallest? Only
# $-\sum_c w_c\, p_{t,c} \log p_{s,c}$ depends on the student. That is a cross-entropy with the target $w \cdot p_t$, so it is smallest where
#
# $$p_{s,c}(T) \;\propto\; w_c\, p_{t,c}(T) \quad\Longleftrightarrow\quad z_s = z_t + T \log w + \text{const}.$$
#
# In words: the perfect student no longer agrees with its teacher; it is the teacher with a bias of $T \log w_c$ on each class. Now
# recall what is deployed, the student at $T = 1$: there the weight acts as a factor $w_c^T$. Take a class with a tenth of the pictures
# of another, weighed ten times as much, at $T = 4$.

# %%
predict("by which factor do the odds of the rare class grow at T = 1? (weights 10 to 1, T = 4)", ...)

# %% experiment
my_weighted = use(class_weighted_kd_loss)
reveal("by which factor do the odds of the rare class grow at T = 1? (weights 10 to 1, T = 4)", 10**4)
z = torch.zeros(1, 2, requires_grad=True)  # a student of two classes, free to say anything
for _ in range(400):  # descent on the weighted loss; the teacher finds both classes equally likely
    gradient, = torch.autograd.grad(my_weighted(z, torch.zeros(1, 2), torch.tensor([10.0, 1.0]), 4.0), z)
    z.data -= 0.3 * gradient
print(f"the student's odds at T = 1: {(z[0, 0] - z[0, 1]).exp():.0f} to 1")

# %% [markdown]
# If the aim is a factor $w$ at $T = 1$, the loss has to be given $w^{1/T}$. Both are tried: every third class keeps a tenth of its
# training pictures, $w$ is the inverse of a class's frequency (mean 1 over the pictures), the rates are those chosen above.

# %% experiment
rare = torch.arange(36) % 3 == 0
kept = ~rare[train.y] | (torch.rand(len(train), generator=torch.Generator().manual_seed(0)) < 0.1)
count = torch.bincount(train.y[kept], minlength=36)
w = count.sum() / 36 / count
uneven = {"x": train.x[kept], "targets": (z_t[kept], train.y[kept]), "epochs": 6}


def weighted_labels(z_s, z_t, y):
    return F.cross_entropy(z_s, y, weight=w.to(z_s.device))


def weighted(weights):
    return lambda z_s, z_t, y: distill.kd_loss(z_s, z_t, 4.0, class_weights=weights)


on_labels = trained({"labels": labels_alone, "labels, weights w": weighted_labels},
                    rate_of["labels"], SEEDS, **uneven)
on_answers = trained({"teacher": answers_alone, "teacher, weights w": weighted(w),
                      "teacher, weights w^(1/T)": weighted(w ** (1 / 4))},
                     rate_of["distilled"], SEEDS, **uneven)


def shares(student):
    """Mean share recognised of the rare classes, of the common ones, and of all classes."""
    right = (outputs_of(student, test.x).cpu().argmax(-1) == test.y).double()
    by_class = torch.stack([right[test.y == c].mean() for c in range(36)])
    return {"rare": by_class[rare].mean().item(), "common": by_class[~rare].mean().item(),
            "all": by_class.mean().item()}


measured = {name: [shares(s) for s in group] for name, group in (on_labels | on_answers).items()}
rows = {name: {kind: mean_interval([run[kind] for run in runs]) for kind in runs[0]}
        for name, runs in measured.items()}
keys = ("labels", "labels_w", "teacher", "teacher_w", "repaired")
record("rare", **dict(zip(keys, rows.values())),
       raw=paired_comparison([r["all"] for r in measured["teacher, weights w"]],
                             [r["all"] for r in measured["teacher"]], smallest_gain=0.005),
       root=paired_comparison([r["all"] for r in measured["teacher, weights w^(1/T)"]],
                              [r["all"] for r in measured["teacher"]], smallest_gain=0.005))
plots.show(
    plots.rare_and_common(rows),
    alt="Five ways of training, and for each the share recognised of rare classes, common classes and "
    "all classes. With weights w in the divergence the common classes fall far below all others; with w "
    "to the power 1/T rare and common classes lie close together.",
)

# %% [markdown]
# How to read it: a line for each way of training; the dots are means over ten students with their intervals. A way that
# is fair to all classes has its dots close together, a good one has them far to the right.
#
# **Reading the result.** Before any weighing the teacher's answers already help the rare classes: {{ rare.teacher.rare.mean | percent }} of their pictures are
# recognised, against {{ rare.labels.rare.mean | percent }} from labels and {{ rare.labels_w.rare.mean | percent }} from labels with weights $w$ in the cross-entropy. Weights $w$ in the divergence turn the imbalance round: the rare classes reach
# {{ rare.teacher_w.rare.mean | percent }}, the common ones fall to {{ rare.teacher_w.common.mean | percent }}, and over all classes the verdict is "{{ rare.raw.verdict }}" ({{ rare.raw.difference | +.1% }}). With
# $w^{1/T}$ the verdict is "{{ rare.root.verdict }}": {{ rare.root.difference | +.1% }} over all classes (95 % interval {{ rare.root.low | +.1% }} to {{ rare.root.high | +.1% }}), {{ rare.repaired.rare.mean | percent }} for the rare ones and
# {{ rare.repaired.common.mean | percent }} for the common ones. The advice was not wrong, but it is silent about the temperature. One caveat: this teacher was trained
# on balanced pictures. A teacher that has the imbalance itself would pass it on.

# %% [markdown]
# ## Seven silent faults
#
# Question 4. All of these were found in public code, most of them by somebody who wondered about a bad result. None
# raises an error. Each is one changed line below. The loop uses plain SGD, the optimiser of most published recipes, and
# 4,000 pictures; $T = 4$, $\alpha = 0.9$.
#
# Predict: which of the seven still trains a student that is as good as the right loop's, to the eye?

# %%
predict("the fault that hardly shows (its name, as listed below)", ...)

# %% experiment
N, B, EPOCHS = 4000, 128, 6
x, y, z = train.x[:N], train.y[:N], z_t[:N]
body, head = teacher[:9], teacher[9:]  # the teacher's convolutions, and the two layers that read them
features = outputs_of(body, x)
first_order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
with torch.no_grad(), torch.random.fork_rng():
    torch.manual_seed(0)
    restless = deepcopy(teacher).train()
    noisy = torch.stack([torch.cat([restless(part) for part in x.split(B)]) for _ in range(2)])


def attached(z_s, z_t, y, T=4.0, alpha=0.9):
    """The right loss without detach: what made the teacher's logits gets a gradient too."""
    log_t, log_s = (z_t / T).log_softmax(-1), (z_s / T).log_softmax(-1)
    kl = (log_t.exp() * (log_t - log_s)).sum(-1).mean()
    return (1 - alpha) * F.cross_entropy(z_s, y) + alpha * T**2 * kl


def weaker(times):
    """The teacher's term that many times too small."""
    return lambda z_s, z_t, y: (
        0.1 * F.cross_entropy(z_s, y) + 0.9 / times * distill.kd_loss(z_s, z_t, 4.0))


moved_along = []  # the heads of the teachers that are trained with their students


def in_the_graph():
    """The optimiser was given the teacher's parameters too; here its last two layers, to save time."""
    moved_along.append(deepcopy(head))
    theirs = moved_along[-1]
    return {"loss": attached, "ask": lambda rows, at: theirs(features[rows]),
            "also": theirs.parameters()}


# %% experiment
FAULTS = {
    "teacher in training mode": lambda: {"ask": lambda rows, at: noisy[at // B % 2][rows]},
    "teacher in the graph": in_the_graph,
    "labels only": lambda: {"loss": labels_alone},
    "T² lost": lambda: {"loss": weaker(4**2)},
    "mean over classes": lambda: {"loss": weaker(36)},
    "cache by iteration": lambda: {"ask": lambda rows, at: z[first_order][at : at + len(rows)]},
    "gradients not zeroed": lambda: {"clear": False},
}


def curve(seed, loss=distilled, ask=lambda rows, at: z[rows], clear=True, also=()):
    """Validation accuracy after every epoch.

    ask(rows, at): what the teacher says about these samples, which come at place `at` of the epoch.
    """
    student, recipe, step = models.mlp(256, 64, 36, seed=seed), Recipe(epochs=EPOCHS, lr=0.3), 0
    optimizer = torch.optim.SGD([*student.parameters(), *also], momentum=0.9, lr=0.3)
    accuracies = []
    for epoch in range(EPOCHS):
        order = torch.randperm(N, generator=torch.Generator().manual_seed(epoch))
        for at in range(0, N, B):
            rows = order[at : at + B]
            optimizer.param_groups[0]["lr"] = recipe.learning_rate(step, recipe.steps(N))
            value = loss(student(x[rows]), ask(rows, at), y[rows])
            if clear:
                optimizer.zero_grad()
            value.backward()
            optimizer.step()
            step += 1
        accuracies.append(accuracy(student, validation))
    return accuracies


# %% experiment
def mean_curve(fault):
    return torch.tensor([curve(seed, **fault()) for seed in range(3)]).mean(0).tolist()


right = mean_curve(dict)
faulty = {name: mean_curve(fault) for name, fault in FAULTS.items()}
lost = {name: right[-1] - values[-1] for name, values in faulty.items()}
mildest = min(lost, key=lambda name: abs(lost[name]))
keys = ("mode", "graph", "labels", "factor", "mean", "iteration", "zero")
on_validation = outputs_of(body, validation.x)
record("faults", right=right[-1], mildest=mildest, mildest_ends=faulty[mildest][-1],
       **{k: v[-1] for k, v in zip(keys, faulty.values())},
       teacher_moved=sum(accuracy(each, (on_validation, validation.y)) for each in moved_along) / 3)
reveal("the fault that hardly shows (its name, as listed below)", mildest)

# %% experiment
plots.show(
    plots.faulty_loops(right, faulty),
    alt="Seven small panels of validation accuracy over six epochs, each with the right loop's curve. "
    "Gradients that are not zeroed and a cache by iteration end near chance; a lost T² and the mean "
    "over classes learn slowly; labels only and a teacher in training mode stay near the right curve.",
)

# %% [markdown]
# How to read it: the broad line is the right loop, the same in every panel; the thin one has one fault. Each is a mean
# over three seeds, so a point more or less means nothing here.
#
# **Reading the result.** The right loop ends at {{ faults.right | percent }}. A cache by iteration is right during the first epoch, when the
# order is the one it was filled in, and ends at {{ faults.iteration | percent }}; gradients that add up end at {{ faults.zero | percent }}; a teacher that is
# trained along gives in to its student and is itself right for {{ faults.teacher_moved | percent }} in the end, the student for {{ faults.graph | percent }}. Those you would notice. The two faults of scale end at
# {{ faults.factor | percent }} (T² lost) and {{ faults.mean | percent }} (mean over classes): the student looks slow, and one would blame the method. "Labels only"
# ends at {{ faults.labels | percent }}: a perfectly healthy curve of something else. The fault that shows least is "{{ faults.mildest }}" with {{ faults.mildest_ends | percent }}: here the noise in the
# targets seems to average out over the epochs, which is no promise for another teacher or smaller batches. So a curve that looks healthy proves little. What does: let student and teacher be the same network and see that the
# loss is 0; double $T$ and see that the gradient stays; shuffle and see that the target of a sample stays.

# %% [markdown]
# Is a lost $T^2$ always that bad? AdamW divides each gradient by its own size, so a loss that is too small as a whole does
# not slow it down; only the balance between labels and teacher is off.

# %% experiment
small = {"x": x, "targets": (z, y), "epochs": EPOCHS}
adam = trained({"right": distilled, "T² lost": weaker(4**2)}, 0.05, SEEDS, **small)
on_adam = {name: [accuracy(s, validation) for s in group] for name, group in adam.items()}
cost = paired_comparison(on_adam["right"], on_adam["T² lost"], smallest_gain=0.005)
print("having T² under AdamW:", cost)
record("adam", comparison=cost)

# %% [markdown]
# Measured over {{ adam.comparison.n }} paired seeds, having the factor under AdamW is worth {{ adam.comparison.difference | +.1% }} (95 % interval {{ adam.comparison.low | +.1% }} to {{ adam.comparison.high | +.1% }}; verdict:
# {{ adam.comparison.verdict }}), against {{ faults.right | percent }} and {{ faults.factor | percent }} under SGD. The same bug, and whether it hurts depends on the optimiser: that is how
# it survives in code that "works".

# %% [markdown]
# ## Reading critically: a loop that cannot learn
#
# An article on distillation shows a training loop. Its loss, rebuilt here in our own words, is torch's `KLDivLoss` with
# its default settings, between two log-softmaxes. There is no temperature; the labels are loaded and never used; teacher and
# student both run in training mode and with gradients. Suppose student and teacher are one and the same network, so that
# nothing is left to learn. What value does the loss have?

# %%
predict("the loss for two identical networks (a number, or 'nan')", ...)

# %% experiment
import warnings

from torch import nn


def loss_of_the_article(student_logits, teacher_logits):
    with warnings.catch_warnings():  # torch warns of the mean here, and of nothing else
        warnings.simplefilter("ignore")
        return nn.KLDivLoss()(student_logits.log_softmax(-1), teacher_logits.log_softmax(-1))


student_says = models.mlp(256, 64, 36, seed=1)(train.x[:128]).detach()
same, other = student_says.clone(), z_t[:128]
value = loss_of_the_article(student_says, same).item()
reveal("the loss for two identical networks (a number, or 'nan')", str(value))
log_s, log_same = student_says.log_softmax(-1), same.log_softmax(-1)
print("target, largest entry:", f"{log_same.max():.3f}")

# %% [markdown]
# The loop has these faults: **the teacher is in training mode** · **the teacher is in the graph** · **no temperature** ·
# **the mean runs over classes too** · **the labels are never used** · **the target is a logarithm**. All are worth
# mending. One of them alone makes the value undefined. Write it in the place of `None`, in quotation marks, as it is
# printed here.

# %% exercise="why_nan" difficulty=2 minutes=3
why_nan = None
### BEGIN SOLUTION
why_nan = "the target is a logarithm"
### END SOLUTION

# %% check="why_nan" points=1
from kdtutor.checks import check

check(why_nan, exercise="why_nan")
### BEGIN HIDDEN TESTS
assert why_nan == "the target is a logarithm", "another of the listed faults makes the value undefined"
### END HIDDEN TESTS

# %% [markdown]
# Mended one fault at a time, for two identical networks and for the student beside the real teacher:

# %% experiment
def mended(teacher_says, T=1.0, scale=1.0):
    log_t, log_s = (teacher_says / T).log_softmax(-1), (student_says / T).log_softmax(-1)
    return (T**2 * F.kl_div(log_s, log_t, reduction="sum", log_target=True) / scale).item()


everything = student_says.numel()  # samples times classes, which `mean` divides by
table = {
    "as it was": [loss_of_the_article(student_says, t).item() for t in (same, other)],
    "log_target=True": [mended(t, scale=everything) for t in (same, other)],
    "mean over samples alone": [mended(t, scale=128) for t in (same, other)],
    "softened, with T²": [mended(t, T=4.0, scale=128) for t in (same, other)],
    "labels too": [distilled(student_says, t, train.y[:128]).item() for t in (same, other)],
}
record("article", too_small=table["mean over samples alone"][1] / table["log_target=True"][1])
for repair, (of_same, of_other) in table.items():
    print(f"{repair:>24}: identical {of_same:7.3f}   real teacher {of_other:7.3f}")

# %% [markdown]
# `KLDivLoss` computes target · (log target − input) and takes the target for a probability. A logarithm of a probability
# is never positive, and the logarithm of a negative number is NaN, in the first batch and in every other: nobody can
# have run this loop and looked at its loss. With that mended, `mean` still makes the loss {{ article.too_small | .0f }} times too small. The last line is not 0 for identical networks,
# because the labels still have something to say. Two more faults of that article do not show in numbers: its formula
# writes the divergence from the student to the teacher while its code intends the other direction, and it never says
# what was tuned.

# %% [markdown]
# ## In the interview
#
# Two questions that are asked about distillation. The first is yours to answer in a sentence or two; a person reads it.

# %% [markdown] answer="definition" points=2
# **What is knowledge distillation?** Say what is trained on what, and to what end, in one or two sentences.
#
# <!-- BEGIN SOLUTION -->
# Knowledge distillation trains a network (the student, usually smaller) on what a trained network (the teacher)
# answers to the same inputs, its softened class probabilities, often together with the labels, in order to get a
# cheaper model that keeps more of the teacher's accuracy than training on labels alone would give it.
#
# <!-- BEGIN MARK SCHEME -->
# 1 point: a trained teacher's outputs (probabilities or logits, not merely its likeliest class, not its weights) are the
# target of another network. 1 point: the end is a cheaper model with little accuracy lost, stated as an aim and not as a
# guarantee. No point is lost for leaving out the temperature or the labels. "Making a model smaller" alone
# describes pruning and quantisation as well: 0 points.
# <!-- END MARK SCHEME -->
# <!-- END SOLUTION -->

# %% [markdown]
# The second: **what is its basic principle?** Choose the sentence that says it, and put its letter, such as `"A"`, in
# the place of `None`.
#
# - **A** The student's weights are pulled towards those of the teacher.
# - **B** The student is trained on the class that the teacher finds likeliest.
# - **C** What contributes least to the teacher is removed until the student is left.
# - **D** For the same input, the student is trained to give the same softened distribution over all classes as the
#   teacher, so that it also learns how likely the wrong classes are.
# - **E** Teacher and student are trained until their outputs meet in the middle.
# - **F** The student is trained in a way that makes it more accurate than labels alone would.

# %% exercise="principle" difficulty=1 minutes=2
principle = None
### BEGIN SOLUTION
principle = "D"
### END SOLUTION

# %% check="principle" points=1
from kdtutor.checks import check

check(principle, exercise="principle")
### BEGIN HIDDEN TESTS
assert principle == "D", "another of the sentences says what is compared and who is moved"
### END HIDDEN TESTS

# %% [markdown]
# ## What to remember
#
# - A teacher answers in evaluation mode, without a graph, and is left as it was.
# - $L = (1-\alpha)\,\mathrm{CE} + \alpha\, T^2\, \mathrm{KL}$; here α weighs the teacher. At $T = 1$ it is one cross-entropy with a mixed target.
# - Labels against teacher is a contest of two tuned recipes. With one learning rate for both, the rate decides.
# - A cache is keyed by the sample. It turns a step's cost into the student's alone.
# - A teacher turns pictures without labels into training data; it even passes on a class that never comes, up to a bias.
# - Class weights in the divergence act as $w^T$ at $T = 1$.
#
# **What breaks it**: everything among the seven faults; a learning rate taken over from the other method; a test set
# that was used for choosing.
#
# **Where to read on**: Hinton, Vinyals and Dean, *Distilling the Knowledge in a Neural Network*, 2015, section 2 for the
# mixed loss and section 3 for the missing class. Beyer et al., *Knowledge distillation: A good teacher is patient and
# consistent*, 2022, section 3, on showing both the same view, for long. Stanton et al., *Does Knowledge Distillation
# Really Work?*, 2021, section 4, on students that could match their teacher and do not. Tang et al., *Understanding and Improving Knowledge Distillation*, 2020,
# section 3, on what a soft target adds to a label.
#
# Next: unit 03 lets the student learn from more than the teacher's last layer.
