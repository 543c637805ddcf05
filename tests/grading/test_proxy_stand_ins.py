"""What stays on its side and answers from there: objects of the learner's, callbacks, library functions."""

import pytest
import torch

from kdtutor.grading.crossing.proxy import StandIn


def test_objects_of_the_learner_s_stay_inside_and_answer(learner):
    inside = learner(
        """
        from dataclasses import dataclass
        from collections import namedtuple
        Point = namedtuple("Point", "x y")
        @dataclass
        class Codebook:
            centres: list
            def __len__(self): return len(self.centres)
            def __getitem__(self, i): return self.centres[i]
            def __contains__(self, v): return v in self.centres
            def scaled(self, by): return Codebook([c * by for c in self.centres])
        def squares(n):
            for i in range(n): yield i * i
        def pair(): return Point(1, 2)
        def adder(n): return lambda x: x + n
        """
    )
    book = inside.stand_in("Codebook")([1, 2, 3])
    assert isinstance(book, StandIn)
    assert not callable(book)
    assert type(book).__name__ == "Codebook"
    assert (len(book), book[1], 3 in book, list(book)) == (3, 2, True, [1, 2, 3])
    assert book.scaled(2).centres == [2, 4, 6]
    book.centres = [9]
    assert book.centres == [9]
    assert list(inside.stand_in("squares")(4)) == [0, 1, 4, 9]
    assert inside.stand_in("pair")() == (1, 2)
    assert inside.stand_in("adder")(2)(3) == 5
    with pytest.raises(AttributeError, match="nothing"):
        _ = book.nothing


def test_no_object_of_the_learner_s_says_what_is_true(learner):
    f = learner(
        """
        class Sly:
            shape = (4, 7)
            def __eq__(self, other): return True
            def __contains__(self, value): return True
            def __iter__(self): return iter([1])
            def __bool__(self): return True
            def __float__(self): return 1.0
            def allclose(self, other): return True
            all = equal = isfinite = allclose
        def f(x): return Sly()
        """
    ).stand_in("f")
    sly = f(1)
    assert sly != 1
    assert 5 not in sly
    for name in ("allclose", "all", "equal", "isfinite"):
        with pytest.raises(AttributeError, match="only a tensor"):
            getattr(sly, name)
    for use in (float, lambda s: s < 1, lambda s: abs(s - 1), lambda s: torch.allclose(s, torch.ones(1))):
        with pytest.raises(TypeError):
            use(sly)


def test_an_object_inside_can_be_passed_back_and_is_let_go(learner):
    inside = learner(
        """
        import gc, weakref
        made = []
        class Thing: pass
        def make():
            thing = Thing()
            made.append(weakref.ref(thing))
            return thing
        def same(a, b): return a is b
        def alive(): return gc.collect() and False or sum(r() is not None for r in made)
        """
    )
    make, same, alive = (inside.stand_in(name) for name in ("make", "same", "alive"))
    thing, other = make(), make()
    assert same(thing, thing)
    assert not same(thing, other)
    assert alive() == 2
    del thing
    assert alive() == 1


def test_a_callback_runs_outside_and_may_call_back_in(learner):
    inside = learner(
        "def apply(f, x):\n    return f(x, scale=2) + 1\ndef twice(x):\n    return 2 * x\ndef give(f):\n    return f"
    )
    apply, twice, give = (inside.stand_in(name) for name in ("apply", "twice", "give"))
    seen = []

    def callback(x, scale):
        seen.append(x)
        return twice(x) * scale

    assert apply(callback, 5) == 21
    assert seen == [5]
    assert give(callback) is callback
    with pytest.raises(KeyError, match="from the test"):
        apply(lambda x, scale: {}["from the test"], 1)


def test_a_callback_sees_changes_as_they_happen(learner):
    f = learner("def f(x, look):\n    x += 1\n    look()\n    return x.tolist()").stand_in("f")
    x = torch.zeros(2)
    seen = []

    def look():
        seen.append(x.tolist())
        x.mul_(10)

    assert f(x, look) == [10, 10]
    assert seen == [[1, 1]]


def test_a_library_function_goes_in_by_name_and_runs_there(learner):
    f = learner("def f(g, x):\n    return g.__module__, g(x)").stand_in("f")
    module, value = f(torch.nn.functional.relu, torch.tensor([-1.0, 2.0]))
    assert module == "torch.nn.functional"
    assert value.tolist() == [0, 2]
