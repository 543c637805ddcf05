"""Weights that share a few values: where the values lie, and how they are trained."""

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution

Coded = tuple[Tensor, Tensor]


def _kmeans(weight: Tensor, bits: int) -> Coded:
    return quantize.kmeans_codebook(weight, bits)


def _weights(g: torch.Generator) -> list[tuple[Tensor, int]]:
    apart = torch.cat([-1 + 0.05 * torch.rand(12, generator=g), 1 + 0.05 * torch.rand(9, generator=g)])
    return [
        (torch.randn(60, generator=g), 2),
        (torch.randn(8, 9, generator=g), 3),
        (torch.randn(3, 4, 5, generator=g).exp(), 2),
        (torch.randn(25, generator=g), 1),
        (apart, 2),  # nothing lies near two of the four entries
    ]


def _nearest(values: Tensor, centroids: Tensor) -> Tensor:
    return (values[:, None] - centroids[None, :]).abs().argmin(1)


def _spread(values: Tensor, count: int) -> Tensor:
    return torch.linspace(float(values.min()), float(values.max()), count)


def _lloyd(weight: Tensor, centroids: Tensor, iterations: int = 200) -> Coded:
    values = weight.flatten()
    for _ in range(iterations):
        codes = _nearest(values, centroids)
        means = torch.stack([values[codes == k].mean() if (codes == k).any() else c for k, c in enumerate(centroids)])
        if torch.equal(means, centroids):
            break
        centroids = means
    return centroids, _nearest(values, centroids).view(weight.shape)


def _never_moved(weight: Tensor, bits: int) -> Coded:
    return _lloyd(weight, _spread(weight, 2**bits), 0)


def _moved_once(weight: Tensor, bits: int) -> Coded:
    return _lloyd(weight, _spread(weight, 2**bits), 1)


def _by_share(weight: Tensor, bits: int) -> Coded:
    return quantize.kmeans_codebook(weight, bits, start="density")


def _few_entries(weight: Tensor, bits: int) -> Coded:
    return _lloyd(weight, _spread(weight, bits))


def _stale_codes(weight: Tensor, bits: int) -> Coded:
    first = _spread(weight, 2**bits)
    return _lloyd(weight, first)[0], _nearest(weight.flatten(), first).view(weight.shape)


def _medians(weight: Tensor, bits: int) -> Coded:
    values, centroids = weight.flatten(), _spread(weight, 2**bits)
    for _ in range(100):
        codes = _nearest(values, centroids)
        centroids = torch.stack(
            [values[codes == k].quantile(0.5) if (codes == k).any() else c for k, c in enumerate(centroids)]
        )
    return centroids, _nearest(values, centroids).view(weight.shape)


def _empty_at_zero(weight: Tensor, bits: int) -> Coded:
    values, centroids = weight.flatten(), _spread(weight, 2**bits)
    for _ in range(100):
        hot = torch.nn.functional.one_hot(_nearest(values, centroids), 2**bits).to(values.dtype)
        centroids = (values @ hot) / hot.sum(0).clamp(min=1)
    return centroids, _nearest(values, centroids).view(weight.shape)


def _empty_without_mean(weight: Tensor, bits: int) -> Coded:
    values, centroids = weight.flatten(), _spread(weight, 2**bits)
    for _ in range(100):
        codes = _nearest(values, centroids)
        centroids = torch.stack([values[codes == k].mean() for k in range(2**bits)])
    return centroids, _nearest(values, centroids).view(weight.shape)


def _equal_bins(weight: Tensor, bits: int) -> Coded:
    low, high = weight.min(), weight.max()
    codes = ((weight - low) / (high - low) * 2**bits).long().clamp(max=2**bits - 1)
    centres = low + (torch.arange(2**bits) + 0.5) * (high - low) / 2**bits
    return centres, codes


def _by_boundaries(weight: Tensor, bits: int) -> Coded:
    centroids = _spread(weight, 2**bits).double()
    values = weight.flatten().double()
    for _ in range(200):
        codes = torch.bucketize(values, (centroids[1:] + centroids[:-1]) / 2)
        sums = torch.zeros_like(centroids).index_add_(0, codes, values)
        sizes = torch.bincount(codes, minlength=len(centroids))
        centroids = torch.where(sizes > 0, sums / sizes.clamp(min=1), centroids)
    codes = torch.bucketize(values, (centroids[1:] + centroids[:-1]) / 2)
    return centroids.to(weight.dtype), codes.view(weight.shape).to(torch.uint8)


def _by_one_hot(weight: Tensor, bits: int) -> Coded:
    values, centroids = weight.flatten(), _spread(weight, 2**bits)
    for _ in range(200):
        hot = torch.nn.functional.one_hot(_nearest(values, centroids), 2**bits).to(values.dtype)
        centroids = torch.where(hot.any(0), (values @ hot) / hot.sum(0).clamp(min=1), centroids)
    return centroids, _nearest(values, centroids).view(weight.shape).int()


def _settled(f: Solution, g: torch.Generator) -> bool:
    """Every entry in use is the mean of its weights, and every weight has the entry that is nearest to it."""
    weight = torch.randn(80, generator=g)
    codebook, codes = f(weight, 3)
    means = torch.stack([weight[codes == k].mean() if (codes == k).any() else c for k, c in enumerate(codebook)])
    return torch.allclose(means, codebook, atol=1e-4) and bool((_nearest(weight, codebook) == codes).all())


def _exact_where_it_can_be(f: Solution, g: torch.Generator) -> bool:
    weight = torch.tensor([3.0, -1.0, 3.0, 0.5, -1.0, 2.0])
    codebook, codes = f(weight, 3)
    return torch.allclose(codebook[codes.long()], weight, atol=1e-5)


kmeans_codebook = Exercise(
    reference=_kmeans,
    inputs=_weights,
    example=(torch.tensor([0.0, 1.0, 2.0, 10.0]), 1),
    laws=[
        Law("settles: each entry is the mean of its weights and each weight has the nearest entry", _settled,
            "Two steps alternate until neither changes anything: assign every weight, then move every entry."),
        Law("is exact for a weight with fewer values than entries", _exact_where_it_can_be,
            "Six weights with four different values fit into eight entries without error."),
    ],
    mistakes=[
        Mistake("entries never moved", _never_moved,
                "Your entries stay evenly spread: that is uniform quantisation. Move each one to the mean of its weights, and repeat."),
        Mistake("moved once", _moved_once,
                "You move the entries once. After that some weights have another nearest entry, so assign and move again until "
                "nothing changes."),
        Mistake("another start", _by_share,
                "Your entries start at equal shares of the weights and end in another optimum. Start evenly from the smallest to the "
                "largest weight: it leaves entries for the few large ones."),
        Mistake("bits for entries", _few_entries,
                "You have as many entries as bits. How many different codes do b bits have?"),
        Mistake("codes of the first round", _stale_codes,
                "Your entries are right, your codes belong to the entries you started from. Assign once more at the end."),
        Mistake("medians", _medians,
                "You move an entry to the median of its weights. The squared error is smallest at the mean."),
        Mistake("empty entries at zero", _empty_at_zero,
                "An entry without weights goes to 0 in yours (0 divided by 1). Let it keep its place."),
        Mistake("mean of nothing", _empty_without_mean,
                "An entry without weights becomes NaN, the mean of nothing, and NaN then wins every comparison. Let it keep its place."),
        Mistake("equal bins", _equal_bins,
                "You cut the range into equal bins. k-means lets the weights decide where the boundaries lie."),
        Mistake("order of the two", lambda w, b: _kmeans(w, b)[::-1],
                "You return the codes first. The order is codebook, codes."),
        Mistake("values for codes", lambda w, b: ((c := _kmeans(w, b))[0], c[0][c[1].long()]),
                "In the place of the codes you return the values that they stand for."),
    ],
    styles={
        "all distances": lambda w, b: _lloyd(w, _spread(w, 2**b)),
        "boundaries half-way": _by_boundaries,
        "one-hot products": _by_one_hot,
        "the library": _kmeans,
    },
    hints=(
        "Start with 2^b values spread evenly from min to max. Then alternate: who is nearest to which, and where is their mean?",
        "All distances at once: (values[:, None] - centroids[None, :]).abs(), a row a weight. argmin over the last axis is the code.",
        "Loop: codes by argmin; for each k the mean of values[codes == k], or the old centroid where that is empty; stop when "
        "torch.equal says that nothing moved. The codes have the weight's shape.",
    ),
)  # fmt: skip


# --- centroid_gradient ----------------------------------------------------------------------------------------------


def _centroid_gradient(gradient: Tensor, codes: Tensor, entries: int) -> Tensor:
    codebook = torch.zeros(entries, dtype=gradient.dtype).requires_grad_()
    return torch.autograd.grad(quantize.lookup(codebook, codes), codebook, gradient)[0]


def _shared(g: torch.Generator) -> list[tuple[Tensor, Tensor, int]]:
    def case(shape: tuple[int, ...], used: int, entries: int) -> tuple[Tensor, Tensor, int]:
        return torch.randn(shape, generator=g), torch.randint(used, shape, generator=g, dtype=torch.uint8), entries

    return [case((30,), 4, 4), case((6, 5), 8, 8), case((3, 4, 5), 3, 16), case((7,), 2, 2)]


def _counts(codes: Tensor, entries: int) -> Tensor:
    return torch.bincount(codes.flatten().long(), minlength=entries)


def _last_one(gradient: Tensor, codes: Tensor, entries: int) -> Tensor:
    total = gradient.new_zeros(entries)
    for code, value in zip(codes.flatten().tolist(), gradient.flatten(), strict=True):
        total[code] = value
    return total


def _sum_by_loop(gradient: Tensor, codes: Tensor, entries: int) -> Tensor:
    return torch.stack([gradient[codes == k].sum() for k in range(entries)])


centroid_gradient = Exercise(
    reference=_centroid_gradient,
    inputs=_shared,
    example=(torch.tensor([[1.0, 2.0], [4.0, -3.0]]), torch.tensor([[0, 2], [0, 2]], dtype=torch.uint8), 4),
    laws=[
        Law("adds up to the sum of all gradients",
            lambda f, g: torch.allclose(f(x := torch.randn(40, generator=g), torch.randint(8, (40,), generator=g), 8).sum().float(),
                                        x.sum(), atol=1e-4),
            "Every weight belongs to exactly one entry, so nothing is lost and nothing counted twice."),
    ],
    mistakes=[
        Mistake("mean for sum", lambda d, q, k: _centroid_gradient(d, q, k) / _counts(q, k).clamp(min=1),
                "You average over the weights of an entry. Move the entry by a little: each of its weights moves as much, so their "
                "effects add up."),
        Mistake("divided by all", lambda d, q, k: _centroid_gradient(d, q, k) / d.numel(),
                "You divide by the number of weights. The loss knows of no such division: it is a sum over the weights that share."),
        Mistake("only the last", _last_one,
                "Of several weights with one code only the last one counts in yours: an assignment overwrites, and an addition is needed."),
        Mistake("only codes in use", lambda d, q, k: _centroid_gradient(d, q, int(q.max()) + 1),
                "Entries at the end that no weight uses are missing. They have the gradient 0."),
        Mistake("gradient of the weights", lambda d, q, k: _centroid_gradient(d, q, k)[q.long()],
                "You return a number for each weight. One for each entry of the codebook is wanted."),
        Mistake("sign", lambda d, q, k: -_centroid_gradient(d, q, k),
                "Your sign is that of an update. The gradient itself is wanted."),
        Mistake("magnitudes", lambda d, q, k: _centroid_gradient(d.abs(), q, k),
                "You add magnitudes. Gradients of opposite sign cancel."),
    ],
    styles={
        "index_add": lambda d, q, k: torch.zeros(k).index_add_(0, q.flatten().long(), d.flatten()),
        "bincount with weights": lambda d, q, k: torch.bincount(q.flatten().long(), d.flatten(), minlength=k),
        "a loop over entries": _sum_by_loop,
        "one-hot product": lambda d, q, k: d.flatten() @ torch.nn.functional.one_hot(q.flatten().long(), k).float(),
    },
    hints=(
        "Each weight is c[q]. By the chain rule, what does a change of one entry do to all weights that point to it?",
        "The gradient of entry k is the sum of the gradients of all weights whose code is k.",
        "Start with zeros, one an entry, flatten gradient and codes, and use index_add_ along axis 0. Codes must be int64 there.",
    ),
)  # fmt: skip
