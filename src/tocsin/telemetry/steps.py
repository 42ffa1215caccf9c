"""How many steps the work of each stage has, and so how many spans the trace of an event."""

CLASSIFY_STEPS = 4  # its turn came, normalised, matched, handed over
WRITE_STEPS = 3  # a store's commit: segments written, CSV lines appended, both durable
SPANS_OF_AN_EVENT = 1 + CLASSIFY_STEPS + WRITE_STEPS  # at most; `produce` has one
