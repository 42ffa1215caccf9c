"""Store: from `classified-events` and `dead-letters` to CSV files and Parquet segments."""

from collections.abc import Callable

from tocsin.bus.embedded import ConsumerSettings, EmbeddedBus
from tocsin.config import Config
from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS
from tocsin.flow import Batch, Committer, Outputs, pump
from tocsin.pipeline.idle import UntilIdle
from tocsin.pipeline.topology import CLASSIFY_GROUP, STORE_GROUP, clock_us, open_bus
from tocsin.telemetry.meter import StageMeter

_MAX_RECORDS = 10_000
_LINGER_SECONDS = 0.3  # a segment a batch: wait for a batch to fill rather than write many small segments
