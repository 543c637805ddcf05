"""Where a learner's code runs: it can use this Python and torch, and neither see nor change anything else.

    with Warm(best(), Limits()) as warm:                # imports torch once
        with warm.fork(seed=7) as process:              # a confined process, ready in some 40 ms
            process.channel.sendall(...)                # a connected socket to the function that runs in it
            process.wait(10), process.cpu_seconds(), process.stdout()
        # here nothing of it is left: no process, no file

    run(best(), ["python", "measure.py"])               # one command in a clean process

How it is built. bubblewrap makes the namespaces, since on some systems only bubblewrap may, and it makes fresh ones for
each learner: nothing is shared between two of them, and the death of a namespace's first process ends every process in
it, detached or not. torch is not imported in them. The warm parent, a trusted process outside that runs nothing of a
learner's, forks a copy of itself which enters the namespaces that stand ready (setns through a pidfd), gives up every
right and only then runs what it was forked for. Between the two stands a keeper: it counts CPU time, memory, processes
and files of the whole sandbox ten times a second, drains the output and reports the end. The other design, a warm
parent inside one bubblewrap whose children unshare again, needs namespaces within namespaces, which Ubuntu's profile
for bubblewrap refuses, and lets learners share a parent that they can signal.

    grader ── Warm ──▶ warm parent (torch imported; trusted)
                          ├─▶ bubblewrap: namespaces, empty
                          └─▶ keeper ──▶ learner's process, in the namespaces

Several graders on one machine import torch once: a warm parent that keeps nobody can fork twins of itself
(`Warm.twin`), each for a grader in another process. A twin's death costs its own grader alone.

What no tier stops: use of the CPU up to the limit, which slows neighbours; reading the system's programs, Python's
libraries and the processor's description; timing side channels and holes in the kernel itself. Memory is limited for
each process by the kernel, for all of a learner's processes together by the keeper, which looks every tenth of a second
and may find that more was taken in between; there are no control groups here.

`bubblewrap` also cannot stop: anything, that we know of, beyond that. Where the kernel has Landlock and system call
filters they stand behind the namespaces; without Landlock a kernel's sockets can be replaced by links, without filters
memory that no limit counts (memfd, System V segments) and sockets outside network namespaces (vsock) stay open.

`landlock` makes no sockets at all, so there is neither network nor loopback nor Unix socket, named or abstract; only a
Jupyter kernel keeps those it listens on. It has no namespaces, and also cannot stop: that a process sees the machine's
name, its own number among all processes, by `stat` whether a path exists, and the names (not the contents) of kdtutor's
files where it is installed among the libraries; that a disk is filled faster than the keeper looks. There is no
/dev/shm and no terminal, so `multiprocessing` locks and a notebook's `!command` do not work. As an ordinary user a
learner's process stays that user: then a filter refuses changes of modes, owners and times of files, its own too, and
what it starts counts with all processes of that user; on Linux before 6.12 (Landlock below 6) the filter that confines
its signals also keeps it from ending its own children.

`none` stops nothing: limits and cleaning up, for work of people you trust.

Run as root, a learner's process becomes a user who owns nothing and is nobody else, without a capability; but where
root's own Python is closed to other users it keeps the one that lets it read (CAP_DAC_READ_SEARCH), within the walls.
"""

from kdtutor.grading.sandbox.limits import Limits
from kdtutor.grading.sandbox.once import Outcome, run
from kdtutor.grading.sandbox.process import Ending, Process
from kdtutor.grading.sandbox.tiers import NoSandboxError, Tier, best, probe
from kdtutor.grading.sandbox.warm import Warm

__all__ = ["Ending", "Limits", "NoSandboxError", "Outcome", "Process", "Tier", "Warm", "best", "probe", "run"]
