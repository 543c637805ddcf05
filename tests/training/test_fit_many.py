"""Training together: every student ends where training it alone would have left it."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdtutor.distill import dist_loss, distillation_loss, kd_loss
from kdtutor.models import cnn, mlp
from kdtutor.training import Recipe, fit, fit_many
from tests.training.small_students import (
    RECIPE,
    SGD,
    C,
    N,
    Own,
    assert_same,
    data,
    small_cnn,
    small_mlp,
    small_residual,
    students,
    two_part_loss,
)


@pytest.mark.parametrize("recipe", [RECIPE, SGD], ids=["adamw", "sgd"])
@pytest.mark.parametrize("make", [small_mlp, small_cnn, small_residual], ids=["mlp", "cnn", "residual"])
def test_students_end_where_separate_runs_leave_them(make, recipe, device):
    x, z, y = data()
    alone, together = students(make), students(make)
    seeds = (7, 8, 9)
    one_by_one = [
        fit(m, x, (z[0], y), distillation_loss, recipe, seed=s, device=device)
        for m, s in zip(alone, seeds, strict=True)
    ]
    at_once = fit_many(together, x, (z[0], y), distillation_loss, recipe, seeds=seeds, device=device)
    assert_same(alone, together, one_by_one, at_once)


def test_in_single_precision_they_agree_within_rounding(device):
    x, z, y = data(torch.float32)
    alone, together = (students(small_mlp, dtype=torch.float32) for _ in range(2))
    one_by_one = [fit(m, x, (z[0], y), distillation_loss, RECIPE, seed=s, device=device) for s, m in enumerate(alone)]
    at_once = fit_many(together, x, (z[0], y), distillation_loss, RECIPE, seeds=range(3), device=device)
    assert_same(alone, together, one_by_one, at_once, 1e-3)


def test_each_student_may_have_its_own_loss_and_teacher(device):
    x, z, y = data()
    losses = [partial(distillation_loss, temperature=T, alpha=a) for T, a in ((1.0, 0.1), (4.0, 0.9), (20.0, 0.5))]
    targets = [(z[s], y) for s in range(3)]
    alone, together = students(small_mlp), students(small_mlp)
    one_by_one = [
        fit(m, x, t, loss, RECIPE, seed=1, device=device) for m, t, loss in zip(alone, targets, losses, strict=True)
    ]
    at_once = fit_many(together, x, targets, losses, RECIPE, seeds=(1, 1, 1), device=device)
    assert_same(alone, together, one_by_one, at_once)
    assert len({tuple(history.losses) for history in at_once}) == 3


def test_each_student_may_have_its_own_samples(device):
    x, z, y = data()
    own = [x[s : s + N - 3] for s in range(3)]
    targets = [(z[s][s : s + N - 3], y[s : s + N - 3]) for s in range(3)]
    alone, together = students(small_mlp), students(small_mlp)
    one_by_one = [
        fit(m, part, target, distillation_loss, RECIPE, seed=s, device=device)
        for s, (m, part, target) in enumerate(zip(alone, own, targets, strict=True))
    ]
    at_once = fit_many(together, own, targets, distillation_loss, RECIPE, seeds=range(3), device=device)
    assert_same(alone, together, one_by_one, at_once)


def test_students_that_share_a_loss_object_may_stand_in_any_order():
    x, z, y = data()
    warm, cool = partial(distillation_loss, temperature=8.0), partial(distillation_loss, temperature=1.0)
    losses = [warm, cool, warm, partial(distillation_loss, alpha=0.0), warm]
    alone, together = students(small_mlp, 5), students(small_mlp, 5)
    one_by_one = [
        fit(m, x, (z[0], y), loss, RECIPE, seed=s, device="cpu")
        for s, (m, loss) in enumerate(zip(alone, losses, strict=True))
    ]
    at_once = fit_many(together, x, (z[0], y), losses, RECIPE, seeds=range(5), device="cpu")
    assert_same(alone, together, one_by_one, at_once)


@pytest.mark.parametrize("recipe", [RECIPE, SGD], ids=["adamw", "sgd"])
def test_tied_and_frozen_weights_and_structured_outputs(recipe):
    x, z, y = data()
    alone, together = students(Own), students(Own)
    frozen = together[1].layers[1].weight.detach().clone()
    one_by_one = [fit(m, x, (z[0], y), two_part_loss, recipe, seed=s, device="cpu") for s, m in enumerate(alone)]
    at_once = fit_many(together, x, (z[0], y), two_part_loss, recipe, seeds=range(3), device="cpu")
    assert_same(alone, together, one_by_one, at_once)
    assert together[0].layers[5].weight is together[0].layers[3].weight
    assert torch.equal(together[1].layers[1].weight, frozen)
    losses = [two_part_loss, two_part_loss, partial(two_part_loss)]
    again = students(Own)
    fit_many(again, x, (z[0], y), losses, recipe, seeds=range(3), device="cpu")
    assert_same(alone, again, [], [])


def test_a_loss_marked_as_a_mean_of_rows_trains_as_the_same_loss_unmarked_and_as_a_partial_that_says_how_to_reduce():
    x, z, y = data()
    marked, unmarked, summed = (students(small_mlp) for _ in range(3))
    histories = [
        fit_many(models, x, (z[0], y), loss, RECIPE, seeds=range(3), device="cpu")
        for models, loss in (
            (marked, distillation_loss),
            (unmarked, lambda *batch: distillation_loss(*batch)),
            (summed, partial(distillation_loss, reduction="batchmean")),
        )
    ]
    assert_same(unmarked, marked, histories[1], histories[0])
    assert_same(unmarked, summed, histories[1], histories[2])


def test_a_loss_over_the_whole_batch_stays_within_each_student():
    """DIST compares classes across the batch: a batch that mixed the students would show."""
    x, z, _ = data()
    alone, together = students(small_mlp), students(small_mlp)
    loss = lambda out, z: dist_loss(out, z)  # noqa: E731
    one_by_one = [fit(m, x, (z[1],), loss, RECIPE, seed=s, device="cpu") for s, m in enumerate(alone)]
    at_once = fit_many(together, x, (z[1],), loss, RECIPE, seeds=range(3), device="cpu")
    assert_same(alone, together, one_by_one, at_once, 1e-6)


def test_evaluate_and_after_step_see_each_student_as_it_is():
    x, z, y = data()
    masks = [torch.rand(12, 64, generator=torch.Generator().manual_seed(s)) < 0.5 for s in range(3)]

    def masked(models, **rest):
        place = {id(model): mask for model, mask in zip(models, masks, strict=True)}

        @torch.no_grad()
        def in_place(model):
            model[1].weight.mul_(place[id(model)])

        def by_assignment(model):
            model[1].weight.data = model[1].weight.data * place[id(model)]

        return in_place, by_assignment

    def evaluate(model):
        assert not model.training
        return F.cross_entropy(model(x), y).item()

    for style in (0, 1):
        alone, together = students(small_mlp), students(small_mlp)
        one_by_one = [
            fit(m, x, (z[0],), kd_loss, SGD, seed=s, device="cpu", evaluate=evaluate, after_step=masked(alone)[style])
            for s, m in enumerate(alone)
        ]
        at_once = fit_many(
            together, x, (z[0],), kd_loss, SGD, seeds=range(3), device="cpu", evaluate=evaluate,
            after_step=masked(together)[style],
        )  # fmt: skip
        assert_same(alone, together, one_by_one, at_once)
        assert all(not m[1].weight[~mask].any() for m, mask in zip(together, masks, strict=True))


def test_views_are_drawn_by_each_student_s_own_seed(device):
    x, z, y = data()
    x, z, y = x.to(device), z.to(device), y.to(device)

    def views(index, generator):
        view = torch.randint(3, index.shape, generator=generator, device=index.device)
        return x[index] + view.view(-1, 1, 1, 1), (z[view, index], y[index])

    alone, together = students(small_mlp), students(small_mlp)
    one_by_one = [
        fit(m, x, (), distillation_loss, RECIPE, seed=s, device=device, views=views) for s, m in enumerate(alone)
    ]
    at_once = fit_many(together, x, (), distillation_loss, RECIPE, seeds=range(3), device=device, views=views)
    assert_same(alone, together, one_by_one, at_once)


def test_bfloat16_is_the_autocast_of_separate_runs(device):
    x, z, y = data(torch.float32)
    recipe = Recipe(epochs=3, batch_size=32, precision="bfloat16")
    for make in (small_mlp, small_residual):
        alone, together = (students(make, dtype=torch.float32) for _ in range(2))
        one_by_one = [
            fit(m, x, (z[0], y), distillation_loss, recipe, seed=s, device=device) for s, m in enumerate(alone)
        ]
        at_once = fit_many(together, x, (z[0], y), distillation_loss, recipe, seeds=range(3), device=device)
        assert {p.dtype for m in together for p in m.parameters()} == {torch.float32}
        for a, b in zip(one_by_one, at_once, strict=True):
            assert b.losses == pytest.approx(a.losses, rel=0.02)


def test_dropout_differs_between_students_and_repeats_with_the_seeds():
    def run(seeds):
        models = [nn.Sequential(nn.Flatten(), nn.Dropout(0.5), *mlp(64, 12, C, seed=0)[1:]).double() for _ in seeds]
        x, _, y = data()
        fit_many(models, x, (y,), F.cross_entropy, RECIPE, seeds=seeds, device="cpu")
        return [model[2].weight.detach() for model in models]

    before = torch.get_rng_state()
    first, again = run((5, 5)), run((5, 5))
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert torch.equal(torch.get_rng_state(), before)


def test_one_student_is_a_batch_of_one():
    x, z, y = data()
    alone, together = students(small_mlp, 1), students(small_mlp, 1)
    one_by_one = [fit(alone[0], x, (z[0], y), distillation_loss, RECIPE, seed=4, device="cpu")]
    at_once = fit_many(together, x, (z[0], y), distillation_loss, RECIPE, seeds=(4,), device="cpu")
    assert_same(alone, together, one_by_one, at_once)


def decides(out, y):
    return out.sum() if out.sum() > 0 else F.cross_entropy(out, y)


def test_a_loss_that_decides_by_values_is_refused_with_what_to_do_and_works_when_each_has_its_own():
    x, _, y = data()
    with pytest.raises(ValueError, match="give each student a loss object of its own"):
        fit_many(students(small_mlp), x, (y,), decides, RECIPE, seeds=range(3), device="cpu")
    alone, together = students(small_mlp), students(small_mlp)
    one_by_one = [fit(m, x, (y,), decides, RECIPE, seed=s, device="cpu") for s, m in enumerate(alone)]
    own = [partial(decides) for _ in together]
    at_once = fit_many(together, x, (y,), own, RECIPE, seeds=range(3), device="cpu")
    assert_same(alone, together, one_by_one, at_once)


def wider(seed):
    return mlp(64, 13, C, seed=seed)


REFUSED = [
    (lambda x, y: fit_many([], x, (y,), F.cross_entropy, seeds=()), "models is empty"),
    (lambda x, y: fit_many([small_mlp(0)], x, (y,), F.cross_entropy, seeds=(0, 1)), "seeds has 2 entries for 1 models"),
    (lambda x, y: fit_many([small_mlp(0)], x, (y,), [F.cross_entropy] * 2, seeds=(0,)), "losses has 2 entries for 1"),
    (lambda x, y: fit_many([small_mlp(0)], x, [(y,)] * 2, F.cross_entropy, seeds=(0,)), "targets has 2 entries for 1"),
    (
        lambda x, y: fit_many([small_mlp(0), small_mlp(1)], x, [(y,), (y, y)], F.cross_entropy, seeds=(0, 1)),
        "sequences of different length",
    ),
    (lambda x, y: fit_many([small_mlp(0)], [x] * 2, (y,), F.cross_entropy, seeds=(0,)), "inputs has 2 entries for 1"),
    (
        lambda x, y: fit_many([small_mlp(0), small_mlp(1)], [x, x[:9]], (y,), F.cross_entropy, seeds=(0, 1)),
        "tensors of different shape",
    ),
    (lambda x, y: fit_many([small_mlp(0)], x, (y[:3],), F.cross_entropy, seeds=(0,)), r"targets\[0\] has 3 rows"),
    (lambda x, y: fit_many([small_mlp(0)] * 2, x, (y,), F.cross_entropy, seeds=(0, 1)), "holds one model twice"),
    (
        lambda x, y: fit_many([small_mlp(0), wider(0)], x, (y,), F.cross_entropy, seeds=(0, 1)),
        r"models\[1\] differs from models\[0\] at '1.weight': .*13, 64.* instead of .*12, 64",
    ),
    (
        lambda x, y: fit_many([cnn(2, C, 8, 0.1), cnn(2, C, 8, 0.2)], x, (y,), F.cross_entropy, seeds=(0, 1)),
        r"differs from models\[0\] at '11': Dropout\(p=0.2",
    ),
    (
        lambda x, y: fit_many([small_mlp(0).float()], x, (y,), lambda out, y: out.sum(1), seeds=(0,)),
        r"the loss has shape \(100,\)",
    ),
    (
        lambda x, y: fit_many([small_mlp(0), small_mlp(1)], x, (y,), lambda out, y: out.sum(1), seeds=(0, 1)),
        r"the loss has shape \(100,\)",
    ),
    (
        lambda x, y: fit_many([small_mlp(0).requires_grad_(False)], x, (y,), F.cross_entropy, seeds=(0,)),
        "no parameter that is trained",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_bad_input_is_refused_by_name(call, words):
    x, _, y = data(torch.float32)
    with pytest.raises(ValueError, match=words):
        call(x, y)
