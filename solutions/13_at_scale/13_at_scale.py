# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # At scale
#
# So far everything was small enough for a laptop. One of the source articles tells of a larger case: a ResNet-50
# that knows CIFAR-10 teaches a MobileNet. On a GPU this notebook runs that case. Without one it says so and runs a
# small relative of it, so that every step below is measured on your machine, whichever that is. Nothing here is graded.
#
# **After this unit** you can say where the time of a distillation goes, take the teacher out of the loop, use mixed
# precision and a compiled loop where they pay, train one student with several processes, and check that all this has
# not changed the result.
#
# **Questions that the measurements below will settle**
#
# 1. How much faster is training when the teacher's answers are cached, and how much of that do the operations promise?
# 2. Do bfloat16 and several processes make it faster on this machine?
# 3. Rare classes: is it as good to sample them more often as to weigh them?
# 4. A student that follows one user: what does it gain, and what does it lose when the user's interests change?
#
# | | |
# |---|---|
# | Time | 30 minutes |
# | Points | 0 |
# | You need | units 02 and 04: the distillation loss, cached logits, following a stream |

# %%
import json
import subprocess
import sys
from functools import partial

import torch
import torch.nn.functional as F

from kdtutor import data, distill, machine, models, plots
from kdtutor.checks import predict, reveal
from kdtutor.plots import at_scale

# %% [markdown]
# ## Your machine
#
# The cell below decides what runs: the whole case on a GPU, its small relative on a processor. CIFAR-10 is used where
# its files are (`data.load("cifar-10", download=True)` fetches them once); elsewhere *colour glyphs* stand in, the ten
# digits in CIFAR-10's format.

# %% experiment
from kdtutor.measure import accuracy, latency, macs, mean_interval, paired_comparison, parameters, record
from kdtutor.training import Recipe, default_device, fit, fit_many, glyph_teacher
from kdtutor.training import predict as outputs_of
from kdtutor.training.sampling import balanced_indices

device = default_device()
whole = device.type == "cuda"
if not whole:
    torch.set_num_threads(1)
sizes = {} if whole else {"train": 1500, "validation": 200, "test": 1000}
try:
    pictures = data.load("cifar-10")
except FileNotFoundError:
    pictures = data.load("colour-glyphs", **sizes)
train, test = pictures.train[: sizes.get("train")], pictures.test[: sizes.get("test")]
version = "the whole case" if whole else "the small relative, without a GPU"
for what, value in machine.describe().items():
    print(f"{what:>7}: {value}")
print(f"   runs: {version}, on {len(train)} pictures of {pictures.name}")
found = machine.describe()["device"]
record("machine", version=version, device=found, data=pictures.name, train=len(train))

# %% [markdown]
# The numbers quoted in this text were recorded with: {{ machine.version }}, on {{ machine.train }} pictures of
# {{ machine.data }}; device: {{ machine.device }}. Yours stand under the cells. Nothing is quoted that was not run.

# %% [markdown]
# ## The case
#
# Both networks were made for pictures of 224 × 224. For 32 × 32 the ResNet's first convolution becomes 3 × 3 with
# stride 1 and its first pooling is left out; the MobileNet's first convolution gets stride 1. The relative that runs
# without a GPU is a residual network with two blocks, and a MobileNetV2 of a quarter of the width with three of its inverted
# residuals: blocks that widen, filter each channel by itself, and narrow again.
#
# The article gives the ResNet-50 10 million parameters and the MobileNet 5 million. Both are counted below, whatever runs.

# %% experiment
from torch import nn
from torchvision.models import MobileNetV2, mobilenet_v2, resnet50

BLOCKS = [[1, 16, 1, 1], [4, 24, 1, 2], [4, 32, 1, 2]]  # widening, channels, repeats, stride


def teacher_of_the_case():
    network = resnet50(num_classes=10)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def student_of_the_case():
    network = mobilenet_v2(num_classes=10)
    network.features[0][0].stride = (1, 1)
    return network


def large(seed):
    with models.seeded(seed):
        return teacher_of_the_case() if whole else models.residual_cnn(32, 2, 10, in_channels=3)


def small(seed):
    with models.seeded(seed):
        return student_of_the_case() if whole else MobileNetV2(10, 0.25, BLOCKS, dropout=0.0)


picture = torch.zeros(1, 3, 32, 32)
counted = {}
for name, network in (("resnet", teacher_of_the_case()), ("mobilenet", student_of_the_case()),
                      ("teacher", large(0)), ("student", small(0))):
    counted[name] = {"millions": parameters(network) / 1e6, "macs": macs(network, picture) / 1e6}
    print(f"{name:>9}: {counted[name]['millions']:7.3f} million parameters,",
          f"{counted[name]['macs']:8.1f} million MACs")
record("counted", **counted)

# %% [markdown]
# With ten classes they have {{ counted.resnet.millions | .1f }} and {{ counted.mobilenet.millions | .2f }} million parameters.
# In what ran here, a picture costs the teacher {{ counted.teacher.macs | .1f }} million multiply-accumulates and the student
# {{ counted.student.macs | .2f }} million.
#
# Now the teacher is trained on labels, and then students in pairs: from labels, and distilled ($T = 4$, $\alpha = 0.9$) from
# the teacher's logits, which are asked for once and kept. A pair starts from the same weights and sees the same order of
# pictures. One learning rate serves both sides and none was tuned, so take this as a test of the machinery; for a verdict
# on distillation itself see unit 02, where rates were tuned and ten seeds were run.

# %%
predict("points that the distilled students gain over those from labels", ...)

# %% experiment
SEEDS = range(5) if whole else range(3)
if whole:
    recipe = Recipe(epochs=30, batch_size=256, lr=2e-3, precision="bfloat16")
else:
    recipe = Recipe(epochs=8, batch_size=64, lr=1e-2)
of_teacher = recipe if whole else Recipe(epochs=4, batch_size=64, lr=5e-3)
teacher = large(0)
fit(teacher, train.x, (train.y,), F.cross_entropy, of_teacher)
cache = distill.cache_logits(teacher, train.x)
answers = cache.logits[:, 0].float()
kd = partial(distill.distillation_loss, temperature=4.0, alpha=0.9)


def score(network):
    return 100 * accuracy(network, test)


sides = {"labels": ((train.y,), F.cross_entropy), "distilled": ((answers, train.y), kd)}
scores = {name: [] for name in sides}
for seed in SEEDS:
    for name, (targets, loss) in sides.items():
        student = small(seed)
        fit(student, train.x, targets, loss, recipe, seed=seed)
        scores[name].append(score(student))
gain = paired_comparison(scores["distilled"], scores["labels"], smallest_gain=1.0)
record("case", teacher=score(teacher), bytes=cache.nbytes, gain=gain, seeds=len(SEEDS),
       **{name: mean_interval(values) for name, values in scores.items()})
reveal("points that the distilled students gain over those from labels", gain.difference)
print(f"teacher: {score(teacher):.1f} %")
for name, values in scores.items():
    print(f"{name:>9}: {mean_interval(values)} %")
print(gain)

# %% [markdown]
# **Reading the result.** The teacher reaches {{ case.teacher | .1f }} %, students from labels {{ case.labels.mean | .1f }} %,
# distilled ones {{ case.distilled.mean | .1f }} %. The mean difference over {{ case.seeds }} pairs is
# {{ case.gain.difference | +.1f }} points (95 % interval {{ case.gain.low | +.1f }} to {{ case.gain.high | +.1f }}; verdict:
# {{ case.gain.verdict }}). With so few pairs the interval is wide, and the verdict takes that into account.

# %% [markdown]
# ## Where the time goes
#
# A step of the student costs about three times its forward pass: once forward, about twice backward. A teacher that is
# asked in every step adds its own forward pass. With $M_t$ and $M_s$ multiply-accumulates a picture, caching promises
#
# $$\frac{M_t + 3 M_s}{3 M_s}$$
#
# In words: all the work of a step, divided by the part that is left when the teacher is silent. The cache costs a place
# for every class of every picture (and of every view, if pictures are augmented: a teacher must be asked about the view
# that the student sees). Here it takes {{ case.bytes }} bytes.
#
# **Mixed precision** runs products in bfloat16, 16 bits with the range of float32, and keeps weights and loss in float32.
# **`torch.compile`** joins the many small operations of a step; compiling takes a minute first and needs a C++ compiler on a
# processor, so it is tried on a GPU only. Predict from the counts above: how many times faster is a step with the cache?

# %%
predict("steps with cached logits, times as fast as with the teacher", ...)

# %% experiment
B = 256 if whole else 64
x, y, z = (t[:B].to(device) for t in (train.x, train.y, answers))
teacher.to(device).eval()


def step_of(student, bfloat16=False, ask=False):
    """One update of the student on one batch; `ask`: the teacher answers in every step."""
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-4, fused=True)

    def step():
        z_t = distill.teacher_logits(teacher, x) if ask else z
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            z_s = student(x)
        optimizer.zero_grad()
        kd(z_s.float(), z_t.float(), y).backward()
        optimizer.step()

    return step


ways = {
    "teacher asked in every step": step_of(small(0).to(device).train(), ask=True),
    "cached logits": step_of(small(0).to(device).train()),
    "cached, bfloat16": step_of(small(0).to(device).train(), bfloat16=True),
}
if whole:
    compiled = torch.compile(small(0).to(device).train())
    ways["cached, bfloat16, compiled"] = step_of(compiled, bfloat16=True)
times = {name: latency(step, warmup=3, budget=1.5) for name, step in ways.items()}
rates = {name: (B / t.median, B / t.high, B / t.low) for name, t in times.items()}
promised = 1 + counted["teacher"]["macs"] / (3 * counted["student"]["macs"])
asked, cached, short = (rates[name][0] for name in list(ways)[:3])
fastest = rates[list(ways)[-1]][0]
last = f"{fastest:.0f} pictures a second" if whole else "not run without a GPU"
record("throughput", asked=asked, cached=cached, short=short, faster=cached / asked, promised=promised,
       bfloat16=short / cached, compiled=last)
reveal("steps with cached logits, times as fast as with the teacher", cached / asked)
plots.show(
    at_scale.throughput(rates),
    alt="Pictures a second in training, one bar for each way: with the teacher asked in every step, "
    "with cached logits, and with cached logits in bfloat16.",
)

# %% [markdown]
# How to read it: each bar is the median of many steps, the line on it holds the middle half of them.
#
# **Reading the result.** Question 1: with the teacher in the loop {{ throughput.asked | .0f }} pictures a second, with cached
# logits {{ throughput.cached | .0f }}, {{ throughput.faster | .1f }} times as many, where the operations promise
# {{ throughput.promised | .1f }}. The two need not agree: a depthwise convolution computes little with every number that it
# fetches, so an operation of a MobileNet takes longer than one of a ResNet. Question 2, first half: bfloat16 changes the rate
# by a factor of {{ throughput.bfloat16 | .2f }} (below 1 it is slower: a processor without products in bfloat16 converts
# back and forth). The compiled loop: {{ throughput.compiled }}.

# %% [markdown]
# ## Several processes
#
# With data parallelism every process holds the whole student and computes its share of each batch; then all processes average
# their gradients and make the same update. If process $r$ of $W$ has $n_r$ of the $B$ pictures and its mean loss is $\ell_r$,
#
# $$\frac1W \sum_r \frac{n_r W}{B}\,\ell_r = \frac1B \sum_r n_r\,\ell_r$$
#
# In words: weighted by its share, the average over processes is the mean over the batch, also where the batch cannot be
# divided evenly. So any number of processes should learn the same, up to rounding. The exceptions are dropout, which draws
# anew in each process, and BatchNorm, which sees only a share.
#
# `torchrun` starts the processes; each runs `kdtutor.training.distributed`, which distils a perceptron on colour glyphs, a
# process a GPU, first in one process while the others wait, then in all. Without GPUs they are processes on the processor.
# In a terminal:
#
#     torchrun --standalone --nproc-per-node=2 -m kdtutor.training.distributed
#
# Predict: how many times as many pictures a second do two processes reach here?

# %%
predict("pictures a second with two processes, relative to one", ...)

# %% experiment
command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1",
           "--nproc-per-node=2", "-m", "kdtutor.training.distributed"]
try:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90)
    said = json.loads(ran.stdout.splitlines()[-1]) if ran.returncode == 0 else None
    trouble = ran.stderr[-300:]
except subprocess.TimeoutExpired:
    said, trouble = None, "it did not end within 90 seconds"
if said:
    one, two = said["alone"], said["together"]
    ratio = two["pictures_a_second"] / one["pictures_a_second"]
    apart = max(abs(a - b) / a for a, b in zip(one["losses"], two["losses"]))
    verdict = (f"two processes through {said['backend']} reached {ratio:.2f} times the rate of one, and "
               f"the losses of their epochs differ by at most {apart:.0e} of themselves")
    reveal("pictures a second with two processes, relative to one", ratio)
else:
    verdict = "torchrun could not be run on this machine"
    print(trouble)
record("processes", verdict=verdict, cores=machine.usable_cores())
print(verdict)

# %% [markdown]
# **Reading the result.** Recorded on a machine with {{ processes.cores }} cores and its other work: {{ processes.verdict }}.
# The losses are the test that matters: a faster loop that learns something else is not faster. Whether two processes pay
# depends on how much there is to compute between two exchanges, and on whether each has a device of its own.

# %% [markdown]
# ## Rare classes: sampling instead of weighing
#
# Unit 02 weighed rare classes in the loss. An article recommends sampling as well: **over-sampling** shows pictures of rare
# classes several times, **under-sampling** leaves out most pictures of the frequent ones. In expectation over-sampling weighs whole
# *pictures*, not classes within the divergence, so the target stays the teacher's answer; what it adds is repetition.
# As in unit 02, every third of the 36 characters keeps a tenth of its pictures; students learn the answers of the glyph
# teacher at $T = 4$, with about the same number of updates each. The fourth way is unit 02's: the pictures as they come, and weights
# $w^{1/T}$ in the divergence, $w$ the inverse of a class's frequency. Which is best over all classes? Predict.

# %%
predict("best of: as they come, over-sampled, under-sampled, weighed", ...)

# %% experiment
glyphs = data.load("glyphs")
knows = glyph_teacher()
says = outputs_of(knows, glyphs.train.x).cpu()
ten = range(10)
rare = torch.arange(36) % 3 == 0
luck = torch.rand(len(glyphs.train), generator=torch.Generator().manual_seed(0))
kept = ~rare[glyphs.train.y] | (luck < 0.1)
have = kept.nonzero()[:, 0]
count = torch.bincount(glyphs.train.y[have], minlength=36)
draw = torch.Generator().manual_seed(0)
shown = {
    "as they come": have,
    "over-sampled": have[balanced_indices(glyphs.train.y[have], int(count.max()), draw)],
    "under-sampled": have[balanced_indices(glyphs.train.y[have], int(count.min()), draw)],
    "weighed": have,
}
w = count.sum() / 36 / count
UPDATES, soft = 160, partial(distill.kd_loss, temperature=4.0)
weighed = partial(distill.kd_loss, temperature=4.0, class_weights=(w ** (1 / 4)).to(device))


def group_accuracy(network):
    right = (outputs_of(network, glyphs.test.x).cpu().argmax(-1) == glyphs.test.y).double()
    by_class = 100 * torch.stack([right[glyphs.test.y == c].mean() for c in range(36)])
    return {"rare": by_class[rare].mean().item(), "all": by_class.mean().item()}


sampled = {}
for name, index in shown.items():
    students = [models.mlp(256, 64, 36, seed=seed) for seed in ten]
    plan = Recipe(epochs=max(1, round(UPDATES / -(-len(index) // 128))), lr=1e-2)
    loss = weighed if name == "weighed" else soft
    fit_many(students, glyphs.train.x[index], (says[index],), loss, plan, seeds=ten)
    sampled[name] = [group_accuracy(network) for network in students]
    both = {kind: mean_interval([run[kind] for run in sampled[name]]) for kind in ("rare", "all")}
    print(f"{name:>14}: rare {both['rare']}, all {both['all']}")
every = {name: [run["all"] for run in runs] for name, runs in sampled.items()}
best = max(every, key=lambda name: mean_interval(every[name]).mean)
reveal("best of: as they come, over-sampled, under-sampled, weighed", best)
record("sampling",
       over=paired_comparison(every["over-sampled"], every["as they come"], smallest_gain=0.5),
       under=paired_comparison(every["under-sampled"], every["as they come"], smallest_gain=0.5),
       versus=paired_comparison(every["over-sampled"], every["weighed"], smallest_gain=0.5),
       **{f"{name.split('-')[0].split()[0]}_{kind}": mean_interval([run[kind] for run in runs])
          for name, runs in sampled.items() for kind in ("rare", "all")})

# %% [markdown]
# **Reading the result.** Question 3. The rare characters are recognised to {{ sampling.as_rare.mean | .1f }} % as they come,
# {{ sampling.over_rare.mean | .1f }} % over-sampled, {{ sampling.under_rare.mean | .1f }} % under-sampled and
# {{ sampling.weighed_rare.mean | .1f }} % weighed. Over all classes over-sampling
# changes the mean by {{ sampling.over.difference | +.1f }} points (verdict: {{ sampling.over.verdict }}) and under-sampling by
# {{ sampling.under.difference | +.1f }} (verdict: {{ sampling.under.verdict }}): it throws away pictures on which the teacher could
# have been asked. Over-sampling against weighing: {{ sampling.versus.difference | +.1f }} points (95 % interval
# {{ sampling.versus.low | +.1f }} to {{ sampling.versus.high | +.1f }}; verdict: {{ sampling.versus.verdict }}). Sampling needs no correction
# for the temperature; weighing computes no picture twice.

# %% [markdown]
# ## Personalisation under drift
#
# A user writes only some characters, and later other ones; a small model near the user follows a large one on what this
# user does *now*. Unit 04 turned the pictures of a whole stream. Here each
# of ten users has a stream of 80 batches of 16 pictures: six characters in the first half, six others in the second. The
# glyph teacher answers, without labels. Each batch is an exam first, then a lesson. The student is small on purpose, 24
# hidden units: it cannot know everything well, and may spend itself on what its user needs.
#
# Predict: right after the change of interests, does the follower agree with the teacher more or less often than a copy that stayed as it was?

# %%
predict("points by which the follower is ahead in the five batches after the change", ...)

# %% experiment
HALF, SIZE = 40, 16
general = [models.mlp(256, 24, 36, seed=seed) for seed in range(11)]
fit_many(general, glyphs.train.x, (says,), soft, Recipe(epochs=4, lr=2e-2), seeds=range(11))
general = [network.cpu() for network in general]
knows = knows.cpu()
wanted = outputs_of(knows, glyphs.test.x).argmax(-1)


def of_user(user):
    """The user's stream: pictures of six characters, then of six others."""
    draw = torch.Generator().manual_seed(user)
    interests = torch.randperm(36, generator=draw)[:12].split(6)
    own = [torch.isin(glyphs.train.y, six).nonzero()[:, 0] for six in interests]
    some = [index[torch.randperm(len(index), generator=draw)[: HALF * SIZE]] for index in own]
    return glyphs.train.x[torch.cat(some)].split(SIZE)


def along(user, lr):
    """Agreement in % in each batch of the user's stream, and on all characters after it; lr 0 stays."""
    student = models.mlp(256, 24, 36)
    student.load_state_dict(general[user].state_dict())
    optimizer = torch.optim.Adam(student.parameters(), lr=lr or 1e-3)

    def step(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    follower = distill.OnlineDistiller(knows, student, step, soft)
    agreement = []
    for batch in of_user(user):
        if lr:
            agreement.append(100 * follower.consume(batch).agreement.item())
        else:
            same = outputs_of(student, batch).argmax(-1) == outputs_of(knows, batch).argmax(-1)
            agreement.append(100 * same.float().mean().item())
    after = (outputs_of(student, glyphs.test.x).argmax(-1) == wanted).float().mean().item()
    return torch.tensor(agreement), 100 * after


pace = max((1e-3, 3e-3, 1e-2), key=lambda lr: along(10, lr)[0].mean())  # by an eleventh user
runs = {"stays": [along(user, 0) for user in ten], "follows": [along(user, pace) for user in ten]}


def ahead(part):
    """The follower against the one that stayed, in a part of the stream."""
    means = {name: [run[0][part].mean().item() for run in of_way] for name, of_way in runs.items()}
    return paired_comparison(means["follows"], means["stays"], smallest_gain=1.0)


changed = ahead(slice(HALF, HALF + 5))
afterwards = {name: [run[1] for run in of_way] for name, of_way in runs.items()}
record("user", lr=pace, first=ahead(slice(HALF - 10, HALF)), changed=changed,
       second=ahead(slice(-10, None)),
       everything=paired_comparison(afterwards["follows"], afterwards["stays"], smallest_gain=1.0),
       stays=mean_interval([run[0].mean().item() for run in runs["stays"]]))
reveal("points by which the follower is ahead in the five batches after the change", changed.difference)
starts = range(0, 2 * HALF, 5)
parts = {
    name: [mean_interval([run[0][i : i + 5].mean().item() for run in of_way]) for i in starts]
    for name, of_way in runs.items()
}
axis = "batches of the user's stream (interests change at 40)"
plots.show(
    plots.along_a_stream([i + 2.5 for i in starts], parts, axis),
    alt="Agreement with the teacher along the users' streams, for a student that stays and one that "
    "follows. The interests change at batch 40.",
)

# %% [markdown]
# How to read it: each point is the mean of five batches over ten users, the band its 95 % interval.
#
# **Reading the result.** Question 4. At the end of the first half the follower is ahead by
# {{ user.first.difference | +.1f }} points (verdict: {{ user.first.verdict }}), in the five batches after the change by
# {{ user.changed.difference | +.1f }} (95 % interval {{ user.changed.low | +.1f }} to {{ user.changed.high | +.1f }};
# verdict: {{ user.changed.verdict }}), at the end of the second half by {{ user.second.difference | +.1f }} (verdict:
# {{ user.second.verdict }}). Over all 36 characters, most of which the user never wrote, its agreement afterwards differs by
# {{ user.everything.difference | +.1f }} points from that of the copy that stayed (verdict: {{ user.everything.verdict }}): where this is negative, it is
# the price. The learning rate, {{ user.lr | g }}, was chosen by the agreement of an eleventh user.

# %% [markdown]
# ## Reading critically: the programs around the case
#
# The article of the case prints a program. Its text promises that the student learns from pseudo-labels *and* from true
# labels. The program hands the student the teacher's probabilities alone, at temperature 1. Rebuilt with a teacher that has seen
# 1,000 labelled glyphs and students that see 8,000: how much do the labels matter that the program dropped?

# %%
predict("points gained when the labels come back", ...)

# %% experiment
modest = models.mlp(256, 256, 36, seed=5)
few = glyphs.train[:1000]
fit(modest, few.x, (few.y,), F.cross_entropy, Recipe(epochs=20, lr=1e-2))
believes = outputs_of(modest, glyphs.train.x).cpu()
losses = {
    "as printed": partial(distill.distillation_loss, temperature=1.0, alpha=1.0),
    "with labels": partial(distill.distillation_loss, temperature=1.0, alpha=0.5),
    "with labels, softened": partial(distill.distillation_loss, temperature=4.0, alpha=0.5),
}
repaired = {}
for name, loss in losses.items():
    students = [models.mlp(256, 64, 36, seed=seed) for seed in ten]
    targets = believes, glyphs.train.y
    fit_many(students, glyphs.train.x, targets, loss, Recipe(epochs=4, lr=1e-2), seeds=ten)
    repaired[name] = [100 * accuracy(network, glyphs.test) for network in students]
    print(f"{name:>22}: {mean_interval(repaired[name])} %")
back = paired_comparison(repaired["with labels"], repaired["as printed"], smallest_gain=1.0)
warm = paired_comparison(repaired["with labels, softened"], repaired["with labels"], smallest_gain=1.0)
record("program", teacher=100 * accuracy(modest, glyphs.test), back=back, softened=warm,
       printed=mean_interval(repaired["as printed"]))
reveal("points gained when the labels come back", back.difference)

# %% [markdown]
# The teacher is right on {{ program.teacher | .1f }} % of the test pictures. As printed its students reach
# {{ program.printed.mean | .1f }} %; with the labels back the difference is {{ program.back.difference | +.1f }} points (verdict:
# {{ program.back.verdict }}), and $T = 4$ on top changes that by {{ program.softened.difference | +.1f }} (verdict:
# {{ program.softened.verdict }}). A student that hears the teacher alone has no other source, its errors included.
#
# Another article introduces the same idea with a total loss of two terms, and prints a loop from which the teacher is
# missing altogether. A third asks for a student that says what its teacher says, $[0.8, 0.1, 0.1]$: it hands these *soft* targets to a
# loss that takes class *numbers*, and feeds the student's old prediction in as its input. Both take a minute to find out.

# %% experiment
def loop_of_the_article(student, teacher):
    """As printed: the teacher is an argument, and that is all it is."""
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01)
    for x, y in zip(few.x.split(64), few.y.split(64)):
        optimizer.zero_grad()
        F.cross_entropy(student(x), y).backward()
        optimizer.step()
    return student


good, bad = knows, models.mlp(256, 8, 36, seed=9)
pair = [loop_of_the_article(models.mlp(256, 64, 36, seed=0), teacher) for teacher in (good, bad)]
alike = all(torch.equal(a, b) for a, b in zip(*(network.parameters() for network in pair)))

wish = torch.tensor([[0.8, 0.1, 0.1]])
try:
    F.nll_loss(torch.tensor([[0.6, 0.3, 0.1]]).log(), wish[0])
    sparse = "was computed"
except (RuntimeError, ValueError) as error:
    sparse = "was refused"
    print(type(error).__name__, str(error).splitlines()[0])
print("the same, cast to class numbers:", wish[0].long().tolist())

logits = torch.tensor([[0.6, 0.3, 0.1]]).log().requires_grad_()  # the student: three free logits
descent = torch.optim.SGD([logits], lr=1.0)
for _ in range(200):
    descent.zero_grad()
    distill.soft_target_loss(logits, wish, temperature=1.0).backward()
    descent.step()
reached = logits.detach().softmax(-1)[0].tolist()
print("repaired:", [round(p, 3) for p in reached])
record("missing", alike="identical, bit for bit" if alike else "different", sparse=sparse,
       reached=", ".join(f"{p:.2f}" for p in reached))

# %% [markdown]
# **Reading the result.** With a good teacher and an untrained one the loop without a teacher leaves students that are
# {{ missing.alike }}. The loss that takes class numbers {{ missing.sparse }} with soft targets; cast to whole numbers, as a
# careless repair would have it, all three become class 0. With a loss on distributions and three free logits the
# student reaches {{ missing.reached }}. The test is the same each time: change what should matter, and look whether anything changes.

# %% [markdown]
# ## What to remember
#
# - Ask the teacher once. What caching saves is its forward pass; what that is worth in time has to be measured.
# - Shorter numbers, compiled loops and more processes pay on some machines and cost on others. Measure yours.
# - Several processes must end where one ends, up to rounding: compare losses before you compare speeds.
# - Sampling repairs rare classes without touching the loss. Leaving pictures out wastes a teacher.
# - A personal student gains on its user and forgets the rest.
#
# **What breaks it**: a cache that does not know about augmentation, BatchNorm on a share of a batch, a batch size that grows
# with the number of processes while the learning rate stays, a time without a warm-up.
#
# **Where to read on**: He and others, *Deep Residual Learning for Image Recognition*, 2016, section 3. Sandler and others, *MobileNetV2*,
# 2018, section 3. Micikevicius and others, *Mixed Precision Training*, 2018, section 3. Li and others, *PyTorch Distributed*, 2020, section
# 3, for gradients that are averaged while the backward pass still runs. Beyer and others, *Knowledge Distillation: A Good Teacher Is
# Patient and Consistent*, 2022, section 3, for caches and views.
