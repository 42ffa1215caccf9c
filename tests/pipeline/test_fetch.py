"""`tocsin rules fetch`, as a person meets it: the new rules are there, or the old ones still are."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.command import tocsin
from tests.rules.archives import tar_info, tar_with, zip_of
from tests.rules.writing import rule_text
from tests.windows_events import flat_lines

DRL = b"The rules are under the Detection Rule License (DRL) 1.1\n"
PACK = {
    "LICENSE": DRL,
    "rules/windows/any.yml": rule_text("EventID: 1", author="Ann", level="high").encode(),
    "rules/windows/bad.yml": rule_text("Image|containz: x").encode(),
    "deprecated/old.yml": rule_text("EventID: 2", title="Old").encode(),
    "tests/run.py": b"open('executed', 'w')",
}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return zip_of(tmp_path, PACK)


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_pack_is_unpacked_counted_pinned_and_said_how_to_use(tmp_path: Path, pack: Path) -> None:
    done = tocsin("rules", "fetch", "pack.zip", cwd=tmp_path, environment={"XDG_DATA_HOME": str(tmp_path / "data")})
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "data" / "tocsin" / "rules" / "pack"
    sha256 = hashlib.sha256(pack.read_bytes()).hexdigest()
    assert files_in(folder) == {"tocsin-rules.json", *PACK} - {"tests/run.py"}
    note = json.loads((folder / "tocsin-rules.json").read_text())
    assert note.pop("fetched").endswith("Z")
    assert note == {
        "v": 1,
        "source": str(pack),
        "sha256": sha256,
        "files": 4,
        "rules": 2,
        "left_out": 1,
        "license": "Detection Rule License 1.1",
        "license_file": "LICENSE",
    }
    assert done.stdout.splitlines() == [
        f"source   {pack}",
        f"sha256   {sha256}",
        f"folder   {folder}",
        "licence  Detection Rule License 1.1 (LICENSE)",
        "rules    2 can be used, 1 left out",
        "files    4 unpacked; not unpacked: 1 other files",
        "",
        "Use them:",
        f"  tocsin scan logs/ --rules {folder}/rules",
        "Accept only these bytes next time:",
        f"  --sha256 {sha256}",
    ]
    assert f"rule left out: {folder}/rules/windows/bad.yml:6: unknown modifier 'containz'" in done.stderr
    assert {path.name for path in folder.parent.iterdir()} == {"pack"}
    assert not any(path.stat().st_mode & 0o111 for path in folder.rglob("*") if path.is_file())


def test_lists_and_detections_name_the_author_and_the_licence_of_the_pack(tmp_path: Path, pack: Path) -> None:
    assert tocsin("rules", "fetch", "pack.zip", "--to", "sigma", cwd=tmp_path).returncode == 0
    listed = tocsin("rules", "list", "sigma/rules", "--json", cwd=tmp_path)
    (rule,) = json.loads(listed.stdout)
    assert (rule["author"], rule["license"]) == ("Ann", "Detection Rule License 1.1")
    assert " Ann  " in (text := tocsin("rules", "list", "sigma/rules", cwd=tmp_path).stdout)
    assert " Detection Rule License 1.1 " in text
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(40)))
    found = tocsin("scan", "events.jsonl", "--rules", "sigma/rules", "--format", "jsonl", cwd=tmp_path)
    said = {
        (rule["author"], rule["license"]) for rule in (json.loads(line)["rule"] for line in found.stdout.splitlines())
    }
    assert said == {("Ann", "Detection Rule License 1.1")}


def test_a_second_fetch_replaces_the_folder_as_a_whole(tmp_path: Path, pack: Path) -> None:
    sha256 = hashlib.sha256(pack.read_bytes()).hexdigest()
    assert tocsin("rules", "fetch", "pack.zip", "--to", "sigma", "--sha256", sha256, cwd=tmp_path).returncode == 0
    zip_of(tmp_path, {"rules/new.yml": rule_text("EventID: 3").encode()})
    done = tocsin("rules", "fetch", "pack.zip", "--to", "sigma", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert files_in(tmp_path / "sigma") == {"tocsin-rules.json", "rules/new.yml"}
    assert "licence  not known (no licence file in the archive)" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"pack.zip", "sigma"}


def _another(folder: Path) -> None:
    zip_of(folder, PACK | {"rules/new.yml": b"new"})


def _broken(folder: Path) -> None:
    file = folder / "pack.zip"
    file.write_bytes(file.read_bytes()[:-30])


def _leads_out(folder: Path) -> None:
    zip_of(folder, PACK | {"../x.yml": b"x"})


def _huge(folder: Path) -> None:
    zip_of(folder, PACK | {"rules/huge.yml": b" " * (2 << 20)})


def _no_rules(folder: Path) -> None:
    zip_of(folder, {"LICENSE": DRL, "rules/x.yml": b"no rule"})


@pytest.mark.parametrize(
    ("change", "arguments", "reason"),
    [
        (_another, ("--sha256", "0" * 64), "it is not the one that was pinned; nothing was changed"),
        (_broken, (), "the archive is damaged"),
        (_leads_out, (), "`../x.yml`, which could lead out of the folder"),
        (_huge, (), "larger than 1,048,576 bytes"),
        (_no_rules, (), "there is no Sigma rule in the archive that can be used"),
    ],
)
def test_whatever_is_wrong_with_an_archive_the_old_rules_stay(
    tmp_path: Path, pack: Path, change: object, arguments: tuple[str, ...], reason: str
) -> None:
    assert tocsin("rules", "fetch", "pack.zip", "--to", "sigma", cwd=tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "sigma").rglob("*") if path.is_file()}
    assert callable(change)
    change(tmp_path)
    done = tocsin("rules", "fetch", "pack.zip", "--to", "sigma", *arguments, cwd=tmp_path)
    assert (done.returncode, reason in done.stderr, done.stdout) == (2, True, ""), done.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "sigma").rglob("*") if path.is_file()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"pack.zip", "sigma"}


def test_a_link_is_not_unpacked_and_nothing_is_written_through_it(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    tar_with(
        tmp_path,
        (tar_info("rules/out", b"2", str(tmp_path / "target")), b""),
        (tar_info("rules/out/x.yml"), rule_text("EventID: 1").encode()),
    )
    done = tocsin("rules", "fetch", "pack.tar.gz", "--to", "sigma", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not unpacked: 1 links" in done.stdout
    assert (list((tmp_path / "target").iterdir()), files_in(tmp_path / "sigma")) == (
        [],
        {"tocsin-rules.json", "rules/out/x.yml"},
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("http://example.org/x.zip",), "only https:// is fetched"),
        (("file:///etc/passwd",), "only https:// is fetched"),
        (("https://ann:secret@example.org/x.zip",), "user name or password"),
        (("missing.zip",), "there is no file `"),
        (("https://example.org/",), "gives no name for a folder; say by --to"),
        (("pack.zip", "--to", "mine"), "was not made by `tocsin rules fetch`"),
        (("pack.zip", "--to", "pack.zip"), "is there and no folder"),
        (("pack.zip", "--sha256", "abc"), "invalid sha256 value: 'abc'"),
    ],
)
def test_what_cannot_be_fetched_or_may_not_be_replaced_is_refused_before_anything_is_done(
    tmp_path: Path, pack: Path, arguments: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.yml").write_text("own")
    data = {"XDG_DATA_HOME": str(tmp_path / "data")}
    done = tocsin("rules", "fetch", *arguments, cwd=tmp_path, environment=data)
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
    assert files_in(tmp_path) == {"pack.zip", "mine/own.yml"}


def test_the_real_rules_of_sigmahq_are_fetched_with_their_licence(tmp_path: Path, shared_data: Path) -> None:
    archive = shared_data / "sigma" / "sigma-rules-8eaafff1.tar.gz"
    done = tocsin("rules", "fetch", archive, "--to", "sigma", cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    note = json.loads((tmp_path / "sigma" / "tocsin-rules.json").read_text())
    assert (note["files"], note["rules"], note["left_out"]) == (4071, 3950, 94)
    assert (note["license"], note["license_file"]) == ("Detection Rule License 1.1", "LICENSE")
    assert "rules-emerging-threats" in done.stdout and "--rules" in done.stdout
    assert f"{tmp_path}/sigma/deprecated " not in done.stdout
    assert len(done.stderr.splitlines()) == 6
