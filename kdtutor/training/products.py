"""Which library multiplies float32 matrices on the CPU: oneDNN where products are large, torch's own choice elsewhere.

torch takes MKL, which uses the widest vector units of Intel's processors only; on others oneDNN can be twice as fast.
The one switch torch has for it is the permission to round float32 to bfloat16 inside a product (`fp32_precision`).
oneDNN makes use of that permission only on processors with matrix units for bfloat16, so whether it rounds is asked
first, and where it does, products stay as they are: these are float32 in every digit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

WORTH = 2**23  # multiplications of a forward pass; below, oneDNN's longer way to the product costs more than it saves

Product = Callable[[Tensor, Tensor], Tensor]

_setting = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


@contextmanager
def fast_products(trained: Iterable[Tensor], batch_size: int, device: torch.device) -> Iterator[None]:
    """Inside, a model of these parameters has its float32 products from the library that is faster for their size.

    The setting is the process's: other threads' products change their last digits too, and go back with it. A
    precision that the caller has chosen (`torch.set_float32_matmul_precision`) is left alone.
    """
    large = batch_size * sum(parameter.numel() for parameter in trained) >= WORTH
    if device.type == "cpu" and large and _setting.fp32_precision == "none" and onednn_keeps_float32():
        with _by_onednn():
            yield
    else:
        yield


@cache
def onednn_keeps_float32() -> bool:
    """Whether torch has oneDNN here, and its products with the permission to round are exact float32 all the same."""
    if not torch.backends.mkldnn.is_available():
        return False
    with _by_onednn():
        return keeps_float32(torch.matmul)


def keeps_float32(product: Product) -> bool:
    """Whether x · 1 = x, for one matrix and for several, with numbers x that need every digit of float32."""
    side = 256  # large enough for the units that round
    x = 1 + torch.arange(side**2).view(side, side) / 2**23
    one = torch.eye(side)
    return torch.equal(product(x, one), x) and torch.equal(product(torch.stack([x, -x]), one.repeat(2, 1, 1))[1], -x)


@contextmanager
def _by_onednn() -> Iterator[None]:
    before = _setting.fp32_precision
    _setting.fp32_precision = "bf16"
    try:
        yield
    finally:
        _setting.fp32_precision = before
