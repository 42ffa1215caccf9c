"""A person's working day at a workstation: arrival, programs, locks, departure."""

from tocsin.sources.simulator.actors import INTERACTIVE, UNLOCK
from tocsin.sources.simulator.chance import Chance
from tocsin.sources.simulator.directory import service_ticket_given, ticket_granting_ticket_given
from tocsin.sources.simulator.fleet import Fleet, Host
from tocsin.sources.simulator.habits import AT_LOGON, DEVELOPER, PERSON, by_weight
from tocsin.sources.simulator.programs import program
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.residents import BLOCK_US, DAY_US, HOUR_US, Residents, Shift
from tocsin.sources.simulator.scripts import TYPED
from tocsin.sources.simulator.trees import Trees

_ACTIONS = 5.0  # in a block of ten minutes, on average

_SECOND_US = 1_000_000
_PERSON = by_weight(PERSON)
_DEVELOPER = by_weight(DEVELOPER)
_POWERSHELL = program("powershell")


class WorkingDay:
    """Writes one block of it."""

    def __init__(
        self,
        fleet: Fleet,
        residents: Residents,
        recorder: Recorder,
        chance: Chance,
        trees: Trees,
        block_start_us: int,
    ) -> None:
        self._fleet = fleet
        self._residents = residents
        self._recorder = recorder
        self._chance = chance
        self._trees = trees
        self._random = recorder.random
        self._start_us = block_start_us
        self._day = block_start_us // DAY_US
        self._is_lunch = block_start_us % DAY_US // HOUR_US == 12

    def write(self, host: Host) -> None:
        """Write that of the person at one workstation."""
        shift = self._residents.shift_of(host, self._day)
        end_us = self._start_us + BLOCK_US
        if shift is None or shift.arrival_us >= end_us or shift.departure_us < self._start_us:
            return
        if shift.arrival_us >= self._start_us:
            self._arrival(host, shift)
            return
        if shift.departure_us < end_us:
            self._recorder.logged_off(shift.departure_us, host, shift.session, INTERACTIVE)
            return
        for _ in range(self._chance.times(_ACTIONS * (0.5 if self._is_lunch else 1.0))):
            self._action(host, shift)

    def _arrival(self, host: Host, shift: Shift) -> None:
        recorder, session, moment = self._recorder, shift.session, shift.arrival_us
        if self._random() < 0.15:
            recorder.logon_failed(moment - 4 * _SECOND_US, host, host.owner.name, INTERACTIVE)
        recorder.logged_on(moment, host, host.owner, INTERACTIVE, terminal=1, logon_id=session.logon_id)
        controller = self._fleet.controllers[host.number % len(self._fleet.controllers)]
        ticket_granting_ticket_given(recorder, moment - 400_000, controller, host.owner, host.address)
        service_ticket_given(recorder, moment - 350_000, controller, host.owner, host.network, host.address)
        winlogon = self._residents.resident_of(host).winlogon
        recorder.known_process_started(moment + 1_500_000, host, winlogon, shift.userinit)
        recorder.known_process_started(moment + 1_900_000, host, shift.userinit, shift.explorer)
        self._trees.start(moment + 6 * _SECOND_US, host, shift.explorer, AT_LOGON, host.owner.folder, None)

    def _action(self, host: Host, shift: Shift) -> None:
        chance = self._random()
        if chance < 0.03:
            self._unlock(host)
        elif chance < 0.06 and host.is_developer:
            self._typed_commands(host, shift)
        elif chance < 0.2:
            self._trees.leave_footprints(self._chance.moment(), host, shift.explorer)
        else:
            self._habit(host, shift)

    def _habit(self, host: Host, shift: Shift) -> None:
        habit = self._chance.one(_DEVELOPER if host.is_developer else _PERSON)
        root, session = shift.explorer, None
        if habit.root == "broker":
            root, session = self._residents.resident_of(host).launcher, shift.session
        self._trees.start(self._chance.moment(), host, root, habit.starts, host.owner.folder, session)

    def _unlock(self, host: Host) -> None:
        moment = self._chance.moment()
        if self._random() < 0.2:
            self._recorder.logon_failed(moment - 3 * _SECOND_US, host, host.owner.name, UNLOCK)
            moment += 500_000
        session = self._recorder.logged_on(moment, host, host.owner, UNLOCK, terminal=1)
        self._recorder.logged_off(moment + 120_000, host, session, UNLOCK)

    def _typed_commands(self, host: Host, shift: Shift) -> None:
        moment = self._chance.moment()
        shell = self._recorder.process_started(
            moment,
            host,
            shift.explorer,
            _POWERSHELL,
            _POWERSHELL.command("{image} "),
            None,
            b"C:\\\\src\\\\orders\\\\",
        )
        for number in range(1 + int(self._random() * 4)):
            self._recorder.script_ran(
                moment + (2 + 9 * number) * _SECOND_US, host, shell, self._chance.filled(self._chance.one(TYPED))
            )
