"""Traps: each is a cell put into a solved notebook, and costs its learner nothing but what it breaks."""

TRAPS: dict[str, str] = {
    "a loop without end": "while True: pass",
    "a loop that ignores interrupts": """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True:
            try:
                while True: pass
            except BaseException: pass
    """,
    "the process ended": "import os\nos._exit(0)",
    "the process killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "sys.exit": "import sys\nsys.exit(3)",
    "exit": "exit()",
    "a fault in memory": "import ctypes\nctypes.string_at(0)",
    "recursion without end": "def down(n): return down(n + 1)\ndown(0)",
    "30 MB of output": "print('x' * 30_000_000)",
    "all memory": "hoard = []\nwhile True: hoard.append(bytearray(64 << 20))",
    "all of the disk": """
        import os, tempfile
        with open(os.path.join(tempfile.gettempdir(), "fill"), "wb") as file:
            while True: file.write(b"x" * (1 << 20))
    """,
    "all open files": "handles = [open('/dev/null') for _ in range(100_000)]",
    "a fork bomb": "import os\nwhile True: os.fork()",
    "a child that detaches itself": """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
    """,
    "a connection to the network": "import socket\nsocket.create_connection(('127.0.0.1', 80), timeout=1)",
    "input": "answer = input('What is KL? ')",
    "a cell that is no Python": "this is not Python at all (",
    "an exception whose text fails": """
        class Strange(Exception):
            def __str__(self): raise SystemExit
        raise Strange
    """,
    "a thread that never ends": """
        import threading
        def spin():
            import time
            while True: time.sleep(0.01)
        threading.Thread(target=spin).start()
    """,
    "files of others removed": """
        import os, shutil
        for place in ("/work", "/home", "/root", "/tmp"): shutil.rmtree(place, ignore_errors=True)
    """,
}
