"""Fewer bits computed with: int8 and bfloat16 against float32."""

from copy import deepcopy
from functools import partial

import torch

from kdtutor.bench.agreement import require_agreement
from kdtutor.bench.case import Case, Measurement, Setting
from kdtutor.bench.networks import batch, inference, least_seconds, network
from kdtutor.bench.pairs import compare_times
from kdtutor.quantize import int8_matmul, observe_inputs, to_int8
from kdtutor.training.products import fast_products


def int8_network(setting: Setting, rows: int, static: bool = False) -> Measurement:
    """The perceptron with Int8Linear layers against float32; static: with ranges calibrated once."""
    model, x = network(setting), batch(setting, rows)
    small = to_int8(model, observe_inputs(model, [x]) if static else None)
    ours, rival = inference(small, x), inference(model, x)
    require_agreement(ours(), rival(), 0.1, "the int8 network's answer")
    return compare_times(setting, ours, rival, least=least_seconds(setting, model, rows, "int8"))


def int8_network_beside_fast_products(setting: Setting, rows: int) -> Measurement:
    """The same where the float32 network has its products from the library that `fit` takes for its size."""
    with fast_products(network(setting).parameters(), rows, setting.device):
        return int8_network(setting, rows)


def bfloat16_network(setting: Setting, rows: int) -> Measurement:
    """The perceptron in bfloat16 against float32."""
    model, x = network(setting), batch(setting, rows)
    ours, rival = inference(deepcopy(model).bfloat16(), x.bfloat16()), inference(model, x)
    require_agreement(ours(), rival(), 0.1, "the bfloat16 network's answer")
    return compare_times(setting, ours, rival, least=least_seconds(setting, model, rows, "bf16"))


def int8_product(setting: Setting, shape: tuple[int, int, int]) -> Measurement:
    """`int8_matmul` of codes that are there already against a bfloat16 product of the same shape."""
    M, K, N = setting.size(shape, (32, 64, 32))
    a, b = (torch.randint(-127, 128, size, device=setting.device, dtype=torch.int8) for size in ((M, K), (N, K)))
    x, y = a.bfloat16(), b.bfloat16()
    exact = a.double() @ b.double().t()
    require_agreement(int8_matmul(a, b.t()), exact, 0.0, "int8_matmul's product")
    least = setting.ceilings.least_seconds(moved=(M + N) * K + 4 * M * N, operations=2 * M * K * N, dtype="int8")
    return compare_times(setting, lambda: int8_matmul(a, b.t()), lambda: x @ y.t(), least=least)


_TARGETS = {1: {"cpu": 0.60}, 64: {"cpu": 0.40}, 1024: {}}

CASES = (
    *(
        Case(
            "quantization",
            f"MLP 784-1200-1200-10, batch {rows}, int8",
            "Int8Linear, each input's range measured",
            "float32",
            partial(int8_network, rows=rows),
            targets,
        )
        for rows, targets in _TARGETS.items()
    ),
    *(
        Case(
            "quantization",
            f"MLP 784-1200-1200-10, batch {rows}, int8 static",
            "Int8Linear, ranges calibrated once",
            "float32",
            partial(int8_network, rows=rows, static=True),
        )
        for rows in _TARGETS
    ),
    *(
        Case(
            "quantization",
            f"MLP 784-1200-1200-10, batch {rows}, int8 beside fast float32",
            "Int8Linear, each input's range measured",
            "float32, its products as `fit` takes them",
            partial(int8_network_beside_fast_products, rows=rows),
            devices=("cpu",),
        )
        for rows in (64, 1024)
    ),
    *(
        Case(
            "quantization",
            f"MLP 784-1200-1200-10, batch {rows}, bfloat16",
            "bfloat16",
            "float32",
            partial(bfloat16_network, rows=rows),
        )
        for rows in _TARGETS
    ),
    *(
        Case(
            "quantization",
            f"product {M} × {K} × {N}, int8",
            "int8_matmul, 32-bit sums, without scaling",
            "bfloat16",
            partial(int8_product, shape=(M, K, N)),
            devices=("cuda",),
        )
        for M, K, N in ((16, 4096, 4096), (256, 4096, 4096), (4096, 4096, 4096), (8192, 8192, 8192))
    ),
)
