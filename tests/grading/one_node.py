"""A cluster that is made by name, as dask-jobqueue's and dask-kubernetes' are."""

from typing import Any

from distributed import LocalCluster


class OneNode(LocalCluster):
    def __init__(self, **options: Any) -> None:
        super().__init__(n_workers=0, threads_per_worker=1, dashboard_address=None, **options)
