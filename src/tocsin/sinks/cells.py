"""Make text from logs harmless in a CSV cell: no spreadsheet takes it for a formula."""

import re

from tocsin.plain import plain

# https://owasp.org/www-community/attacks/CSV_Injection: at the start of a cell, or after what some locales take for
# the end of one. Spaces and quotes before the sign do not stop every spreadsheet.
_FORMULA = re.compile(r"""(^|[,;|\t\r\n])([\s"]*)(?=[=+\-@＝＋－＠])""")
_LEADING_CONTROLS = ("\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """Return the text as the content of a cell; quoting is left to the CSV writer.

    An apostrophe is put before `=`, `+`, `-`, `@` and their full-width forms where they begin the cell or follow a
    separator, and before a leading TAB, CR or LF. Control and bidirectional characters are written as `\\xNN` or
    `\\uNNNN`, so a row is one line.
    """
    if text.isalnum() and text.isascii():
        return text
    guarded = _FORMULA.sub(r"\1\2'", text)
    if guarded.startswith(_LEADING_CONTROLS):
        guarded = "'" + guarded
    return plain(guarded)
