"""What a model costs and how good it is: counted, timed, and never without saying how sure the number is."""

from kdtutor.measure.accuracy import accuracy
from kdtutor.measure.comparison import Comparison, Verdict, paired_comparison
from kdtutor.measure.counts import macs, nonzeros, parameters
from kdtutor.measure.evaluation import evaluation_mode
from kdtutor.measure.interval import Interval, accuracy_interval, mean_interval
from kdtutor.measure.memory import peak_memory
from kdtutor.measure.results import record
from kdtutor.measure.sizes import artifact_bytes, state_dict_bytes
from kdtutor.measure.timing import Latency, LatencyRatio, latency, latency_ratio, latency_sweep

__all__ = [
    "Comparison",
    "Interval",
    "Latency",
    "LatencyRatio",
    "Verdict",
    "accuracy",
    "accuracy_interval",
    "artifact_bytes",
    "evaluation_mode",
    "latency",
    "latency_ratio",
    "latency_sweep",
    "macs",
    "mean_interval",
    "nonzeros",
    "paired_comparison",
    "parameters",
    "peak_memory",
    "record",
    "state_dict_bytes",
]
