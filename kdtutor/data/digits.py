"""Digits: 1,797 handwritten digits of 8 × 8 pixels that come with scikit-learn."""

import numpy as np
import torch

from kdtutor.data.dataset import Dataset, Split


def digits(seed: int = 0) -> Dataset:
    """Handwritten digits: 1,000 training, 297 validation and 500 test pictures, shuffled by the seed.

    x: (N, 1, 8, 8) float32 in [0, 1]. y: (N,) int64, 0 to 9.
    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI repository, 1998.
    """
    from sklearn.datasets import load_digits  # half a second that only this data set should cost

    bundle = load_digits()
    x = torch.from_numpy(np.asarray(bundle.images, dtype=np.float32) / 16).unsqueeze(1)
    y = torch.from_numpy(np.asarray(bundle.target, dtype=np.int64))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    parts = (order[:1000], order[1000:1297], order[1297:])
    train, validation, test = (Split(x[part], y[part]) for part in parts)
    return Dataset("digits", tuple("0123456789"), train, validation, test)
