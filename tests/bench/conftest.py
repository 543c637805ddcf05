"""A setting that measures in a blink."""

import pytest
import torch

from kdtutor.bench import Setting
from kdtutor.bench.ceilings import MEMORY, Ceilings


@pytest.fixture
def setting() -> Setting:
    """A rehearsal on the CPU, against ceilings that are made up."""
    rates = {"fp32": 1e12, "bf16": 1e12, "int8": 1e12}
    return Setting(torch.device("cpu"), Ceilings({MEMORY: 1e11}, rates), rehearsal=True)
