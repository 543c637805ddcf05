"""How little data is enough: fewer numbers a sample, fewer features, fewer samples, fewer bits a number."""

from kdtutor.reduce.coreset import entropy_coreset, k_centre
from kdtutor.reduce.elimination import Elimination, recursive_elimination
from kdtutor.reduce.feature_selection import (
    binned_entropy,
    chi_square,
    correlation,
    information_gain,
    mutual_information,
    select,
    select_above,
    select_uncorrelated,
    variance,
    variance_ratio,
)
from kdtutor.reduce.lasso import LinearFit, lasso, lasso_ceiling
from kdtutor.reduce.number_formats import Encoded, affine_format, float_format, log_format, mean_format
from kdtutor.reduce.pca import PrincipalComponents, principal_components
from kdtutor.reduce.prototypes import Clusters, Prototypes, k_means, prototypes

__all__ = [
    "Clusters",
    "Elimination",
    "Encoded",
    "LinearFit",
    "PrincipalComponents",
    "Prototypes",
    "affine_format",
    "binned_entropy",
    "chi_square",
    "correlation",
    "entropy_coreset",
    "float_format",
    "information_gain",
    "k_centre",
    "k_means",
    "lasso",
    "lasso_ceiling",
    "log_format",
    "mean_format",
    "mutual_information",
    "principal_components",
    "prototypes",
    "recursive_elimination",
    "select",
    "select_above",
    "select_uncorrelated",
    "variance",
    "variance_ratio",
]
