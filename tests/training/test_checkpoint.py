"""Checkpoints: a run that was killed ends where an undisturbed one does, bit for bit."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

from kdtutor.models import cnn, mlp
from kdtutor.training import Recipe, fit

RECIPES = {
    "adamw, one cycle": Recipe(epochs=4, batch_size=32),
    "sgd, constant": Recipe(epochs=4, batch_size=32, lr=0.05, optimizer="sgd", schedule="constant"),
    "sgd without momentum": Recipe(epochs=4, batch_size=32, lr=0.05, optimizer="sgd", momentum=0.0),
    "bfloat16": Recipe(epochs=4, batch_size=32, precision="bfloat16"),
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums are bit for bit the same only with the same number of threads; one is enough for these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class KilledError(Exception):
    """Stands for what ends a process between two epochs."""


def data():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(70, 1, 8, 8, generator=generator), torch.randint(5, (70,), generator=generator)


def train(path, recipe=RECIPES["adamw, one cycle"], *, killed_after=None, seed=3, device="cpu", start=0, x=None):
    """A run with dropout, BatchNorm and random views, killed after some epoch or not at all."""
    pictures, y = data()
    pictures = (pictures if x is None else x).to(device)
    y = y.to(device)
    model = cnn(2, classes=5, size=8, dropout=0.5, seed=start)
    epochs = []

    def evaluate(model):
        epochs.append(1)
        if len(epochs) == killed_after:
            raise KilledError
        return 0.1 * len(epochs) + torch.rand(()).item()

    def views(index, generator):
        noise = torch.rand(len(index), 1, 1, 1, generator=generator, device=device)
        return pictures[index] + noise, (y[index],)

    history = fit(
        model, pictures, (y,), F.cross_entropy, recipe, seed=seed, device=device, evaluate=evaluate, views=views,
        checkpoint=path,
    )  # fmt: skip
    return model, history, len(epochs)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_resumed_run_ends_bit_for_bit_like_an_undisturbed_one(tmp_path, recipe, killed_after, device):
    path = tmp_path / "folder" / "run.safetensors"
    undisturbed, history, _ = train(None, recipe, device=device)
    with pytest.raises(KilledError):
        train(path, recipe, killed_after=killed_after, device=device)
    resumed, resumed_history, epochs = train(path, recipe, device=device)
    assert epochs == 4 - (killed_after - 1)
    assert resumed_history.losses == history.losses
    for name, value in undisturbed.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_finished_run_is_read_and_not_trained_again(tmp_path):
    path = tmp_path / "run"
    model, history, _ = train(path)
    again, history_again, epochs = train(path)
    assert epochs == 0
    assert history_again == history
    assert not again.training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_checkpoint_changes_nothing_about_the_run(tmp_path):
    plain, _, _ = train(None)
    kept, _, _ = train(tmp_path / "run")
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), kept.parameters(), strict=True))


PROGRAM = """
import torch
import torch.nn.functional as F
from kdtutor.models import mlp
from kdtutor.training import Recipe, fit

def run(checkpoint=None, evaluate=None):
    x, y = torch.rand(400, 16, generator=torch.Generator().manual_seed(0)), torch.arange(400) % 3
    model = mlp(16, 8, 3, seed=0)
    recipe = Recipe(epochs=20, batch_size=8)
    return model, fit(model, x, (y,), F.cross_entropy, recipe, device="cpu", checkpoint=checkpoint, evaluate=evaluate)
"""


def test_a_process_killed_without_warning_leaves_a_file_that_resumes(tmp_path):
    path = tmp_path / "run"
    victim = PROGRAM + f"torch.set_num_threads(1)\nrun({str(path)!r}, lambda model: print('epoch', flush=True) or 0.0)"
    with subprocess.Popen([sys.executable, "-c", victim], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        for _ in range(3):
            assert process.stdout.readline() == b"epoch\n"
        time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    here: dict = {}
    exec(PROGRAM, here)
    epochs = []
    resumed, history = here["run"](path, lambda model: epochs.append(1) or 0.0)
    undisturbed, whole = here["run"](None, lambda model: 0.0)
    assert 0 < len(epochs) < 20
    assert history.losses == whole.losses
    assert all(torch.equal(a, b) for a, b in zip(undisturbed.parameters(), resumed.parameters(), strict=True))


def test_a_failed_write_leaves_the_last_checkpoint_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "run"
    with pytest.raises(KilledError):
        train(path, killed_after=2)
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        train(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def damaged(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "empty":
        content = bytearray()
    elif how == "one flipped bit":
        content[-100] ^= 1
    elif how == "another format":
        content = bytearray(b"\x80\x04]\x94." * 40)
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "empty", "one flipped bit", "another format"])
def test_a_damaged_file_is_refused_with_the_reason_and_left_alone(tmp_path, how):
    path = tmp_path / "run"
    with pytest.raises(KilledError):
        train(path, killed_after=2)
    damaged(path, how)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=r"is damaged.*Delete it to train from the start"):
        train(path)
    assert path.read_bytes() == content


def test_an_edited_history_is_noticed(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KilledError):
        train(path, killed_after=2)
    with safe_open(path, "pt") as file:
        facts, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata={**facts, "history": facts["history"].replace("[", "[9.0, ", 1)})
    with pytest.raises(ValueError, match="content does not match its checksum"):
        train(path)


def test_a_safetensors_file_of_something_else_is_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "run")
    with pytest.raises(ValueError, match="is no checkpoint of this release"):
        train(tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"recipe": Recipe(epochs=5, batch_size=32)},
            r"its recipe differs: Recipe\(epochs=4.* there, Recipe\(epochs=5",
        ),
        ({"seed": 4}, "its seed differs: 3 there, 4 here"),
        ({"start": 1}, "its initial weights differ. "),
        ({"x": torch.rand(70, 1, 8, 8)}, "its data differs. "),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_naming_the_difference_and_the_model_is_untouched(
    tmp_path, change, words
):
    path = tmp_path / "run"
    with pytest.raises(KilledError):
        train(path, killed_after=2)
    with pytest.raises(ValueError, match=words):
        train(path, **change)


def test_a_refused_file_changes_neither_the_model_nor_the_generators(tmp_path):
    x, y = data()
    fit(mlp(64, 5, seed=0), x, (y,), F.cross_entropy, Recipe(epochs=1), seed=1, device="cpu", checkpoint=tmp_path / "a")
    model, before = mlp(64, 5, seed=0), torch.get_rng_state()
    with pytest.raises(ValueError, match="its seed differs"):
        fit(model, x, (y,), F.cross_entropy, Recipe(epochs=1), seed=2, device="cpu", checkpoint=tmp_path / "a")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), mlp(64, 5, seed=0).parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_tied_weights_stay_tied(tmp_path):
    x, y = data()

    def tied():
        model = mlp(64, 64, 64, 5, seed=0)
        model[3].weight = model[1].weight
        return model

    recipe = Recipe(epochs=2, batch_size=35)
    whole = tied()
    fit(whole, x, (y,), F.cross_entropy, recipe, device="cpu")
    calls = []

    def kill(_):
        calls.append(1)
        if len(calls) == 2:
            raise KilledError
        return 0.0

    with pytest.raises(KilledError):
        fit(tied(), x, (y,), F.cross_entropy, recipe, device="cpu", checkpoint=tmp_path / "run", evaluate=kill)
    resumed = tied()
    fit(resumed, x, (y,), F.cross_entropy, recipe, device="cpu", checkpoint=tmp_path / "run", evaluate=lambda _: 0.0)
    assert resumed[3].weight is resumed[1].weight
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
