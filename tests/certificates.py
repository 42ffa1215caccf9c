"""Make authorities and certificates with openssl, for tests of TLS."""

import subprocess
from pathlib import Path

# The last line is asked for by Python 3.13 and later.
_EXTENSIONS = """\
subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth,clientAuth
authorityKeyIdentifier=keyid
"""


def make_authority(folder: Path, name: str) -> None:
    """Make NAME.pem and NAME.key, an authority that signs certificates."""
    made = f"-subj /CN={name} -addext keyUsage=critical,keyCertSign,cRLSign -keyout {name}.key -out {name}.pem"
    _openssl(folder, "req -x509 -newkey rsa:2048 -nodes -days 2", made)


def make_certificate(folder: Path, authority: str, name: str) -> Path:
    """Make NAME.pem, the certificate of a client or server on this machine and its key, and return its path."""
    (folder / "ext").write_text(_EXTENSIONS)
    _openssl(folder, "req -newkey rsa:2048 -nodes", f"-subj /CN={name} -keyout {name}.key -out {name}.csr")
    signed_by = f"-CA {authority}.pem -CAkey {authority}.key -CAcreateserial"
    _openssl(folder, f"x509 -req -in {name}.csr", signed_by, f"-days 2 -extfile ext -out {name}.crt")
    path = folder / f"{name}.pem"
    path.write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
    return path


def lock_key(folder: Path, name: str) -> None:
    """Make NAME.locked.key, the same key under a password."""
    _openssl(folder, f"rsa -aes256 -passout pass:hunter2 -in {name}.key -out {name}.locked.key")


def _openssl(folder: Path, *arguments: str) -> None:
    command = ["openssl", *" ".join(arguments).split()]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
