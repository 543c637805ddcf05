"""Two processes train what one does: started by torchrun, on two CPUs, through gloo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from kdtutor.distill import distillation_loss
from kdtutor.models import mlp
from kdtutor.training import Recipe, fit
from kdtutor.training.distributed import fit_distributed, process_group, share_of

# 50 samples in batches of 16: shares of 8, and a last batch of 2, which leaves one of three processes without a sample.
RECIPE = Recipe(epochs=3, batch_size=16)
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
import torch
from safetensors.torch import save_file
from kdtutor.distill import distillation_loss
from kdtutor.models import mlp
from kdtutor.training import Recipe
from kdtutor.training.distributed import fit_distributed, process_group
from tests.training.test_distributed import RECIPE, samples

torch.set_num_threads(1)
with process_group() as device:
    model = mlp(8, 16, 4, seed=1).double()
    x, z, y = samples()
    history = fit_distributed(model, x, (z, y), distillation_loss, RECIPE, seed=5, device="cpu")
    rank = torch.distributed.get_rank()
    state = {**model.state_dict(), "losses": torch.tensor(history.losses, dtype=torch.float64)}
    save_file(state, f"{sys.argv[1]}/{rank}.safetensors")
"""


def samples():
    generator = torch.Generator().manual_seed(0)
    x, z = (torch.randn(50, n, generator=generator, dtype=torch.float64) for n in (8, 4))
    return x, z, torch.randint(4, (50,), generator=generator)


def torchrun(processes, *command):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    ran = subprocess.run(
        [*launch, f"--nproc-per-node={processes}", *command],
        capture_output=True, text=True, timeout=120, env=environment, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_end_with_the_weights_and_losses_of_one(processes, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    torchrun(processes, str(script), str(tmp_path))
    alone = mlp(8, 16, 4, seed=1).double()
    x, z, y = samples()
    history = fit(alone, x, (z, y), distillation_loss, RECIPE, seed=5, device="cpu")
    for rank in range(processes):
        ended = load_file(tmp_path / f"{rank}.safetensors")
        assert ended.pop("losses").tolist() == pytest.approx(history.losses, rel=1e-9)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(ended[name], value, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_the_module_run_by_torchrun_trains_and_says_how_fast(tmp_path):
    said = json.loads(torchrun(2, "-m", "kdtutor.training.distributed").splitlines()[-1])
    assert (said["processes"], said["backend"]) == (2, "gloo")
    assert said["together"]["losses"] == pytest.approx(said["alone"]["losses"], rel=1e-4)
    for history in (said["alone"], said["together"]):
        assert history["pictures_a_second"] > 0
        assert history["losses"][-1] < history["losses"][0]


@pytest.mark.parametrize(("size", "processes"), [(12, 3), (10, 4), (2, 3), (1, 2)])
def test_weighted_shares_average_to_the_mean_over_the_batch(size, processes):
    values = torch.randn(20, dtype=torch.float64)
    batch = torch.randperm(20)[:size]
    shares = [share_of(batch, rank, processes) for rank in range(processes)]
    assert torch.equal(torch.cat([own for own, weight in shares if weight]), batch)
    averaged = sum(weight * values[own].mean() for own, weight in shares) / processes
    assert averaged.item() == pytest.approx(values[batch].mean().item())


def test_outside_torchrun_it_says_how_to_start():
    with pytest.raises(RuntimeError, match="torchrun --nproc-per-node"), process_group():
        pass
    with pytest.raises(RuntimeError, match="process_group"):
        fit_distributed(nn.Linear(2, 2), torch.ones(4, 2), (torch.zeros(4).long(),), F.cross_entropy)
