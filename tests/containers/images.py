"""Make images that stand in where no registry can be reached: out of Debian's packages, Maven's jars and Go's modules.

`python3 -m tests.containers.images`, as root on Debian. Nothing but Python is needed, and nothing is done twice.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.containers.engine import CACHE, FOLDER, EngineError, docker_environment

_HERE = Path(__file__).parent / "stand-ins"
_LABEL = "tocsin.made-of"  # a digest: an image is made anew when what it is made of has changed
_RELEASE = "bookworm"
_PACKAGES = ("ca-certificates", "python3", "python3-venv")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

DEBIAN = f"tocsin-tests/debian:{_RELEASE}"


@dataclass(frozen=True)
class StandIn:
    """An image, by its Dockerfile and what is copied beside that."""

    image: str
    folder: Path
    beside: Mapping[str, Path]  # name -> file or folder

    def sources(self) -> Iterator[Path]:
        for path in (self.folder, *self.beside.values()):
            yield from sorted(path.rglob("*")) if path.is_dir() else [path]


STAND_INS = (
    StandIn("tocsin-tests/python:3.11-bookworm", _HERE / "python", {"ca-certificates.crt": _CERTIFICATES}),
    StandIn("tocsin-tests/kafka:4.3.1", _HERE / "kafka", {"jars": CACHE / "kafka"}),
    StandIn("tocsin-tests/jaeger:2.13.0", _HERE / "jaeger", {"jaeger": CACHE / "jaeger" / "jaeger"}),
    StandIn("tocsin-tests/prometheus:debian", _HERE / "prometheus", {}),
)


def missing(environment: Mapping[str, str]) -> list[str]:
    """Return the images that an engine has not, or has from other sources than those of now."""
    wanted = {DEBIAN: _debian_digest(), **{each.image: _digest(each) for each in STAND_INS if _can_be_made(each)}}
    wanted |= {each.image: "" for each in STAND_INS if not _can_be_made(each)}
    return [image for image, digest in wanted.items() if not digest or _label(image, environment) != digest]


def make_all(environment: Mapping[str, str]) -> None:
    """Make what is missing. Raises CalledProcessError."""
    if _label(DEBIAN, environment) != _debian_digest():
        print(f"services: making the image {DEBIAN} with debootstrap (a minute, once)", flush=True)
        _make_debian(environment)
    for each in STAND_INS:
        if not _can_be_made(each):
            print(f"services: no image {each.image}: what it is made of is not there", file=sys.stderr)
        elif _label(each.image, environment) != _digest(each):
            print(f"services: making the image {each.image}", flush=True)
            _make(each, environment)


def _make_debian(environment: Mapping[str, str]) -> None:
    folder = FOLDER / "debian"
    shutil.rmtree(folder, ignore_errors=True)
    include = f"--include={','.join(_PACKAGES)}"
    _run(["debootstrap", "--force-check-gpg", "--variant=minbase", include, _RELEASE, str(folder), _mirror()])
    for path in (*folder.glob("var/cache/apt/archives/*.deb"), *folder.glob("var/lib/apt/lists/*_*")):
        path.unlink()
    pack = subprocess.Popen(["tar", "-C", str(folder), "-c", "."], stdout=subprocess.PIPE)
    label = f"LABEL {_LABEL}={_debian_digest()}"
    _run(["docker", "import", "--change", label, "-", DEBIAN], environment, stdin=pack.stdout)
    if pack.wait() != 0:
        raise subprocess.CalledProcessError(pack.returncode, "tar")
    shutil.rmtree(folder)


def _mirror() -> str:
    """Return where this machine has its packages from."""
    command = ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(SITE)", "Created-By: Packages"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    for line in lines:
        codename, component, site = line.split(" ", 2)
        if (codename, component) == (_RELEASE, "main"):
            return site
    raise EngineError(f"the package sources of this machine have no Debian {_RELEASE}")


def _make(stand_in: StandIn, environment: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as context:
        shutil.copytree(stand_in.folder, context, dirs_exist_ok=True)
        for name, path in stand_in.beside.items():
            (shutil.copytree if path.is_dir() else shutil.copy)(path, Path(context) / name)
        label = f"{_LABEL}={_digest(stand_in)}"
        plain = {**environment, "DOCKER_BUILDKIT": "0"}  # the other one needs a plugin
        _run(["docker", "build", "--quiet", "--label", label, "--tag", stand_in.image, context], plain)


def _can_be_made(stand_in: StandIn) -> bool:
    return all(path.exists() for path in stand_in.beside.values())


def _digest(stand_in: StandIn) -> str:
    digest = hashlib.sha256(_debian_digest().encode())
    for path in stand_in.sources():
        if path.is_file():
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
            if path.is_relative_to(_HERE):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _debian_digest() -> str:
    return hashlib.sha256(" ".join((_RELEASE, *_PACKAGES)).encode()).hexdigest()


def _label(image: str, environment: Mapping[str, str]) -> str:
    command = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{_LABEL}"}}}}', image]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
    return done.stdout.strip()


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None, **options: object) -> None:
    done = subprocess.run(  # type: ignore[call-overload]
        command,
        env=None if environment is None else dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if done.returncode != 0:
        print(done.stdout[-3000:], file=sys.stderr)
        done.check_returncode()


if __name__ == "__main__":
    try:
        with docker_environment() as found:
            make_all(found)
    except (EngineError, subprocess.CalledProcessError) as error:
        sys.exit(f"services: tests with containers will be skipped: {error}")
