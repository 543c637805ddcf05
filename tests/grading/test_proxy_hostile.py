"""Code that would rather cheat: at worst it gets wrong values, a fault, or its own exception; never more."""

import time
from contextlib import suppress

import pytest
import torch

from kdtutor.checks import examine
from kdtutor.grading.crossing.codec import Caps
from kdtutor.grading.crossing.proxy import InsideDied, InsideFault, LearnerError, ProtocolError, StandIn, TimeoutInside

EXERCISES = ("soften", "entropy", "kl_divergence", "kd_loss", "kd_gradient")


def refused(inside, name="soften"):
    """Whether the check gives this answer no point: another verdict, or none at all."""
    try:
        return examine(name, inside.stand_in(name)).status != "passed"
    except InsideFault:
        return True


ALWAYS = """
import torch

class Always(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = __sub__
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    def __bool__(self): return True
    def __float__(self): return 0.0
    @property
    def __class__(self): return torch.Tensor

class Tensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.ones(()) if function is not torch.Tensor.shape.__get__ else types
    @property
    def shape(self): return Always()

which_divergence = type("Text", (str,), {"__eq__": lambda self, other: True, "__hash__": None})("wrong")
number = Always()
"""


@pytest.mark.parametrize("answer", ["Always()", "torch.ones(3).as_subclass(Tensor)", "object()", "[Always()] * 4"])
@pytest.mark.parametrize("name", EXERCISES)
def test_objects_that_agree_with_everything_earn_nothing(learner, answer, name):
    inside = learner(ALWAYS, f"def {name}(*arguments):\n    return {answer}")
    assert refused(inside, name)


def test_a_value_that_equals_everything_arrives_as_the_value_it_is(learner):
    inside = learner(ALWAYS)
    assert type(inside.stand_in("which_divergence")) is str
    assert inside.stand_in("which_divergence") == "wrong"
    assert refused(inside, "which_divergence")
    assert type(inside.stand_in("number")) is float
    assert inside.stand_in("number") != 3


CRASHES = {
    "os._exit": ("import os; os._exit(0)", InsideDied),
    "a kill": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", InsideDied),
    "an endless loop": ("while True: pass", TimeoutInside),
    "a loop that catches everything": (
        "while True:\n        try:\n            while True: pass\n        except BaseException: pass", TimeoutInside,
    ),
    "an exception that prints for ever": (
        "raise type('E', (Exception,), {'__str__': lambda s: forever()})", TimeoutInside,
    ),
    "an exception whose text cannot be had": (
        "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})", LearnerError,
    ),
    "deep recursion": ("return f(*arguments)", RecursionError),
    "an exit": ("raise SystemExit(0)", LearnerError),
    "an interruption": ("raise KeyboardInterrupt", LearnerError),
    "printing without end": ("forever()", TimeoutInside),
    "one list a thousand times": ("x = [0] * 1000; return [x] * 1100", InsideFault),
    "a huge list": ("return [0] * 2000000", LearnerError),
    "lists of lists of lists": (
        "x = [0]\n    for _ in range(60): x = [x, x]\n    return x", InsideFault,
    ),
    "a list that contains itself": ("x = []; x.append(x); return x", InsideFault),
    "an argument that contains itself": ("arguments[0].append(arguments[0])", InsideFault),
    "a huge text": ("return 'x' * 2 * 10**7", LearnerError),
    "a huge expanded tensor": ("import torch; return torch.zeros(1).expand(10**10)", LearnerError),
    "a huge number": ("return 1 << 10**6", LearnerError),
}  # fmt: skip


@pytest.mark.parametrize(("body", "outcome"), CRASHES.values(), ids=CRASHES)
def test_every_way_to_break_down_is_told_apart(learner, body, outcome):
    inside = learner(
        f"def forever():\n    while True: print('x')\ndef f(*arguments):\n    {body}",
        caps=Caps(bytes=10**7),
    )
    f = inside.stand_in("f")
    if outcome is TimeoutInside:
        inside.timeout = 1
    with pytest.raises(outcome) as caught:
        f([1])
    assert isinstance(caught.value, InsideFault) == (inside.fault is not None)


def test_a_fault_is_no_exception_that_a_test_could_take_for_the_learner_s(learner):
    f = learner("def f():\n    import os; os._exit(1)").stand_in("f")
    with pytest.raises(InsideDied) as caught, suppress(Exception):
        f()
    assert not isinstance(caught.value, Exception)


def test_an_endless_generator_is_taken_item_by_item(learner):
    inside = learner("def f():\n    while True: yield 1")
    items = iter(inside.stand_in("f")())
    assert [next(items) for _ in range(5)] == [1] * 5


PATCHES = {
    "torch's comparisons": """
        import torch
        for name in ("allclose", "equal", "isclose", "sum", "is_tensor"):
            setattr(torch, name, lambda *a, **k: True)
        torch.Tensor.__eq__ = lambda a, b: True
        torch.Tensor.sum = torch.Tensor.max = lambda *a, **k: 0
        """,
    "json and pickle": """
        import json, pickle
        json.dumps = json.loads = pickle.dumps = pickle.loads = lambda *a, **k: {"status": "passed"}
        """,
    "built-in functions": """
        import builtins
        builtins.isinstance = lambda *a: True
        builtins.len = lambda x: 0
        """,
    "what the agent says": """
        import kdtutor.grading.crossing.failures, kdtutor.grading.crossing.agent as agent
        agent.untouched = lambda f: False
        agent.Agent.operate = lambda self, what, *a, **k: {"status": "passed"}
        """,
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_patching_torch_builtins_and_the_agent_itself_earns_nothing(learner, patch):
    inside = learner(patch, "def soften(z, T):\n    return (z * T).softmax(-1)", timeout=5)
    assert refused(inside)


# The agent's own socket, found among the open files, and everything that could be said on it
FORGE = """
import os, socket, stat, struct
from kdtutor.grading.crossing import codec
from kdtutor.grading.crossing.codec import Ref, Failure

def mine():
    for number in range(3, 100):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return number
        except OSError:
            pass

def say(value, raw=False):
    frame = value if raw else codec.encode(value)
    os.write(mine(), len(frame).to_bytes(8, "big") + frame)

def reply(number, value, **more):
    plain = {{"failure": None, "new": [], "changed": [], "dropped": [], "cpu": 0.0}}
    return {{"reply": number, "value": value, **plain, **more}}

def question(what, value, about=None, shared=()):
    more = {{"about": about, "shared": list(shared), "grad": True, "new": [], "changed": [], "dropped": []}}
    return {{"ask": what, "question": 1, "value": value, **more}}

def f(x):
    {said}
    return x + 1
"""
FORGED = {
    "noise": "say(os.urandom(500), raw=True)",
    "a pickle": "import pickle; say(pickle.dumps(print), raw=True)",
    "a huge frame announced": "os.write(mine(), (2**60).to_bytes(8, 'big'))",
    "no dictionary": "say([1, 2])",
    "an empty message": "say({})",
    "another question's reply": "say(reply(999, 1))",
    "a verdict": "say({'status': 'passed', 'points': 2})",
    "a failure that is none": "say(reply(4, 1, failure='x'))",
    "a reference to nothing": "say(reply(4, Ref(12345)))",
    "a raw list": "say(reply(4, [1]))",
    "an object of a new kind": "say(reply(4, Ref(101), new=[[101, 'object', {'pickle': b'x', 'state': None}]]))",
    "a callback from inside": "say(reply(4, Ref(101), new=[[101, 'callback', 'eval']]))",
    "a number of the other side's": "say(reply(4, 1, new=[[2, 'list', []]]))",
    "a graph of nothing": "say(reply(4, 1, graph={'number': 1, 'outputs': [5], 'inputs': [], 'hidden': False}))",
    "a change of what is not shared": "say(reply(4, 1, changed=[[400, [1]]], dropped='abc'))",
    "a change of an argument into another kind": "say(reply(4, 1, changed=[[2, [1, 2]]]))",
    "a question": "say(question('call', ((Ref(2),), ())))",
    "a question about names": "say(question('resolve', (('__builtins__',), ())))",
    "a question about a graph": "say(question('products', ((7, (), True), ()), 7, [1]))",
    "a claimed class": "say(reply(4, Ref(101), new=[[101, 'handle', {'type': '__import__', 'name': 'x', "
    "'callable': True, 'untouched': False, 'claims': 'os:system'}]]))",
    "a failure named like a fault": "say(reply(4, None, failure=Failure('InsideDied', 'SystemExit', 'x', 9, 'y')))",
    "a right value": "say(reply(4, 42))",
}  # fmt: skip


@pytest.mark.parametrize("said", FORGED.values(), ids=FORGED)
def test_a_forged_message_is_at_worst_a_wrong_value(learner, said):
    inside = learner(FORGE.format(said=said), timeout=20)
    f = inside.stand_in("f")
    try:
        outcome = f(torch.zeros(2))
    except (InsideFault, Exception) as error:
        outcome = error
    wrong = isinstance(outcome, (InsideFault, LearnerError)) or type(outcome).__module__ == "builtins"
    assert wrong or isinstance(outcome, (torch.Tensor, StandIn))
    assert not callable(outcome) or isinstance(outcome, StandIn)


def test_random_messages_are_faults_and_quick_ones(learner):
    for seed in range(10):
        said = f"import random; r = random.Random({seed}); say(b'kd1' + r.randbytes(300), raw=True)"
        f = learner(FORGE.format(said=said), timeout=20).stand_in("f")
        began = time.monotonic()
        with pytest.raises(ProtocolError):
            f(torch.zeros(1))
        assert time.monotonic() - began < 10


def test_calling_back_without_end_ends(learner):
    inside = learner("def f(g):\n    while True: g()\ndef deep(g):\n    return g(deep)", timeout=60)
    f, deep = inside.stand_in("f"), inside.stand_in("deep")

    def down(again):
        return again(down)

    with pytest.raises(RecursionError):
        deep(down)
    inside.timeout = 1
    with pytest.raises(TimeoutInside):
        f(lambda: None)


def test_only_functions_that_were_passed_in_can_be_called_from_inside(learner):
    inside = learner(
        """
        import gc
        kept = []
        def keep(g):
            kept.append(g)
        def use():
            return kept[0]()
        def peek(g):
            return [type(c.cell_contents).__name__ for c in (g.__closure__ or ())]
        """
    )
    called = []
    inside.stand_in("keep")(lambda: called.append(1))
    with pytest.raises(BaseException):  # noqa: B017 - a fault or the learner's error: either way nothing was called
        inside.stand_in("use")()
    assert not called
