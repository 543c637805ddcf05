"""What can go wrong between the two sides that is not an exception of the learner's.

They are no `Exception`s on purpose: a test cell that expects its learner to raise must not take a dead process for it.
"""


class InsideFault(BaseException):
    """No answer that could be judged: no verdict follows from it, least of all a point."""


class TimeoutInside(InsideFault):
    """The learner's code did not answer in time. Nothing more can be asked of this process."""


class InsideDied(InsideFault):
    """The process with the learner's code has ended."""


class ProtocolError(InsideFault):
    """What came back is not what an honest agent says."""


class CannotCross(InsideFault):
    """An object that the learner's code should get, or something it did, has no form in which it could cross."""
