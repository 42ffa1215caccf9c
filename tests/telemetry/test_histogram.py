"""A bucket counts the values that are at most its bound."""

from tocsin.telemetry.histogram import Histogram


def test_a_value_counts_in_each_bucket_that_it_fits_into() -> None:
    histogram = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(value)
    assert histogram.buckets() == [("0.1", 2.0), ("1.0", 3.0), ("+Inf", 4.0)]
    assert histogram.total == 7.65
