"""The id of a data directory: what its processes are known by on a shared bus."""

from pathlib import Path
from uuid import uuid4

from tocsin.durable import sync, sync_names


def installation_of(folder: Path) -> str:
    """Return the id kept in this folder, made at the first use, by whichever process comes first."""
    path = folder / "installation"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"installation.{uuid4().hex}"
        partial.write_text(uuid4().hex[:16])
        sync(partial)
        try:
            path.hardlink_to(partial)  # never replaces the one that another process has made meanwhile
        except FileExistsError:
            pass
        finally:
            partial.unlink()
        sync_names(folder)
    return path.read_text().strip()
