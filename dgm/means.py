"""How well a mean over seeds is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit


def half_width(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the 95 % interval of the mean over the first axis, by Student's t; 0 where there is one value."""
    n = len(values)
    if n == 1:
        return np.zeros(values.shape[1:])
    return np.asarray(stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / n**0.5)
