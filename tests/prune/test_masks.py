"""The oracle sorts (score, position) pairs in plain Python; torch.nn.utils.prune agrees where no scores tie."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from kdtutor.prune import (
    global_magnitude_masks,
    keep_highest,
    layer_magnitude_masks,
    magnitude_mask,
    mask_sparsity,
    random_mask,
    shuffled_masks,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kept_by_sorting(scores: list[float], sparsity: float) -> list[bool]:
    order = sorted(range(len(scores)), key=lambda i: (scores[i], i))
    removed = set(order[: round(sparsity * len(scores))])
    return [i not in removed for i in range(len(scores))]


def coarse_weights(shape: list[int], seed: int) -> Tensor:
    """Few distinct values, so that ties are the rule, both signs and zeros among them."""
    return torch.randint(-3, 4, shape, generator=seeded(seed)).double()


shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)
weights = st.builds(coarse_weights, shapes, st.integers(0, 10**6))
sparsities = st.floats(0.0, 1.0)


@given(weights, sparsities)
def test_magnitude_mask_removes_the_smallest_magnitudes_and_among_equals_the_first(weight, sparsity):
    mask = magnitude_mask(weight, sparsity)
    assert mask.dtype == torch.bool
    assert mask.shape == weight.shape
    assert mask.flatten().tolist() == kept_by_sorting([abs(w) for w in weight.flatten().tolist()], sparsity)


@given(weights, sparsities)
def test_keep_highest_orders_by_signed_scores(scores, sparsity):
    assert keep_highest(scores, sparsity).flatten().tolist() == kept_by_sorting(scores.flatten().tolist(), sparsity)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_magnitude_mask_follows_device_and_counts_exactly_in_every_dtype(dtype, device):
    weight = torch.tensor([1e4, -1e4, 0.0, 0.5, -0.5, torch.inf, 1e-3, 0.0], dtype=dtype, device=device)
    mask = magnitude_mask(weight.requires_grad_(), 0.5)
    assert mask.device.type == device.type
    assert not mask.requires_grad
    assert mask.tolist() == [True, True, False, False, True, True, False, False]


@pytest.mark.parametrize(("sparsity", "removed"), [(0.0, 0), (0.5, 2), (0.7, 4), (1.0, 5), (0.3, 2), (0.1, 0)])
def test_halves_are_rounded_to_the_even_count_as_python_does(sparsity, removed, device):
    mask = magnitude_mask(torch.ones(5, device=device), sparsity)
    assert mask.tolist() == [False] * removed + [True] * (5 - removed)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.93, 1.0])
def test_magnitude_masks_agree_with_torch_prune_where_nothing_ties(sparsity):
    first, second = nn.Linear(20, 30), nn.Linear(30, 7)
    ours = magnitude_mask(first.weight, sparsity)
    theirs = torch_prune.L1Unstructured(amount=sparsity).compute_mask(first.weight, torch.ones_like(first.weight))
    assert torch.equal(ours, theirs.bool())
    both = global_magnitude_masks({"a": first.weight, "b": second.weight}, sparsity)
    torch_prune.global_unstructured(
        [(first, "weight"), (second, "weight")], torch_prune.L1Unstructured, amount=sparsity
    )
    assert torch.equal(both["a"], first.weight_mask.bool())
    assert torch.equal(both["b"], second.weight_mask.bool())


@given(st.lists(weights, min_size=1, max_size=4), sparsities)
def test_global_masks_rank_all_tensors_together_and_the_first_tensor_goes_first(tensors, sparsity):
    named = {f"layer{i}": tensor for i, tensor in enumerate(tensors)}
    joined = [abs(w) for tensor in tensors for w in tensor.flatten().tolist()]
    masks = global_magnitude_masks(named, sparsity)
    assert [kept for mask in masks.values() for kept in mask.flatten().tolist()] == kept_by_sorting(joined, sparsity)
    assert all(masks[name].shape == named[name].shape for name in named)


def test_global_and_layerwise_differ_where_layers_have_different_scales():
    named = {"small": torch.full((4,), 0.1), "large": torch.full((4,), 1.0)}
    assert mask_sparsity(global_magnitude_masks(named, 0.5)["small"]) == 1.0
    assert mask_sparsity(layer_magnitude_masks(named, 0.5)["small"]) == 0.5
    own = layer_magnitude_masks(named, {"small": 0.25, "large": 0.75})
    assert [mask_sparsity(own[name]) for name in named] == [0.25, 0.75]
    assert mask_sparsity(own) == 0.5


def test_global_masks_mix_dtypes_without_losing_the_order():
    named = {"half": torch.tensor([1.0, 3.0]).half(), "double": torch.tensor([2.0, 4.0]).double()}
    masks = global_magnitude_masks(named, 0.5)
    assert [masks[name].tolist() for name in named] == [[False, True], [False, True]]


@given(weights, st.integers(0, 10**6), sparsities, sparsities)
def test_within_keeps_what_was_removed_removed_and_counts_from_the_whole(weight, seed, one, other):
    low, high = sorted((one, other))
    earlier = random_mask(weight, low, seeded(seed))
    later = magnitude_mask(weight, high, within=earlier)
    assert not (later & ~earlier).any()
    assert int((~later).sum()) == round(high * weight.numel())
    scores = [
        abs(w) if kept else -1.0 for w, kept in zip(weight.flatten().tolist(), earlier.flatten().tolist(), strict=True)
    ]
    expected = kept_by_sorting(scores, high)
    assert later.flatten().tolist() == expected


def test_pruning_half_twice_within_the_first_mask_leaves_half_not_a_quarter():
    weight = torch.randn(100)
    once = magnitude_mask(weight, 0.5)
    assert torch.equal(magnitude_mask(weight * once, 0.5, within=once), once)
    layer = nn.Linear(10, 10)
    for _ in range(2):
        torch_prune.l1_unstructured(layer, "weight", amount=0.5)
    assert int(layer.weight_mask.sum()) == 25


def test_global_masks_within_earlier_ones_stay_nested():
    named = {"a": torch.randn(5, 7), "b": torch.randn(11)}
    masks = None
    for sparsity in (0.2, 0.5, 0.8):
        later = global_magnitude_masks(named, sparsity, within=masks)
        if masks is not None:
            assert not any((later[name] & ~masks[name]).any() for name in named)
        masks = later
    assert mask_sparsity(masks) == round(0.8 * 46) / 46


@given(weights, sparsities, st.integers(0, 10**6))
def test_random_mask_is_exact_and_repeatable_from_its_generator_alone(weight, sparsity, seed):
    state = torch.random.get_rng_state()
    mask = random_mask(weight, sparsity, seeded(seed))
    assert int((~mask).sum()) == round(sparsity * weight.numel())
    assert torch.equal(mask, random_mask(weight, sparsity, seeded(seed)))
    assert torch.equal(state, torch.random.get_rng_state())


def test_random_mask_removes_every_position_equally_often():
    generator = seeded(1)
    removed = sum((~random_mask(torch.zeros(10), 0.3, generator)).int() for _ in range(3000))
    assert (removed - 900).abs().max() < 5 * (3000 * 0.3 * 0.7) ** 0.5


def test_random_mask_is_the_same_on_every_device_for_a_cpu_generator(device):
    weight = torch.zeros(7, 9)
    assert torch.equal(random_mask(weight.to(device), 0.4, seeded(3)).cpu(), random_mask(weight, 0.4, seeded(3)))


def test_random_mask_within_an_earlier_one_is_nested_and_uniform_over_the_rest():
    earlier = torch.tensor([False, True, True, True, True, False])
    generator = seeded(2)
    removed = torch.zeros(6)
    for _ in range(2000):
        mask = random_mask(torch.zeros(6), 0.5, generator, within=earlier)
        assert int((~mask).sum()) == 3
        removed += ~mask
    assert removed[0] == removed[5] == 2000
    assert (removed[1:5] - 500).abs().max() < 5 * (2000 * 0.25 * 0.75) ** 0.5


@given(st.lists(weights, min_size=1, max_size=3), sparsities, st.integers(0, 10**6))
def test_shuffled_masks_keep_each_layer_s_count_and_lose_the_places(tensors, sparsity, seed):
    masks = {str(i): magnitude_mask(tensor, sparsity) for i, tensor in enumerate(tensors)}
    shuffled = shuffled_masks(masks, seeded(seed))
    for name, mask in masks.items():
        assert shuffled[name].shape == mask.shape
        assert shuffled[name].sum() == mask.sum()


def test_shuffled_masks_move_what_is_kept():
    mask = torch.arange(1000) < 500
    moved = shuffled_masks({"w": mask}, seeded(0))["w"]
    assert 150 < int((moved & mask).sum()) < 350


row = torch.zeros(4)
REFUSED = [
    (lambda: magnitude_mask(row, 50), ValueError, r"sparsity is 50: a number from 0 to 1 .* \(for 50 % write 0.5\)"),
    (lambda: magnitude_mask(row, -0.1), ValueError, "sparsity is -0.1"),
    (lambda: magnitude_mask(row, float("nan")), ValueError, "sparsity is nan"),
    (lambda: magnitude_mask(row, "0.5"), TypeError, "sparsity is a str"),
    (lambda: magnitude_mask(row, True), TypeError, "sparsity is a bool"),
    (lambda: magnitude_mask(row.long(), 0.5), TypeError, "weight has dtype int64"),
    (lambda: magnitude_mask([1.0], 0.5), TypeError, "weight is a list"),
    (lambda: magnitude_mask(torch.zeros(0), 0.5), ValueError, r"weight has shape \(0,\): at least one entry"),
    (lambda: magnitude_mask(row * torch.nan, 0.5), ValueError, "weight holds NaN in 4 of 4 entries"),
    (lambda: magnitude_mask(row, 0.5, within=row), TypeError, "within has dtype float32: a boolean tensor"),
    (lambda: magnitude_mask(row, 0.5, within=row[:2] == 0), ValueError, r"within has shape \(2,\)"),
    (lambda: magnitude_mask(row, 0.25, within=row != 0), ValueError, "within has removed 4 of 4 entries, .* for 1"),
    (lambda: keep_highest(row.bool(), 0.5), TypeError, "scores has dtype bool"),
    (lambda: random_mask(row, 0.5, 0), TypeError, "generator is a int: a torch.Generator is needed"),
    (lambda: random_mask(row, 1.5, seeded()), ValueError, "sparsity is 1.5"),
    (lambda: random_mask(row, 0.1, seeded(), within=row != 0), ValueError, "within has removed 4"),
    (lambda: global_magnitude_masks([row], 0.5), TypeError, "weights is a list: a dict"),
    (lambda: global_magnitude_masks({}, 0.5), ValueError, "weights is empty"),
    (lambda: global_magnitude_masks({"a": row.long()}, 0.5), TypeError, r"weights\['a'\] has dtype int64"),
    (lambda: global_magnitude_masks({"a": row}, 0.5, within={"b": row == 0}), ValueError, "within names"),
    (lambda: layer_magnitude_masks({"a": row}, {"b": 0.5}), ValueError, "both need the same names"),
    (lambda: shuffled_masks({"a": row}, seeded()), TypeError, r"masks\['a'\] has dtype float32"),
    (lambda: mask_sparsity({}), ValueError, "cover no entry"),
    (lambda: mask_sparsity([True]), TypeError, "masks is a list"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
