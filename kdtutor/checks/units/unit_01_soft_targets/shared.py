"""What the exercises of unit 01 share: distributions with and without an entry of 0."""

import torch

SOME_ZERO = torch.tensor([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])
NONE_ZERO = torch.tensor([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])
