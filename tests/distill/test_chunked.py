"""The oracle makes all logits at once; the memory promised is counted, array by array."""

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kdtutor.distill import chunked_kd_loss, kd_loss


def model(seed, tokens=(3, 7), width=5, vocabulary=11, dtype=torch.float64, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((*tokens, width), (vocabulary, width), (vocabulary,))
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(device, dtype) for shape in shapes]


def all_at_once(student, teacher, temperature=4.0, mask=None, **kwargs):
    z_s, z_t = ((hidden @ head.T + bias).reshape(-1, len(head)) for hidden, head, bias in (student, teacher))
    if mask is not None:
        z_s, z_t = z_s[mask.flatten()], z_t[mask.flatten()]
    return kd_loss(z_s, z_t, temperature, **kwargs)


def chunked(student, teacher, temperature=4.0, **kwargs):
    (h_s, W_s, b_s), (h_t, W_t, b_t) = student, teacher
    return chunked_kd_loss(h_s, W_s, h_t, W_t, temperature, student_bias=b_s, teacher_bias=b_t, **kwargs)


@pytest.mark.parametrize("direction", ["forward", "reverse", "js"])
@pytest.mark.parametrize("chunk", [1, 4, 21, 1000, None])
@pytest.mark.parametrize("masked", [False, True])
def test_value_and_gradients_are_those_of_all_logits_at_once(chunk, direction, masked, device):
    student, teacher = model(0, device=device), model(1, width=6, device=device)
    mask = torch.arange(21, device=device).view(3, 7) % 3 > 0 if masked else None
    for x in student:
        x.requires_grad_()
    ours = chunked(student, teacher, 2.0, chunk=chunk, mask=mask, direction=direction)
    theirs = all_at_once(student, teacher, 2.0, mask=mask, direction=direction)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(3 * ours, student), torch.autograd.grad(3 * theirs, student))


def test_the_gradients_are_those_that_finite_differences_see():
    (h_s, W_s, b_s), (h_t, W_t, _) = model(2, tokens=(3,), width=2, vocabulary=4), model(3, tokens=(3,), vocabulary=4)
    assert torch.autograd.gradcheck(
        lambda h, W, b: chunked_kd_loss(h, W, h_t, W_t, student_bias=b, chunk=2),
        tuple(x.requires_grad_() for x in (h_s, W_s, b_s)),
    )


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_part_of_the_student_may_be_trained_alone_and_the_teacher_is_never_touched(part):
    student, teacher = model(0), model(1)
    student[part].requires_grad_()
    for x in teacher:
        x.requires_grad_()
    chunked(student, teacher, chunk=4).backward()
    wanted = torch.autograd.grad(all_at_once(student, [x.detach() for x in teacher]), student[part])[0]
    torch.testing.assert_close(student[part].grad, wanted)
    assert all(x.grad is None for x in teacher)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_small_gradients_of_many_tokens(dtype):
    student, teacher = model(0, (256,), 8, 400, dtype), model(1, (256,), 8, 400, dtype)
    for x in student:
        x.requires_grad_()
    loss = chunked(student, teacher, chunk=50)
    assert loss.dtype == dtype
    exact = [x.detach().double().requires_grad_() for x in student]
    wanted = torch.autograd.grad(all_at_once(exact, [x.double() for x in teacher]), exact)
    for ours, truth in zip(torch.autograd.grad(loss, student), wanted, strict=True):
        error = (ours.double() - truth).norm() / truth.norm()
        assert error < 20 * torch.finfo(dtype).eps


def test_no_token_left_gives_exactly_zero_and_zero_gradients():
    student, teacher = model(0), model(1)
    for x in student:
        x.requires_grad_()
    loss = chunked(student, teacher, mask=torch.zeros(3, 7, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert all(x.grad.abs().max() == 0 for x in student)


def test_a_token_the_teacher_lacks_is_ruled_out_by_a_bias_of_minus_infinity_in_both():
    student, teacher = model(0), model(1)
    wanted = all_at_once(student, teacher)
    for part in (student, teacher):
        part[1] = torch.cat([part[1], torch.zeros(2, 5, dtype=torch.float64)])
        part[2] = torch.cat([part[2], torch.full((2,), -torch.inf, dtype=torch.float64)])
    student[0].requires_grad_()
    loss = chunked(student, teacher, chunk=4)
    loss.backward()
    torch.testing.assert_close(loss.detach(), wanted)
    assert student[0].grad.isfinite().all()


def test_the_graph_may_be_kept_and_a_second_derivative_is_refused():
    student, teacher = model(0), model(1)
    student[0].requires_grad_()
    loss = chunked(student, teacher)
    first = torch.autograd.grad(loss, student[0], retain_graph=True)[0]
    second = torch.autograd.grad(loss, student[0], retain_graph=True)[0]
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        torch.autograd.grad(loss, student[0], create_graph=True)
    with torch.no_grad():
        assert chunked(student, teacher).grad_fn is None


class PeakBytes(TorchDispatchMode):
    """Bytes of the arrays that are alive at the same time, at most, among those made within."""

    def __init__(self):
        super().__init__()
        self.alive, self.now, self.peak = set(), 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(tensor, torch.Tensor) and id(storage := tensor.untyped_storage()) not in self.alive:
                self.alive.add(id(storage))
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._dropped, id(storage), storage.nbytes())
        return made

    def _dropped(self, key, nbytes):
        self.alive.discard(key)
        self.now -= nbytes


def test_the_peak_of_memory_is_a_fifth_of_that_of_all_logits_at_once():
    student, teacher = (model(seed, (512,), 64, 8000, torch.float32) for seed in (0, 1))
    for x in student:
        x.requires_grad_()
    peaks = []
    for loss in (lambda: chunked(student, teacher, chunk=16), lambda: all_at_once(student, teacher)):
        with PeakBytes() as memory:
            torch.autograd.grad(loss(), student)
        peaks.append(memory.peak)
    assert peaks[1] > 3 * (512 * 8000 * 4)
    assert peaks[0] < 0.2 * peaks[1]


(hidden, head, bias), (other, _, _) = model(0), model(1, tokens=(3, 6))
REFUSED = [
    (lambda: chunked_kd_loss(hidden, head, other, head), ValueError, r"teacher_hidden has shape \(3, 6, 5\)"),
    (lambda: chunked_kd_loss(hidden, head[:, :4], hidden, head), ValueError, r"student_head \(11, 4\)"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head[:9]), ValueError, "the same vocabulary"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head, -1.0), ValueError, "temperature is -1.0"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head, chunk=0), ValueError, "chunk is 0"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head, chunk=2.5), TypeError, "chunk is a float"),
    (lambda: chunked_kd_loss(hidden, head.float(), hidden, head), ValueError, "differ in dtype"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head, student_bias=bias[:3]), ValueError, r"student_bias has shape"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head, direction="js2"), ValueError, "direction is 'js2'"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head, mask=bias > 0), ValueError, r"mask has shape \(11,\)"),
    (lambda: chunked_kd_loss(hidden, head, hidden, head.long()), TypeError, "teacher_head has dtype int64"),
    (lambda: chunked_kd_loss(hidden * torch.nan, head, hidden, head), ValueError, "student_logits holds NaN"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
