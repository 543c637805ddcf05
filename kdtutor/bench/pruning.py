"""Less to compute: neurons removed for good, zeros that stay, and two of four weights in hardware."""

import warnings
from functools import partial

import torch
from torch import Tensor, nn

from kdtutor.bench.agreement import require_agreement
from kdtutor.bench.case import Case, Measurement, Setting, UnavailableError
from kdtutor.bench.networks import batch, inference, least_seconds, network
from kdtutor.bench.pairs import compare_times
from kdtutor.prune import (
    ChannelGroup,
    apply_masks_,
    channel_groups,
    group_masks,
    group_scores,
    keep_channels,
    layer_magnitude_masks,
    masked_copy,
    n_m_mask,
    prunable_weights,
    semi_structured_obstacle,
    shrink,
    to_semi_structured,
)

BATCH = 256


def half_the_neurons(setting: Setting) -> Measurement:
    """The perceptron with half of its hidden neurons removed against the whole one."""
    model, x = network(setting), batch(setting, BATCH)
    groups, keep = half_kept(model, x)
    small = shrink(model, keep, groups).eval()
    silenced = masked_copy(model, group_masks(model, keep, groups)).eval()
    require_agreement(small(x), silenced(x), 1e-4, "the shrunk network's answer (against the silenced one)")
    least = least_seconds(setting, small, BATCH, "fp32")
    return compare_times(setting, inference(small, x), inference(model, x), least=least)


def half_kept(model: nn.Module, example: Tensor) -> tuple[dict[str, ChannelGroup], dict[str, Tensor]]:
    """The model's groups of units, and a mask for each that may shrink: half of it, that with the larger weights."""
    groups = channel_groups(model, example)
    free = {name: group for name, group in groups.items() if group.fixed is None}
    return groups, {name: keep_channels(group_scores(model, group), 0.5) for name, group in free.items()}


def zeros_in_place(setting: Setting, as_csr: bool = False) -> Measurement:
    """The perceptron with 90 % of its weights at zero against the same shape without zeros."""
    model, x = network(setting), batch(setting, BATCH)
    pruned = masked_copy(model, layer_magnitude_masks(prunable_weights(model), 0.9)).eval()
    ours = _with_csr_weights(pruned) if as_csr else pruned
    require_agreement(ours(x), pruned(x), 1e-4, "the sparse network's answer")
    return compare_times(setting, inference(ours, x), inference(model, x))


def two_of_four(setting: Setting, shape: tuple[int, int, int]) -> Measurement:
    """A Linear layer with 2:4 weights, computed as such, against the dense bfloat16 layer."""
    obstacle = semi_structured_obstacle(setting.device)
    if obstacle is not None:
        raise UnavailableError(obstacle)
    rows, inputs, outputs = setting.size(shape, (64, 128, 128))
    linear = nn.Linear(inputs, outputs, device=setting.device, dtype=torch.bfloat16)
    apply_masks_(linear, {"weight": n_m_mask(linear.weight)})
    x = torch.randn(rows, inputs, device=setting.device, dtype=torch.bfloat16)
    ours, rival = inference(to_semi_structured(linear), x), inference(linear, x)
    require_agreement(ours(), rival(), 0.02, "the 2:4 layer's answer")
    # Half of the products are left, and of the weight half of the values with 2 bits of position each.
    least = setting.ceilings.least_seconds(
        moved=2 * (rows * (inputs + outputs) + 9 / 16 * inputs * outputs),
        operations=rows * inputs * outputs,
        dtype="bf16",
    )
    return compare_times(setting, ours, rival, least=least)


class _CsrLinear(nn.Module):
    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
            self.weight = linear.weight.detach().to_sparse_csr()
        self.bias = linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x Wᵀ + b, computed as (W xᵀ)ᵀ: the sparse matrix comes first in torch's products."""
        return (self.weight @ x.t()).t() + self.bias


def _with_csr_weights(model: nn.Module) -> nn.Module:
    return nn.Sequential(*(_CsrLinear(m) if isinstance(m, nn.Linear) else m for m in model.children())).eval()


CASES = (
    Case(
        "pruning",
        "half the neurons removed, MLP, batch 256",
        "784-600-600-10 made by shrink",
        "784-1200-1200-10",
        half_the_neurons,
        {"cpu": 0.40},
    ),
    Case(
        "pruning",
        "90 % zeros in place, MLP, batch 256",
        "784-1200-1200-10 with a tenth of its weights left",
        "784-1200-1200-10",
        zeros_in_place,
    ),
    Case(
        "pruning",
        "90 % zeros as CSR, MLP, batch 256",
        "weights stored and multiplied as compressed rows",
        "784-1200-1200-10",
        partial(zeros_in_place, as_csr=True),
    ),
    *(
        Case(
            "pruning",
            f"2:4, Linear {inputs} → {outputs}, batch {rows}",
            "to_semi_structured, bfloat16",
            "dense, bfloat16",
            partial(two_of_four, shape=(rows, inputs, outputs)),
            devices=("cuda",),
        )
        for rows, inputs, outputs in (
            (64, 4096, 4096),
            (1024, 4096, 4096),
            (4096, 4096, 16384),
            (8192, 8192, 8192),
            (16384, 8192, 28672),
        )
    ),
)
