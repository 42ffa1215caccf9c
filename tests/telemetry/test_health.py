"""When a stage is unhealthy, and what it says then."""

from tocsin.errors import DeliveryError
from tocsin.telemetry.health import Health


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_stands_still_for_over_a_minute_is_unhealthy_until_it_turns() -> None:
    clock = _Clock()
    health = Health(clock)
    clock.now += 60
    assert health.condition().is_healthy
    clock.now += 15
    assert health.condition().reason == "its loop has not turned for 75 s"
    health.turned()
    assert health.condition().is_healthy
    assert health.condition().turned_seconds == 0


def test_trying_again_for_over_half_a_minute_is_unhealthy_and_says_what_for() -> None:
    clock = _Clock()
    health = Health(clock)
    health.retried(DeliveryError("disk full"))
    clock.now += 30
    health.retried(DeliveryError("disk still full"))
    assert health.condition().is_healthy
    assert health.condition().retrying_for == "disk still full"
    clock.now += 1
    assert health.condition().reason == "it has been trying again for 31 s: disk still full"


def test_a_turn_ends_the_trying() -> None:
    clock = _Clock()
    health = Health(clock)
    health.retried(DeliveryError("disk full"))
    clock.now += 31
    health.turned()
    assert (health.condition().retrying_seconds, health.condition().retrying_for) == (0.0, "")
    health.retried(DeliveryError("disk full"))
    clock.now += 5
    assert health.condition().retrying_seconds == 5


def test_one_that_waits_for_others_is_alive_and_one_that_stands_still_is_not() -> None:
    clock = _Clock()
    health = Health(clock)
    for _ in range(20):
        clock.now += 10
        health.retried(DeliveryError("away"))
    assert (health.condition().is_healthy, health.condition().is_alive) == (False, True)
    clock.now += 61
    assert not health.condition().is_alive
    health.turned()
    assert health.condition().is_alive
