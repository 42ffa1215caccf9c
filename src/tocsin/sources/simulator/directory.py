"""Write down what changes or is asked for in the directory: tickets, accounts, members of groups."""

from tocsin.sources.simulator import security_kinds
from tocsin.sources.simulator.actors import NO_GUID, Session
from tocsin.sources.simulator.fleet import DNS_DOMAIN, DOMAIN, Account, Host
from tocsin.sources.simulator.kinds import kind_number
from tocsin.sources.simulator.recorder import Recorder

_TICKET_GRANTING_TICKET = kind_number(security_kinds.TICKET_GRANTING_TICKET)
_SERVICE_TICKET = kind_number(security_kinds.SERVICE_TICKET)
_ACCOUNT_CREATED = kind_number(security_kinds.ACCOUNT_CREATED)
_MEMBER_ADDED_TO_GLOBAL_GROUP = kind_number(security_kinds.MEMBER_ADDED_TO_GLOBAL_GROUP)
_MEMBER_ADDED_TO_LOCAL_GROUP = kind_number(security_kinds.MEMBER_ADDED_TO_LOCAL_GROUP)

AES256 = b"0x12"
RC4 = b"0x17"
_KRBTGT = 502
_REALM = DNS_DOMAIN.upper().encode()
DOMAIN_ADMINS = (b"Domain Admins", 512)


def ticket_granting_ticket_given(
    recorder: Recorder,
    time_us: int,
    controller: Host,
    account: Account,
    address: bytes,
    encryption: bytes = AES256,
    pre_authentication: bytes = b"2",
) -> None:
    """4768; pre-authentication 0 is none at all."""
    krbtgt = b"%b-%d" % (account.sid.rpartition(b"-")[0], _KRBTGT)
    values = (account.name, DOMAIN.encode(), account.sid, krbtgt, encryption, pre_authentication)
    _write(recorder, time_us, controller, _TICKET_GRANTING_TICKET, (*values, *_client(recorder, address)))


def service_ticket_given(
    recorder: Recorder,
    time_us: int,
    controller: Host,
    account: Account,
    service: Account,
    address: bytes,
    encryption: bytes = AES256,
    logon_guid: bytes = NO_GUID,
) -> None:
    """4769; the logon that follows on the other host has the same `logon_guid`."""
    who = (b"%b@%b" % (account.name, _REALM), _REALM, service.name, service.sid, encryption)
    _write(recorder, time_us, controller, _SERVICE_TICKET, (*who, *_client(recorder, address), logon_guid))


def account_created(recorder: Recorder, time_us: int, host: Host, by: Session, account: Account) -> None:
    """4720."""
    values = (account.name, account.domain, account.sid, *by.in_security, account.name)
    _write(recorder, time_us, host, _ACCOUNT_CREATED, values)


def local_administrator_added(recorder: Recorder, time_us: int, host: Host, by: Session, member: Account) -> None:
    """4732 for the group Administrators."""
    group = (b"Administrators", b"Builtin", b"S-1-5-32-544")
    _write(recorder, time_us, host, _MEMBER_ADDED_TO_LOCAL_GROUP, (b"-", member.sid, *group, *by.in_security))


def global_member_added(
    recorder: Recorder, time_us: int, controller: Host, by: Session, member: Account, group: bytes, group_rid: int
) -> None:
    """4728, for a group of the domain; `group_rid` is the last part of its SID."""
    parts = b",".join(b"DC=" + part.encode() for part in DNS_DOMAIN.split("."))
    named = (group, DOMAIN.encode(), b"%b-%d" % (member.sid.rpartition(b"-")[0], group_rid))
    values = (b"CN=%b,CN=Users,%b" % (member.name, parts), member.sid, *named, *by.in_security)
    _write(recorder, time_us, controller, _MEMBER_ADDED_TO_GLOBAL_GROUP, values)


def _client(recorder: Recorder, address: bytes) -> tuple[bytes, bytes]:
    return b"::ffff:" + address, b"%d" % recorder.client_port()


def _write(recorder: Recorder, time_us: int, host: Host, kind: int, values: tuple[object, ...]) -> None:
    recorder.write(time_us, kind, host, host.lsass_pid, values)
