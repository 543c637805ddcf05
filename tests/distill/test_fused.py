"""Large logits in blocks and small ones in few calls promise what the careful expression gives.

Class weights of 1 take that way and are the oracle.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import distillation_loss, fused, kd_loss


def logits(rows, classes, seed=0, dtype=torch.float64, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    return tuple((scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64)).to(dtype) for _ in "st")


def composed(student, teacher, temperature=4.0, **kwargs):
    return kd_loss(student, teacher, temperature, class_weights=torch.ones_like(student[0]), **kwargs)


@pytest.fixture(autouse=True, params=[1, 10**9], ids=["in blocks", "at once"])
def few(request, monkeypatch):
    """The small examples of this file as large logits are computed, and as small ones."""
    monkeypatch.setattr(fused, "WORTH_BLOCKS", request.param)


@pytest.fixture(params=[3, 40, 10**6])
def block_elements(request, monkeypatch):
    """Many blocks of one row, ragged blocks, one block."""
    monkeypatch.setattr(fused, "ELEMENTS_PER_THREAD", request.param // torch.get_num_threads())


@pytest.mark.usefixtures("block_elements")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (7, 5), (12, 11), (5, 40)])
def test_blocks_of_any_height_give_the_composed_value_and_gradient(rows, classes, dtype):
    student, teacher = logits(rows, classes, dtype=dtype)
    upstream = torch.linspace(-1, 2, rows, dtype=dtype)
    both = []
    for loss in (kd_loss, composed):
        leaf = student.clone().requires_grad_()
        value = loss(leaf, teacher, 2.5, reduction="none")
        value.backward(upstream)
        both.append((value.detach(), leaf.grad))
    tolerance = {
        "rtol": 8 * torch.finfo(dtype).eps,
        "atol": 30 * torch.finfo(torch.promote_types(dtype, torch.float32)).eps,
    }
    torch.testing.assert_close(both[0], both[1], **tolerance)


@given(
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(0, 10**6),
    st.sampled_from([1e-6, 1.0, 30.0, 1e4]),
    st.floats(0.5, 20),
)
def test_blocks_agree_with_the_composed_expression_for_logits_of_any_size(rows, classes, seed, scale, temperature):
    student, teacher = logits(rows, classes, seed, scale=scale)
    torch.testing.assert_close(
        kd_loss(student, teacher, temperature), composed(student, teacher, temperature), rtol=1e-9, atol=1e-12
    )


def test_an_offset_of_ten_thousand_costs_no_more_accuracy_than_it_must():
    student, teacher = logits(8, 10, dtype=torch.float32)
    shifted = student + 1e4
    exact = kd_loss((shifted - 1e4).double(), teacher.double())
    torch.testing.assert_close(kd_loss(shifted, teacher).double(), exact, rtol=1e-5, atol=0)


def test_the_blocks_are_what_kd_loss_uses_on_the_cpu_and_only_there_where_they_apply(monkeypatch):
    used = []
    monkeypatch.setattr(fused, "WORTH_BLOCKS", 1)
    original = fused._by_blocks
    monkeypatch.setattr(fused, "_by_blocks", lambda z_s, *a, **k: used.append(len(z_s)) or original(z_s, *a, **k))
    student, teacher = logits(3, 4)
    kd_loss(student, teacher)
    distillation_loss(student, teacher, torch.tensor([0, 1, 2]))
    assert used == [3, 3]
    kd_loss(student, teacher, direction="reverse")
    composed(student, teacher)
    kd_loss(student.float(), teacher)
    torch.compile(kd_loss, backend="eager")(student, teacher)
    torch.func.vmap(kd_loss, in_dims=(0, None))(student.expand(2, 3, 4), teacher)
    torch.func.vmap(torch.func.grad(lambda z: kd_loss(z, teacher)))(student.expand(2, 3, 4))
    assert used == [3, 3]
    monkeypatch.setattr(fused, "WORTH_BLOCKS", student.numel() + 1)
    kd_loss(student, teacher)
    assert used == [3, 3]


@pytest.mark.parametrize("in_dims", [(0, 0), (0, None), (None, 0), (1, 2)])
def test_many_students_together_get_the_values_and_gradients_of_each_alone(in_dims):
    student, teacher = (torch.stack([logits(3, 4, seed)[part] for seed in range(5)]) for part in (0, 1))
    z_s, z_t = (
        z[0] if axis is None else z.movedim(0, axis) for z, axis in zip((student, teacher), in_dims, strict=True)
    )
    leaf = z_s.clone().requires_grad_()
    together = torch.func.vmap(lambda s, t: kd_loss(s, t, 2.0), in_dims=in_dims)(leaf, z_t)
    alone = [
        composed(
            leaf if in_dims[0] is None else leaf.select(in_dims[0], i),
            teacher[i] if in_dims[1] is not None else z_t,
            2.0,
        )
        for i in range(5)
    ]
    torch.testing.assert_close(together, torch.stack(alone))
    upstream = torch.arange(1.0, 6.0, dtype=torch.float64)
    both = [torch.autograd.grad((upstream * value).sum(), leaf)[0] for value in (together, torch.stack(alone))]
    torch.testing.assert_close(both[0], both[1])


def test_many_students_together_may_rule_a_class_out():
    student, teacher = (z.expand(2, 4, 6).clone() for z in logits(4, 6))
    student[1, :, 2] = teacher[1, :, 2] = -torch.inf
    together = torch.func.vmap(kd_loss)(student, teacher)
    torch.testing.assert_close(together, torch.stack([composed(s, t) for s, t in zip(student, teacher, strict=True)]))


@pytest.mark.parametrize("where", ["student", "teacher", "both"])
def test_a_class_ruled_out_by_minus_infinity_falls_back_to_the_composed_expression(where):
    student, teacher = logits(4, 6)
    for name, z in (("student", student), ("teacher", teacher)):
        if where in (name, "both"):
            z[:, 2] = -torch.inf
    gradients = []
    for loss in (kd_loss, composed):
        leaf = student.clone().requires_grad_()
        value = loss(leaf, teacher)
        gradients.append((value.detach(), torch.autograd.grad(value, leaf)[0]))
    torch.testing.assert_close(gradients[0], gradients[1])
    assert gradients[0][0].isfinite() == (where != "student")


def test_nan_is_still_refused_by_name():
    student, teacher = logits(2, 3)
    with pytest.raises(ValueError, match="student_logits holds NaN in 1 of 6"):
        kd_loss(student.masked_fill(torch.arange(6).view(2, 3) == 4, torch.nan), teacher)


def test_the_gradient_can_be_differentiated_again():
    student, teacher = logits(3, 4)
    assert torch.autograd.gradgradcheck(
        lambda z: kd_loss(z, teacher, 2.0, reduction="none"), student.clone().requires_grad_()
    )


def test_a_retained_graph_gives_the_same_gradient_twice_and_a_freed_one_says_so():
    student, teacher = logits(3, 4)
    student.requires_grad_()
    loss = kd_loss(student, teacher)
    first = torch.autograd.grad(loss, student, retain_graph=True)[0].clone()
    torch.testing.assert_close(torch.autograd.grad(2 * loss, student)[0], 2 * first)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, student)


def test_the_logits_are_left_as_they_were_and_may_be_shared_views():
    base = torch.randn(6, 10, dtype=torch.float64)
    before = base.clone()
    student, teacher = base.T[:4].requires_grad_(), base.T[4:8]
    kd_loss(student, teacher).backward()
    torch.testing.assert_close(base, before, rtol=0, atol=0)
    torch.testing.assert_close(kd_loss(student, teacher), composed(student, teacher))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # torch's own, in forward mode
def test_function_transforms_and_forward_mode_see_the_same_derivative():
    student, teacher = logits(3, 4)
    leaf = student.clone().requires_grad_()
    wanted = torch.autograd.grad(kd_loss(leaf, teacher), leaf)[0]
    torch.testing.assert_close(torch.func.grad(lambda z: kd_loss(z, teacher))(student), wanted)
    direction = torch.ones_like(student).cumsum(1)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(student, direction)
        slope = torch.autograd.forward_ad.unpack_dual(kd_loss(dual, teacher)).tangent
    torch.testing.assert_close(slope, (wanted * direction).sum())


def test_without_a_gradient_to_take_none_is_prepared():
    student, teacher = logits(3, 4)
    with torch.no_grad():
        assert kd_loss(student.requires_grad_(), teacher).grad_fn is None
    assert kd_loss(student.detach(), teacher).grad_fn is None
