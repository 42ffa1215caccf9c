"""Where groups are, asked without joining them."""

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tocsin.bus.kafka.client import Client
from tocsin.bus.kafka.complaints import error_of
from tocsin.bus.kafka.patience import let_go
from tocsin.errors import DeliveryError

_ANSWER_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


class GroupOffsets:
    """Asks by a consumer that reads nothing.

    An admin client's `list_consumer_group_offsets` kills the process where the coordinator has just moved
    (github.com/confluentinc/librdkafka/issues/5040).
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._askers: dict[tuple[str, bool], Consumer] = {}

    def close(self) -> None:
        for asker in self._askers.values():
            let_go(asker.close)
        self._askers.clear()

    def of(
        self, group: str, places: list[TopicPartition], is_settled: bool, seconds: float = _ANSWER_SECONDS
    ) -> dict[tuple[str, int], int]:
        """Return the next offset that the group will read, where it has committed one.

        `is_settled`: once every commit is decided. `seconds`: to wait for that. Raises ConfigError, DeliveryError.
        """
        if not places:
            return {}
        try:
            answers = self._asker(group, is_settled).committed(places, seconds)
            failed = next((place.error for place in answers if place.error), None)
            if failed:
                raise KafkaException(failed)
        except KafkaException as error:
            # Who knew a broker that has gone may not find the new one.
            let_go(self._askers.pop((group, is_settled)).close)
            self._client.complaints.raise_as_ours(error_of(error), f"asking where group `{group}` is")
        return {(place.topic, place.partition): place.offset for place in answers if place.offset >= 0}

    def settled(self, group: str, places: list[TopicPartition], seconds: float) -> dict[tuple[str, int], int] | None:
        """Return as `of` does once every commit is decided; None where one still is not after so long.

        The time counts only while the group's offsets can be asked for at all. Raises ConfigError, DeliveryError.
        """
        found = self._settled_within(seconds, group, places)
        if found is None:
            self.of(group, places, is_settled=False, seconds=seconds)
            found = self._settled_within(seconds, group, places)
        return found

    def _settled_within(
        self, seconds: float, group: str, places: list[TopicPartition]
    ) -> dict[tuple[str, int], int] | None:
        deadline = time.monotonic() + seconds
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                return self.of(group, places, is_settled=True, seconds=remaining)
            except DeliveryError:  # it may also be that the coordinator has just moved
                time.sleep(_PAUSE_SECONDS)
        return None

    def _asker(self, group: str, is_settled: bool) -> Consumer:
        known = self._askers.get((group, is_settled))
        if known is None:
            known = self._askers[(group, is_settled)] = self._client.new_asker(group, is_settled)
        return known
