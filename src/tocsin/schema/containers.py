"""Say for hardly anything that a JSON object holds no other objects and no arrays."""

from gc import is_tracked

# CPython's collector of cycles does not track a dict that has never held anything to follow. Asking takes 0.07 µs,
# looking at the types of twenty values 0.9 µs. Whatever does hold an object or an array is always tracked; a Python
# that tracks all dicts (3.14) is slower here, not wrong.
may_hold_containers = is_tracked
