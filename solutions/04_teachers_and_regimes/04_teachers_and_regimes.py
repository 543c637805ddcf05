# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Teachers and regimes
#
# So far there was one teacher, larger than its student, and the student learned from it from the first step to the
# last. None of that is necessary. A teacher can be too large to help, there can be several, they can be students
# themselves, and the student can begin with the teacher, end with it, or follow it while the world changes.
#
# **After this unit** you can build each kind of teacher, store its answers in a few bytes, hand over weights instead
# of answers, and say from measurements which of these pays.
#
# **Questions that the measurements below will settle**
#
# 1. Does a bigger teacher make a better student?
# 2. Can networks teach each other, or themselves, with no larger one in sight?
# 3. Is it better to learn from teacher and labels at once, or one after the other?
# 4. How many bytes of a teacher's answer does a student need?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 23 |
# | You need | units 01 and 02: the distillation loss with its T² and α |

# %%
import torch

from kdtutor import data, plots
from kdtutor.checks import check, hint, predict, reveal, use

# %% [markdown]
# Wherever you are stuck, `hint(ensemble_targets)` in a new cell gives the next of three hints for that exercise.
#
# ## One setting for all questions
#
# Every student below is a perceptron with 32 hidden units that is trained for ten epochs on the same 2,000 glyphs, once
# for each of ten seeds. The teachers have seen all 8,000 glyphs, as in practice: the teacher was trained where the data
# is plentiful. Results are accuracies on the test part, in percent. Before anything is compared, one decision: **a
# gain is worth having from half a percentage point**.

# %% experiment
from functools import partial

import torch.nn.functional as F
from torch import nn

from kdtutor import distill, models
from kdtutor.measure import accuracy, mean_interval, paired_comparison, record
from kdtutor.training import Recipe, fit_many
from kdtutor.training import predict as outputs_of

torch.set_num_threads(1)  # networks this small would only wait for a second thread
glyphs = data.load("glyphs")
x, y = glyphs.train.x[:2000], glyphs.train.y[:2000]
SEEDS, ALPHA, WORTH_HAVING = list(range(10)), 0.9, 0.5


def small(seeds=SEEDS):
    return [models.mlp(256, 32, 36, seed=seed) for seed in seeds]


def trained(students, targets, loss, lr, epochs=10, pictures=x):
    seeds = SEEDS[: len(students)]
    fit_many(students, pictures, targets, loss, Recipe(epochs=epochs, lr=lr), seeds=seeds)
    return students


def percent(networks, part=glyphs.test):
    return [100 * accuracy(network, part) for network in networks]


def compare(method, baseline):
    return paired_comparison(method, baseline, smallest_gain=WORTH_HAVING)


def in_words(gain):
    return f"{gain.difference:+5.1f} points ({gain.low:+.1f} to {gain.high:+.1f}): {gain.verdict}"


WIDTHS = (8, 32, 64, 128, 256)
teachers = {width: [models.mlp(256, width, 36, seed=100 + seed) for seed in SEEDS] for width in WIDTHS}
for ten in teachers.values():
    recipe = Recipe(epochs=6, lr=1e-2, batch_size=256)
    fit_many(ten, glyphs.train.x, (glyphs.train.y,), F.cross_entropy, recipe, seeds=SEEDS)
says = {width: [outputs_of(teacher, x).cpu() for teacher in ten] for width, ten in teachers.items()}
print(f"{len(WIDTHS) * len(SEEDS)} teachers trained, ten of each width")

# %% [markdown]
# A method that is tuned beats one that is not, and says nothing by it. So the learning rate is chosen for labels and
# for distillation ($T = 4$, $\alpha = 0.9$) separately, from the same five values, on the validation part and on four seeds
# that serve for tuning alone.

# %% experiment
TUNING = [500, 501, 502, 503]
T = 4.0
kd = partial(distill.distillation_loss, temperature=T, alpha=ALPHA)


def from_labels(student, teacher, labels):
    return F.cross_entropy(student, labels)


found = {}
for lr in (0.01, 0.02, 0.04, 0.08, 0.16):
    both = small(TUNING + TUNING)
    targets = [(z, y) for z in says[128][:4]] * 2
    fit_many(both, x, targets, [from_labels] * 4 + [kd] * 4, Recipe(epochs=10, lr=lr), seeds=TUNING * 2)
    scores = percent(both, glyphs.validation)
    found[lr] = sum(scores[:4]) / 4, sum(scores[4:]) / 4
    print(f"learning rate {lr:4g}   labels {found[lr][0]:.1f} %   distilled {found[lr][1]:.1f} %")
LABELS_LR, LR = (max(found, key=lambda lr: found[lr][way]) for way in (0, 1))
record("tuned", labels_lr=LABELS_LR, lr=LR)

# %% [markdown]
# Labels learn at {{ tuned.labels_lr | g }} from here on, distillation at {{ tuned.lr | g }}.

# %% [markdown]
# ## Does a bigger teacher make a better student?
#
# Question 1. Five sizes of teacher, from 8 to 256 hidden units, each ten times; each teacher has one student.
#
# Predict: the teachers with 256 hidden units are better than those with 64. By how many percentage points
# are their students better?

# %%
predict("points that students of 256 are ahead of students of 64", ...)

# %% experiment
alone = percent(trained(small(), (y,), F.cross_entropy, LABELS_LR))
taught = {w: percent(trained(small(), [(z, y) for z in says[w]], kd, LR)) for w in WIDTHS}
masters = {w: percent(teachers[w]) for w in WIDTHS}
bigger = compare(taught[256], taught[64])
record(
    "sweep",
    alone=mean_interval(alone),
    teachers={f"w{w}": mean_interval(masters[w]) for w in WIDTHS},
    students={f"w{w}": mean_interval(taught[w]) for w in WIDTHS},
    w8=compare(taught[8], alone),
    w32=compare(taught[32], alone),
    w256=compare(taught[256], alone),
    bigger=bigger,
    better=(better := compare(masters[256], masters[64])),
    arrives=bigger.difference / better.difference,
)
reveal("points that students of 256 are ahead of students of 64", bigger.difference)
plots.show(
    plots.capacity_sweep(
        WIDTHS,
        [mean_interval(masters[w]) for w in WIDTHS],
        [mean_interval(taught[w]) for w in WIDTHS],
        mean_interval(alone),
    ),
    alt="Test accuracy against the teacher's hidden units. The teachers rise steadily from 8 to 256 "
    "units; their students rise with them, ever more slowly. With 8 units the students are far "
    "below the dashed line of students trained on labels.",
)

# %% [markdown]
# How to read it: grey is the teacher, blue the student that it taught, the dashed line the same student on labels. Bands
# are 95 % intervals over ten seeds.
#
# **Reading the result.** Labels alone give {{ sweep.alone.mean | .1f }} %. Three findings:
#
# - A weak teacher does harm. With 8 hidden units it reaches {{ sweep.teachers.w8.mean | .1f }} % itself, and a student
#   that gives it nine tenths of its attention reaches {{ sweep.students.w8.mean | .1f }} %
#   ({{ sweep.w8.difference | +.1f }} points against labels; {{ sweep.w8.verdict }}).
# - A good teacher helps: {{ sweep.students.w256.mean | .1f }} % from 256 units, {{ sweep.w256.difference | +.1f }} points
#   ({{ sweep.w256.low | +.1f }} to {{ sweep.w256.high | +.1f }}; {{ sweep.w256.verdict }}).
# - From 64 to 256 units the teachers gain {{ sweep.better.difference | .1f }} points ({{ sweep.better.verdict }}), their
#   students {{ sweep.bigger.difference | +.1f }} ({{ sweep.bigger.low | +.1f }} to {{ sweep.bigger.high | +.1f }};
#   {{ sweep.bigger.verdict }}): {{ sweep.arrives | .0% }} of what the larger teachers are ahead arrives.
#
# The same has been seen at scale. On ImageNet a ResNet-18 distilled from ResNets with 34, 50, 101 and 152 layers ends
# at 71.21, 71.35, 71.09 and 71.12 %, while the teachers climb from 73.3 to 78.3 % (Huang et al., 2022). A small student
# cannot imitate everything, and a surer teacher shows less of what lies between the classes.

# %% [markdown]
# ## Several teachers
#
# If one teacher is good, are three better? Each says its own distribution; the student needs one target. Ask for the
# distribution $q$ that is closest to all $K$ of them, on average: the smallest
# $\frac1K \sum_k \mathrm{KL}(p_k \,\|\, q)$. Only $-\sum_c \big(\frac1K \sum_k p_{k,c}\big) \log q_c$ depends on $q$. That
# is the cross-entropy of $q$ under the mean, and a cross-entropy is smallest when $q$ equals it:
#
# $$\bar p(T) = \frac1K \sum_{k=1}^{K} p_k(T)$$
#
# In words: soften each teacher, then average the probabilities. For the same reason the gradient toward the mean is the
# mean of the gradients toward each teacher. Averaging *logits* is something else: it gives the normalised
# geometric mean, in which one teacher that rules a class out rules it out for all.

# %% exercise="ensemble_targets" difficulty=2 minutes=3
def ensemble_targets(teacher_logits, temperature):
    """The mean of the teachers' softened probabilities.

    teacher_logits: a list of K tensors (N, C), of any finite size. temperature: T, a positive number.
    Returns (N, C), rows that sum to 1, without gradient to the teachers.
    Example: two teachers with logits [[0, 2]] and [[0, 0]], T = 2:
    [0.2689, 0.7311] and [0.5, 0.5], mean [0.3845, 0.6155].
    """
    ### BEGIN SOLUTION
    softened = [(logits.detach() / temperature).softmax(-1) for logits in teacher_logits]
    return torch.stack(softened).mean(0)
    ### END SOLUTION

# %% check="ensemble_targets" points=2
from kdtutor.checks import check, secret_logits

check(ensemble_targets)
### BEGIN HIDDEN TESTS
import torch

trio = [secret_logits(5, 6, key=name) for name in ("first", "second", "third")]
by_hand = sum((z.double() / 3).softmax(-1) for z in trio) / 3
close = torch.allclose(ensemble_targets(trio, 3.0).double(), by_hand, atol=1e-4)
assert close, "the mean of three fresh teachers is wrong"
### END HIDDEN TESTS

# %% [markdown]
# ## Peers
#
# No large network at hand? Two small ones can teach each other while both are trained. Each is pulled to the labels and to
# what the others say at that moment:
#
# $$L_k = (1-\alpha)\,\mathrm{CE}(z_k, y) + \alpha\,\frac{T^2}{K-1} \sum_{l \ne k} \mathrm{KL}\big(p_l(T) \,\|\, p_k(T)\big)$$
#
# In words: in the loss of peer $k$ every other peer is a teacher, and teachers are constants. That last clause is easily
# lost, because here the teacher is trained by the same `backward`.

# %% exercise="mutual_losses" difficulty=3 minutes=6
def mutual_losses(logits_list, labels, temperature, alpha):
    """Each peer's loss: (1 - alpha) · cross-entropy + alpha · T² · mean KL(other || peer) of the others.

    logits_list: K >= 2 tensors (N, C). labels: (N,) class indices. temperature: T. alpha: from 0 to 1.
    Returns a list of K scalar tensors, in the order of the peers; loss k moves peer k alone.
    Example: logits [[0, 0]] and [[0, 2]], label 1, T = 2, alpha = 0.5. Peer 0: cross-entropy log 2 =
    0.6931, 4 · KL([.2689, .7311] || [.5, .5]) = 0.4438, loss 0.3466 + 0.2219 = 0.5685.
    Peer 1: cross-entropy 0.1269, 4 · KL([.5, .5] || [.2689, .7311]) = 0.4805, loss 0.3037.
    """
    ### BEGIN SOLUTION
    losses = []
    for peer in logits_list:
        log_s = (peer / temperature).log_softmax(-1)
        from_others = []
        for other in logits_list:
            if other is not peer:
                log_t = (other.detach() / temperature).log_softmax(-1)
                kl = (log_t.exp() * (log_t - log_s)).sum(-1).mean()
                from_others.append(temperature**2 * kl)
        from_labels = torch.nn.functional.cross_entropy(peer, labels)
        losses.append((1 - alpha) * from_labels + alpha * torch.stack(from_others).mean())
    return losses
    ### END SOLUTION

# %% check="mutual_losses" points=2
from kdtutor.checks import check, secret_labels, secret_logits

check(mutual_losses)
### BEGIN HIDDEN TESTS
import torch

peers = [secret_logits(4, 5, key=name).double() for name in ("peer a", "peer b", "peer c")]
labels = secret_labels(4, 5, key="mutual")
p = [(z / 2).softmax(-1) for z in peers]
for k, loss in enumerate(mutual_losses(peers, labels, 2.0, 0.7)):
    own = -float(peers[k].log_softmax(-1)[range(4), labels].mean())
    kl = [4 * float((p[j] * (p[j] / p[k]).log()).sum()) / 4 for j in range(3) if j != k]
    off = abs(float(loss) - 0.3 * own - 0.7 * sum(kl) / 2)
    assert off < 1e-3, "the loss of a peer is wrong for three fresh peers"
### END HIDDEN TESTS

# %% [markdown]
# ## A running mean as the teacher
#
# The *mean teacher* is the student's own past. After every step its weights move a little toward the student's,
#
# $$\theta_t \leftarrow d\,\theta_t + (1-d)\,\theta_s ,$$
#
# so that it is an exponentially weighted mean over about $1/(1-d)$ steps: an ensemble of many moments in one
# network. What is no parameter is not averaged. BatchNorm's statistics are running means already, and its counter of
# batches is a whole number: buffers are copied.

# %% exercise="ema_update" difficulty=2 minutes=4
def ema_update(teacher, student, decay):
    """Move the teacher's parameters toward the student's, in place; copy the student's buffers.

    teacher, student: modules with the same parameters and buffers, each with tensors of its own.
    decay: d from 0 to 1, the share of the old mean that is kept. Returns nothing; the student stays.
    Example: weight 1.0 in the teacher, 2.0 in the student, d = 0.9: 0.9 · 1.0 + 0.1 · 2.0 = 1.1.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        for theta_t, theta_s in zip(teacher.parameters(), student.parameters()):
            theta_t.mul_(decay).add_((1 - decay) * theta_s)
        for buffer_t, buffer_s in zip(teacher.buffers(), student.buffers()):
            buffer_t.copy_(buffer_s)
    ### END SOLUTION

# %% check="ema_update" points=2
from kdtutor.checks import check, secret_logits

check(ema_update)
### BEGIN HIDDEN TESTS
import torch
from torch import nn

mean, latest = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
with torch.no_grad():
    for module, key in ((mean, "mean"), (latest, "latest")):
        module.weight.copy_(secret_logits(4, key=key))
        module.running_mean.copy_(secret_logits(4, key=f"{key} statistics"))
latest.num_batches_tracked.fill_(7)
expected = 0.7 * mean.weight.detach().clone() + 0.3 * latest.weight.detach()
ema_update(mean, latest, 0.7)
assert torch.allclose(mean.weight.detach(), expected, atol=1e-5), "the weights are not the weighted mean"
assert torch.equal(mean.running_mean, latest.running_mean), "the statistics are the student's"
assert int(mean.num_batches_tracked) == 7, "the counter is the student's"
### END HIDDEN TESTS

# %% [markdown]
# ## Which of them helps?
#
# Question 2. One more kind needs no new code: a **born-again** student has its teacher's own size and learns
# from a network like itself, trained before it. `distill.born_again` in the library chains such generations; here it
# is two.
#
# The student is always the same, for ten epochs. What differs is who speaks besides the labels: one teacher of
# 128 units, three of them, a peer, a predecessor, its own running mean ($d = 0.9$). The last three
# are no better than the student, so they learn at the rate that serves labels best, and each chooses its temperature and
# $\alpha$ from two pairs, on the validation part and the seeds for tuning. What this does not equalise: a peer or a predecessor costs a second training, three
# teachers cost three.
#
# Predict: which one gains most over labels? Answer with one of `"one teacher"`, `"three teachers"`, `"peer"`,
# `"predecessor"`, `"running mean"`.

# %%
predict("the best helper", ...)

# %% experiment
import copy

my_ensemble_targets, my_mutual_losses, my_ema_update = (
    use(ensemble_targets), use(mutual_losses), use(ema_update)
)


class Pair(nn.Module):
    """Two networks that see the same pictures."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, pictures):
        return self.first(pictures), self.second(pictures)


def with_a_peer(seeds, T, alpha):
    pairs = [Pair(*small((seed, seed + 1000))) for seed in seeds]
    losses = [
        lambda both, labels: torch.stack(list(my_mutual_losses(list(both), labels, T, alpha))).sum()
        for _ in seeds
    ]
    return [pair.first for pair in trained(pairs, (y,), losses, LABELS_LR)]


def after_a_predecessor(seeds, T, alpha):
    first = trained(small(seeds), (y,), F.cross_entropy, LABELS_LR)
    targets = [(outputs_of(network, x).cpu(), y) for network in first]
    loss = partial(distill.distillation_loss, temperature=T, alpha=alpha)
    return trained(small([seed + 1000 for seed in seeds]), targets, loss, LABELS_LR)


def with_its_running_mean(seeds, T, alpha):
    pairs = [Pair(network, copy.deepcopy(network).requires_grad_(False)) for network in small(seeds)]
    fit_many(
        pairs, x, (y,),
        lambda both, labels: distill.distillation_loss(*both, labels, T, alpha),
        Recipe(epochs=10, lr=LABELS_LR), seeds=SEEDS[: len(seeds)],
        after_step=lambda pair: my_ema_update(pair.second, pair.first, 0.9),
    )
    return [pair.first for pair in pairs]


def chosen(method):
    """The method's students with the T and α that serve the tuning seeds best."""
    grid = ((1.0, 0.3), (2.0, 0.6))
    best = max(grid, key=lambda pair: sum(percent(method(TUNING, *pair), glyphs.validation)))
    return percent(method(SEEDS, *best))


def toward_targets(student, targets, labels):
    soft = distill.soft_target_loss(student, targets, T)
    return (1 - ALPHA) * F.cross_entropy(student, labels) + ALPHA * soft


trios = [[says[128][(seed + i) % 10] for i in range(3)] for seed in SEEDS]
of_three = [(my_ensemble_targets(trio, T), y) for trio in trios]
helped = {
    "one teacher": taught[128],
    "three teachers": percent(trained(small(), of_three, toward_targets, LR)),
    "peer": chosen(with_a_peer),
    "predecessor": chosen(after_a_predecessor),
    "running mean": chosen(with_its_running_mean),
}
gains = {name: compare(result, alone) for name, result in helped.items()}
record("helpers", **{name.replace(" ", "_"): gain for name, gain in gains.items()},
       three_or_one=compare(helped["three teachers"], helped["one teacher"]))
for name, gain in gains.items():
    print(f"{name:>15}: {in_words(gain)}")
reveal("the best helper", max(gains, key=lambda name: gains[name].difference))
plots.show(
    plots.paired_gains(gains, "the student on labels"),
    alt="Gains over labels with intervals. One teacher and three teachers lie clearly above zero, "
    "next to each other; the peer, the predecessor and the running mean lie around zero.",
)

# %% [markdown]
# How to read it: each point is the mean difference to the student on labels over ten paired seeds, the line its 95 %
# interval, the grey strip what is too little to be worth having.
#
# **Reading the result.**
#
# | who helps | points | 95 % interval | verdict |
# |---|---|---|---|
# | one teacher | {{ helpers.one_teacher.difference | +.1f }} | {{ helpers.one_teacher.low | +.1f }} to {{ helpers.one_teacher.high | +.1f }} | {{ helpers.one_teacher.verdict }} |
# | three teachers | {{ helpers.three_teachers.difference | +.1f }} | {{ helpers.three_teachers.low | +.1f }} to {{ helpers.three_teachers.high | +.1f }} | {{ helpers.three_teachers.verdict }} |
# | a peer | {{ helpers.peer.difference | +.1f }} | {{ helpers.peer.low | +.1f }} to {{ helpers.peer.high | +.1f }} | {{ helpers.peer.verdict }} |
# | a predecessor | {{ helpers.predecessor.difference | +.1f }} | {{ helpers.predecessor.low | +.1f }} to {{ helpers.predecessor.high | +.1f }} | {{ helpers.predecessor.verdict }} |
# | its running mean | {{ helpers.running_mean.difference | +.1f }} | {{ helpers.running_mean.low | +.1f }} to {{ helpers.running_mean.high | +.1f }} | {{ helpers.running_mean.verdict }} |
#
# Against one teacher, three give {{ helpers.three_or_one.difference | +.1f }} points
# ({{ helpers.three_or_one.verdict }}). The teachers that help here know something that the labels of 2,000 pictures
# do not contain: they have seen 8,000. Peers, predecessors and running means have seen what the student has seen. The
# papers that introduced them report gains on larger networks, longer trainings, and, for the running mean, with
# unlabelled pictures; a method's verdict belongs to its setting.

# %% [markdown]
# ## Regimes: when the teacher speaks
#
# An article lists three regimes, distillation training, pre-training and fine-tuning, and shows the same program
# for each. What could the words mean? A **stage** is a loss and a number of epochs; a **regime** is a list of stages.
#
# | regime | stage | asks the teacher | asks the labels |
# |---|---|---|---|
# | distil from scratch | `distil` | yes | yes |
# | pre-train then fine-tune | `pre-train on the teacher` | yes | no |
# | | `fine-tune on labels` | no | yes |
# | fine-tune with teacher | `train on labels` | no | yes |
# | | `distil` | yes | yes |
#
# A company has a trained teacher and a million pictures that nobody has labelled. Which stage can use them? Write its
# name in the place of `None`, in quotation marks.

# %% exercise="stage_without_labels" difficulty=1 minutes=1
stage_without_labels = None
### BEGIN SOLUTION
stage_without_labels = "pre-train on the teacher"
### END SOLUTION

# %% check="stage_without_labels" points=1
from kdtutor.checks import check

check(stage_without_labels, exercise="stage_without_labels")
### BEGIN HIDDEN TESTS
assert stage_without_labels == "pre-train on the teacher", "another stage of the table asks no labels"
### END HIDDEN TESTS

# %% [markdown]
# Question 3. Every regime divides the same ten epochs, five and five where it has two stages. Each stage has a learning
# rate cycle of its own; for the second stage its peak is chosen between the usual one and a quarter of it, on
# the seeds for tuning.
#
# Predict: which regime ends best? Answer with its name in the table.

# %%
predict("the best regime", ...)

# %% experiment
regimes = {
    "distil from scratch": distill.distil_from_scratch(10, T, ALPHA),
    "pre-train then fine-tune": distill.pretrain_then_finetune(10, T),
    "fine-tune with teacher": distill.finetune_with_teacher(10, T, ALPHA),
}


def through(stages, seeds, second_lr):
    """The students after all stages, trained together."""
    def train(students, stage):
        lr = LR if stage is stages[0] else second_lr
        targets = [(z, y) for z in says[128][: len(seeds)]]
        trained(list(students), targets, stage.loss, lr, stage.epochs)

    students = nn.ModuleList(small(seeds))
    distill.follow(stages, students, train)
    return list(students)


ended = {}
for name, stages in regimes.items():
    rates = (LR, LR / 4) if len(stages) > 1 else (LR,)
    best = max(rates, key=lambda lr: sum(percent(through(stages, TUNING, lr), glyphs.validation)))
    ended[name] = percent(through(stages, SEEDS, best))
gains = {name: compare(result, alone) for name, result in ended.items()}
record("regimes", scratch=gains["distil from scratch"], pretrain=gains["pre-train then fine-tune"],
       finetune=gains["fine-tune with teacher"],
       finetune_or_scratch=compare(ended["fine-tune with teacher"], ended["distil from scratch"]),
       scratch_or_pretrain=compare(ended["distil from scratch"], ended["pre-train then fine-tune"]))
reveal("the best regime", max(gains, key=lambda name: gains[name].difference))
plots.show(
    plots.paired_gains(gains, "the student on labels"),
    alt="Gains over labels of the three regimes with intervals, all above zero; pre-training and then "
    "fine-tuning on labels is the smallest.",
)

# %% [markdown]
# How to read it: as the figure before, a row a regime.
#
# **Reading the result.** Over labels, distilling from scratch gains {{ regimes.scratch.difference | .1f }} points
# ({{ regimes.scratch.verdict }}), pre-training then fine-tuning {{ regimes.pretrain.difference | .1f }}
# ({{ regimes.pretrain.verdict }}), fine-tuning with the teacher {{ regimes.finetune.difference | .1f }}
# ({{ regimes.finetune.verdict }}). Distilling from scratch is ahead of pre-training by
# {{ regimes.scratch_or_pretrain.difference | +.1f }} points ({{ regimes.scratch_or_pretrain.verdict }}): once only the
# labels speak, the student unlearns some of what the teacher said. Fine-tuning with the teacher
# against distilling from scratch: {{ regimes.finetune_or_scratch.difference | +.1f }}
# ({{ regimes.finetune_or_scratch.low | +.1f }} to {{ regimes.finetune_or_scratch.high | +.1f }};
# {{ regimes.finetune_or_scratch.verdict }}). So a student that was trained on labels long ago is not lost for
# distillation.

# %% [markdown]
# ## Three readings of "entropy distillation"
#
# The same article names "entropy", "information-entropy" and "entropy-sparse" distillation and defines none of them. A
# name without a definition is a question. Here are three answers, each a method of its own.
#
# **Reading one: cross-entropy instead of divergence.** Since
# $H(p_t, p_s) = \mathrm{KL}(p_t \,\|\, p_s) + H(p_t)$ and the teacher's entropy does not depend on the student, both have
# the same gradient. Only the value differs, so only what you can read off the value does.

# %% experiment
batch = slice(0, 64)
z_t = says[128][0][batch]
student = small([0])[0]
z_s = student(x[batch]).detach().requires_grad_()
divergence, crossed = distill.kd_loss(z_s, z_t, T), distill.soft_cross_entropy(z_s, z_t, T)
gradients = [torch.autograd.grad(loss, z_s)[0] for loss in (divergence, crossed)]
apart = (gradients[0] - gradients[1]).abs().max().item()
floor = T**2 * distill.entropy(distill.soften(z_t, T)).mean().item()
record("reading_one", divergence=divergence.item(), crossed=crossed.item(), floor=floor)
print(f"T² KL = {divergence:.4f}, T² cross-entropy = {crossed:.4f}, T² teacher's entropy = {floor:.4f}")
print(f"gradients differ by at most {apart:.1g}")

# %% [markdown]
# The cross-entropy is larger by exactly the teacher's entropy times $T^2$, here {{ reading_one.floor | .2f }} nats. A
# student that had become its teacher would show that number, not 0, and a curve of this loss says nothing about how far there
# is to go unless you know it.

# %% [markdown]
# **Reading two: each sample its own weight.** Let $h_n = H(p_{t,n}(T)) / \log C$ be the entropy of the teacher's answer to
# sample $n$ as a share of the largest possible one, between 0 and 1. With a strength $\gamma \ge 0$,
#
# $$w_n = N\,\frac{e^{-\gamma h_n}}{\sum_m e^{-\gamma h_m}}$$
#
# In words: samples on which the teacher is sure count more, none more than $e^\gamma$ times another, and the mean weight
# is 1, so that the learning rate keeps its meaning.

# %% exercise="entropy_weights" difficulty=2 minutes=4
def entropy_weights(teacher_logits, temperature, strength):
    """One weight a sample, larger where the softened teacher is surer; the mean of the weights is 1.

    teacher_logits: (N, C), C >= 2, of any finite size. temperature: T. strength: gamma, zero or more.
    Returns (N,), without gradient to the teacher.
    Example: logits [[0, 2], [0, 0]], T = 1, strength 1: entropies 0.3653 and 0.6931 nats, shares 0.5270
    and 1; exp(-share) = 0.5904 and 0.3679, divided by their mean 0.4791: [1.2322, 0.7678].
    """
    ### BEGIN SOLUTION
    p = (teacher_logits.detach() / temperature).softmax(-1)
    shares = torch.special.entr(p).sum(-1) / torch.tensor(float(p.shape[-1])).log()
    raw = (-strength * shares).exp()
    return raw / raw.mean()
    ### END SOLUTION

# %% check="entropy_weights" points=2
from kdtutor.checks import check, secret_logits

check(entropy_weights)
### BEGIN HIDDEN TESTS
import math

rows = secret_logits(6, 9, key="weights")
weights = [float(w) for w in entropy_weights(rows, 2.0, 1.5)]
shares = []
for row in (rows.double() / 2).softmax(-1).tolist():
    shares.append(-sum(p * math.log(p) for p in row) / math.log(9))
raw = [math.exp(-1.5 * share) for share in shares]
off = max(abs(w - 6 * r / sum(raw)) for w, r in zip(weights, raw))
assert off < 1e-3, "the weights are wrong for fresh logits"
### END HIDDEN TESTS

# %% [markdown]
# Should a student listen to the sure answers or to the unsure ones? One can argue for both, so both are measured, against
# plain distillation from the same teachers. A third candidate is *adaptive*: each sample gets the temperature at which
# the teacher's answer has the same entropy for all (`distill.entropy_temperatures`).

# %%
predict("which wins against equal weights? ('sure', 'unsure', 'adaptive' or 'none')", ...)

# %% experiment
my_entropy_weights = use(entropy_weights)


def weighted(student, teacher, labels, temperatures, weights):
    soft = distill.per_sample_kd_loss(student, teacher, temperatures, weights)
    return (1 - ALPHA) * F.cross_entropy(student, labels) + ALPHA * soft


ones = torch.ones(len(x))
columns = {"sure answers count more": [], "unsure answers count more": [], "adaptive temperature": []}
for z in says[128]:
    level = distill.entropy(distill.soften(z, T)).mean().item()
    unsure = distill.entropy_weights(z, T, prefer="unsure", strength=2.0)
    columns["sure answers count more"].append((z, y, T * ones, my_entropy_weights(z, T, 2.0)))
    columns["unsure answers count more"].append((z, y, T * ones, unsure))
    columns["adaptive temperature"].append((z, y, distill.entropy_temperatures(z, level), ones))
gains = {
    name: compare(percent(trained(small(), targets, weighted, LR)), taught[128])
    for name, targets in columns.items()
}
sure, unsure, adaptive = gains.values()
record("reading_two", sure=sure, unsure=unsure, adaptive=adaptive)
short = {"sure": sure, "unsure": unsure, "adaptive": adaptive}
winners = [name for name, gain in short.items() if gain.verdict == "gain"]
reveal(
    "which wins against equal weights? ('sure', 'unsure', 'adaptive' or 'none')",
    " and ".join(winners) or "none",
)
plots.show(
    plots.paired_gains(gains, "plain distillation"),
    alt="Differences to plain distillation: weighing sure answers more and adaptive temperatures lie "
    "below zero, weighing unsure answers more lies close to zero.",
)

# %% [markdown]
# How to read it: as before, but zero is now plain distillation, not labels.
#
# **Reading the result.** Against equal weights: sure answers first {{ reading_two.sure.difference | +.1f }} points
# ({{ reading_two.sure.verdict }}), unsure answers first {{ reading_two.unsure.difference | +.1f }}
# ({{ reading_two.unsure.low | +.1f }} to {{ reading_two.unsure.high | +.1f }}; {{ reading_two.unsure.verdict }}), one
# entropy for all {{ reading_two.adaptive.difference | +.1f }} ({{ reading_two.adaptive.verdict }}). A likely reason: a sure answer is
# close to the label, which the student has anyway; turning down the unsure ones turns down what only the teacher can
# say. With a teacher that is unsure because it is wrong, the order may well be another.

# %% [markdown]
# **Reading three: few probabilities.** A teacher's answer to every sample is to be stored. With 36 classes that is 36
# numbers a sample; with a vocabulary of 100,000 words it no longer fits a disk. Keep the $k$ most probable classes. Their
# probabilities sum to less than 1, and the *rest* $r = 1 - \sum_{c \in K} p_c$ has to be accounted for.

# %% exercise="topk_targets" difficulty=2 minutes=3
def topk_targets(teacher_logits, k, temperature):
    """The k most probable classes of each softened row, and the mass of all others.

    teacher_logits: (N, C), of any finite size. k: from 1 to C. temperature: T.
    Returns (classes, probs, rest): (N, k) class indices, most probable first; (N, k) their
    probabilities, as they are in the full distribution; (N,) what is missing to 1. The teacher gets no
    gradient.
    Example: logits [[0, 4, 2]], k = 2, T = 2: p = [0.0900, 0.6652, 0.2447]; classes [[1, 2]],
    probs [[0.6652, 0.2447]], rest [0.0900].
    """
    ### BEGIN SOLUTION
    probs, classes = (teacher_logits.detach() / temperature).softmax(-1).topk(k, dim=-1)
    return classes, probs, 1 - probs.sum(-1)
    ### END SOLUTION

# %% check="topk_targets" points=2
from kdtutor.checks import check, secret_logits

check(topk_targets)
### BEGIN HIDDEN TESTS
fresh = secret_logits(5, 9, key="top k")
classes, probs, rest = topk_targets(fresh, 4, 3.0)
full = (fresh / 3).softmax(-1)
kept = [sorted(row, reverse=True)[:4] for row in full.tolist()]
off = max(abs(a - b) for p, q in zip(probs.tolist(), kept) for a, b in zip(p, q))
assert off < 1e-4, "these are not the four largest probabilities"
unlike = float((full.gather(1, classes) - probs).abs().max())
assert unlike < 1e-4, "a class does not fit its probability"
assert float((probs.sum(-1) + rest - 1).abs().max()) < 1e-4, "kept and rest do not make 1"
### END HIDDEN TESTS

# %% [markdown]
# Now the loss. Treat the rest as one more class: merge all classes outside $K$, in the teacher and in the student, and take
# the divergence of the $k+1$ outcomes, with $s = p_s(T)$ and $s_r = 1 - \sum_{c\in K} s_c$:
#
# $$L = T^2 \Big[ \sum_{c \in K} p_c \log\frac{p_c}{s_c} + r \log \frac{r}{s_r} \Big]$$
#
# Why this rule and not another? For the merged classes the *log sum inequality* says
# $\sum_{c \notin K} p_c \log (p_c / s_c) \ge r \log (r / s_r)$: merging never makes two distributions easier to tell apart.
# So $L$ never exceeds the loss on the full rows. It is an honest bound, it is 0 for a student that equals the teacher,
# and it leaves to the student how to share the rest. Dividing the kept ones by their sum instead asks for
# something that the teacher never said: nothing at all for the other classes.

# %% exercise="sparse_kd_loss" difficulty=4 minutes=7
def sparse_kd_loss(student_logits, classes, probs, rest, temperature):
    """T² times the divergence from kept classes and rest to the student, averaged over the batch.

    student_logits: (N, C), of any finite size. classes: (N, k) indices, k < C. probs: (N, k) and
    rest: (N,), positive, together 1 in each row, softened with temperature T. Returns a scalar tensor
    that the student can be trained through.
    Example: student [[0, 0, 0]], class [[1]] with [[0.5]], rest [0.5], T = 1: s = 1/3 for class 1 and
    2/3 for the rest; 0.5 · log(0.5 / (1/3)) + 0.5 · log(0.5 / (2/3)) = 0.2027 - 0.1438 = 0.0589.
    """
    ### BEGIN SOLUTION
    log_s = (student_logits / temperature).log_softmax(-1)
    log_kept = log_s.gather(1, classes)
    log_rest = log_s.scatter(1, classes, -torch.inf).logsumexp(-1)
    kept = (probs * (probs.log() - log_kept)).sum(-1)
    return temperature**2 * (kept + rest * (rest.log() - log_rest)).mean()
    ### END SOLUTION

# %% check="sparse_kd_loss" points=3
from kdtutor.checks import check, secret_logits

check(sparse_kd_loss)
### BEGIN HIDDEN TESTS
import math

said, says_student = secret_logits(4, 6, key="teacher"), secret_logits(4, 6, key="student")
p, s = (said.double() / 2).softmax(-1), (says_student.double() / 2).softmax(-1)
places = p.topk(2, dim=-1).indices
total = 0.0
for row in range(4):
    kept = places[row].tolist()
    outcomes = [(float(p[row, c]), float(s[row, c])) for c in kept]
    outcomes.append((1 - sum(a for a, _ in outcomes), 1 - sum(b for _, b in outcomes)))
    total += sum(a * math.log(a / b) for a, b in outcomes)
probs = p.gather(1, places).float()
value = float(sparse_kd_loss(says_student, places, probs, 1 - probs.sum(-1), 2.0))
assert abs(value - 4 * total / 4) < 1e-3, "the value is wrong for fresh logits"
### END HIDDEN TESTS

# %% [markdown]
# Question 4. The kept probabilities are stored in 16 bits each, a class index in 8, the rest in 16: $3k + 2$ bytes.
# Beside it stands the usual shortcut, kept and renormalised, which needs no rest. Everything in this comparison is
# softened with $T = 2$, the whole answer too: a higher temperature moves mass out of any few classes.
#
# Predict: with how many classes kept does the student come within half a point of one that sees all 36?

# %%
predict("classes that are enough", ...)

# %% experiment
my_topk_targets, my_sparse_kd_loss = use(topk_targets), use(sparse_kd_loss)
KEPT, T_STORED = (1, 4, 8, 16), 2.0


def in_16_bits(probs):
    return probs.half().clamp_min(1e-7)  # the smallest would be rounded to 0, and 0 has no logarithm


def sparse(student, classes, probs, rest, labels):
    soft = my_sparse_kd_loss(student, classes.long(), probs.float(), rest.float(), T_STORED)
    return (1 - ALPHA) * F.cross_entropy(student, labels) + ALPHA * soft


def renormalised(student, classes, probs, rest, labels):
    stored = distill.SparseTargets(classes, probs, rest, 36, T_STORED, "renormalise")
    soft = distill.sparse_kd_loss(student, stored)
    return (1 - ALPHA) * F.cross_entropy(student, labels) + ALPHA * soft


stored, with_rest, without = [], {}, {}
for k in KEPT:
    mine = [my_topk_targets(z, k, T_STORED) for z in says[128]]
    targets = [(classes.byte(), in_16_bits(probs), in_16_bits(rest), y) for classes, probs, rest in mine]
    stored.append(sum(column.nbytes for column in targets[0][:3]) / len(x))
    losses = [partial(sparse) for _ in SEEDS]  # a loss for each student, so any correct solution will do
    with_rest[k] = percent(trained(small(), targets, losses, LR))
    theirs = [
        distill.topk_targets(z, k, T_STORED, missing="renormalise", dtype=torch.half) for z in says[128]
    ]
    targets = [(each.classes, each.probs, each.rest, y) for each in theirs]
    without[k] = percent(trained(small(), targets, renormalised, LR))
whole = partial(distill.distillation_loss, temperature=T_STORED, alpha=ALPHA)
full = percent(trained(small(), [(z, y) for z in says[128]], whole, LR))
full_bytes = says[128][0].half().nbytes / len(x)
enough = [k for k in KEPT if compare(full, with_rest[k]).difference < WORTH_HAVING]
record(
    "reading_three",
    enough=enough[0] if enough else 36,
    bytes_enough=stored[KEPT.index(enough[0])] if enough else full_bytes,
    full_bytes=full_bytes,
    full=mean_interval(full),
    **{f"k{k}": compare(with_rest[k], full) for k in KEPT},
    rule_for_1=compare(with_rest[1], without[1]),
    rule=compare(with_rest[4], without[4]),
    rule_for_8=compare(with_rest[8], without[8]),
    one_or_labels=compare(with_rest[1], alone),
)
reveal("classes that are enough", enough[0] if enough else 36)
everything = mean_interval(full)
plots.show(
    plots.accuracy_by_bytes(
        [*stored, full_bytes],
        {
            "with a rest": [*(mean_interval(with_rest[k]) for k in KEPT), everything],
            "renormalised": [*(mean_interval(without[k]) for k in KEPT), everything],
        },
        mean_interval(alone),
        [*KEPT, 36],
    ),
    alt="Test accuracy against bytes stored per sample on a logarithmic axis, for 1, 4, 8, 16 and 36 "
    "classes. Both curves rise to the level of the whole answer, close to each other from 4 "
    "classes on.",
)

# %% [markdown]
# How to read it: each point is ten students; the dashed line is labels alone, one byte a sample. The renormalised points are
# drawn above the same $k$, though they take two bytes less. The right end is the
# whole answer, 36 logits in 16 bits.
#
# **Reading the result.** One class and its rest, against labels: {{ reading_three.one_or_labels.difference | +.1f }} points
# ({{ reading_three.one_or_labels.verdict }}). From {{ reading_three.enough }} classes on, the student is within half a
# point of the whole answer ({{ reading_three.full.mean | .1f }} %), with {{ reading_three.bytes_enough | .0f }} bytes instead of
# {{ reading_three.full_bytes | .0f }}. Keeping the rest instead of renormalising changes the accuracy by
# {{ reading_three.rule.difference | +.1f }} points with four classes ({{ reading_three.rule.verdict }}) and by
# {{ reading_three.rule_for_8.difference | +.1f }} with eight ({{ reading_three.rule_for_8.verdict }}). With a single class it
# changes it by {{ reading_three.rule_for_1.difference | +.1f }} ({{ reading_three.rule_for_1.verdict }}): there the
# renormalised target is a label, and the rest says how unsure it is but not between what. So the two bytes buy
# the bound, a loss whose value means the same for every $k$, and no accuracy here.

# %% [markdown]
# ## Handing over weights
#
# A teacher is more than its answers: it has weights. Where shapes match, a student can start with some of the teacher's
# layers. DistilBERT was made that way, with one layer out of two.

# %% exercise="transfer_weights" difficulty=3 minutes=4
def transfer_weights(student, teacher, mapping):
    """A copy of the student whose named parts hold the teacher's weights; student and teacher stay.

    mapping: {name of a module in the student: name of a module in the teacher}, such as {"1": "3"}, of
    equal shapes. All parameters and buffers of the part are taken over, as values: later training of the
    copy must change neither network. Parts that are not named stay as they are in the student.
    Example: student Sequential(Linear, Linear), mapping {"0": "2"}: the copy's layer 0 equals the
    teacher's layer 2, its layer 1 the student's.
    """
    ### BEGIN SOLUTION
    import copy

    started = copy.deepcopy(student)
    for ours, theirs in mapping.items():
        started.get_submodule(ours).load_state_dict(teacher.get_submodule(theirs).state_dict())
    return started
    ### END SOLUTION

# %% check="transfer_weights" points=2
from kdtutor.checks import check, secret_logits

check(transfer_weights)
### BEGIN HIDDEN TESTS
import torch
from torch import nn

shallow = nn.Sequential(*[nn.Linear(3, 3) for _ in range(2)])
deep = nn.Sequential(*[nn.Linear(3, 3) for _ in range(4)])
with torch.no_grad():
    for network, key in ((shallow, "shallow"), (deep, "deep")):
        for name, parameter in network.named_parameters():
            parameter.copy_(secret_logits(*parameter.shape, key=f"{key} {name}"))
old = shallow[1].weight.detach().clone()
started = dict(transfer_weights(shallow, deep, {"1": "3"}).named_parameters())
got = {name: parameter.detach() for name, parameter in started.items()}
assert torch.equal(got["1.weight"], deep[3].weight.detach()), "layer 1 is not the teacher's layer 3"
assert torch.equal(got["1.bias"], deep[3].bias.detach()), "the bias belongs to the layer"
assert torch.equal(got["0.weight"], shallow[0].weight.detach()), "layer 0 was not named"
assert torch.equal(shallow[1].weight.detach(), old), "the given student has changed"
### END HIDDEN TESTS

# %% experiment
my_transfer_weights = use(transfer_weights)
deep = [models.mlp(256, 48, 48, 48, 48, 36, seed=200 + seed) for seed in SEEDS]
recipe = Recipe(epochs=6, lr=1e-2, batch_size=256)
fit_many(deep, glyphs.train.x, (glyphs.train.y,), F.cross_entropy, recipe, seeds=SEEDS)
deep_says = [(outputs_of(teacher, x).cpu(), y) for teacher in deep]
starts = {"own start": {}, "one layer out of two": {"1": "1", "3": "5", "5": "9"}}


def started_and_trained(mapping, seeds, lr, epochs):
    students = [models.mlp(256, 48, 48, 36, seed=seed) for seed in seeds]
    if mapping:
        students = [my_transfer_weights(s, teacher, mapping) for s, teacher in zip(students, deep)]
    return trained(students, deep_says[: len(seeds)], kd, lr, epochs)


handed = {}
for epochs in (2, 10):
    for name, mapping in starts.items():
        def tried(lr):
            students = started_and_trained(mapping, TUNING, lr, epochs)
            return sum(percent(students, glyphs.validation))

        best = max((0.02, 0.05), key=tried)
        handed[name, epochs] = percent(started_and_trained(mapping, SEEDS, best, epochs))
layers = {e: compare(handed["one layer out of two", e], handed["own start", e]) for e in (2, 10)}
record("layers", own_2=mean_interval(handed["own start", 2]), short=layers[2], long=layers[10])
for epochs, gain in layers.items():
    print(f"{epochs:2d} epochs, layers handed over: {in_words(gain)}")

# %% [markdown]
# **Reading the result.** Teachers with four hidden layers, students with two. After two epochs, starting with one layer
# out of two (and the output layer) is worth {{ layers.short.difference | +.1f }} points over the student's own random start
# ({{ layers.own_2.mean | .1f }} %; {{ layers.short.verdict }}); after ten epochs {{ layers.long.difference | +.1f }}
# ({{ layers.long.low | +.1f }} to {{ layers.long.high | +.1f }}; {{ layers.long.verdict }}). What is handed over
# is a head start: it counts most when training is short. Learning rates were chosen for each start and length out of two.

# %% [markdown]
# ## A pull toward the teacher's weights
#
# Another article speaks of "weight clipping": the student's weights are drawn toward the teacher's. As an equation,
# for a student with the teacher's shape,
#
# $$L = L_\mathrm{task} + \frac{\lambda}{2} \sum_i \big(\theta_i - \theta_i^{\mathrm{ref}}\big)^2$$
#
# whose gradient adds $\lambda(\theta - \theta^\mathrm{ref})$: weight decay with another origin. Ordinary weight decay forgets
# toward zero; this one forgets toward the teacher.

# %% exercise="weight_pull" difficulty=2 minutes=3
def weight_pull(student, reference, strength):
    """strength / 2 times the sum of squared differences of all parameters of student and reference.

    student, reference: modules of one structure. strength: zero or more. Returns a scalar tensor that
    the student can be trained through; the reference gets no gradient.
    Example: one weight, 3.0 in the student, 1.0 in the reference, strength 0.5: 0.25 · 2² = 1.0.
    """
    ### BEGIN SOLUTION
    pairs = zip(student.parameters(), reference.parameters())
    return strength / 2 * sum((theta - ref.detach()).square().sum() for theta, ref in pairs)
    ### END SOLUTION

# %% check="weight_pull" points=2
from kdtutor.checks import check, secret_logits

check(weight_pull)
### BEGIN HIDDEN TESTS
import torch
from torch import nn

pulled, anchor = nn.Linear(3, 2), nn.Linear(3, 2)
with torch.no_grad():
    for layer, key in ((pulled, "pulled"), (anchor, "anchor")):
        layer.weight.copy_(secret_logits(2, 3, key=key))
        layer.bias.copy_(secret_logits(2, key=key))
gaps = [pulled.weight - anchor.weight, pulled.bias - anchor.bias]
by_hand = 0.35 * sum(float(gap.detach().double().square().sum()) for gap in gaps)
off = abs(weight_pull(pulled, anchor, 0.7).item() - by_hand)
assert off < 1e-3 * (1 + by_hand), "the value is wrong for fresh weights"
### END HIDDEN TESTS

# %% [markdown]
# When would one want it? A trained network meets a new domain: the same letters, turned by 30 degrees, and only 200 of them.
# Fine-tuning learns the new and forgets the old. Predict: a pull of strength 0.03, does it help on the new domain, on the
# old one, on both?

# %%
predict("a pull of 0.03 helps on the ('new', 'old', 'both' or 'neither')", ...)

# %% experiment
from kdtutor.data import Split
from kdtutor.data.rotation import rotated
from kdtutor.training import fit

my_weight_pull = use(weight_pull)
few, of_few = rotated(x[:200], 30.0), y[:200]
turned = Split(rotated(glyphs.test.x, 30.0), glyphs.test.y)
STRENGTHS = (0.0, 0.001, 0.01, 0.03, 0.1, 1.0)
on_new, on_old = {}, {}
for strength in STRENGTHS:
    tuned = []
    for seed, teacher in enumerate(teachers[64]):
        network = copy.deepcopy(teacher)

        def loss(logits, labels):
            return F.cross_entropy(logits, labels) + my_weight_pull(network, teacher, strength)

        fit(network, few, (of_few,), loss, Recipe(epochs=20, lr=0.01, batch_size=50), seed=seed)
        tuned.append(network)
    on_new[strength], on_old[strength] = percent(tuned, turned), percent(tuned)
helps = {"new": compare(on_new[0.03], on_new[0.0]), "old": compare(on_old[0.03], on_old[0.0])}
record("pull", before_new=mean_interval(percent(teachers[64], turned)),
       free_new=mean_interval(on_new[0.0]), free_old=mean_interval(on_old[0.0]), **helps,
       best_new=max(STRENGTHS, key=lambda strength: sum(on_new[strength])))
gained = [name for name, gain in helps.items() if gain.verdict == "gain"]
reveal(
    "a pull of 0.03 helps on the ('new', 'old', 'both' or 'neither')",
    "both" if len(gained) == 2 else gained[0] if gained else "neither",
)
plots.show(
    plots.pull_trade_off(
        STRENGTHS,
        [mean_interval(on_new[strength]) for strength in STRENGTHS],
        [mean_interval(on_old[strength]) for strength in STRENGTHS],
    ),
    alt="Test accuracy against the strength of the pull, from 0 to 1. On the new domain it falls, on "
    "the old domain it rises; the curves cross.",
)

# %% [markdown]
# How to read it: blue is accuracy on turned glyphs, red on upright ones, after fine-tuning on turned ones; the 95 %
# intervals are hardly wider than the lines.
#
# **Reading the result.** Before fine-tuning the network reads {{ pull.before_new.mean | .1f }} % of the turned glyphs. Without
# a pull, 200 of them bring it to {{ pull.free_new.mean | .1f }} % and leave {{ pull.free_old.mean | .1f }} % on upright
# ones. A pull of 0.03 changes the old domain by {{ pull.old.difference | +.1f }} points ({{ pull.old.verdict }}) and the
# new one by {{ pull.new.difference | +.1f }} ({{ pull.new.verdict }}). It is a dial between two domains, and the best
# setting for the new one alone is {{ pull.best_new | g }} here. In an application, forgetting has a price or it has none, and that sets
# the dial.

# %% [markdown]
# ## Several tasks, several teachers
#
# One student may have several heads on one trunk, each with its own teacher, its own labels, or both:
#
# $$L = \sum_k w_k L_k, \qquad L_k = (1-\alpha)\,\mathrm{CE} + \alpha\,T^2\,\mathrm{KL}$$
#
# where a task that lacks labels has $L_k = T^2\,\mathrm{KL}$ and one that lacks a teacher $L_k = \mathrm{CE}$, each in full: with one
# source there is nothing to mix.

# %% exercise="multi_task_loss" difficulty=3 minutes=6
def multi_task_loss(student_logits, teacher_logits, labels, weights, temperature, alpha):
    """The weighted sum of the tasks' losses.

    student_logits: {task: (N, C)}; tasks may differ in N and C. teacher_logits: {task: (N, C)} and
    labels: {task: (N,)}: every task of the student is in one of the two at least.
    weights: {task: number}. temperature: T. alpha: weighs the distillation term of tasks that have both.
    Returns a scalar tensor that the student can be trained through; the teachers get no gradient.
    Example: one task with weight 1, student [[0, 0]], teacher [[0, 2]], label 1, T = 2, alpha = 0.5:
    0.5 · 0.6931 + 0.5 · 0.4438 = 0.5685.
    """
    ### BEGIN SOLUTION
    total = 0
    for task, z_s in student_logits.items():
        parts = {}
        if task in labels:
            parts["labels"] = torch.nn.functional.cross_entropy(z_s, labels[task])
        if task in teacher_logits:
            log_t = (teacher_logits[task].detach() / temperature).log_softmax(-1)
            log_s = (z_s / temperature).log_softmax(-1)
            kl = (log_t.exp() * (log_t - log_s)).sum(-1).mean()
            parts["teacher"] = temperature**2 * kl
        if len(parts) == 2:
            loss = (1 - alpha) * parts["labels"] + alpha * parts["teacher"]
        else:
            loss = next(iter(parts.values()))
        total = total + weights[task] * loss
    return total
    ### END SOLUTION

# %% check="multi_task_loss" points=2
from kdtutor.checks import check, secret_labels, secret_logits

check(multi_task_loss)
### BEGIN HIDDEN TESTS
heads = {name: secret_logits(4, 5, key=name) for name in ("both", "taught", "labelled")}
masters = {name: secret_logits(4, 5, key=f"teacher of {name}") for name in ("both", "taught")}
marks = {name: secret_labels(4, 5, key=name) for name in ("both", "labelled")}
ce = {n: -float(heads[n].double().log_softmax(-1)[range(4), marks[n]].mean()) for n in marks}
kl = {}
for name, master in masters.items():
    p, q = (master.double() / 3).softmax(-1), (heads[name].double() / 3).softmax(-1)
    kl[name] = 9 * float((p * (p / q).log()).sum()) / 4
by_hand = 2.0 * (0.4 * ce["both"] + 0.6 * kl["both"]) + 0.5 * kl["taught"] + ce["labelled"]
shares = {"both": 2.0, "taught": 0.5, "labelled": 1.0}
off = abs(float(multi_task_loss(heads, masters, marks, shares, 3.0, 0.6)) - by_hand)
assert off < 1e-3 * (1 + by_hand), "the value is wrong for fresh tasks"
### END HIDDEN TESTS

# %% [markdown]
# The tasks: which character is it, and does it stand upright or on its head? Half of the pictures are turned by 180
# degrees. Each task has its own teacher. One student with 32 hidden units and two heads meets two students with 16 each,
# one a task: the same number of hidden units.

# %% experiment
my_multi_task_loss = use(multi_task_loss)


def half_turned(part):
    """Every second picture on its head, and whether it is."""
    turn = torch.arange(len(part)) % 2
    upside_down = torch.rot90(part.x, 2, (2, 3))
    return torch.where(turn.bool().view(-1, 1, 1, 1), upside_down, part.x), part.y, turn


class TwoHeads(nn.Module):
    """One trunk, a head for the character and a head for the turn."""

    def __init__(self, seed):
        super().__init__()
        with models.seeded(seed):
            self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(256, 32), nn.ReLU())
            self.character, self.turn = nn.Linear(32, 36), nn.Linear(32, 2)

    def forward(self, pictures):
        features = self.trunk(pictures)
        return {"character": self.character(features), "turn": self.turn(features)}


everything_x, *everything_y = half_turned(glyphs.train)
seen_x, seen_y, seen_turn = (column[:2000] for column in (everything_x, *everything_y))
test_x, test_y, test_turn = half_turned(glyphs.test)
masters, recipe = [], Recipe(epochs=6, lr=1e-2, batch_size=256)
for labels, classes in zip(everything_y, (36, 2)):
    ten = [models.mlp(256, 96, classes, seed=300 + seed) for seed in SEEDS]
    fit_many(ten, everything_x, (labels,), F.cross_entropy, recipe, seeds=SEEDS)
    masters.append([outputs_of(network, seen_x).cpu() for network in ten])


def two_tasks(heads, of_character, of_turn, labels, turn):
    teachers = {"character": of_character, "turn": of_turn}
    both = {"character": labels, "turn": turn}
    return my_multi_task_loss(heads, teachers, both, {"character": 1.0, "turn": 1.0}, T, ALPHA)


targets = [(a, b, seen_y, seen_turn) for a, b in zip(*masters)]
losses = [partial(two_tasks) for _ in SEEDS]
shared = trained([TwoHeads(seed) for seed in SEEDS], targets, losses, LR, pictures=seen_x)
separate = []
for classes, labels, says_task in zip((36, 2), (seen_y, seen_turn), masters):
    ten = [models.mlp(256, 16, classes, seed=seed) for seed in SEEDS]
    separate.append(trained(ten, [(z, labels) for z in says_task], kd, LR, pictures=seen_x))
tasks = {}
for name, single, labels in zip(("character", "turn"), separate, (test_y, test_turn)):
    heads = [nn.Sequential(network.trunk, getattr(network, name)) for network in shared]
    tasks[name] = compare(percent(heads, (test_x, labels)), percent(single, (test_x, labels)))
    print(f"{name:>9}, shared trunk against its own: {in_words(tasks[name])}")
record("tasks", **tasks)

# %% [markdown]
# **Reading the result.** On the character the shared trunk is {{ tasks.character.difference | +.1f }} points ahead of
# the separate one ({{ tasks.character.verdict }}), on the turn {{ tasks.turn.difference | +.1f }}
# ({{ tasks.turn.low | +.1f }} to {{ tasks.turn.high | +.1f }}; {{ tasks.turn.verdict }}). Both heads may use all 32 units,
# but both losses bend the trunk: a likely reason, not tested here, why one task can gain and the other not. The weights are the dial;
# `distill.UncertaintyWeights` learns them.

# %% [markdown]
# ## A stream that drifts
#
# On a device the world moves on: pictures arrive without labels, and slowly they change. Here a stream of 100 batches of
# 32 glyphs turns from upright to 60 degrees. A larger teacher has seen all angles, too slow for the device but there
# to be asked. Each batch is an exam first, then a lesson (*test-then-train*), so every agreement below is on pictures that
# the student has not learned from yet. Three students: one stays as it was, one follows, one follows and keeps a
# random sample of 500 old pictures to rehearse (*reservoir*).
#
# Predict: at the end of the stream, on which share of new pictures does the student that stayed agree with the teacher?

# %%
predict("agreement at 60 degrees of the student that stayed, in %", ...)

# %% experiment
ANGLE, BATCHES, SIZE, LAST = 60.0, 100, 32, 10
of_all_angles = models.mlp(256, 256, 36, seed=7)
angles = torch.rand(len(glyphs.train), generator=torch.Generator().manual_seed(0)) * (ANGLE + 20) - 10
recipe = Recipe(epochs=8, lr=1e-2, batch_size=256)
fit(of_all_angles, rotated(glyphs.train.x, angles), (glyphs.train.y,), F.cross_entropy, recipe)
of_all_angles.cpu()
upright = trained(small(), [(outputs_of(of_all_angles, x), y)] * len(SEEDS), kd, LR)
answers = outputs_of(of_all_angles, glyphs.test.x).argmax(-1)


def along(student, seed, lr, rehearse):
    """Agreement in each batch of the stream, and on upright pictures after it."""
    student = copy.deepcopy(student).cpu()
    optimizer = torch.optim.Adam(student.parameters(), lr=lr or 1e-3)

    def step(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    memory = distill.ReplayMemory(500, torch.Generator().manual_seed(seed)) if rehearse else None
    follower = distill.OnlineDistiller(
        of_all_angles, student, step, partial(distill.kd_loss, temperature=T), memory
    )
    order = torch.randperm(len(glyphs.train), generator=torch.Generator().manual_seed(seed))
    agreement = []
    for number, index in enumerate(order[: BATCHES * SIZE].split(SIZE)):
        pictures = rotated(glyphs.train.x[index], ANGLE * number / BATCHES)
        if lr:
            agreement.append(100 * follower.consume(pictures).agreement.item())
        else:
            named, wanted = (outputs_of(n, pictures).argmax(-1) for n in (student, of_all_angles))
            agreement.append(100 * (named == wanted).float().mean().item())
    kept = (outputs_of(student, glyphs.test.x).argmax(-1) == answers).float().mean().item()
    return torch.tensor(agreement), 100 * kept


pace = max((0.003, 0.01, 0.03), key=lambda lr: along(upright[0], 99, lr, False)[0].mean())
ways = {"stays": (0.0, False), "follows": (pace, False), "follows and rehearses": (pace, True)}
runs = {name: [along(upright[seed], seed, *way) for seed in SEEDS] for name, way in ways.items()}
ends = {name: [run[0][-LAST:].mean().item() for run in of_way] for name, of_way in runs.items()}
kept = {name: [run[1] for run in of_way] for name, of_way in runs.items()}
record(
    "stream",
    lr=pace,
    stays=mean_interval(ends["stays"]),
    follows=mean_interval(ends["follows"]),
    rehearses=mean_interval(ends["follows and rehearses"]),
    following=compare(ends["follows"], ends["stays"]),
    rehearsing=compare(ends["follows and rehearses"], ends["follows"]),
    old_stays=mean_interval(kept["stays"]),
    old_follows=mean_interval(kept["follows"]),
    old_rehearses=mean_interval(kept["follows and rehearses"]),
    remembering=compare(kept["follows and rehearses"], kept["follows"]),
)
reveal("agreement at 60 degrees of the student that stayed, in %", mean_interval(ends["stays"]).mean)
starts_at = range(0, BATCHES, LAST)
parts = {
    name: [mean_interval([run[0][i : i + LAST].mean().item() for run in of_way]) for i in starts_at]
    for name, of_way in runs.items()
}
plots.show(
    plots.along_a_stream(
        [ANGLE * (i + LAST / 2) / BATCHES for i in starts_at],
        parts,
        "angle of the pictures in degrees (the stream goes from left to right)",
    ),
    alt="Agreement with the teacher along the stream. The student that stays falls steeply with the "
    "angle; the two that follow fall far less and stay close to each other.",
)

# %% [markdown]
# How to read it: each point is the mean agreement over ten batches, the band its interval over ten students.
#
# **Reading the result.** In the last tenth of the stream the student that stayed agrees on {{ stream.stays.mean | .0f }} % of
# the pictures, the one that follows on {{ stream.follows.mean | .0f }} %
# ({{ stream.following.difference | +.0f }} points; {{ stream.following.verdict }}). Following has a price that no point of
# this figure shows: back on upright pictures it agrees on {{ stream.old_follows.mean | .0f }} %, where the one that stayed
# agrees on {{ stream.old_stays.mean | .0f }} %. Rehearsing changes that by
# {{ stream.remembering.difference | +.0f }} points ({{ stream.remembering.verdict }}) and the end of the stream by
# {{ stream.rehearsing.difference | +.1f }} ({{ stream.rehearsing.verdict }}). The learning rate, {{ stream.lr | g }}, was
# chosen by the agreement of one run apart, which needs no labels.

# %% [markdown]
# ## Reading critically: three regimes, one program
#
# The article with the three regimes prints a training loop three times. In our own words and names it is the loop below:
# the teacher is asked, a loss is computed, `backward`, step. Read it twice. What does the student learn from? Commit
# yourself: put a well trained teacher in, then an untrained one. How many percentage points apart will the students be?

# %%
predict("points between the students of a good and of an untrained teacher", ...)

# %% experiment
def as_printed(student, teacher, pictures, labels, order):
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for batch in order:
        logits = {"teacher": teacher(pictures[batch]), "student": student(pictures[batch])}
        loss = F.cross_entropy(logits["student"], labels[batch])
        loss.backward()
        optimizer.step()
    return student


def repaired(student, teacher, pictures, labels, order):
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for batch in order:
        with torch.no_grad():
            teacher_says = teacher(pictures[batch])
        loss = distill.distillation_loss(student(pictures[batch]), teacher_says, labels[batch], T, ALPHA)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return student


untrained = models.mlp(256, 128, 36, seed=1)
order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0)).split(64) * 3
ends_at = {}
for loop in (as_printed, repaired):
    for name in ("good", "untrained"):
        ends_at[loop, name] = [
            loop(network, teachers[128][seed].cpu() if name == "good" else untrained, x, y, order)
            for seed, network in enumerate(small())
        ]
one, other = (nn.ModuleList(ends_at[as_printed, name]) for name in ("good", "untrained"))
identical = all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))
score = {key: percent(networks) for key, networks in ends_at.items()}
apart = compare(score[as_printed, "good"], score[as_printed, "untrained"])
record("as_printed", identical="identical, bit for bit" if identical else "different", apart=apart,
       accuracy=mean_interval(score[as_printed, "good"]),
       repaired=mean_interval(score[repaired, "good"]),
       repaired_untrained=mean_interval(score[repaired, "untrained"]))
for (loop, name), accuracies in score.items():
    print(f"{loop.__name__:>10}, {name:>9} teacher: {mean_interval(accuracies)}")
reveal("points between the students of a good and of an untrained teacher", apart.difference)

# %% [markdown]
# As printed, the students of the two teachers are {{ as_printed.identical }}. So what does the loop train? Write one of
# these in the place of `None`: `"teacher and labels"`, `"teacher alone"`, `"labels, fresh gradients"`,
# `"labels, gradients summed"`, `"teacher, gradients summed"`, `"nothing"`.

# %% exercise="what_the_loop_trains" difficulty=2 minutes=1
what_the_loop_trains = None
### BEGIN SOLUTION
what_the_loop_trains = "labels, gradients summed"
### END SOLUTION

# %% check="what_the_loop_trains" points=1
from kdtutor.checks import check

check(what_the_loop_trains, exercise="what_the_loop_trains")
### BEGIN HIDDEN TESTS
assert what_the_loop_trains == "labels, gradients summed", "another of the offered names is right"
### END HIDDEN TESTS

# %% [markdown]
# The repaired loop asks the teacher without a graph, uses its answer, and sets the gradients to zero. Its students reach
# {{ as_printed.repaired.mean | .1f }} % with the good teacher and {{ as_printed.repaired_untrained.mean | .1f }} % with the
# untrained one; as printed it was {{ as_printed.accuracy.mean | .1f }} % with either. The test that finds such a fault
# costs a minute and needs no insight: **change what should matter, and see whether anything changes.**

# %% [markdown] instructor
# A teacher that does not help is hard to believe. Let the class look for the fault first:
# the learning rate, the temperature, the seeds. Only when each has been excluded is the finding worth its sentence.

# %% [markdown]
# ## Two interview questions
#
# The second article closes with five questions; units 02 and 03 have asked three. These are the fourth and the fifth. Answer
# each in a sentence or two; they are graded by a person.
#
# **Question 4: what is distillation used for?** Name one application, and say which constraint of that application makes
# a small student worth training when a good teacher exists already.

# %% [markdown] answer="interview_applications" points=1
# Your answer:
#
# ### BEGIN SOLUTION
# Recognition on a phone: the teacher is too slow and too large for the device, so a student is trained that keeps most of
# its accuracy within the device's memory and time; pictures from the device need no labels, because the teacher gives
# its answers to them.
#
# ### BEGIN MARK SCHEME
# 1 point: a concrete application (a phone, an edge device, serving at scale, a drifting stream, a transfer set
# without labels) together with the constraint that excludes the teacher there (latency, memory, energy, cost,
# labels, privacy). Half a point for an application without the constraint. No point for "it makes models better".
# ### END MARK SCHEME
# ### END SOLUTION

# %% [markdown]
# **Question 5: what are its challenges?** Name one that you have seen measured in this unit, with the number that shows it.

# %% [markdown] answer="interview_challenges" points=1
# Your answer:
#
# ### BEGIN SOLUTION
# A better teacher need not make as much better a student: from 64 to 256 hidden units the teachers improved by
# {{ sweep.better.difference | .1f }} points, their students by {{ sweep.bigger.difference | .1f }}. (Or: a weak teacher does harm; following a stream makes a student forget; storing fewer
# classes of each answer costs accuracy; a loop that ignores its teacher trains without any error.)
#
# ### BEGIN MARK SCHEME
# 1 point: a challenge that an experiment of this unit shows, and a number that fits it (read off the learner's own
# run). Half a point for a true challenge without a number. No point for "tuning is difficult" without a measurement.
# ### END MARK SCHEME
# ### END SOLUTION

# %% [markdown]
# ## What to remember
#
# - A teacher helps by knowing what the labels do not say. A bigger one passes on less than it gains; a worse one harms.
# - Several teachers: average probabilities, not logits. Peers and running means: constants in the loss, copies of buffers.
# - A regime is a list of stages with one budget. Ending on labels alone unlearns part of the teacher.
# - A part of a teacher's answer is enough. Account for the rest, and the loss stays an honest bound.
# - Weights can be handed over or pulled toward: a head start, and a dial between new and old.
# - A follower needs no labels, but it forgets; a small memory gives some of it back.
#
# **What breaks it**: peers left in the graph, buffers averaged or forgotten, tensors shared instead of copied,
# renormalised targets, and a teacher that is computed and never used.
#
# **Where to read on**: Cho and Hariharan, *On the Efficacy of Knowledge Distillation*, 2019, section 4, and Huang et al.,
# *Knowledge Distillation from a Stronger Teacher*, 2022, on teachers that are too good. Zhang et al., *Deep Mutual
# Learning*, 2018, section 3. Furlanello et al., *Born Again Neural Networks*, 2018, section 3. Tarvainen and Valpola, *Mean Teachers Are
# Better Role Models*, 2017, section 2. Tan et al., *Multilingual Neural Machine Translation with Knowledge Distillation*,
# 2019, section 3, for top-k targets. Sanh et al., *DistilBERT*, 2019, section 3. Li, Grandvalet and Davoine, *Explicit Inductive Bias
# for Transfer Learning*, 2018, section 3. Caruana, *Multitask Learning*, 1997. Gama, Sebastião and Rodrigues, *On Evaluating
# Stream Learning Algorithms*, 2013.
#
# Next: unit 05 takes weights away.
