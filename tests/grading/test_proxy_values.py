"""What crosses: values, exceptions, arguments changed in place and their identity; and where crossing ends."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from kdtutor.grading.crossing.codec import Caps
from kdtutor.grading.crossing.proxy import CannotCross, LearnerError, TimeoutInside, came_from_inside
from kdtutor.grading.learners_process import TALKS


def test_values_of_every_plain_kind_go_in_and_come_out(learner):
    same = learner("def same(*args, **kwargs):\n    return args, kwargs").stand_in("same")
    args = (1, 2.5, "x", None, True, b"b", 1j, ..., slice(1, None), torch.Size([2]), torch.float16, np.float32(3))
    assert same(*args) == (args, {})
    assert same(a=[1, {"b": (2, 3)}, {4}], b=frozenset("c")) == (
        (),
        {"a": [1, {"b": (2, 3)}, {4}], "b": frozenset("c")},
    )
    back = same(np.arange(6).reshape(2, 3).T)[0][0]
    assert np.array_equal(back, np.arange(6).reshape(2, 3).T)


def test_names_resolve_to_values_or_stand_ins(learner):
    inside = learner("answer = 'KL'\nnumbers = [1, 2]\ndef f():\n    return 3\nclass C:\n    pass\n_hidden = 1")
    assert inside.stand_in("answer") == "KL"
    assert type(inside.stand_in("numbers")) is list
    f = inside.stand_in("f")
    assert (f.__name__, callable(f), f()) == ("f", True, 3)
    assert type(f).__name__ == "function"
    assert f is inside.stand_in("f")
    assert {"answer", "numbers", "f", "C"} <= set(inside.names())
    with pytest.raises(NameError, match="'missing' is not defined"):
        inside.stand_in("missing")


@pytest.mark.parametrize(
    "kind", [ValueError, TypeError, KeyError, NotImplementedError, ZeroDivisionError, AssertionError]
)
def test_a_built_in_exception_arrives_as_itself_with_the_learner_s_line(learner, kind):
    f = learner(f"def f(x):\n    y = x\n    raise {kind.__name__}('no ' + str(y))").stand_in("f")
    with pytest.raises(kind, match="no 3") as caught:
        f(3)
    assert type(caught.value) is kind
    assert came_from_inside(caught.value)
    last = caught.traceback[-1]
    assert (last.lineno + 1, str(last.statement)) == (3, "raise " + kind.__name__ + "('no ' + str(y))")


def test_an_exception_of_the_learner_s_own_type_has_its_name_and_its_nearest_built_in_type(learner):
    inside = learner(
        """
        class Odd(ValueError): pass
        class Alone(Exception): pass
        def f(which):
            raise {"odd": Odd("x"), "alone": Alone("y"), "exit": SystemExit(3)}[which]
        """
    )
    f = inside.stand_in("f")
    for which, name, kinds in (("odd", "Odd", (LearnerError, ValueError)), ("alone", "Alone", (LearnerError,))):
        with pytest.raises(LearnerError) as caught:
            f(which)
        assert type(caught.value).__name__ == name
        assert isinstance(caught.value, kinds)
    with pytest.raises(LearnerError) as caught:
        f("exit")
    assert type(caught.value).__name__ == "SystemExit"


def test_arguments_changed_in_place_are_changed_outside(learner):
    change = learner(
        """
        import torch
        def change(tensor, items, table, members, array, generator, nested):
            tensor.mul_(2)
            items.append(tensor)
            table["new"] = items
            table.pop("old")
            members.add(9)
            array[0] = 7
            nested[0]["deep"].fill_(5)
            return torch.rand(1, generator=generator)
        """
    ).stand_in("change")
    tensor, items, table, members = torch.ones(3), [1], {"old": 0}, {1}
    array, deep, generator = np.zeros(2), torch.zeros(2), torch.Generator().manual_seed(3)
    nested = ({"deep": deep},)
    drawn = change(tensor, items, table, members, array, generator, nested)
    assert tensor.tolist() == [2, 2, 2]
    assert items[0] == 1
    assert items[1] is tensor
    assert table == {"new": items}
    assert table["new"] is items
    assert (members, array.tolist(), deep.tolist()) == ({1, 9}, [7, 0], [5, 5])
    twin = torch.Generator().manual_seed(3)
    assert torch.equal(drawn, torch.rand(1, generator=twin))
    assert torch.equal(torch.rand(1, generator=generator), torch.rand(1, generator=twin))


def test_what_is_changed_before_an_exception_is_changed_too(learner):
    f = learner("def f(x):\n    x.zero_()\n    raise ValueError('late')").stand_in("f")
    x = torch.ones(2)
    with pytest.raises(ValueError, match="late"):
        f(x)
    assert x.tolist() == [0, 0]


def test_shapes_gradients_and_flags_changed_in_place_arrive(learner):
    f = learner("def f(x, p):\n    x.resize_(1, 4).zero_()\n    (p * 3).sum().backward()\n    p.requires_grad_(False)")
    x, p = torch.ones(2), torch.ones(2, requires_grad=True)
    f.stand_in("f")(x, p)
    assert x.tolist() == [[0, 0, 0, 0]]
    assert p.grad.tolist() == [3, 3]
    assert not p.requires_grad


def test_identity_is_kept_on_the_way_in_and_out(learner):
    f = learner(
        """
        def f(a, b, c):
            a.add_(1)
            return a is b, c[0] is a, b, [a, a], c
        def g(x):
            y = x + 1
            return y, y
        """
    )
    x = torch.zeros(2)
    c = [x]
    first, second, b, pair, back = f.stand_in("f")(x, x, c)
    assert first
    assert second
    assert b is x
    assert pair[0] is x
    assert pair[1] is x
    assert back is c
    y, again = f.stand_in("g")(x)
    assert y is again


def test_tensors_keep_their_dtype_and_lose_their_strides(learner):
    f = learner("def f(x):\n    return x.dtype, x.is_contiguous(), x.t()").stand_in("f")
    dtype, contiguous, back = f(torch.arange(6, dtype=torch.bfloat16).reshape(2, 3).t())
    assert dtype == torch.bfloat16
    assert contiguous
    assert torch.equal(back, torch.arange(6, dtype=torch.bfloat16).reshape(2, 3))


def test_a_seed_makes_the_inside_draw_the_same_every_time(learner):
    draw = learner("import torch\ndef draw():\n    return torch.rand(2)", seed=5).stand_in("draw")
    assert torch.equal(draw(), draw())


def test_prints_and_warnings_are_swallowed_and_seconds_of_cpu_told(learner, capfd):
    inside = learner(
        """
        import sys, warnings
        def f():
            print("x" * 3_000_000)
            print("y", file=sys.stderr)
            warnings.warn("careful")
            return sum(i * i for i in range(300_000))
        """
    )
    assert inside.stand_in("f")() == 8999955000050000
    assert 0.001 < inside.cpu_seconds < 10
    assert capfd.readouterr() == ("", "")


def test_what_has_no_form_to_cross_in_is_a_fault_of_the_test_and_leaves_the_conversation_whole(learner):
    inside = learner("def f(x):\n    return 1")
    f = inside.stand_in("f")
    endless = []
    endless.append(endless)
    with pytest.raises(CannotCross, match="contains itself"):
        f(endless)
    assert f(1) == 1


def test_what_is_too_large_to_return_is_the_learner_s_error(learner):
    inside = learner("import torch\ndef f():\n    return torch.zeros(1).expand(10**10)\ndef g():\n    return 1")
    with pytest.raises(LearnerError, match="256 MB") as caught:
        inside.stand_in("f")()
    assert type(caught.value).__name__ == "TooLarge"
    assert inside.stand_in("g")() == 1


def test_a_smaller_cap_holds_too(learner):
    f = learner("def f(n):\n    return list(range(n))", caps=Caps(elements=500)).stand_in("f")
    assert len(f(300)) == 300
    with pytest.raises(LearnerError, match="values that may cross"):
        f(5000)


def test_no_answer_in_time_ends_the_conversation(learner):
    inside = learner("def f():\n    while True: pass\ndef g():\n    return 1", timeout=0.5)
    f, g = inside.stand_in("f"), inside.stand_in("g")
    with pytest.raises(TimeoutInside):
        f()
    with pytest.raises(TimeoutInside):
        g()
    assert isinstance(inside.fault, TimeoutInside)


def test_the_inside_imports_nothing_of_kdtutor_but_what_it_talks_with():
    code = """
import sys, kdtutor.grading.crossing.agent
print(*sorted(m for m in sys.modules if m.startswith('kdtutor')))
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    inside = (f"kdtutor.grading.crossing.{name}" for name in TALKS)
    assert loaded == sorted(["kdtutor", "kdtutor.grading", "kdtutor.grading.crossing", *inside])
