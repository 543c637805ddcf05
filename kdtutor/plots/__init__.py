"""Figures: each a function from measured data to a matplotlib figure, drawn in one house style."""

from kdtutor.plots.beyond_logits import (
    accuracy_by_weight,
    attention_maps,
    chosen_epochs,
    gains_beside_reported,
    loss_by_scale,
    similarity_matrices,
)
from kdtutor.plots.distillation import (
    accuracy_by_labels,
    accuracy_by_learning_rate,
    asked_again,
    by_shift,
    faulty_loops,
    paired_runs,
    rare_and_common,
    temperature_alpha_map,
)
from kdtutor.plots.glyphs import glyph_gallery
from kdtutor.plots.show import show
from kdtutor.plots.soft_targets import entropy_by_temperature, gradient_by_temperature, look_alikes, softened
from kdtutor.plots.teachers import (
    accuracy_by_bytes,
    along_a_stream,
    capacity_sweep,
    paired_gains,
    pull_trade_off,
)

__all__ = [
    "accuracy_by_bytes",
    "accuracy_by_labels",
    "accuracy_by_learning_rate",
    "accuracy_by_weight",
    "along_a_stream",
    "asked_again",
    "attention_maps",
    "by_shift",
    "capacity_sweep",
    "chosen_epochs",
    "entropy_by_temperature",
    "faulty_loops",
    "gains_beside_reported",
    "glyph_gallery",
    "gradient_by_temperature",
    "look_alikes",
    "loss_by_scale",
    "paired_gains",
    "paired_runs",
    "pull_trade_off",
    "rare_and_common",
    "show",
    "similarity_matrices",
    "softened",
    "temperature_alpha_map",
]
