"""What Kafka complains of, in the words of our errors: refuse to start, try again, or open the bus anew."""

import logging
import time
from collections.abc import Callable
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException

from tocsin.errors import ConfigError, DeliveryError, ReopenError

log = logging.getLogger(__name__)

_SAY_SECONDS = 10.0  # the same complaint is not repeated sooner,
_SAY_MORE = 6  # and each further time only after so much longer,
_SAY_MOST_SECONDS = 300.0  # but no longer than this
_LATE_SECONDS = 2.0  # so long after Kafka is back clients complain of the time before

_REFUSED = {
    KafkaError._AUTHENTICATION: "check `sasl.username`, `sasl.password` and `sasl.mechanism`",
    KafkaError._SSL: (
        "check `ssl.ca.location` (the certificate authority of the broker) and that the certificate names this host"
    ),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "give this user READ and WRITE on the topic (docs/how-to/kafka.md)",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "give this user READ on the group (docs/how-to/kafka.md)",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "give this user WRITE on transactional ids that begin with `tocsin-` (docs/how-to/kafka.md)"
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "give this user the right on the cluster (docs/how-to/kafka.md)",
    KafkaError.SASL_AUTHENTICATION_FAILED: "check `sasl.username`, `sasl.password` and `sasl.mechanism`",
    KafkaError.UNSUPPORTED_VERSION: "use a newer broker: Tocsin needs Kafka 2.5 or later",
}
_MAY_PASS = {KafkaError._AUTHENTICATION, KafkaError._SSL}  # also said where a broker goes away in the middle of it
_PASS_SECONDS = 30.0  # of it, without an answer meanwhile, are a refusal
_APART_SECONDS = 90.0  # are two that have nothing to do with each other; a client repeats itself every 30 s
_OF_THE_GROUP = {  # the partitions may be somebody else's by now
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.FENCED_MEMBER_EPOCH,
    KafkaError.STALE_MEMBER_EPOCH,
}


# By place: of this process, for a bus may be opened anew meanwhile.
_away_since: dict[str, float] = {}
_back_since: dict[str, float] = {}
_refused: dict[str, tuple[float, float]] = {}  # first and last time, of what may pass
_known: set[str] = set()  # has answered


class Complaints:
    """Hears what a client complains of in the background (`error_cb`), and tells it at the next occasion.

    What no retry would mend becomes a ConfigError; what goes away by itself is logged, ever more rarely, and when it
    has gone.
    """

    def __init__(self, where: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`where`: the bus as messages name it. `clock`: seconds."""
        self.where = where
        self._clock = clock
        self._refusal: KafkaError | None = None
        self.last: KafkaError | None = None
        self.is_connected = False  # before, who connects tells what went wrong
        self._said: dict[int, tuple[float, float]] = {}  # code -> when last, and for how long not again

    def hear(self, error: KafkaError) -> None:
        """Take a complaint; called by the client, from within its own calls."""
        if error.code() in _REFUSED and not self._may_pass(error):
            self._refusal = self._refusal or error
            return
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # follows upon its cause
            now = self._clock()
            if self.is_connected and now - _back_since.get(self.where, -_LATE_SECONDS) >= _LATE_SECONDS:
                _away_since.setdefault(self.where, now)
            return
        self.last = error
        if self.is_connected:
            self._say(error)

    def _may_pass(self, error: KafkaError) -> bool:
        if self.where not in _known or error.code() not in _MAY_PASS:
            return False
        now = self._clock()
        first, last = _refused.get(self.where, (now, now))
        first = first if now - last < _APART_SECONDS else now
        _refused[self.where] = first, now
        return now - first < _PASS_SECONDS

    def _say(self, error: KafkaError) -> None:
        now = self._clock()
        said, pause = self._said.get(error.code(), (now - _SAY_MOST_SECONDS, 0.0))
        silent = now - said
        if silent < pause:
            return
        is_new = silent >= pause + _SAY_MOST_SECONDS or not pause
        self._said[error.code()] = now, _SAY_SECONDS if is_new else min(pause * _SAY_MORE, _SAY_MOST_SECONDS)
        log.warning("Kafka at %s: %s", self.where, error.str())

    @property
    def is_away(self) -> bool:
        """Whether no broker answered when last heard of."""
        return self.where in _away_since

    def answered(self) -> None:
        """Kafka has answered: say so where it was away."""
        _refused.pop(self.where, None)
        _known.add(self.where)
        since = _away_since.pop(self.where, None)
        if since is not None:
            self._said.clear()
            now = _back_since[self.where] = self._clock()
            log.info("Kafka at %s answers again, after %.0f s.", self.where, now - since)

    def raise_refusal(self) -> None:
        """Raise ConfigError where there was a complaint that no retry would mend."""
        if self._refusal is not None:
            raise ConfigError(self.named(self._refusal))

    def named(self, error: KafkaError, doing: str = "") -> str:
        """Return a sentence: where, what, and what to do."""
        advice = _REFUSED.get(error.code())
        return f"Kafka at {self.where}: {doing}{': ' if doing else ''}{error.str()}{f'; {advice}' if advice else ''}"

    def raise_as_ours(self, error: KafkaError, doing: str) -> NoReturn:
        """Raise the error that has the right consequence."""
        self.raise_refusal()
        if error.code() in _REFUSED:
            raise ConfigError(self.named(error, doing))
        sentence = self.named(error, doing)
        if error.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT) and self.last is not None:
            sentence += f" ({self.last.str()})"
        if is_fatal(error) or error.code() in _OF_THE_GROUP or error.code() == KafkaError._STATE:
            raise ReopenError(sentence)
        raise DeliveryError(sentence)


def is_fatal(error: KafkaError) -> bool:
    """Whether its client does nothing more. A consumer says so once, as a message, and then is silent."""
    return error.fatal() or error.code() == KafkaError._FATAL


def error_of(exception: KafkaException) -> KafkaError:
    error: Any = exception.args[0]
    assert isinstance(error, KafkaError)
    return error
