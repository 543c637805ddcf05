"""Unit 09: less data. Fewer numbers a sample, fewer features, fewer samples, fewer bits a number."""

from kdtutor.checks.units.unit_09_less_data.components import principal_components
from kdtutor.checks.units.unit_09_less_data.elimination import recursive_elimination
from kdtutor.checks.units.unit_09_less_data.information import mutual_information
from kdtutor.checks.units.unit_09_less_data.lasso import lasso
from kdtutor.checks.units.unit_09_less_data.powers import log_format
from kdtutor.checks.units.unit_09_less_data.prototypes import prototypes
from kdtutor.checks.units.unit_09_less_data.unsure import coreset

__all__ = [
    "principal_components",
    "prototypes",
    "coreset",
    "mutual_information",
    "recursive_elimination",
    "lasso",
    "log_format",
]
