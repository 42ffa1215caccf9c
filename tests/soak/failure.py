"""What ends a soak: something was lost or doubled, did not recover, or a stage gave up."""


class SoakFailedError(Exception):
    """The message says what, and where to look."""
