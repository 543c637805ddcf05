"""What a model costs and how good it is: counted, timed, and never without saying how sure the number is."""

from kdtutor.measure.accuracy import accuracy
from kdtutor.measure.counts import parameters

__all__ = ["accuracy", "parameters"]
