"""Between a learner's process and the grader: plain values across a channel, stand-ins for everything else."""
