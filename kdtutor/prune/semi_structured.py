r"""2:4 sparsity that a GPU really computes with: half the products skipped, in hardware, where it pays.

On NVIDIA GPUs from Ampere on the matrix units skip two of each four neighbouring weights. Whether that is faster
depends on shape, batch and library; measure it.
"""

import copy
import warnings

import torch
from torch import nn

from kdtutor.prune.arguments import require_plain
from kdtutor.prune.n_m import is_n_m

_DTYPES = (torch.float16, torch.bfloat16)
_ROWS, _COLUMNS = 32, 64


def semi_structured_obstacle(device: torch.device | str) -> str | None:
    """Why a device cannot compute with 2:4 weights, in words, or None if it can."""
    device = torch.device(device)
    if device.type != "cuda":
        return f"{device} has no units for 2:4 sparsity: an NVIDIA GPU of the Ampere generation or later is needed"
    if not torch.cuda.is_available():
        return "no NVIDIA GPU is available here"
    if torch.version.hip is not None:
        return "this torch is built for AMD GPUs: 2:4 weights are compressed for NVIDIA's only"
    if not torch.backends.cusparselt.is_available():
        return "this torch was built without cuSPARSELt, the library that multiplies 2:4 weights"
    major, minor = torch.cuda.get_device_capability(device)
    if major < 8:
        return (
            f"{torch.cuda.get_device_name(device)} has compute capability {major}.{minor}: "
            "8.0 (Ampere) or later is needed"
        )
    return None


def to_semi_structured(linear: nn.Linear) -> nn.Linear:
    """A new Linear whose 2:4 sparse weight is stored compressed (values and 2-bit positions) and multiplied as such.

    linear: on a GPU, float16 or bfloat16, weight (out, in) with out a multiple of 32 and in of 64, at most two
    non-zeros in each four neighbours of a row (`n_m_mask`). For inference: the new weight takes no gradient. Outputs
    agree with the dense layer's up to the order of summation.
    Raises TypeError for another module, ValueError with the obstacle: device, dtype, shape or pattern. Never falls back
    to dense.
    Source: Mishra et al., "Accelerating Sparse Deep Neural Networks", section 3, 2021.
    """
    if not isinstance(linear, nn.Linear):
        raise TypeError(f"linear is a {type(linear).__name__}: a Linear is needed")
    require_plain("linear", linear)
    obstacle = semi_structured_obstacle(linear.weight.device)
    if obstacle is not None:
        raise ValueError(f"2:4 weights cannot be computed with: {obstacle}")
    weight = linear.weight.detach()
    if weight.dtype not in _DTYPES:
        raise ValueError(f"linear has dtype {str(weight.dtype).removeprefix('torch.')}: float16 or bfloat16 is needed")
    if weight.shape[0] % _ROWS or weight.shape[1] % _COLUMNS:
        raise ValueError(
            f"weight has shape {tuple(weight.shape)}: multiples of ({_ROWS}, {_COLUMNS}) are needed, (out, in)"
        )
    if not is_n_m(weight, 2, 4):
        raise ValueError("weight is not 2:4 sparse: apply n_m_mask(weight) first, more than two of four are non-zero")
    sparse = copy.deepcopy(linear)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The PyTorch API of SparseSemiStructuredTensor", UserWarning)
            compressed = torch.sparse.to_sparse_semi_structured(weight.contiguous())
        sparse.weight = nn.Parameter(compressed, requires_grad=False)
        # Some libraries compress for a GPU that they then cannot multiply on: better to learn it here.
        with torch.no_grad():
            sparse(weight.new_zeros(8, weight.shape[1]))
    except (RuntimeError, NotImplementedError) as reason:
        raise ValueError(f"2:4 weights cannot be computed with on {weight.device}: {reason}") from reason
    return sparse
