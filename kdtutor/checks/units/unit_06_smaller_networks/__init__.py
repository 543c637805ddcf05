"""Unit 06: smaller networks. Neurons, channels and layers removed for good, MACs counted, milliseconds measured, 2:4."""

from kdtutor.checks.units.unit_06_smaller_networks.channels import remove_channels
from kdtutor.checks.units.unit_06_smaller_networks.counting import count_macs
from kdtutor.checks.units.unit_06_smaller_networks.layers import drop_layers
from kdtutor.checks.units.unit_06_smaller_networks.neurons import remove_neurons
from kdtutor.checks.units.unit_06_smaller_networks.patterns import n_m_mask
from kdtutor.checks.units.unit_06_smaller_networks.scoring import neuron_scores
from kdtutor.checks.units.unit_06_smaller_networks.timing import time_it

__all__ = ["neuron_scores", "remove_neurons", "remove_channels", "drop_layers", "count_macs", "time_it", "n_m_mask"]
