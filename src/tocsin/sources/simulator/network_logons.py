"""Hosts and people log on to hosts over the network, by Kerberos or NTLM."""

from tocsin.sources.simulator.actors import HIGH, KERBEROS, MEDIUM, NO_GUID, NTLM, guid_of
from tocsin.sources.simulator.chance import Chance
from tocsin.sources.simulator.directory import service_ticket_given
from tocsin.sources.simulator.fleet import Account, Fleet, Host, Role
from tocsin.sources.simulator.recorder import NO_SUCH_USER, WRONG_PASSWORD, Recorder
from tocsin.sources.simulator.text import escaped

# Times in a block of ten minutes, on average, by day.
_LOGONS = {Role.WORKSTATION: 0.05, Role.SERVER: 5.0, Role.DOMAIN_CONTROLLER: 14.0}
_BY_PEOPLE = 0.45
_BY_NTLM = 0.1  # of those by people
_FAILING = 0.012
_NEW_TICKETS = 0.4  # of the logons by Kerberos

_SECOND_US = 1_000_000


class NetworkLogons:
    """Writes those of one block."""

    def __init__(self, fleet: Fleet, recorder: Recorder, chance: Chance) -> None:
        self._fleet = fleet
        self._recorder = recorder
        self._random = recorder.random
        self._chance = chance

    def write(self, host: Host, load: float) -> None:
        """Write those of one host; `load` is 1 by day, less at night."""
        for _ in range(self._chance.times(_LOGONS[host.role] * load)):
            self._logon(host)

    def _logon(self, host: Host) -> None:
        visitor = self._chance.one(self._fleet.hosts)
        is_person = self._random() < _BY_PEOPLE
        account = visitor.owner if is_person else visitor.network
        way = NTLM if is_person and self._random() < _BY_NTLM else KERBEROS
        workstation = visitor.short_name if way is NTLM else b"-"
        moment = self._chance.moment()
        if self._random() < _FAILING:
            reason = NO_SUCH_USER if self._random() < 0.2 else WRONG_PASSWORD
            name = escaped("svc_scan") if reason is NO_SUCH_USER else account.name
            self._recorder.logon_failed(
                moment, host, name, NTLM, address=visitor.address, workstation=visitor.short_name, reason=reason
            )
            return
        integrity = HIGH if account is visitor.network and visitor.role is not Role.WORKSTATION else MEDIUM
        session = self._recorder.logged_on(
            moment,
            host,
            account,
            way,
            address=visitor.address,
            workstation=workstation,
            integrity=integrity,
            logon_guid=self._ticket(moment, host, visitor, account) if way is KERBEROS else NO_GUID,
        )
        self._recorder.logged_off(moment + int((0.1 + self._random() * 60) * _SECOND_US), host, session, way)

    def _ticket(self, time_us: int, host: Host, visitor: Host, account: Account) -> bytes:
        """A ticket for the host, where the visitor has none from before; returns its logon's GUID."""
        if self._random() >= _NEW_TICKETS:
            return NO_GUID
        guid = guid_of(host, time_us, int(self._random() * 0xFFFFFFFFFFFF))
        controller = self._fleet.controllers[visitor.number % len(self._fleet.controllers)]
        service_ticket_given(
            self._recorder, time_us - 30_000, controller, account, host.network, visitor.address, logon_guid=guid
        )
        return guid
