"""Fetch one file by https, within a size and a time."""

import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from tocsin import __version__
from tocsin.errors import ConfigError, DeliveryError
from tocsin.plain import plain

OnProgress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known

_SILENCE_SECONDS = 30.0
_WHOLE_SECONDS = 900.0
_READ_AT_ONCE = 65_536


class Readable(Protocol):
    """What bytes come from: an answer, a file."""

    def read1(self, size: int, /) -> bytes: ...


def download(url: str, to: Path, max_bytes: int, on_progress: OnProgress) -> str:
    """Fetch `url` into the file `to` and return the SHA-256 of its bytes, in hex.

    Raises ConfigError where it is no https address, is sent on to one that is not, is not there, or is larger than
    `max_bytes`; DeliveryError where the network did not let it through.
    """
    check_url(url)
    request = urllib.request.Request(url, headers={"User-Agent": f"tocsin/{__version__}"})  # noqa: S310  https only
    shown = plain(url, 200)
    try:
        with _opener().open(request, timeout=_SILENCE_SECONDS) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length is not None and length.isdecimal() else None
            return receive(response, total, to, max_bytes, on_progress)
    except urllib.error.HTTPError as error:
        error.close()
        said = f"download: `{shown}`: the server says {error.code} {plain(str(error.reason), 200)}"
        raise DeliveryError(said) if error.code >= 500 else ConfigError(f"{said}; is the address right?") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        said = f"download: `{shown}` could not be fetched: {plain(str(reason) or type(reason).__name__, 200)}"
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise ConfigError(said) from error
        raise DeliveryError(said) from error
    except ValueError as error:  # a host name that cannot be one
        raise ConfigError(f"download: `{shown}` is no address: {error}") from error


def receive(stream: Readable, total: int | None, to: Path, max_bytes: int, on_progress: OnProgress) -> str:
    """Copy a stream into a file and return the SHA-256 of its bytes. `total`: how many it should have, if known.

    Raises ConfigError for more than `max_bytes`, DeliveryError where it ends early or takes too long.
    """
    until = time.monotonic() + _WHOLE_SECONDS
    digest = hashlib.sha256()
    done = 0
    if total is not None and total > max_bytes:
        raise _too_large(max_bytes)
    with to.open("wb") as file:
        while content := stream.read1(_READ_AT_ONCE):
            done += len(content)
            if done > max_bytes:
                raise _too_large(max_bytes)
            if time.monotonic() > until:
                raise DeliveryError(
                    f"download: not done after {_WHOLE_SECONDS:,.0f} seconds ({done:,} bytes); try again"
                )
            digest.update(content)
            file.write(content)
            on_progress(done, total)
    if total is not None and done != total:
        raise DeliveryError(f"download: it broke off after {done:,} of {total:,} bytes; try again")
    return digest.hexdigest()


def check_url(url: str) -> None:
    """Raise ConfigError for an address that is not plain https."""
    shown = plain(url, 200)
    try:
        parts = urlsplit(url)
        host, user, _ = parts.hostname, parts.username, parts.port
    except ValueError as error:
        raise ConfigError(f"download: `{shown}` is no address: {error}") from error
    if parts.scheme != "https":
        raise ConfigError(
            f"download: `{shown}` is refused: only https:// is fetched, for on the way others could change it"
        )
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(
            f"download: `{shown}` is no address: https://HOST/PATH is needed, in ASCII and without blanks"
        )
    if user is not None:
        raise ConfigError("download: an address with a user name or password is refused: it would be written down")


def _too_large(max_bytes: int) -> ConfigError:
    return ConfigError(f"download: it is larger than the {max_bytes:,} bytes that are allowed")


class HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another https address only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_url(newurl)
        except ConfigError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows https and nothing else: no http, ftp or file."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        HttpsRedirects(),
    ):
        opener.add_handler(handler)
    return opener
