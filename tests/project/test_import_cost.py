"""A command answers at once: importing the package costs next to nothing beyond torch (processor time)."""

import subprocess
import sys

SECONDS = """
import time, torch
began = time.process_time()
import kdtutor
{rooms}
print(time.process_time() - began)
"""


def cost(rooms: str) -> float:
    command = [sys.executable, "-c", SECONDS.format(rooms=rooms)]
    runs = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    return min(runs)


def test_importing_kdtutor_and_its_methods_costs_at_most_a_fifth_of_a_second_beyond_torch():
    assert cost("") <= 0.2
    assert cost("import kdtutor.distill, kdtutor.prune, kdtutor.quantize, kdtutor.reduce") <= 0.2


def test_importing_kdtutor_loads_neither_torch_nor_a_notebook():
    code = "import sys, kdtutor; print(sorted({'torch', 'IPython', 'nbgrader', 'matplotlib'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == "[]"
