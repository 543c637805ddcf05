"""Integer products against Python's integers, with the sums that 8 and 16 bits would get wrong."""

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import int8 as module
from kdtutor.quantize import int8_matmul, quantize_affine

sizes = st.integers(1, 40)


def random_codes(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(-128, 128, shape, dtype=torch.int8, generator=torch.Generator().manual_seed(seed))


@given(
    sizes, sizes, sizes, st.integers(0, 10**6), st.sampled_from(["plain", "halves", "padded", "transposed", "strided"])
)
def test_products_are_exact_in_every_way_to_compute_them(rows, inner, columns, seed, way):
    a, b = random_codes(rows, inner, seed=seed), random_codes(inner, columns, seed=seed + 1)
    expected = [
        [sum(x * w for x, w in zip(row, column, strict=True)) for column in b.t().tolist()] for row in a.tolist()
    ]
    if way == "transposed":
        b = b.t().contiguous().t()
    if way == "strided":
        a, b = torch.stack([a, a], 2)[..., 0], torch.stack([b, b], 2)[..., 1]
    if way == "halves" and inner == 1:
        return
    product = {"halves": module._in_halves, "padded": module._padded}.get(way, int8_matmul)(a, b)
    assert product.dtype == torch.int32
    assert product.tolist() == expected


@pytest.mark.parametrize("shape", [(1, 8, 8), (17, 16, 8), (3, 5, 7), (16, 784, 10), (64, 1200, 1200)])
@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_sums_need_more_than_sixteen_bits_and_are_exact(shape, sign, device):
    rows, inner, columns = shape
    a = torch.full((rows, inner), 127, dtype=torch.int8, device=device)
    b = torch.full((columns, inner), 127 * sign, dtype=torch.int8, device=device).t()
    assert int8_matmul(a, b).eq(127 * 127 * sign * inner).all()


def test_an_empty_product_is_empty_or_zero():
    assert int8_matmul(random_codes(0, 4), random_codes(4, 3)).shape == (0, 3)
    assert int8_matmul(random_codes(2, 0), random_codes(0, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]


PROBE = """
import torch
from kdtutor.quantize import int8_matmul
from kdtutor.quantize.int8 import cpu_product_is_exact
a = torch.randint(-128, 128, (64, 784), dtype=torch.int8)
b = torch.randint(-128, 128, (300, 784), dtype=torch.int8)
a[0], b[0] = 127, 127
assert torch.equal(int8_matmul(a, b.t()).long(), a.long() @ b.long().t())
print(cpu_product_is_exact(), torch.equal(torch._int_mm(a, b.t()).long(), a.long() @ b.long().t()))
"""


@pytest.mark.parametrize("instructions", ["AVX2", "AVX512_CORE"])
def test_the_product_is_exact_also_on_cpus_whose_sums_saturate_in_sixteen_bits(instructions):
    # A machine without VNNI, imitated: there torch._int_mm itself is wrong, and the probe has to notice.
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": instructions}
    done = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    believed, true = done.stdout.split()
    assert believed == true


@pytest.mark.parametrize("inner", [1, 2, 5])
def test_repeated_rows_and_columns_are_multiplied_as_they_are(inner):
    a, b = random_codes(1, inner).expand(6, inner), random_codes(inner, 1, seed=1).expand(inner, 7)
    assert torch.equal(int8_matmul(a, b).long(), a.long() @ b.long())
    column = random_codes(inner).unsqueeze(1).expand(inner, 7)
    assert torch.equal(int8_matmul(a, column).long(), a.long() @ column.long())


@given(st.floats(-1e4, 0), st.floats(0, 1e4).filter(lambda high: high == 0 or high > 1e-30))
def test_dynamic_parameters_are_the_affine_ones_on_either_path(low, high):
    from kdtutor.quantize import affine_parameters

    low = 0.0 if low > -1e-30 else low
    x = torch.tensor([low, high])
    scale, zero_point = module.input_parameters(x)
    expected_scale, expected_zero_point = affine_parameters(x[0], x[1])
    assert scale == pytest.approx(expected_scale.item(), rel=1e-6)
    # float64 here and float32 there may fall on either side of a half.
    assert abs(zero_point - expected_zero_point.item()) <= (1 if abs(low / scale % 1 - 0.5) < 1e-4 else 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "values_are_readable", lambda *_: False)
        as_tensors = module.input_parameters(x)
    assert all(isinstance(part, torch.Tensor) for part in as_tensors)
    assert as_tensors[0].item() == pytest.approx(scale, rel=1e-6)
    assert abs(as_tensors[1].item() - zero_point) <= (1 if abs(low / scale % 1 - 0.5) < 1e-4 else 0)


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.integers(-128, 127), st.booleans())
def test_the_quick_codes_are_those_of_quantize_affine_but_for_ties(seed, scale, zero_point, as_tensors):
    x = 100 * scale * torch.randn(300, generator=torch.Generator().manual_seed(seed))
    s, o = (torch.tensor(scale), torch.tensor(float(zero_point))) if as_tensors else (scale, zero_point)
    codes = module.quantize_input(x, s, o).int()
    exact = x.double() / scale
    tied = ((exact - exact.floor() - 0.5).abs() < 1e-4).int()
    assert ((codes - quantize_affine(x, scale, zero_point).int()).abs() <= tied).all()
    assert module.quantize_input(torch.tensor([1e30, -1e30]) * scale, s, o).tolist() == [127, -128]


REFUSED = [
    (lambda: int8_matmul(torch.ones(2, 2), random_codes(2, 2)), TypeError, "a has dtype float32, b int8"),
    (lambda: int8_matmul(random_codes(2, 3), random_codes(2, 3)), ValueError, r"a has shape \(2, 3\), b \(2, 3\)"),
    (lambda: int8_matmul(random_codes(3), random_codes(3, 1)), ValueError, r"\(M, K\) and \(K, N\)"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
