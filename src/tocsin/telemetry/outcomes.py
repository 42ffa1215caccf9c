"""What becomes of traces on their way to a collector, by the names that all counts have."""

SENT, REJECTED, REFUSED = SPAN_OUTCOMES = ("sent", "rejected", "refused")  # by the collector
DROPPED = "dropped"  # spans of batches: there was no room, or no time
LIMITED, EXPIRED, FAILED = EVENT_OUTCOMES = ("limited", "expired", "failed")  # failed: no spans can be made of them
