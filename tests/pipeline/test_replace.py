"""A folder is replaced as a whole, or stays as it was."""

from pathlib import Path

import pytest

from tocsin.pipeline import replace
from tocsin.pipeline.replace import replace_folder


@pytest.fixture(params=["in one step", "by two renames"])
def folders(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A new folder and the one it shall replace; on a file system that can exchange names and on one that cannot."""
    if request.param == "by two renames":
        monkeypatch.setattr(replace, "_EXCHANGE", 1 << 20)  # a flag that no kernel knows: EINVAL
    new, old = tmp_path / "work" / "new", tmp_path / "rules"
    for folder in (new, old):
        folder.mkdir(parents=True)
        (folder / "which").write_text(folder.name)
    return new, old


def test_the_new_folder_has_the_name_and_the_old_one_lies_where_the_new_one_was(folders: tuple[Path, Path]) -> None:
    new, old = folders
    replace_folder(new, old)
    assert (old / "which").read_text() == "new"
    assert [path.read_text() for path in new.parent.rglob("which")] == ["rules"]


def test_without_an_old_folder_the_new_one_gets_the_name(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    replace_folder(tmp_path / "new", tmp_path / "rules")
    assert [path.name for path in tmp_path.iterdir()] == ["rules"]


def test_where_it_cannot_be_done_the_old_folder_is_as_it_was(folders: tuple[Path, Path]) -> None:
    new, old = folders
    with pytest.raises(OSError, match="No such file"):
        replace_folder(new.with_name("missing"), old)
    assert (old / "which").read_text() == "rules"
