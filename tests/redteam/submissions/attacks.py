"""Attacks: each is a cell put in front of an unsolved notebook, and deserves nothing."""

import textwrap

# An object that says yes to everything, given as the answer of every exercise
_YES = """
    class Yes:
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        def __lt__(self, other): return True
        __le__ = __gt__ = __ge__ = __lt__
        def __bool__(self): return True
        def __float__(self): return 0.0
        def __abs__(self): return self
        def __sub__(self, other): return self
        __add__ = __mul__ = __truediv__ = __rsub__ = __radd__ = __sub__
        def __getattr__(self, name): return self
        def __call__(self, *args, **kwargs): return self
        def __len__(self): return 1
        def __getitem__(self, key): return self
        def __iter__(self): return iter(())
        {more}
    soften = entropy = kl_divergence = kd_loss = kd_gradient = which_divergence = Yes()
"""

_USES_A_REFERENCE = """
    def stolen(name):
        {steal}

    def soften(*args): return stolen("soften")(*args)
    def entropy(*args): return stolen("entropy")(*args)
    def kl_divergence(*args): return stolen("kl_divergence")(*args)
    def kd_loss(*args): return stolen("kd_loss")(*args)
    def kd_gradient(*args): return stolen("kd_loss")(*args)
"""


def _steals(how: str) -> str:
    return textwrap.dedent(_USES_A_REFERENCE).replace("{steal}", textwrap.dedent(how).strip().replace("\n", "\n    "))


ATTACKS: dict[str, str] = {
    # Forged results
    "check replaced in the notebook": "check = examine = lambda *args, **kwargs: None",
    "check replaced among the built-ins": "import builtins\nbuiltins.check = builtins.AssertionError = lambda *a: None",
    "CheckFailed made harmless": "import kdtutor.checks\nkdtutor.checks.CheckFailed = type('Quiet', (Warning,), {})",
    "an object that equals everything": textwrap.dedent(_YES).replace("{more}", ""),
    "an object that answers for torch": textwrap.dedent(_YES).replace(
        "{more}", "@classmethod\n    def __torch_function__(cls, *args, **kwargs): return True"
    ),
    "a tensor that equals everything": """
        import torch
        class Same(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                return True if func.__name__ in ("allclose", "equal", "__eq__", "isclose") else torch.zeros(())
        def soften(*args): return torch.zeros(1).as_subclass(Same)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "a text that equals everything": """
        class Same(str):
            def __eq__(self, other): return True
            __hash__ = str.__hash__
        which_divergence = Same("?")
    """,
    "a float that equals everything": """
        class Same(float):
            def __eq__(self, other): return True
            def __abs__(self): return 0.0
            def __sub__(self, other): return 0.0
            __rsub__ = __sub__
        def entropy(*args): return Same("nan")
        soften = kl_divergence = kd_loss = kd_gradient = entropy
    """,
    "a passed verdict printed": "print('soften: passed')\nfrom IPython.display import display\ndisplay('Passed')",
    "an exit in the middle of a question": """
        import os
        def soften(*args): os._exit(0)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "a SystemExit as answer": """
        def soften(*args): raise SystemExit(0)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "a KeyboardInterrupt as answer": """
        def soften(*args): raise KeyboardInterrupt
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    # Hooks in IPython and the kernel
    "hooks before and after every cell": """
        shell = get_ipython()
        for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
            shell.events.register(event, lambda *args: shell.user_ns.update(check=print))
    """,
    "a transformer that empties later cells": """
        get_ipython().input_transformers_cleanup.append(lambda lines: ["check = soften = None\\n"])
    """,
    "a compiler that drops asserts": """
        import ast
        class NoAsserts(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(NoAsserts())
    """,
    "run_cell replaced": "type(get_ipython()).run_cell = lambda self, *args, **kwargs: None",
    # Monkeypatched torch, numpy, built-ins
    "torch's comparisons patched": """
        import torch
        torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
        torch.Tensor.__eq__ = torch.Tensor.allclose = torch.isclose
        torch.testing.assert_close = lambda *a, **k: None
        def soften(*args): return torch.zeros(1)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "numpy and abs patched": """
        import builtins, numpy
        numpy.allclose = numpy.testing.assert_allclose = lambda *a, **k: True
        builtins.abs = builtins.float = lambda *a: 0.0
        builtins.isinstance = lambda *a: True
    """,
    "the agent patched to answer for the learner": """
        import sys
        for name, module in list(sys.modules.items()):
            if name.startswith("kdtutor.grading"):
                for thing in vars(module).values():
                    for method in ("operate", "_resolve", "export", "remarks"):
                        if isinstance(thing, type) and method in vars(thing):
                            setattr(thing, method, lambda *args, **kwargs: True)
    """,
    "rubbish on the channel": """
        import os
        for number in range(3, 12):
            try: os.write(number, b"\\xff" * 1000)
            except OSError: pass
    """,
    "a forged verdict on the channel": """
        import json, os
        text = json.dumps({"verdict": "passed", "score": 12}).encode()
        for number in range(3, 12):
            try: os.write(number, len(text).to_bytes(8, "big") + text)
            except OSError: pass
    """,
    # Frames, gc, history
    "the reference from a frame": _steals("""
        import sys
        frame = sys._getframe()
        while frame:
            for thing in (*frame.f_locals.values(), *frame.f_globals.values()):
                if hasattr(thing, "reference"):
                    return thing.reference
            frame = frame.f_back
        raise LookupError(name)
    """),
    "the reference from the garbage collector": _steals("""
        import gc
        return next(thing for thing in gc.get_objects()
                    if getattr(thing, "__name__", "") == name and "distill" in getattr(thing, "__module__", ""))
    """),
    "the tests from the history": """
        history = list(get_ipython().history_manager.get_tail(1000)) + list(In)
        which_divergence = str(history)
    """,
    # Files
    "the reference imported": _steals("""
        import kdtutor.distill
        return getattr(kdtutor.distill, name)
    """),
    "the reference from the checks": _steals("""
        from kdtutor.checks.registry import find
        return find(name).reference
    """),
    "the reference looked for on the disk": _steals("""
        import glob, sys
        for place in [*sys.path, "/"]:
            for file in glob.glob(place + "/**/distill/logits.py", recursive=True)[:3]:
                space = {}
                exec(open(file).read(), space)
                return space[name]
        raise LookupError(name)
    """),
    "the hidden tests looked for on the disk": """
        import os
        found = []
        for place in ("/work", "/home", "/root", "/tmp", "/srv", "/mnt", os.getcwd()):
            for folder, _, files in os.walk(place):
                for file in files:
                    try: text = open(os.path.join(folder, file)).read()
                    except Exception: continue
                    if "HIDDEN" + " TESTS" in text: found.append(text)
        which_divergence = found[0]
    """,
    "the secret from the environment": "import os\nwhich_divergence = os.environ['KDTUTOR_SECRET']",
    # What a page could run
    "a script as output and as message": """
        from IPython.display import HTML, Javascript, display
        display(HTML("<script>alert(1)</script>"), Javascript("alert(1)"))
        def soften(*args): raise ValueError("<script>alert(1)</script></style><img src=x onerror=alert(1)>")
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
}
