"""Training together: every student ends where training it alone would have left it."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdtutor.distill import dist_loss, distillation_loss, kd_loss
from kdtutor.models import cnn, mlp, residual_cnn
from kdtutor.training import Recipe, epochs_of_many, fit, fit_many

N, C = 100, 6
RECIPE = Recipe(epochs=3, batch_size=32, weight_decay=0.05)
SGD = Recipe(epochs=3, batch_size=32, lr=0.05, optimizer="sgd", schedule="constant")


def data(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(N, 1, 8, 8, generator=generator, dtype=torch.float64).to(dtype)
    z = 3 * torch.randn(3, N, C, generator=generator, dtype=torch.float64).to(dtype)
    return x, z, torch.randint(C, (N,), generator=generator)


def students(make, count=3, dtype=torch.float64):
    return [make(seed).to(dtype) for seed in range(count)]


def small_mlp(seed):
    return mlp(64, 12, C, seed=seed)


def small_cnn(seed):
    return cnn(2, classes=C, size=8, dropout=0.0, seed=seed)


def small_residual(seed):
    return residual_cnn(3, 2, classes=C, seed=seed)


class Own(nn.Module):
    """No Sequential: a frozen layer, a tied weight and outputs with two parts."""

    def __init__(self, seed):
        super().__init__()
        self.layers = mlp(64, 10, 10, 10, C, seed=seed)
        self.layers[5].weight = self.layers[3].weight
        self.layers[1].requires_grad_(False)

    def forward(self, x):
        hidden = self.layers[:3](x)
        return self.layers[3:](hidden), {"hidden": hidden}


def two_part_loss(outputs, z, y):
    logits, parts = outputs
    return distillation_loss(logits, z, y) + parts["hidden"].pow(2).mean()


def assert_same(alone, together, histories_alone, histories, tolerance=1e-8):
    for number, (a, b) in enumerate(zip(alone, together, strict=True)):
        theirs = b.state_dict()
        for name, value in a.state_dict().items():
            torch.testing.assert_close(
                theirs[name], value, rtol=tolerance, atol=tolerance, msg=lambda m, n=number, k=name: f"{n} {k}: {m}"
            )
    for a, b in zip(histories_alone, histories, strict=True):
        assert b.losses == pytest.approx(a.losses, rel=tolerance)
        assert b.evaluations == pytest.approx(a.evaluations, rel=tolerance)


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


def test_afterwards_each_model_owns_its_memory_and_is_in_evaluation_mode():
    x, _, y = data()
    models = students(small_residual)
    histories = fit_many(models, x, (y,), F.cross_entropy, RECIPE, seeds=range(3), device="cpu")
    tensors = [tensor for model in models for tensor in (*model.parameters(), *model.buffers())]
    assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in tensors)
    assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)
    assert not any(model.training for model in models)
    assert all(history.seconds > 0 for history in histories)
    assert all(parameter.is_leaf and parameter.grad is None for model in models for parameter in model.parameters())


def test_one_student_is_a_batch_of_one():
    x, z, y = data()
    alone, together = students(small_mlp, 1), students(small_mlp, 1)
    one_by_one = [fit(alone[0], x, (z[0], y), distillation_loss, RECIPE, seed=4, device="cpu")]
    at_once = fit_many(together, x, (z[0], y), distillation_loss, RECIPE, seeds=(4,), device="cpu")
    assert_same(alone, together, one_by_one, at_once)


def test_a_student_that_diverges_is_named_and_the_models_keep_their_own_memory():
    x, _, y = data()
    models = students(small_mlp)
    losses = [F.cross_entropy, F.cross_entropy, lambda out, y: F.cross_entropy(out, y) * torch.nan]
    with pytest.raises(FloatingPointError, match=r"the loss of student 2 \(seed 12\) of epoch 1 is nan"):
        fit_many(models, x, (y,), losses, RECIPE, seeds=(10, 11, 12), device="cpu")
    assert all(p.untyped_storage().nbytes() == p.nbytes for model in models for p in model.parameters())


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


def test_epoch_by_epoch_gives_what_one_run_gives_whatever_happens_in_between() -> None:
    x, y = torch.randn(60, 4), torch.randint(3, (60,))
    recipe = Recipe(epochs=3, batch_size=16)

    def students() -> list[nn.Module]:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return [nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)) for _ in range(2)]

    whole, in_parts = students(), students()
    fit_many(whole, x, (y,), F.cross_entropy, recipe, seeds=(3, 4))
    before = torch.get_rng_state()
    lengths = []
    for histories in epochs_of_many(in_parts, x, (y,), F.cross_entropy, recipe, seeds=(3, 4)):
        lengths.append([len(history.losses) for history in histories])
        assert torch.equal(torch.get_rng_state(), before), "the caller's generator moved"
        torch.rand(7)
        before = torch.get_rng_state()
    assert lengths == [[1, 1], [2, 2], [3, 3]]
    for one, other in zip(whole, in_parts, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_closed_run_leaves_the_models_with_memory_of_their_own() -> None:
    x, y = torch.randn(60, 4), torch.randint(3, (60,))
    models = [nn.Linear(4, 3) for _ in range(2)]
    run = epochs_of_many(models, x, (y,), F.cross_entropy, Recipe(epochs=5), seeds=(0, 1))
    next(run)
    assert models[0].weight.untyped_storage().data_ptr() == models[1].weight.untyped_storage().data_ptr()
    run.close()
    assert models[0].weight.untyped_storage().data_ptr() != models[1].weight.untyped_storage().data_ptr()
