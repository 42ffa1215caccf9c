"""Percentiles of many whole numbers, in bounded memory: counted in buckets, after HdrHistogram (hdrhistogram.org)."""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

_EXACT_BITS = 10  # a bucket is as wide as 1/1024 of its numbers at most; below 2048 each number has its own
_MOST_BITS = 53  # of a number
LARGEST = (1 << _MOST_BITS) - 1  # in microseconds 285 years


class Distribution:
    """How often which number from 0 to LARGEST came."""

    def __init__(self) -> None:
        self._buckets = np.zeros((_MOST_BITS - _EXACT_BITS + 1) << _EXACT_BITS, np.int64)
        self.count = 0
        self.total = 0
        self.largest = 0  # exact, as the total is

    def add(self, numbers: Numbers, counts: Numbers) -> None:
        """Count each number so often: both (n,)."""
        if len(numbers):
            self._buckets += np.bincount(_bucket(numbers), counts, len(self._buckets)).astype(np.int64)
            self.count += int(counts.sum())
            self.total += int(np.dot(numbers, counts))
            self.largest = max(self.largest, int(numbers.max()))

    def percentile(self, percent: float) -> int:
        """Return the smallest number that so many percent are not above, at most 0.1 % too large; 0 where none came."""
        if not self.count:
            return 0
        rank = max(1, int(np.ceil(self.count * percent / 100)))
        bucket = int(np.searchsorted(self._buckets.cumsum(), rank))
        return min(self.largest, _last_of(bucket))


def _bucket(numbers: Numbers) -> Numbers:
    """Return the bucket of each: its highest eleven bits, after all buckets of shorter numbers."""
    bits = np.frexp(numbers.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bits - _EXACT_BITS - 1, 0)
    return (shift << _EXACT_BITS) + (numbers >> shift)


def _last_of(bucket: int) -> int:
    """Return the largest number of a bucket."""
    shift = max(0, (bucket >> _EXACT_BITS) - 1)
    first = (bucket - (shift << _EXACT_BITS)) << shift
    return first + (1 << shift) - 1
