"""The XML of a scheduled task, as 4698 has it."""


def task_xml(name: str, command: str, arguments: str, user_sid: str) -> str:
    """Return the definition of a task that runs a command every day as a user."""
    given = f"\r\n      <Arguments>{arguments}</Arguments>" if arguments else ""
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\r\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\r\n'
        f"  <RegistrationInfo>\r\n    <URI>{name}</URI>\r\n  </RegistrationInfo>\r\n"
        "  <Triggers>\r\n    <CalendarTrigger>\r\n      <StartBoundary>2026-01-01T03:00:00</StartBoundary>\r\n"
        "      <Enabled>true</Enabled>\r\n      <ScheduleByDay>\r\n        <DaysInterval>1</DaysInterval>\r\n"
        "      </ScheduleByDay>\r\n    </CalendarTrigger>\r\n  </Triggers>\r\n"
        f'  <Principals>\r\n    <Principal id="Author">\r\n      <UserId>{user_sid}</UserId>\r\n'
        "      <RunLevel>HighestAvailable</RunLevel>\r\n    </Principal>\r\n  </Principals>\r\n"
        "  <Settings>\r\n    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\r\n"
        "    <Enabled>true</Enabled>\r\n    <Hidden>false</Hidden>\r\n  </Settings>\r\n"
        f'  <Actions Context="Author">\r\n    <Exec>\r\n      <Command>{command}</Command>{given}\r\n'
        "    </Exec>\r\n  </Actions>\r\n</Task>"
    )
