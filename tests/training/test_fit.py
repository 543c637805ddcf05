"""The training loop, against loops written out by hand."""

from itertools import combinations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdtutor.distill import distillation_loss, shifts
from kdtutor.measure import accuracy
from kdtutor.models import cnn, mlp
from kdtutor.training import History, Recipe, default_device, fit, predict
from kdtutor.training.batches import order_of, seed_of_layers, views_of

N, C = 90, 4
SHORT = Recipe(epochs=3, batch_size=40)


def blobs(n=N, seed=0, dtype=torch.float32):
    """Four clouds of points in eight dimensions, easy to tell apart."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(C, (n,), generator=generator)
    centres = 3 * torch.eye(8)[:C]
    return (centres[y] + torch.randn(n, 8, generator=generator)).to(dtype), y


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_full_batch_gradient_descent_on_a_line_is_the_recurrence_of_the_textbook(device):
    x, y = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64), torch.tensor([2.0, 3.0, 9.0], dtype=torch.float64)
    model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    w = model.weight.item()
    recipe = Recipe(epochs=7, batch_size=3, lr=0.05, optimizer="sgd", momentum=0.0, schedule="constant")
    history = fit(model, x, (y,), lambda out, y: ((out[:, 0] - y) ** 2).mean(), recipe, device=device)
    losses = []
    for _ in range(7):
        errors = [w * a - b for a, b in zip(x[:, 0].tolist(), y.tolist(), strict=True)]
        losses.append(sum(e * e for e in errors) / 3)
        w -= 0.05 * 2 * sum(e * a for e, a in zip(errors, x[:, 0].tolist(), strict=True)) / 3
    assert model.weight.item() == pytest.approx(w, rel=1e-12)
    assert history.losses == pytest.approx(losses, rel=1e-12)


def test_batches_order_and_updates_are_those_of_a_loop_with_torch_s_own_optimiser():
    x, y = blobs(dtype=torch.float64)
    z = torch.randn(N, C, dtype=torch.float64)
    ours, by_hand = (mlp(8, 16, C, seed=1).double() for _ in range(2))
    recipe = Recipe(epochs=4, batch_size=40, weight_decay=0.1)
    history = fit(ours, x, (z, y), distillation_loss, recipe, seed=5, device="cpu")

    optimizer = torch.optim.AdamW(by_hand.parameters(), recipe.lr, weight_decay=0.1, fused=False)
    generator = torch.Generator().manual_seed(5)
    step, means = 0, []
    for _ in range(4):
        order, total = torch.randperm(N, generator=generator), 0.0
        for first in (0, 40, 80):
            rows = order[first : first + 40]
            optimizer.param_groups[0]["lr"] = recipe.learning_rate(step, 12)
            optimizer.zero_grad()
            value = distillation_loss(by_hand(x[rows]), z[rows], y[rows])
            value.backward()
            optimizer.step()
            step, total = step + 1, total + value.item() * len(rows)
        means.append(total / N)
    for a, b in zip(weights(ours), weights(by_hand), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert history.losses == pytest.approx(means, rel=1e-9)


def test_it_learns_and_leaves_the_model_in_evaluation_mode(device):
    x, y = blobs(400)
    model = mlp(8, 32, C, seed=0)
    history = fit(model, x, (y,), F.cross_entropy, Recipe(epochs=8, batch_size=50), device=device)
    assert accuracy(model, blobs(400, seed=1)) > 0.9
    assert history.losses[-1] < history.losses[0] / 2
    assert len(history.losses) == 8
    assert history.seconds > 0
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert next(model.parameters()).device.type == device.type


def test_a_run_is_a_function_of_its_seed_dropout_and_batchnorm_included(device):
    x, y = torch.rand(60, 1, 16, 16), torch.randint(36, (60,))
    outcomes = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        model = cnn(2, dropout=0.5, seed=0)
        torch.manual_seed(disturbance)
        fit(model, x, (y,), F.cross_entropy, Recipe(epochs=2, batch_size=16), seed=seed, device=device)
        outcomes.append(torch.cat([p.flatten() for p in weights(model)]).cpu())
    assert torch.equal(outcomes[0], outcomes[1])
    assert not torch.equal(outcomes[0], outcomes[2])


def test_the_global_generator_is_left_as_it_was():
    x, y = blobs()
    before = torch.get_rng_state()
    fit(nn.Sequential(nn.Dropout(), mlp(8, C, seed=0)), x, (y,), F.cross_entropy, SHORT, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluate_is_called_after_every_epoch_in_evaluation_mode():
    x, y = blobs()
    modes = []

    def evaluate(model):
        modes.append(model.training)
        return torch.tensor(float(len(modes)))

    history = fit(mlp(8, C, seed=0), x, (y,), F.cross_entropy, SHORT, evaluate=evaluate, device="cpu")
    assert modes == [False] * 3
    assert history.evaluations == [1.0, 2.0, 3.0]


def test_after_step_is_called_after_every_update_and_a_mask_holds_against_momentum():
    x, y = blobs()
    model = mlp(8, 16, C, seed=0)
    mask = torch.rand_like(model[1].weight) < 0.5
    calls = []

    @torch.no_grad()
    def apply_mask(model):
        calls.append(model.training)
        model[1].weight.mul_(mask.to(model[1].weight.device))

    recipe = Recipe(epochs=3, batch_size=40, optimizer="sgd", lr=0.1, weight_decay=0.01)
    fit(model, x, (y,), F.cross_entropy, recipe, after_step=apply_mask, device="cpu")
    assert calls == [True] * 9
    assert not model[1].weight[~mask].any()
    assert model[1].weight[mask].all()


def test_frozen_parameters_stay_where_they_are():
    x, y = blobs()
    model = mlp(8, 16, C, seed=0)
    model[1].requires_grad_(False)
    before = weights(model)
    fit(model, x, (y,), F.cross_entropy, SHORT, device="cpu")
    changed = [not torch.equal(a, b) for a, b in zip(before, weights(model), strict=True)]
    assert changed == [False, False, True, True]


def test_views_give_a_batch_its_inputs_with_the_targets_of_the_same_view(device):
    """A cache (sample, view) holds each view's own sum, so a loss of zero proves that view and target match."""
    pictures = torch.rand(50, 1, 6, 6, device=device)
    moved = shifts(1)
    cache = torch.stack([moved.view(pictures, v).sum((1, 2, 3)) for v in range(9)], 1)
    seen = []

    def views(index, generator):
        view = moved.draw(len(index), generator)
        seen.append((index.cpu(), view.cpu()))
        return moved.view(pictures[index], view), (cache[index, view],)

    class Total(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.scale * x.sum((1, 2, 3))

    recipe = Recipe(epochs=3, batch_size=20)
    history = fit(Total(), pictures, (), lambda out, t: (out - t).abs().mean(), recipe, views=views, device=device)
    assert history.losses[0] < 1e-2
    first = list(seen)
    seen.clear()
    fit(Total(), pictures, (), lambda out, t: (out - t).abs().mean(), recipe, views=views, device=device)
    assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(first, seen, strict=True))
    assert torch.equal(torch.cat([i for i, _ in first[:3]]).sort().values, torch.arange(50))
    assert torch.cat([v for _, v in first]).unique().numel() == 9
    seen.clear()
    fit(Total(), pictures, (), lambda out, t: (out - t).abs().mean(), recipe, views=views, seed=1, device=device)
    assert not torch.equal(torch.cat([v for _, v in first]), torch.cat([v for _, v in seen]))


def test_order_views_and_layers_draw_from_streams_of_their_own():
    """From one and the same stream the first view would be tied to the first sample."""
    drawn = [order_of(5), views_of(5, torch.device("cpu")), torch.Generator().manual_seed(seed_of_layers(5))]
    first = [torch.rand(4, generator=generator) for generator in drawn]
    assert not any(torch.equal(a, b) for a, b in combinations(first, 2))


def test_augmenting_does_not_change_the_order_of_the_samples():
    x, y = blobs()
    orders = {}
    for draws in (0, 3):
        orders[draws] = []

        def views(index, generator, draws=draws):
            orders[draws].append(index)
            torch.rand(draws, generator=generator)
            return x[index], (y[index],)

        fit(mlp(8, C, seed=0), x, (), F.cross_entropy, SHORT, views=views, seed=2, device="cpu")
    assert all(torch.equal(a, b) for a, b in zip(orders[0], orders[3], strict=True))


def test_bfloat16_runs_the_model_under_autocast_and_keeps_weights_and_loss_in_float32(device):
    x, y = blobs(400)
    model = mlp(8, 32, C, seed=0)
    inside, outside = [], []
    model[1].register_forward_hook(lambda module, args, output: inside.append(output.dtype))

    def loss(logits, y):
        outside.append(logits.dtype)
        return F.cross_entropy(logits, y)

    fit(model, x, (y,), loss, Recipe(epochs=6, batch_size=50, precision="bfloat16"), device=device)
    assert set(inside) == {torch.bfloat16}
    assert set(outside) == {torch.float32}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert accuracy(model, blobs(400, seed=1)) > 0.9


def test_bfloat16_casts_every_tensor_of_structured_outputs():
    class Features(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(8, 6), nn.Linear(6, C)

        def forward(self, x):
            hidden = self.first(x)
            return self.second(hidden), {"hidden": [hidden], "rows": torch.arange(len(x)), "name": "relu"}

    x, y = blobs()
    seen = []

    def loss(outputs, y):
        logits, rest = outputs
        seen.append((logits.dtype, rest["hidden"][0].dtype, rest["rows"].dtype, rest["name"]))
        return F.cross_entropy(logits, y)

    fit(Features(), x, (y,), loss, Recipe(epochs=1, batch_size=90, precision="bfloat16"), device="cpu")
    assert seen == [(torch.float32, torch.float32, torch.int64, "relu")]


@pytest.mark.slow
def test_compiled_training_gives_the_result_of_plain_training(device):
    x, y = blobs(80)
    z = torch.randn(80, C)
    plain, compiled = mlp(8, 16, C, seed=0), mlp(8, 16, C, seed=0)
    fit(plain, x, (z, y), distillation_loss, SHORT, device=device)
    fit(compiled, x, (z, y), distillation_loss, SHORT, device=device, compiled=True)
    for a, b in zip(weights(plain), weights(compiled), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_a_loss_that_is_not_finite_stops_the_run_with_its_epoch_and_learning_rate():
    x, y = blobs()
    with pytest.raises(FloatingPointError, match=r"the loss of epoch 1 is nan: .* \(learning rate 0\.005\)"):
        fit(mlp(8, C, seed=0), x, (y,), lambda out, y: out.sum() * torch.nan, SHORT, device="cpu")


@pytest.mark.parametrize(
    ("inputs", "targets", "loss", "words"),
    [
        (torch.rand(4, 8), (torch.zeros(3),), F.cross_entropy, r"targets\[0\] has 3 rows, inputs 4"),
        (torch.rand(4, 8), (torch.zeros(4), torch.zeros(5)), F.cross_entropy, r"targets\[1\] has 5 rows"),
        (torch.rand(0, 8), (torch.zeros(0),), F.cross_entropy, r"inputs has shape \(0, 8\): at least one sample"),
        (torch.rand(4, 8), (), lambda out: out.sum(1), r"the loss has shape \(4,\): a scalar is needed"),
    ],
)
def test_bad_input_is_refused_by_name(inputs, targets, loss, words):
    with pytest.raises(ValueError, match=words):
        fit(mlp(8, C, seed=0), inputs, targets, loss, SHORT, device="cpu")


def test_predict_answers_in_evaluation_mode_in_any_batch_size_and_without_a_graph(device):
    model = nn.Sequential(nn.Dropout(0.9), mlp(8, 5, C, seed=0)).to(device).train()
    x, _ = blobs()
    whole = predict(model, x)
    assert whole.device.type == device.type
    assert not whole.requires_grad
    assert model.training
    assert model[0].training
    torch.testing.assert_close(predict(model, x, batch_size=7), whole)
    with torch.no_grad():
        torch.testing.assert_close(whole, model[1](x.to(device)))


def test_the_device_can_be_chosen_by_the_environment_and_a_missing_one_is_named(monkeypatch):
    default_device.cache_clear()
    monkeypatch.setenv("KDTUTOR_DEVICE", "cpu")
    assert default_device() == torch.device("cpu")
    default_device.cache_clear()
    monkeypatch.setenv("KDTUTOR_DEVICE", "cuda:99")
    with pytest.raises(ValueError, match="KDTUTOR_DEVICE is 'cuda:99', which this machine cannot use"):
        default_device()
    default_device.cache_clear()


def test_histories_of_two_runs_share_nothing():
    first, second = History(), History()
    first.add(1.0, 0.1)
    assert second.losses == []
