"""The error of a rule that the oracle cannot evaluate."""


class UnsupportedRule(ValueError):  # noqa: N818 - what is wrong is the rule
    """A rule that says what has no meaning, or what the oracle does not know."""
