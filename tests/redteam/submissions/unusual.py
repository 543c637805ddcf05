"""Unusual work: each is a solution of one exercise that is right, and keeps every point."""

UNUSUAL: dict[str, tuple[str, str]] = {
    "warnings and prints": (
        "soften",
        """
        import sys, warnings
        def soften(logits, temperature):
            warnings.warn("deprecated")
            print("softening", file=sys.stderr)
            print("softening")
            return (logits / temperature).softmax(-1)
        """,
    ),
    "a class with __call__": (
        "soften",
        """
        class Soften:
            def __call__(self, logits, temperature):
                z = logits / temperature
                e = (z - z.amax(-1, keepdim=True)).exp()
                return e / e.sum(-1, keepdim=True)
        soften = Soften()
        """,
    ),
    "a lambda": ("soften", "soften = lambda logits, temperature: torch.softmax(logits / temperature, dim=-1)"),
    "a partial": (
        "entropy",
        """
        from functools import partial
        def _entropy(base, probs): return -torch.special.xlogy(probs, probs).sum(-1) / base
        entropy = partial(_entropy, 1.0)
        """,
    ),
    "a bound method": (
        "soften",
        """
        class Tools:
            def soften(self, logits, temperature): return torch.softmax(logits / temperature, -1)
        soften = Tools().soften
        """,
    ),
    "a module's forward": (
        "soften",
        """
        class Soften(torch.nn.Module):
            def forward(self, logits, temperature): return torch.softmax(logits / temperature, -1)
        soften = Soften()
        """,
    ),
    "star arguments": ("soften", "def soften(*args, **kwargs):\n    z, T = args\n    return (z / T).softmax(-1)"),
    "a decorated function": (
        "soften",
        """
        import functools
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs): return function(*args, **kwargs)
            return wrapper
        @logged
        def soften(logits, temperature): return torch.softmax(logits / temperature, dim=-1)
        """,
    ),
    "by a loop over rows": (
        "entropy",
        """
        def entropy(probs):
            flat = probs.reshape(-1, probs.shape[-1])
            rows = [-sum(float(p) * __import__("math").log(float(p)) if p > 0 else 0.0 for p in row) for row in flat]
            return torch.tensor(rows, dtype=probs.dtype).reshape(probs.shape[:-1])
        """,
    ),
    "by a closure and a name of its own": (
        "kd_gradient",
        """
        def make():
            def gradient(s, t, T):
                return T / s.shape[0] * ((s / T).softmax(1) - (t / T).softmax(1))
            return gradient
        kd_gradient = make()
        """,
    ),
    "through autograd": (
        "kd_gradient",
        """
        def kd_gradient(student_logits, teacher_logits, temperature):
            z = student_logits.detach().clone().requires_grad_()
            log_s, log_t = (z / temperature).log_softmax(-1), (teacher_logits / temperature).log_softmax(-1)
            (temperature**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean()).backward()
            return z.grad
        """,
    ),
    "with F.kl_div": (
        "kd_loss",
        """
        import torch.nn.functional as F
        def kd_loss(student_logits, teacher_logits, temperature):
            return temperature**2 * F.kl_div(
                F.log_softmax(student_logits / temperature, dim=1),
                F.log_softmax(teacher_logits.detach() / temperature, dim=1), reduction="batchmean", log_target=True)
        """,
    ),
    "with magics around it": (
        "soften",
        "%matplotlib inline\n%time 1 + 1\ndef soften(logits, temperature): return (logits / temperature).softmax(-1)",
    ),
    "with a top-level await": (
        "soften",
        "import asyncio\nawait asyncio.sleep(0)\ndef soften(z, T): return (z / T).softmax(-1)",
    ),
}
