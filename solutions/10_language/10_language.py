# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Language
#
# A language model says, for every beginning of a text, how likely each next token is. Distilling one raises questions
# that a classifier does not: over which texts are teacher and student compared, in which direction, and how does one
# handle a vocabulary so large that its logits fill the memory? This unit answers them on a small language whose true
# probabilities are known, so that every student is judged by the truth and not by a sample of it.
#
# **After this unit** you can write the divergence of two sequence models with padding, choose between forward, reverse
# and Jensen–Shannon divergence and say what each costs, let a student learn from its own text, compute a loss over a
# large vocabulary in chunks, and store weights in four bits by groups.
#
# **Questions that the measurements below will settle**
#
# 1. Few sequences are given. What helps a student more: the teacher's probabilities or the teacher's text?
# 2. A student is too small for its teacher. What does it leave out under each divergence?
# 3. Does it help to learn from the student's own text?
# 4. How much memory does a loss take, whole and in chunks, and how much do four bits a weight cost?
#
# | | |
# |---|---|
# | Time | 60 minutes |
# | Points | 16 |
# | You need | units 01 and 07 |

# %%
import torch
import torch.nn.functional as F
from torch import nn

from kdtutor import data, models, plots, quantize
from kdtutor.checks import check, hint, predict, reveal, use
from kdtutor.measure import mean_interval, paired_comparison, peak_memory, record, state_dict_bytes
from kdtutor.plots import language as figures

torch.set_num_threads(1)  # the networks are small

# %% [markdown]
# Wherever you are stuck, `hint(sequence_kd)` in a new cell gives the next of three hints for that exercise.
#
# ## A language whose truth is known
#
# The language has 32 syllables. After each pair of them the next one lies near one of three places, the three
# **modes**: one takes 0.7 of the probability, the others 0.2 and 0.1. The last token says where the modes lie, the one
# before which of them is favoured. A small share of 0.02 is spread over all tokens, so nothing is impossible. All
# $32^3$ probabilities $p(c \mid a, b)$ are known, and so is how often each pair $a, b$ occurs in an endless text,
# $\pi(a, b)$.
#
# A model of this language is a table $q(c \mid a, b)$. Two numbers compare it with the truth $p$, both in nats a token:
#
# $$\text{on the truth's text: } \sum_{a,b} \pi_p(a,b)\, \mathrm{KL}\big(p(\cdot|a,b) \,\|\, q(\cdot|a,b)\big), \qquad
# \text{on its own text: } \sum_{a,b} \pi_q(a,b)\, \mathrm{KL}\big(q(\cdot|a,b) \,\|\, p(\cdot|a,b)\big).$$
#
# In words: the first says how badly the model is surprised by real text, and grows where it rules out what is really
# said. The second says how odd the model's own text looks to somebody who knows the language, and grows where it says
# what nobody would say; $\pi_q$ is how often each pair occurs in text that the model writes. Neither is estimated here:
# both are sums over the whole table.

# %% experiment
from kdtutor.data.language import MarkovSource, language_source
from kdtutor.training import Recipe, fit

truth = language_source()
P, V = truth.transition, truth.vocabulary
PAIRS = torch.cartesian_prod(torch.arange(V), torch.arange(V))
implausible = P < 0.005  # what lies in no mode


def network(width, hidden, bottleneck=None, seed=0):
    """Logits of the next token from the last two: (..., 2) tokens -> (..., V)."""
    with models.seeded(seed):
        head = [nn.Linear(hidden, V)]
        if bottleneck:
            head = [nn.Linear(hidden, bottleneck, bias=False), nn.Linear(bottleneck, V)]
        body = [nn.Embedding(V, width), nn.Flatten(-2), nn.Linear(2 * width, hidden), nn.ReLU()]
        return nn.Sequential(*body, *head)


@torch.no_grad()
def log_table(model):
    """log q(c | a, b) of a model, (V, V, V)."""
    return model(PAIRS).double().log_softmax(-1).view(V, V, V)


def lost_on_truth(model):
    """Nats a token that the model loses on the truth's text."""
    return (truth.stationary[..., None] * P * (P.log() - log_table(model))).sum().item()


def judged(model):
    """Nats lost on the truth's text, nats lost on its own text, share of own tokens in no mode."""
    log_q = log_table(model)
    q = log_q.exp() / log_q.exp().sum(-1, keepdim=True)
    own = MarkovSource(q, truth.tokens).stationary[..., None] * q
    return lost_on_truth(model), (own * (log_q - P.log())).sum().item(), own[implausible].sum().item()


text = data.load("language").train
text = torch.cat([text.x[:, :1], text.y], 1)  # 4,000 sequences of 32 tokens
windows = text.unfold(1, 3, 1).reshape(-1, 3)
teacher = network(16, 128, seed=0)
budget = Recipe(epochs=3, batch_size=512, lr=1e-2)
fit(teacher, windows[:, :2], (windows[:, 2],), F.cross_entropy, budget, device="cpu")
teacher_judged = judged(teacher)
truth_share = float((truth.stationary[..., None] * P * implausible).sum())
record("teacher", on_truth=teacher_judged[0], on_own=teacher_judged[1], implausible=teacher_judged[2],
       entropy=truth.entropy_rate(), truth_implausible=truth_share)
print("a line of the language:", truth.spell(text[0, :12]))
print(f"entropy of the truth: {truth.entropy_rate():.3f} nats a token")
print("the teacher loses {:.4f} nats on the truth's text, {:.4f} on its own".format(*teacher_judged))

# %% [markdown]
# **Reading the result.** A perfect model still pays the entropy of the language, {{ teacher.entropy | .3f }} nats a
# token. The teacher, a network with one hidden layer of 128 units trained on 4,000 sequences, loses
# {{ teacher.on_truth | .3f }} nats beyond that. Everything below is counted beyond the entropy: 0 is perfect.

# %% [markdown]
# ## The divergence of whole sequences
#
# A sequence $y = y_1 \dots y_L$ has the probability $p(y) = \prod_i p(y_i \mid y_{<i})$, where $y_{<i}$ stands for all
# tokens before the $i$-th. How far is the student's distribution over *sequences* from the teacher's? The logarithm of
# a product is a sum, so
#
# $$\mathrm{KL}(p_t \,\|\, p_s) = \sum_y p_t(y) \sum_i \log \frac{p_t(y_i|y_{<i})}{p_s(y_i|y_{<i})}
# = \mathbb{E}_{y \sim p_t} \sum_i \mathrm{KL}\big(p_t(\cdot|y_{<i}) \,\|\, p_s(\cdot|y_{<i})\big).$$
#
# In words: the divergence of whole sequences is the sum of the divergences of single tokens, along text that the
# *teacher* writes. The second step averages over the next token given the beginning, which turns each logarithm into a
# divergence over the vocabulary. Two consequences. The beginnings $y_{<i}$ have to come from the teacher; along any
# other text it is another quantity. And it is a sum over tokens: divided by the number of tokens it compares batches
# of any shape. Sequences differ in length, so a batch is padded, and a mask says which tokens count.

# %% exercise="sequence_kd" difficulty=3 minutes=8
def sequence_kd(student_logits, teacher_logits, mask):
    """Forward divergence KL(p_t ‖ p_s) of the next token, averaged over the tokens that count.

    student_logits, teacher_logits: (B, L, V). mask: (B, L) bool, True where a token counts; elsewhere
    anything may stand, NaN included. Returns a scalar in nats a token, 0 where no token counts.
    The student gets a gradient, the teacher none.
    Example: one sequence, two tokens, the second is padding. p_s = [1/2, 1/2], p_t = [1/4, 3/4]:
    1/4 · log(1/2) + 3/4 · log(3/2) = 0.1308.
    """
    ### BEGIN SOLUTION
    log_s = student_logits[mask].log_softmax(-1)
    log_t = teacher_logits[mask].detach().log_softmax(-1)
    return (log_t.exp() * (log_t - log_s)).sum() / mask.sum().clamp_min(1)
    ### END SOLUTION

# %% check="sequence_kd" points=2
from kdtutor.checks import check, secret_logits

check(sequence_kd)
### BEGIN HIDDEN TESTS
import math

import torch

fresh_logits, target_logits = (secret_logits(3, 4, 6, key=key) for key in ("student", "teacher"))
mask = torch.tensor([[True, True, True, False], [True, False, False, False], [False] * 4])
by_hand = 0.0
for row, place in ((0, 0), (0, 1), (0, 2), (1, 0)):
    p, q = (z[row, place].double().softmax(-1).tolist() for z in (target_logits, fresh_logits))
    by_hand += sum(a * math.log(a / b) for a, b in zip(p, q)) / 4
spoilt = torch.where(mask[..., None], target_logits, float("nan"))
assert abs(float(sequence_kd(fresh_logits, spoilt, mask)) - by_hand) < 1e-4, "wrong for a fresh batch"
assert float(sequence_kd(fresh_logits, target_logits, mask & False)) == 0, "0 where no token counts"
### END HIDDEN TESTS

# %% [markdown]
# ### Probabilities or text?
#
# Twenty sequences are given. Four ways to use a teacher with them:
#
# - **labels**: the teacher is not used; the student learns the next token of the given text by cross-entropy;
# - **probabilities**: the same text, and at every place the teacher's probabilities as target;
# - **text**: the teacher writes 2,000 sequences of its own, and the student learns their tokens as if they were data.
#   This is sequence-level distillation as it was introduced: it needs nothing of the teacher but its text;
# - **both**: the teacher's text and the teacher's probabilities, which is the divergence derived above.
#
# All students have 64 hidden units and see 200 batches of 16 sequences with 16 tokens. For each way the learning rate is
# the best of four, judged on the truth's text, for two seeds that are not used again.

# %%
predict("the best of labels, probabilities, text", ...)

# %% experiment
my_sequence_kd = use(sequence_kd)
L, BATCH, RATES = 16, 16, (1e-3, 3e-2, 1e-1, 3e-1)


def contexts(sequences):
    """The last two tokens before each token but the first two: (n, L + 2) -> (n, L, 2)."""
    return sequences.unfold(1, 2, 1)[:, :-1]


def learn(model, source, divergence, lr, seed, steps=200):
    """Lower divergence(logits, contexts, next tokens) on the sequences (n, L + 2) that source gives."""
    generator, recipe = torch.Generator().manual_seed(seed), Recipe(lr=lr)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = recipe.learning_rate(step, steps)
        sequences = source(model, step, generator)
        pairs = contexts(sequences)
        loss = divergence(model(pairs), pairs, sequences[:, 2:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def from_pool(pool):
    return lambda model, step, generator: pool[torch.randint(len(pool), (BATCH,), generator=generator)]


@torch.no_grad()
def asked(pairs):
    return teacher(pairs)


everything = torch.ones(BATCH, L, dtype=torch.bool)


def label_loss(z, pairs, following):
    return F.cross_entropy(z.flatten(0, 1), following.flatten())


def teacher_loss(z, pairs, following):
    return my_sequence_kd(z, asked(pairs), everything)


def tuned(run, worth):
    """The learning rate with the lowest worth(judged student), summed over the trial seeds."""
    return min(RATES, key=lambda lr: sum(worth(judged(run(seed, lr))) for seed in TRIALS))


with torch.no_grad():
    q = log_table(teacher).exp()
    speaker = MarkovSource(q / q.sum(-1, keepdim=True), truth.tokens)
    written = speaker.sample(2000, L + 2, torch.Generator().manual_seed(1))
given = text[:20, : L + 2]
ways = {
    "labels": (given, label_loss),
    "probabilities": (given, teacher_loss),
    "text": (written, label_loss),
    "both": (written, teacher_loss),
}
SEEDS, TRIALS = range(10), (100, 101)
lost, students, chosen = {}, {}, {}
for name, (pool, loss) in ways.items():

    def run(seed, lr, pool=pool, loss=loss):
        return learn(network(32, 64, seed=seed), from_pool(pool), loss, lr, seed)

    rate = chosen[name] = tuned(run, lambda now: now[0])
    students[name] = [run(seed, rate) for seed in SEEDS]
    lost[name] = [judged(model)[0] for model in students[name]]
    print(f"{name:>14}, learning rate {rate}: {mean_interval(lost[name])}")
plots.show(
    figures.losses_by_text({name: mean_interval(values) for name, values in lost.items()}),
    alt="Nats a token lost on the truth's text for four ways, on a logarithmic axis. Labels of twenty "
    "sequences lose most, the teacher's text with its probabilities least.",
)

# %% experiment
def better(method, baseline, least):
    """The comparison of two lists of losses: a gain is a smaller loss."""
    return paired_comparison([-x for x in method], [-x for x in baseline], smallest_gain=least)


compared = {
    "probabilities": better(lost["probabilities"], lost["labels"], 0.02),
    "text": better(lost["text"], lost["labels"], 0.02),
    "text_or_probabilities": better(lost["text"], lost["probabilities"], 0.02),
    "both": better(lost["both"], lost["text"], 0.02),
}
for name, outcome in compared.items():
    print(f"{name}: {outcome}")
winner = min(("labels", "probabilities", "text"), key=lambda name: sum(lost[name]))
record("ways", winner=winner, rate=chosen["labels"],
       **{name: mean_interval(values) for name, values in lost.items()},
       **{f"{name}_verdict": outcome.verdict for name, outcome in compared.items()})
reveal("the best of labels, probabilities, text", winner)

# %% [markdown]
# How to read it: each point is the mean of ten students with its 95 % interval; further left is better, and the axis is
# logarithmic.
#
# **Reading the result.** From the labels of twenty sequences a student loses {{ ways.labels.mean | .2f }} nats a token, with
# the learning rate {{ ways.rate }} of those from 0.001 to 0.3: twenty sequences hold 340 pairs of tokens at most, of 1,024.
# With the teacher's probabilities on the same text it loses {{ ways.probabilities.mean | .2f }} (gain over labels of 0.02
# nats or more: "{{ ways.probabilities_verdict }}"), with the teacher's text alone {{ ways.text.mean | .2f }}
# ("{{ ways.text_verdict }}"). The text against the probabilities: "{{ ways.text_or_probabilities_verdict }}". Of the three
# the best mean belongs to **{{ ways.winner }}**. Probabilities tell more about each beginning, and text brings more
# beginnings; a teacher can write as much of it as one likes. Both together lose {{ ways.both.mean | .3f }} nats, against
# the text alone "{{ ways.both_verdict }}": for each beginning a whole distribution is worth more than one token drawn
# from it.

# %% [markdown]
# ## The other direction
#
# A student that can represent the teacher has nothing to decide. A student that cannot has to leave something out, and
# the direction of the divergence decides what. In the **reverse** divergence the student's own probabilities weigh the
# terms:
#
# $$\mathrm{KL}(p_s \,\|\, p_t) = \sum_c p_s(c) \log \frac{p_s(c)}{p_t(c)}.$$
#
# In words: it asks only about tokens that the student says. Where the student puts probability and the teacher none,
# the logarithm is large. Where the teacher puts probability and the student none, the term is 0: leaving a mode out
# costs little. The forward divergence has it the other way round: a mode left out costs without bound, and what the
# student puts between the modes costs little.

# %% exercise="reverse_kl" difficulty=2 minutes=6
def reverse_kl(student_logits, teacher_logits):
    """Reverse divergence KL(p_s ‖ p_t) of the next token, one value a token.

    student_logits, teacher_logits: (B, L, V); -inf rules a token out, and what both rule out adds 0.
    Returns (B, L), in nats. The student gets a gradient, the teacher none.
    Example: p_s = [1/2, 1/2], p_t = [1/4, 3/4]: 1/2 · log 2 + 1/2 · log(2/3) = 0.1438.
    """
    ### BEGIN SOLUTION
    log_s, log_t = student_logits.log_softmax(-1), teacher_logits.detach().log_softmax(-1)
    p_s = log_s.exp()
    return (p_s * torch.where(p_s > 0, log_s - log_t, 0.0)).sum(-1)
    ### END SOLUTION

# %% check="reverse_kl" points=2
from kdtutor.checks import check, secret_logits

check(reverse_kl)
### BEGIN HIDDEN TESTS
import math

keys = "reverse student", "reverse teacher"
fresh_logits, target_logits = (secret_logits(2, 3, 5, key=key) for key in keys)
values = reverse_kl(fresh_logits, target_logits)
assert tuple(values.shape) == (2, 3), "one value a token"
for row in range(2):
    for place in range(3):
        p, q = (z[row, place].double().softmax(-1).tolist() for z in (fresh_logits, target_logits))
        by_hand = sum(a * math.log(a / b) for a, b in zip(p, q))
        assert abs(float(values[row, place]) - by_hand) < 1e-4, "wrong for fresh logits"
### END HIDDEN TESTS

# %% [markdown]
# Between the two lies a whole family. Mix teacher and student, $m = \beta\,p_t + (1-\beta)\,p_s$, and measure both by the
# mixture:
#
# $$D_\beta = \beta\,\mathrm{KL}(p_t \,\|\, m) + (1-\beta)\,\mathrm{KL}(p_s \,\|\, m), \qquad 0 < \beta < 1.$$
#
# In words: nothing that either of them says is impossible under $m$, so no logarithm runs away; with $\beta = \tfrac12$ it is
# the Jensen–Shannon divergence, never larger than $\log 2$. At the ends the formula fails: with $\beta = 0$ the mixture
# is the student itself and $D_0$ would be 0 whatever the student says. So the ends are *defined*: $\beta = 0$ is the
# forward divergence and $\beta = 1$ the reverse one. They are not limits. Close to 0 the formula behaves like
# $\beta \cdot \mathrm{KL}(p_t \| p_s)$, which is nearly nothing.

# %%
predict("D_β for β = 0.001, divided by the forward divergence", ...)

# %% exercise="generalized_js" difficulty=3 minutes=9
def generalized_js(student_logits, teacher_logits, beta=0.5):
    """Generalised Jensen-Shannon divergence D_β of the next token, averaged over all tokens.

    student_logits, teacher_logits: (B, L, V), finite. beta: from 0 to 1, the teacher's share in the
    mixture; 0 is KL(p_t ‖ p_s) and 1 is KL(p_s ‖ p_t). Returns a scalar in nats a token.
    The student gets a gradient, the teacher none.
    Example: p_s = [1/2, 1/2], p_t = [1/4, 3/4], β = 1/2: m = [3/8, 5/8];
    KL(p_t ‖ m) = 0.0354, KL(p_s ‖ m) = 0.0323, and half of each is 0.0338.
    """
    ### BEGIN SOLUTION
    log_s, log_t = student_logits.log_softmax(-1), teacher_logits.detach().log_softmax(-1)

    def kl(log_p, log_q):
        return (log_p.exp() * (log_p - log_q)).sum(-1).mean()

    if beta == 0:
        return kl(log_t, log_s)
    if beta == 1:
        return kl(log_s, log_t)
    log_m = (beta * log_t.exp() + (1 - beta) * log_s.exp()).log()
    return beta * kl(log_t, log_m) + (1 - beta) * kl(log_s, log_m)
    ### END SOLUTION

# %% check="generalized_js" points=3
from kdtutor.checks import check, secret_logits

check(generalized_js)
### BEGIN HIDDEN TESTS
import math

fresh_logits, target_logits = (secret_logits(2, 2, 4, key=key) for key in ("js student", "js teacher"))
for beta in (0.0, 0.35, 1.0):
    by_hand = 0.0
    for z_s, z_t in zip(fresh_logits.flatten(0, 1), target_logits.flatten(0, 1)):
        p, q = (z.double().softmax(-1).tolist() for z in (z_t, z_s))
        m = [beta * a + (1 - beta) * b for a, b in zip(p, q)]
        ordered = ((p, m), (q, m), (p, q), (q, p))
        parts = [sum(a * math.log(a / c) for a, c in zip(of, by)) for of, by in ordered]
        mixed = beta * parts[0] + (1 - beta) * parts[1]
        by_hand += {0.0: parts[2], 1.0: parts[3]}.get(beta, mixed) / 4
    value = float(generalized_js(fresh_logits, target_logits, beta))
    assert abs(value - by_hand) < 1e-4, f"wrong for fresh logits, β = {beta}"
### END HIDDEN TESTS

# %% experiment
my_js, my_reverse = use(generalized_js), use(reverse_kl)
z_s, z_t = torch.randn(2, 4, 8, V, generator=torch.Generator().manual_seed(0)).double() * 3
forward = my_js(z_s, z_t, 0.0).item()
near_zero = my_js(z_s, z_t, 0.001).item() / forward
record("ends", near_zero=near_zero)
reverse, middle = my_reverse(z_s, z_t).mean(), my_js(z_s, z_t, 0.5)
print(f"forward {forward:.4f}, reverse {reverse:.4f}, β = ½ {middle:.4f}")
reveal("D_β for β = 0.001, divided by the forward divergence", near_zero)

# %% [markdown]
# Who sweeps $\beta$ from 0 to 1 and finds a jump at the ends has found this: at $\beta = 0.001$ the loss is
# {{ ends.near_zero | .4f }} times the one at 0. A learning rate that suits one does not suit the other.
#
# ### Covering and seeking, in one place
#
# Take the truth after one pair of tokens, and a model that can only say a single bell: a place, a width, and the same
# 0.02 spread over everything. Which place and width has the smallest divergence? There are few enough to try them all.

# %%
predict("the standard deviation of the forward bell, in tokens (a mode has 1)", ...)

# %% experiment
widths = torch.arange(0.6, 12, 0.2).double()
around = (torch.arange(V) - torch.arange(V)[:, None]).remainder(V)
distance = around.minimum(V - around).double()
bells = torch.softmax(-((distance / widths[:, None, None]) ** 2) / 2, -1).flatten(0, 1)
bells = 0.98 * bells + 0.02 / V  # every width at every place


def best_bell(p, beta):
    """The bell with the smallest divergence from p, and its width."""
    m = beta * p + (1 - beta) * bells
    from_p, from_bell = ((x * (x / m).log()).sum(-1) for x in (p, bells))
    value = {0.0: (p * (p / bells).log()).sum(-1), 1.0: (bells * (bells / p).log()).sum(-1)}
    at = int(value.get(beta, beta * from_p + (1 - beta) * from_bell).argmin())
    return bells[at], float(widths[at // V])


directions = {"forward, β = 0": 0.0, "Jensen–Shannon, β = ½": 0.5, "reverse, β = 1": 1.0}
here = P[4, 9]
fits = {name: best_bell(here, beta) for name, beta in directions.items()}
plots.show(
    figures.fits_of_one_context(here, {name: bell for name, (bell, _) in fits.items()}, truth.tokens),
    alt="Three panels with the same bars of three separate modes. The forward bell is wide and low and "
    "lies over modes and the gaps between them; the reverse bell is narrow, on the largest mode alone.",
)
some = [P[a, b] for a in range(0, V, 4) for b in range(0, V, 4)]
odd = {
    name: sum(float(best_bell(p, beta)[0][p < 0.005].sum()) for p in some) / len(some)
    for name, beta in directions.items()
}
for name, share in odd.items():
    print(f"{name:>24}: width {fits[name][1]:.1f}; over {len(some)} contexts {share:.1%} in no mode")
first, middle, last = odd.values()
record("bells", forward_width=fits["forward, β = 0"][1], reverse_width=fits["reverse, β = 1"][1],
       forward=first, middle=middle, reverse=last)
reveal("the standard deviation of the forward bell, in tokens (a mode has 1)",
       fits["forward, β = 0"][1])

# %% [markdown]
# How to read it: the grey bars are the truth after one pair of tokens, the line is the best single bell. The tokens lie
# on a circle, so what leaves the panel on the right comes back on the left.
#
# **Reading the result.** The forward bell has a width of {{ bells.forward_width | .1f }} tokens: it lies over modes and
# over the ground between them. The reverse bell has {{ bells.reverse_width | .1f }} and sits on one mode. Over 64 contexts the
# forward bells put {{ bells.forward | percent }} of their probability on tokens that lie in no mode, Jensen–Shannon bells
# {{ bells.middle | percent }} and reverse bells {{ bells.reverse | percent }}. The first is called **mode covering**, the
# last **mode seeking**.

# %% [markdown]
# ## The student's own text
#
# The chain rule above wants beginnings from the teacher's text. Written for the reverse divergence it reads
#
# $$\mathrm{KL}(p_s \,\|\, p_t) = \mathbb{E}_{y \sim p_s} \sum_i \mathrm{KL}\big(p_s(\cdot|y_{<i}) \,\|\, p_t(\cdot|y_{<i})\big):$$
#
# now the beginnings come from the *student*. There is a practical reason as well. A student that writes reads its own
# words, slips included, and after a slip stands where no given text ever was. So let it write, and ask the teacher what
# should have come next: **on-policy** distillation. The gradient goes through the divergence and not through the drawing:
# the text of the moment is taken as it is.

# %% exercise="sample_sequences" difficulty=2 minutes=7
def sample_sequences(model, start, length, generator):
    """Continue each start by `length` tokens, each drawn from what the model says after the last two.

    model: maps (n, 2) tokens, in the order of the text, to logits (n, V). start: (n, 2) int64.
    generator: a torch.Generator; every draw comes from it.
    Returns (n, 2 + length) int64, start included.
    Example: a model that is sure that a + b comes after a, b, start [[1, 2]], length 3:
    [[1, 2, 3, 5, 8]].
    """
    ### BEGIN SOLUTION
    text = start
    with torch.no_grad():
        for _ in range(length):
            probs = model(text[:, -2:]).softmax(-1)
            text = torch.cat([text, torch.multinomial(probs, 1, generator=generator)], 1)
    return text
    ### END SOLUTION

# %% check="sample_sequences" points=2
from kdtutor.checks import check, secret_labels

check(sample_sequences)
### BEGIN HIDDEN TESTS
import torch

start = secret_labels(8, 13, key="start").view(4, 2)


def sure(pairs):
    return 200 * torch.nn.functional.one_hot((pairs[:, 0] + 3 * pairs[:, 1]) % 13, 13).float()


def fair(pairs):
    return torch.zeros(len(pairs), 2)


said = sample_sequences(sure, start, 5, torch.Generator().manual_seed(0))
for row, begun in zip(said.tolist(), start.tolist()):
    for _ in range(5):
        begun = [*begun, (begun[-2] + 3 * begun[-1]) % 13]
    assert row == begun, "wrong for a model that is sure"
begun = torch.zeros(500, 2, dtype=torch.int64)
said = sample_sequences(fair, begun, 4, torch.Generator().manual_seed(3))
assert bool(((said[:, 2:].double().mean(0) - 0.5).abs() < 0.12).all()), "a fair coin is not fair"
### END HIDDEN TESTS

# %% [markdown]
# ## Signature experiment: students that are too small
#
# Questions 2 and 3. The students' last layer reads only four numbers, far too few for the table of the language. Each
# learns in 200 batches of 16 sequences with 16 tokens; the target is always what the teacher says at every place. Two
# things vary: the divergence, and whose text it is.
#
# - forward, Jensen–Shannon and reverse, on text that the teacher wrote;
# - forward and reverse on the student's own text, written anew every ten steps;
# - reverse on the twenty given sequences, for comparison.
#
# For each of the six the learning rate is the best of four for two seeds that are not used again; best means least
# lost on the truth's text for forward, on the own text for reverse, and the sum of both for Jensen–Shannon. Then ten
# seeds. Every student is judged by both numbers from the first section, exactly.

# %%
predict("lowest loss on the truth's text: forward, Jensen–Shannon or reverse", ...)
predict("lowest loss on its own text: forward, Jensen–Shannon or reverse", ...)

# %% experiment
my_sample = use(sample_sequences)


class OwnText:
    """Sequences that the student writes itself, 64 at a time, new ones every ten steps."""

    def __call__(self, model, step, generator):
        if step % 10 == 0:
            begun = text[torch.randint(len(text), (64,), generator=generator), :2]
            self.pool = my_sample(model, begun, L, generator)
        return self.pool[torch.randint(64, (BATCH,), generator=generator)]


def towards_teacher(beta):
    return lambda z, pairs, following: my_js(z, asked(pairs), beta)


arms = {
    "forward": (from_pool(written), 0.0),
    "Jensen–Shannon": (from_pool(written), 0.5),
    "reverse": (from_pool(written), 1.0),
    "forward, own text": (OwnText(), 0.0),
    "reverse, own text": (OwnText(), 1.0),
    "reverse, twenty sequences": (from_pool(given), 1.0),
}
wanted = {0.0: lambda now: now[0], 0.5: lambda now: now[0] + now[1], 1.0: lambda now: now[1]}
reached, rates = {}, {}
for name, (source, beta) in arms.items():

    def run(seed, lr, source=source, beta=beta):
        return learn(network(8, 32, 4, seed), source, towards_teacher(beta), lr, seed)

    rates[name] = tuned(run, wanted[beta])
    reached[name] = list(zip(*(judged(run(seed, rates[name])) for seed in SEEDS)))

# %% experiment
shown = {name: [mean_interval(values) for values in columns] for name, columns in reached.items()}
plots.show(
    figures.against_the_truth({name: row[:2] for name, row in shown.items()}, teacher_judged[:2]),
    alt="Nats lost on the own text against nats lost on the truth's text. Forward students stand at the "
    "upper left, reverse students further right and lower; the teacher is near the origin.",
)
for name, row in shown.items():
    print(f"{name:>26} (rate {rates[name]}): truth's text {row[0].mean:.3f}, "
          f"own text {row[1].mean:.3f}, own tokens in no mode {row[2].mean:.1%}")

# %% experiment
on_truth, on_own = ({name: columns[i] for name, columns in reached.items()} for i in (0, 1))
trade = {
    "reverse_own": better(on_own["reverse"], on_own["forward"], 0.02),
    "forward_truth": better(on_truth["forward"], on_truth["reverse"], 0.02),
    "middle_own": better(on_own["Jensen–Shannon"], on_own["forward"], 0.02),
    "middle_truth": better(on_truth["Jensen–Shannon"], on_truth["reverse"], 0.02),
    "reverse_middle": better(on_own["reverse"], on_own["Jensen–Shannon"], 0.02),
    "policy_reverse": better(on_own["reverse, own text"], on_own["reverse"], 0.02),
    "policy_forward": better(on_own["forward, own text"], on_own["forward"], 0.02),
    "policy_given": better(on_own["reverse, own text"], on_own["reverse, twenty sequences"], 0.02),
}
for name, outcome in trade.items():
    print(f"{name}: {outcome}")
short = dict(zip(arms, ("forward", "middle", "reverse", "own_forward", "own_reverse", "given")))
record("trade", **{f"{short[name]}_{kind}": row[i] for name, row in shown.items()
                   for i, kind in enumerate(("truth", "own", "odd"))},
       **{f"{name}_verdict": outcome.verdict for name, outcome in trade.items()},
       **{f"{name}_gain": outcome.difference for name, outcome in trade.items()},
       best_truth=min(list(arms)[:3], key=lambda name: shown[name][0].mean),
       best_own=min(list(arms)[:3], key=lambda name: shown[name][1].mean))
reveal("lowest loss on the truth's text: forward, Jensen–Shannon or reverse",
       min(list(arms)[:3], key=lambda name: shown[name][0].mean))
reveal("lowest loss on its own text: forward, Jensen–Shannon or reverse",
       min(list(arms)[:3], key=lambda name: shown[name][1].mean))

# %% [markdown]
# How to read it: left means that real text surprises the student little, low means that its own text looks right to
# somebody who knows the language. Bars are 95 % intervals over ten seeds; the star is the teacher.
#
# **Reading the result.** On the teacher's text, the lowest loss on the truth's text belongs to
# **{{ trade.best_truth }}**, the lowest on the own text to **{{ trade.best_own }}**.
#
# | divergence, text | lost on the truth's text | lost on its own text | own tokens in no mode |
# |---|---|---|---|
# | forward, teacher's | {{ trade.forward_truth.mean | .2f }} | {{ trade.forward_own.mean | .2f }} | {{ trade.forward_odd.mean | percent }} |
# | Jensen–Shannon, teacher's | {{ trade.middle_truth.mean | .2f }} | {{ trade.middle_own.mean | .2f }} | {{ trade.middle_odd.mean | percent }} |
# | reverse, teacher's | {{ trade.reverse_truth.mean | .2f }} | {{ trade.reverse_own.mean | .2f }} | {{ trade.reverse_odd.mean | percent }} |
# | forward, own | {{ trade.own_forward_truth.mean | .2f }} | {{ trade.own_forward_own.mean | .2f }} | {{ trade.own_forward_odd.mean | percent }} |
# | reverse, own | {{ trade.own_reverse_truth.mean | .2f }} | {{ trade.own_reverse_own.mean | .2f }} | {{ trade.own_reverse_odd.mean | percent }} |
# | reverse, twenty sequences | {{ trade.given_truth.mean | .2f }} | {{ trade.given_own.mean | .2f }} | {{ trade.given_odd.mean | percent }} |
#
# The truth itself puts {{ teacher.truth_implausible | percent }} of its tokens in no mode. The rates are printed above; where
# the largest one tried was best, a larger one might be better still. The comparisons, over ten pairs with 0.02 nats as the smallest gain worth having:
#
# | method | against | judged on | mean gain in nats | verdict |
# |---|---|---|---|---|
# | reverse | forward | own text | {{ trade.reverse_own_gain | +.2f }} | {{ trade.reverse_own_verdict }} |
# | forward | reverse | truth's text | {{ trade.forward_truth_gain | +.2f }} | {{ trade.forward_truth_verdict }} |
# | Jensen–Shannon | forward | own text | {{ trade.middle_own_gain | +.2f }} | {{ trade.middle_own_verdict }} |
# | Jensen–Shannon | reverse | truth's text | {{ trade.middle_truth_gain | +.2f }} | {{ trade.middle_truth_verdict }} |
# | reverse | Jensen–Shannon | own text | {{ trade.reverse_middle_gain | +.2f }} | {{ trade.reverse_middle_verdict }} |
# | reverse, own text | reverse, teacher's text | own text | {{ trade.policy_reverse_gain | +.2f }} | {{ trade.policy_reverse_verdict }} |
# | forward, own text | forward, teacher's text | own text | {{ trade.policy_forward_gain | +.2f }} | {{ trade.policy_forward_verdict }} |
# | reverse, own text | reverse, twenty sequences | own text | {{ trade.policy_given_gain | +.2f }} | {{ trade.policy_given_verdict }} |
#
# No divergence is the right one: each says what may be lost. For a model that scores text, what it rules out matters,
# and that is the truth's column. For a model that writes, what it says matters, and that is the other one. There
# reverse and Jensen–Shannon compete: the first aims at that very number, the second keeps its logarithms bounded
# while a student is still far off; after 200 steps the verdict on reverse against it is "{{ trade.reverse_middle_verdict }}".
#
# The last three rows are about the text. Against a handful of sequences the own text has new beginnings at every
# refresh. Against text that a good teacher wrote in any amount it has no such advantage, and what could remain is the
# difference between the beginnings themselves; the verdicts say whether ten seeds can see one. Here a token depends on two others, so a slip is forgotten two tokens later;
# where a slip stays in the text for good, the difference can be larger, and this experiment does not measure that.

# %% [markdown]
# ## A large vocabulary
#
# Thirty-two syllables are a toy; a vocabulary of today has a hundred thousand entries and more. For each token of a
# batch the last layer makes one logit an entry, $z = W h$, with hidden state $h \in \mathbb{R}^D$ and head
# $W \in \mathbb{R}^{V \times D}$. With 8,192 tokens and 128,000 entries that is 4 GB in float32 for one model's logits,
# and a loss holds several tensors of that size: logits of two models, their log-softmaxes, the gradient.
#
# But the loss is a mean over tokens, and tokens do not mix. So take a chunk of tokens, make its logits from its hidden
# states, add up its divergences, and drop the logits before the next chunk. One obstacle remains. To differentiate,
# autograd *keeps* what each chunk will need for the way back, so after the loop all chunks are in memory after all.
# The remedy: keep only the hidden states, and make the chunk's logits a second time on the way back. That is what
# `torch.utils.checkpoint.checkpoint(function, *arguments, use_reentrant=False)` does. It trades time for memory.

# %%
predict("peak memory with 8 of 256 tokens a chunk, as a share of the whole loss's", ...)

# %% exercise="chunked_kd_loss" difficulty=4 minutes=12
def chunked_kd_loss(student_hidden, student_head, teacher_hidden, teacher_head, chunk):
    """Forward divergence KL(p_t ‖ p_s), averaged over tokens, `chunk` tokens at a time.

    student_hidden: (N, D_s), teacher_hidden: (N, D_t), one row a token; student_head: (V, D_s),
    teacher_head: (V, D_t); logits are hidden @ head.T. The last chunk may be shorter.
    Returns a scalar in nats a token. Hidden states and head of the student get gradients, the teacher's
    none; neither on the way forward nor back do the logits of all tokens exist at once.
    Example: N = 1, D = 1, student_hidden [[1]] and student_head [[0], [0]] give p_s = [1/2, 1/2]; with
    teacher_hidden [[1]] and teacher_head [[0], [log 3]] p_t = [1/4, 3/4]: 0.1308.
    """
    ### BEGIN SOLUTION
    from torch.utils.checkpoint import checkpoint

    def chunk_sum(h_s, h_t):
        log_s = (h_s @ student_head.T).log_softmax(-1)
        log_t = (h_t.detach() @ teacher_head.detach().T).log_softmax(-1)
        return (log_t.exp() * (log_t - log_s)).sum()

    total = 0.0
    for h_s, h_t in zip(student_hidden.split(chunk), teacher_hidden.split(chunk)):
        total = total + checkpoint(chunk_sum, h_s, h_t, use_reentrant=False)
    return total / len(student_hidden)
    ### END SOLUTION

# %% check="chunked_kd_loss" points=3
from kdtutor.checks import check, secret_logits

check(chunked_kd_loss)
### BEGIN HIDDEN TESTS
import torch

shapes = (11, 3), (9, 3), (11, 4), (9, 4)
parts = [secret_logits(*shape, scale=1.0, key=str(i)) for i, shape in enumerate(shapes)]
leaves = [part.clone().requires_grad_() for part in parts[:2]]
log_s, log_t = (leaves[0] @ leaves[1].T).log_softmax(-1), (parts[2] @ parts[3].T).log_softmax(-1)
whole = (log_t.exp() * (log_t - log_s)).sum(-1).mean()
expected = torch.autograd.grad(whole, leaves)
for chunk in (4, 1, 20):
    mine = [part.clone().requires_grad_() for part in parts[:2]]
    value = chunked_kd_loss(*mine, *parts[2:], chunk)
    assert abs(value.item() - whole.item()) < 1e-4, "wrong for fresh hidden states"
    for got, want in zip(torch.autograd.grad(value, mine), expected):
        assert bool(((got - want).abs() < 1e-4).all()), "a gradient is wrong for fresh hidden states"
### END HIDDEN TESTS

# %% experiment
from kdtutor.distill import chunked_kd_loss as library_loss
from kdtutor.distill import kd_loss
from kdtutor.measure import latency

my_chunked = use(chunked_kd_loss)
N, WORDS, generator = 256, 16_000, torch.Generator().manual_seed(0)
h_s, W_s, h_t, W_t = (torch.randn(rows, D, generator=generator) / 4
                      for rows, D in ((N, 32), (WORDS, 32), (N, 64), (WORDS, 64)))


def whole(h_s, W_s, h_t, W_t, chunk):
    return kd_loss(h_s @ W_s.T, h_t @ W_t.T, 1.0)


def kept(h_s, W_s, h_t, W_t, chunk):
    """A loop over chunks, and nothing that would let autograd forget them."""
    parts = zip(h_s.split(chunk), h_t.split(chunk))
    return sum(kd_loss(a @ W_s.T, b @ W_t.T, 1.0, reduction="sum") for a, b in parts) / len(h_s)


def with_gradient(loss, chunk):
    """The loss and its gradients, as a call without arguments."""
    leaves = [x.clone().requires_grad_() for x in (h_s, W_s)]
    return lambda: torch.autograd.grad(loss(*leaves, h_t, W_t, chunk), leaves)


kinds = {
    "a loop, chunks kept": kept,
    "yours": my_chunked,
    "kdtutor.distill": lambda a, b, c, d, chunk: library_loss(a, b, c, d, 1.0, chunk=chunk),
}
CHUNKS = (8, 32, 128, 256)
peaks = {
    name: {chunk: peak_memory(with_gradient(loss, chunk)) for chunk in CHUNKS}
    for name, loss in kinds.items()
}
whole_peak = peak_memory(with_gradient(whole, N))
peaks = {"all at once": dict.fromkeys(CHUNKS, whole_peak)} | peaks
times = {
    name: latency(with_gradient(loss, 32), budget=1.0)
    for name, loss in {"all at once": whole, **kinds}.items()
}
plots.show(
    figures.memory_by_chunk(peaks, 4 * N * WORDS),
    alt="Peak memory against tokens in a chunk. All at once is a flat line above; a loop that keeps its "
    "chunks stays high for every size; the checkpointed loss and the library's fall with the chunk.",
)
for name, row in peaks.items():
    sizes = ", ".join(f"{chunk}: {peak / 1e6:.0f} MB" for chunk, peak in row.items())
    print(f"{name:>20}  {sizes};  {1000 * times[name].median:.0f} ms with chunks of 32")
share = peaks["yours"][8] / whole_peak
held = {name: row[8] / 1e6 for name, row in peaks.items()}
record("memory", whole=whole_peak / 1e6, mine_8=held["yours"], kept_8=held["a loop, chunks kept"],
       library_8=held["kdtutor.distill"], logits=4 * N * WORDS / 1e6,
       head=4 * W_s.numel() / 1e6, share=share,
       time_whole=1000 * times["all at once"].median, time_mine=1000 * times["yours"].median,
       time_library=1000 * times["kdtutor.distill"].median)
reveal("peak memory with 8 of 256 tokens a chunk, as a share of the whole loss's", share)

# %% [markdown]
# How to read it: both axes are logarithmic; the dashed line is what the logits of one model take, {{ memory.logits | .0f }}
# MB. The memory is that of tensors, to the byte; hidden states and heads that exist beforehand do not count.
#
# **Reading the result.** With 256 tokens and 16,000 entries the whole loss and its gradient hold
# {{ memory.whole | .0f }} MB at once. In chunks of 8 tokens a loop whose chunks autograd keeps holds
# {{ memory.kept_8 | .0f }} MB, yours {{ memory.mine_8 | .1f }} MB, which is {{ memory.share | percent }} of the whole, and
# the library's {{ memory.library_8 | .1f }} MB. Below that the gradient of the head, {{ memory.head | .1f }} MB, and its
# parts set the limit: they do not depend on the chunk. With all 256 tokens in one chunk nothing is saved, and the formula
# written out holds more tensors than `kd_loss`, which knows its gradient in closed form. With chunks of 32 one loss and gradient took
# {{ memory.time_mine | .0f }} ms, the library's {{ memory.time_library | .0f }} ms and the whole one
# {{ memory.time_whole | .0f }} ms on the machine of these results. The library makes each chunk's logits once: it finds the
# gradients on the way forward, since a divergence needs nothing from later layers, and only scales them on the way back.

# %% [markdown]
# ## Four bits in groups
#
# A language model's weights are read once for every token it writes, so their bytes set its speed as much as its size.
# Unit 07 gave each row of a matrix its own scale. With 4 bits there are 15 steps between a row's smallest and largest
# weight, which is coarse if one weight is far out. So let every few **neighbours** share a scale and a zero-point, with
# the range from the smallest to the largest weight of the group, widened to contain 0:
#
# $$s = \frac{h - l}{2^b - 1}, \quad o = -2^{b-1} - \mathrm{round}\Big(\frac{l}{s}\Big), \quad
# q = \mathrm{clamp}\Big(\mathrm{round}\Big(\frac{w}{s}\Big) + o,\; -2^{b-1},\; 2^{b-1} - 1\Big).$$
#
# In words: unit 07's affine codes, a group at a time; an outlier now spoils its own group and no other. The price is
# the scales: with a 32-bit scale and an 8-bit zero-point a group of $g$ weights takes $b + 40/g$ bits a weight.

# %% exercise="group_quantize" difficulty=3 minutes=9
def group_quantize(weight, group_size, bits=4):
    """Affine codes with one scale and zero-point for every `group_size` neighbours along the last axis.

    weight: (out, in), in a multiple of group_size. bits: 2 to 8. Returns (codes, scale, zero_point):
    int8 (out, in); scale and zero_point (out, in / group_size), the zero-point of an integer type.
    A group that is nothing but 0 gets the scale 1.
    Example: [[-1, 2, 0, 30]], groups of 2, 2 bits, codes -2 ... 1: scales [[3/3, 30/3]] = [[1, 10]],
    zero-points [[-1, -2]], codes [[-2, 1, -2, 1]].
    """
    ### BEGIN SOLUTION
    groups = weight.unflatten(-1, (-1, group_size))
    low, high = groups.amin(-1, keepdim=True).clamp(max=0), groups.amax(-1, keepdim=True).clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    scale = torch.where(scale > 0, scale, 1.0)
    zero_point = -(2 ** (bits - 1)) - (low / scale).round()
    codes = ((groups / scale).round() + zero_point).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return codes.flatten(-2).to(torch.int8), scale.squeeze(-1), zero_point.squeeze(-1).int()
    ### END SOLUTION

# %% check="group_quantize" points=3
from kdtutor.checks import check, secret_logits

check(group_quantize)
### BEGIN HIDDEN TESTS
weight = secret_logits(3, 12, key="groups")
weight[1, :4] = 0
for size, bits in ((4, 4), (6, 3)):
    codes, scale, zero = (part.tolist() for part in group_quantize(weight, size, bits))
    for row, values in enumerate(weight.tolist()):
        for group in range(12 // size):
            own = values[group * size : (group + 1) * size]
            step = (max(*own, 0.0) - min(*own, 0.0)) / (2**bits - 1) or 1.0
            assert abs(scale[row][group] - step) < 1e-4 * step, "a group has a wrong scale"
            for value, code in zip(own, codes[row][group * size :]):
                back = scale[row][group] * (code - zero[row][group])
                assert abs(back - value) <= 0.501 * step, "a code is not the nearest one"
                assert -(2 ** (bits - 1)) <= code < 2 ** (bits - 1), "a code is out of range"
codes, scale, zero = group_quantize(weight.new_tensor([[-255, 255]]), 2, 8)
assert int(codes.max()) - int(codes.min()) >= 254, "a code has wrapped around"
### END HIDDEN TESTS

# %% [markdown]
# The ten students of the first experiment that learnt from the teacher's text and probabilities have linear layers of
# 64 × 64 and 32 × 64 weights. Their weights are rounded to 4 and to 3 bits, by whole rows and by groups; the embedding stays.
#
# Predict: 3 bits in groups of 16 take 5.5 bits a weight, 4 bits in groups of 32 take 5.25. Which loses less?

# %%
predict("less lost: 3 bits in groups of 16, or 4 bits in groups of 32", ...)

# %% experiment
import copy

my_groups = use(group_quantize)


def in_groups(model, size, bits):
    """A copy whose linear weights went through codes in groups and back."""
    model = copy.deepcopy(model)
    for layer in model:
        if isinstance(layer, nn.Linear):
            codes, scale, zero_point = my_groups(layer.weight.detach(), size, bits)
            layer.weight.data = quantize.dequantize_per_group(codes, scale, zero_point, size)
    return model


before = lost["both"]
sizes = (64, 32, 16, 8)
rounded = {
    (bits, size): [
        judged(in_groups(model, size, bits))[0] - start for model, start in zip(students["both"], before)
    ]
    for bits in (4, 3)
    for size in sizes
}
curves = {
    f"{bits} bits": [(bits + 40 / size, mean_interval(rounded[bits, size])) for size in sizes]
    for bits in (4, 3)
}
plots.show(
    figures.nats_by_bits(curves),
    alt="Nats lost by rounding against bits a weight with scales. The curve of 4 bits lies below that "
    "of 3 bits; both fall as groups become smaller.",
)
fine = better(rounded[4, 32], rounded[4, 64], 0.002)
more = better(rounded[4, 32], rounded[3, 16], 0.002)
print(f"4 bits, groups of 32 against rows of 64: {fine}")
print(f"4 bits in groups of 32 against 3 bits in groups of 16: {more}")

model = students["both"][0]
pack = quantize.PackedLinear.from_float
packed = nn.Sequential(*(pack(layer) if isinstance(layer, nn.Linear) else layer for layer in model))
whole_bytes, packed_bytes = state_dict_bytes(model), state_dict_bytes(packed)
record("groups", row_4=mean_interval(rounded[4, 64]), g32_4=mean_interval(rounded[4, 32]),
       g8_4=mean_interval(rounded[4, 8]), g16_3=mean_interval(rounded[3, 16]),
       start=mean_interval(before), fine_verdict=fine.verdict, more_verdict=more.verdict,
       smaller=whole_bytes / packed_bytes)
print(f"a model as a file: {whole_bytes} bytes, with packed linear layers {packed_bytes}")
answer = min(((4, 32), (3, 16)), key=lambda choice: sum(rounded[choice]))
reveal("less lost: 3 bits in groups of 16, or 4 bits in groups of 32",
       "{} bits in groups of {}".format(*answer))

# %% [markdown]
# How to read it: each curve goes from whole rows of 64 weights on the left to groups of 8 on the right; what it counts
# is lost in addition to the {{ groups.start.mean | .3f }} nats that the students lose unrounded.
#
# **Reading the result.** 4 bits cost {{ groups.row_4.mean | .4f }} nats by rows, {{ groups.g32_4.mean | .4f }} in groups
# of 32 (a gain of 0.002 nats or more: "{{ groups.fine_verdict }}") and {{ groups.g8_4.mean | .4f }} in groups of 8. At
# about equal size 4 bits in groups of 32 against 3 bits in groups of 16, {{ groups.g32_4.mean | .4f }} against
# {{ groups.g16_3.mean | .4f }} nats: "{{ groups.more_verdict }}". Packed, the whole file is {{ groups.smaller | .1f }}
# times smaller, not eight: scales, zero-points, biases, names and the embedding are in it too.

# %% [markdown]
# ## Reading critically: batchmean
#
# `F.kl_div(..., reduction="batchmean")` is documented to give the mathematically right value, and for logits of shape
# (N, C) it does. A library for sparse training used it for logits of a language model, (B, L, V). It adds everything up
# and divides by the length of the *first* axis.
#
# A batch has three sequences with 5, 9 and 10 tokens, padded to 10; padded places add 0; the vocabulary has 32 entries.
# How many times as large as the mean over the tokens that count is the value of batchmean? Answer with a whole number.

# %% exercise="batchmean_factor" difficulty=2 minutes=3
batchmean_factor = None
### BEGIN SOLUTION
batchmean_factor = 8
### END SOLUTION

# %% check="batchmean_factor" points=1
from kdtutor.checks import check

check(batchmean_factor, exercise="batchmean_factor")
### BEGIN HIDDEN TESTS
assert batchmean_factor == 8, "the number of tokens that count, divided by the number of sequences"
### END HIDDEN TESTS

# %% [markdown]
# Does a factor matter? Adam divides by the size of the gradient, so there a constant factor all but cancels. Three
# places where it does not: plain gradient descent; a mixture with a label loss, which is a mean over tokens; and batches
# of changing length. Below, 256 tokens a batch are arranged as 64 sequences of 4, 16 of 16, or 4 of 64, and a student
# learns by gradient descent with one learning rate, chosen for sequences of 4.

# %%
predict("does training on sequences of 64 with batchmean still work: yes or no", ...)

# %% experiment
def batchmean(z_s, z_t):
    """The loss as it was written: a sum divided by the number of sequences."""
    return F.kl_div(z_s.log_softmax(-1), z_t.softmax(-1), reduction="batchmean")


def per_token(z_s, z_t):
    return my_sequence_kd(z_s, z_t, torch.ones(z_s.shape[:2], dtype=torch.bool))


def descend(loss, length, seed, lr=1.0, steps=150):
    """Nats lost after gradient descent on batches of 256 tokens, and the first gradient's norm."""
    model, generator = network(32, 64, seed=seed), torch.Generator().manual_seed(seed)
    pool, norms = windows[:, :2], []
    for _ in range(steps):
        rows = torch.randint(len(pool), (256 // length, length), generator=generator)
        value = loss(model(pool[rows]), asked(pool[rows]))
        gradient = torch.autograd.grad(value, list(model.parameters()))
        norms.append(torch.cat([g.flatten() for g in gradient]).norm().item())
        with torch.no_grad():
            for parameter, g in zip(model.parameters(), gradient):
                parameter -= lr * g
    return lost_on_truth(model), norms[0]


found = {}
losses = {"batchmean": batchmean, "per token": per_token}
chosen = {}  # the learning rate of each loss, for all lengths
for name, loss in losses.items():
    chosen[name] = min((0.3, 1.0, 3.0, 10.0), key=lambda lr: descend(loss, 4, 100, lr)[0])
    for length in (4, 16, 64):
        outcome = [descend(loss, length, seed, chosen[name]) for seed in range(3)]
        found[name, length] = [sum(column) / len(outcome) for column in zip(*outcome)]
        print(f"{name:>10} (rate {chosen[name]}), sequences of {length:>2}: first gradient "
              f"{found[name, length][1]:6.2f}, {found[name, length][0]:6.3f} nats lost")
first, last = (found["batchmean", length][0] for length in (4, 64))
record("batchmean", gradient_4=found["batchmean", 4][1], gradient_64=found["batchmean", 64][1],
       repaired_4=found["per token", 4][1], repaired_64=found["per token", 64][1],
       lost_4=first, teacher_share=64 / 65,
       outcome_64=f"{last:.2f} nats are lost" if last < 1e6 else "the weights have run away to NaN",
       fixed_4=found["per token", 4][0], fixed_64=found["per token", 64][0],
       growth=found["batchmean", 64][1] / found["batchmean", 4][1])
reveal("does training on sequences of 64 with batchmean still work: yes or no",
       "yes" if last < 2 * found["per token", 64][0] else "no")

# %% [markdown]
# **Reading the result.** With batchmean the first gradient is {{ batchmean.growth | .0f }} times as long for sequences of
# 64 as for sequences of 4, though the batches hold as many tokens; per token it is {{ batchmean.repaired_4 | .2f }} and
# {{ batchmean.repaired_64 | .2f }}. With the learning rate that was best for sequences of 4, a student trained with
# batchmean loses {{ batchmean.lost_4 | .2f }} nats on those; on sequences of 64 {{ batchmean.outcome_64 }} (means of
# three seeds). With your `sequence_kd` it loses {{ batchmean.fixed_4 | .2f }} and {{ batchmean.fixed_64 | .2f }}:
# the same tokens in another shape give the same steps. In a mixture
# meant to be half labels and half teacher, the teacher's share with sequences of 64 would be
# {{ batchmean.teacher_share | percent }}. The repair is a division by the tokens that count; the test that finds the fault is
# one that reshapes the same numbers and asks for the same value.

# %% [markdown]
# ## What to remember
#
# - The divergence of sequences is a sum over tokens, along text of the model that weighs it. Average over the tokens that
#   count, and over nothing else.
# - Forward covers: it pays for what it rules out. Reverse seeks: it pays for what it says. Jensen–Shannon lies between,
#   and its ends are defined, not limits.
# - A student's own text shows the teacher where the student really goes; whether that is worth the writing is a
#   measurement.
# - Chunks save memory only if autograd may forget them.
# - Scales are part of the size: 4 bits in groups of 32 are 5.25 bits.
#
# **What breaks it**: batchmean on three axes; a mask that multiplies NaN; a teacher in the graph; a softmax over a piece
# of the vocabulary; text drawn with gradients on; groups across rows.
#
# **Where to read on**: Kim and Rush, *Sequence-Level Knowledge Distillation*, 2016, section 3. Agarwal et al., *On-Policy
# Distillation of Language Models*, 2024, sections 2 and 3. Gu et al., *MiniLLM: Knowledge Distillation of Large Language
# Models*, 2024, section 2, for the reverse divergence. Lin, *Divergence Measures Based on the Shannon Entropy*, 1991,
# section 4. Chen et al., *Training Deep Nets with Sublinear Memory Cost*, 2016, for checkpoints. Hsu et al., *Liger Kernel*,
# 2024, for losses in chunks. Frantar et al., *GPTQ*, 2022, section 4, for weights in groups with better rounding.
#
# Next: unit 11 compresses a model that listens.
