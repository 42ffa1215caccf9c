"""Rules come out of an archive as bytes; whatever could do harm is refused or left out."""

import gzip
import io
import random
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.rules.archives import Make, tar_info, tar_of, tar_with, zip_of, zip_with_link
from tocsin.errors import ConfigError
from tocsin.rules.archive import ArchiveLimits, read_pack

GOOD = {"rules/a.yml": b"a", "rules/windows/b.yaml": b"b", "LICENSE": b"l", "rules/README.md": b"r"}
BOTH = pytest.mark.parametrize("make", [zip_of, tar_of])


def names(archive: Path, **limits: int) -> list[str]:
    return [str(path) for path in read_pack(archive, ArchiveLimits(**limits)).files]


@BOTH
def test_rules_licence_and_readme_files_are_kept_and_nothing_else(tmp_path: Path, make: Make) -> None:
    others = {"setup.py": b"", "rules/run.sh": b"", ".github/workflows/test.yml": b"", "rules/x.yml.exe": b""}
    pack = read_pack(make(tmp_path, GOOD | others))
    assert pack.files == {PurePosixPath(name): content for name, content in GOOD.items()}
    assert pack.left_out == {"other files": 4}


@BOTH
def test_one_folder_around_everything_is_dropped_unless_it_is_one_of_rules(tmp_path: Path, make: Make) -> None:
    inside = {f"sigma-8eaafff1/{name}": content for name, content in GOOD.items()}
    assert names(make(tmp_path, inside)) == list(GOOD)
    assert names(make(tmp_path, {"rules/windows/b.yml": b"b"})) == ["rules/windows/b.yml"]


@BOTH
@pytest.mark.parametrize(
    "name",
    [
        "../x.yml", "rules/../../x.yml", "/etc/x.yml", "rules/..", "..", "a\\..\\x.yml", "a/\x1b[31m.yml", "a\n.yml",
        "n" * 256 + ".yml", "/".join(["folder"] * 200) + "/x.yml",
    ],
)  # fmt: skip
def test_a_name_that_leads_out_or_can_be_no_file_name_refuses_the_whole_archive(
    tmp_path: Path, make: Make, name: str
) -> None:
    with pytest.raises(ConfigError, match="all of it is refused") as refused:
        read_pack(make(tmp_path, {"rules/a.yml": b"a", name: b"x"}))
    assert "\x1b" not in str(refused.value) and "\n" not in str(refused.value)


def test_a_name_that_is_not_utf_8_refuses_the_whole_archive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="all of it is refused"):
        read_pack(tar_of(tmp_path, {"rules/\udcff.yml": b"x"}))


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        (tarfile.SYMTYPE, "links"), (tarfile.LNKTYPE, "links"), (tarfile.FIFOTYPE, "devices"),
        (tarfile.CHRTYPE, "devices"), (tarfile.BLKTYPE, "devices"),
    ],
)  # fmt: skip
def test_links_and_devices_of_a_tar_are_left_out_and_what_lies_behind_a_link_is_an_ordinary_file(
    tmp_path: Path, kind: bytes, counted: str
) -> None:
    link = (tar_info("rules/evil", kind, "/etc"), b"")
    named_as_rule = (tar_info("rules/link.yml", kind, "/etc/passwd"), b"")
    pack = read_pack(tar_with(tmp_path, link, named_as_rule, (tar_info("rules/evil/a.yml"), b"a")))
    assert pack.files == {PurePosixPath("rules/evil/a.yml"): b"a"}
    assert pack.left_out == {counted: 2}


def test_a_link_in_a_zip_is_left_out(tmp_path: Path) -> None:
    assert read_pack(zip_with_link(tmp_path, "rules/link.yml", "/etc/passwd")).left_out == {"links": 1}


@BOTH
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"file_bytes": 9}, "`rules/a.yml` in the archive is larger than 9 bytes"),
        ({"kept_bytes": 19}, "more than 20,000 files or 19 bytes"),
        ({"files": 1}, "more than 1 files"),
        ({"members": 2}, "more than 2 members"),
    ],
)
def test_an_archive_beyond_a_limit_is_refused(tmp_path: Path, make: Make, limits: dict[str, int], reason: str) -> None:
    archive = make(tmp_path, {"rules/a.yml": b"a" * 10, "rules/b.yml": b"b" * 10, "c.txt": b""})
    assert names(archive) == ["rules/a.yml", "rules/b.yml"]
    with pytest.raises(ConfigError) as refused:
        names(archive, **limits)
    assert reason in str(refused.value)


@BOTH
def test_a_huge_file_in_a_small_archive_is_refused_where_it_is_a_rule_and_never_unpacked_where_not(
    tmp_path: Path, make: Make
) -> None:
    huge = b"\0" * (8 << 20)
    assert names(make(tmp_path, {"a.yml": b"a", "huge.bin": huge})) == ["a.yml"]
    with pytest.raises(ConfigError, match="larger than 1,048,576 bytes"):
        read_pack(make(tmp_path, {"huge.yml": huge}))


def test_a_tar_that_unpacks_to_more_than_allowed_is_refused_even_where_nothing_is_kept(tmp_path: Path) -> None:
    archive = tar_of(tmp_path, {"a.yml": b"a", "huge.bin": b"\0" * (8 << 20)})
    with pytest.raises(ConfigError, match="unpacks to more than 4,194,304 bytes"):
        names(archive, unpacked_bytes=4 << 20)


def test_a_tar_header_that_claims_gigabytes_is_refused_before_they_are_read(tmp_path: Path) -> None:
    header = tar_info("x", tarfile.XHDTYPE)
    header.size = 3 << 30
    archive = tmp_path / "pack.tar.gz"
    archive.write_bytes(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 10_240))
    with pytest.raises(ConfigError, match="header or file that is too large"):
        read_pack(archive)


def test_a_zip_whose_list_of_contents_is_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    archive = zip_of(tmp_path, {f"{number}.txt": b"" for number in range(100)})
    with pytest.raises(ConfigError, match="lists more members"):
        names(archive, directory_bytes=1000)


@BOTH
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_or_is_a_file_and_a_folder_is_refused(tmp_path: Path, make: Make) -> None:
    for pair in (["a.yml", "./a.yml"], ["a.yml", "a.yml/b.yml"], ["a.yml/b.yml", "a.yml"]):
        with pytest.raises(ConfigError, match="stands twice"):
            read_pack(make(tmp_path, dict.fromkeys(pair, b"x")))


def test_a_zip_that_needs_another_method_or_a_password_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pack.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.yml", b"a")
    with pytest.raises(ConfigError, match="unusual method"):
        read_pack(file)
    content = bytearray(zip_of(tmp_path, {"a.yml": b"a"}).read_bytes())
    for at in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[at] |= 1
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"damaged .*password"):
        read_pack(file)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK", b"\x00" * 1000])
def test_what_is_no_archive_is_refused_with_what_to_give_instead(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(ConfigError, match="no zip or tar"):
        read_pack(tmp_path / "x.zip")


@BOTH
def test_an_archive_cut_short_anywhere_is_refused(tmp_path: Path, make: Make) -> None:
    archive = make(tmp_path, {name: random.Random(name).randbytes(300) for name in ("a.yml", "b.yml", "c.yml")})
    whole = archive.read_bytes()
    for length in range(0, len(whole), 7):
        archive.write_bytes(whole[:length])
        with pytest.raises(ConfigError):
            read_pack(archive)


@BOTH
def test_an_archive_with_a_flipped_bit_gives_the_same_files_or_none(tmp_path: Path, make: Make) -> None:
    archive = make(tmp_path, {name: random.Random(name).randbytes(300) for name in ("a.yml", "b.yml", "c.yml")})
    whole, expected = archive.read_bytes(), read_pack(archive)
    rng, refused = random.Random(7), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        archive.write_bytes(damaged)
        try:
            assert set(read_pack(archive).files.values()) <= set(expected.files.values())
        except ConfigError:
            refused += 1
    assert refused > 100


def test_a_tar_with_a_header_that_cannot_be_read_is_refused_and_not_taken_up_to_there(tmp_path: Path) -> None:
    raw = io.BytesIO(gzip.decompress(tar_of(tmp_path, {"a.yml": b"a", "b.yml": b"b"}).read_bytes()))
    raw.seek(1024)
    raw.write(b"garbage")
    archive = tmp_path / "pack.tar.gz"
    archive.write_bytes(gzip.compress(raw.getvalue()))
    with pytest.raises(ConfigError, match="damaged"):
        read_pack(archive)
