"""What can be left out: weights (masks), neurons and channels (smaller layers), whole layers; by which score, when."""

from kdtutor.prune.activations import InputNorm, layer_inputs, observe_inputs
from kdtutor.prune.coupling import ChannelGroup, channel_groups
from kdtutor.prune.criteria import neuron_scores, taylor_scores, wanda_scores
from kdtutor.prune.layers import drop_layers, layer_scores, stream_change
from kdtutor.prune.lottery import Round, iterative_pruning, reinitialized, rewind, snapshot
from kdtutor.prune.masked_training import apply_masks_, masked_copy, masked_step_, masks_held, prunable_weights
from kdtutor.prune.masks import (
    global_magnitude_masks,
    keep_highest,
    layer_magnitude_masks,
    magnitude_mask,
    mask_sparsity,
    random_mask,
    shuffled_masks,
)
from kdtutor.prune.n_m import is_n_m, n_m_mask
from kdtutor.prune.proximal import group_soft_threshold, proximal_step_, soft_threshold
from kdtutor.prune.rows import keep_highest_in_rows, wanda_mask
from kdtutor.prune.schedules import cubic_sparsity, iterative_sparsity, one_shot_sparsity, rate_per_round
from kdtutor.prune.semi_structured import semi_structured_obstacle, to_semi_structured
from kdtutor.prune.sensitivity import sensitivity_scan, sparsities_from_scan
from kdtutor.prune.shrink import group_masks, group_scores, shrink
from kdtutor.prune.structured import keep_channels, keep_inputs, keep_outputs, remove_channels, remove_neurons

__all__ = [
    "ChannelGroup",
    "InputNorm",
    "Round",
    "apply_masks_",
    "channel_groups",
    "cubic_sparsity",
    "drop_layers",
    "global_magnitude_masks",
    "group_masks",
    "group_scores",
    "group_soft_threshold",
    "is_n_m",
    "iterative_pruning",
    "iterative_sparsity",
    "keep_channels",
    "keep_highest",
    "keep_highest_in_rows",
    "keep_inputs",
    "keep_outputs",
    "layer_inputs",
    "layer_magnitude_masks",
    "layer_scores",
    "magnitude_mask",
    "mask_sparsity",
    "masked_copy",
    "masked_step_",
    "masks_held",
    "n_m_mask",
    "neuron_scores",
    "observe_inputs",
    "one_shot_sparsity",
    "proximal_step_",
    "prunable_weights",
    "random_mask",
    "rate_per_round",
    "reinitialized",
    "remove_channels",
    "remove_neurons",
    "rewind",
    "semi_structured_obstacle",
    "sensitivity_scan",
    "shrink",
    "shuffled_masks",
    "snapshot",
    "soft_threshold",
    "sparsities_from_scan",
    "stream_change",
    "taylor_scores",
    "to_semi_structured",
    "wanda_mask",
    "wanda_scores",
]
