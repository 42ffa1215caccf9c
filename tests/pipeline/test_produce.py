"""Produce says what it did, and what of it there will be to look at."""

from pathlib import Path

from tests.command import tocsin


def test_produce_writes_the_labels_of_its_attacks_and_names_those_that_had_not_begun(tmp_path: Path) -> None:
    done = tocsin("produce", "--count", 9000, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    labels = (tmp_path / "tocsin-data" / "labels.jsonl").read_text()
    assert '"scenario":"phish-to-credentials"' in labels
    assert '"scenario":"psexec-to-ransomware"' not in labels
    records, notice, place = done.stdout.splitlines()
    assert records == "produce: 9,000 records put on the bus."
    assert notice.startswith("produce: attacks that had not begun by the last event: ")
    assert "psexec-to-ransomware" in notice
    assert "phish-to-credentials" not in notice
    assert place == "produce: labels of the attacks: tocsin-data/labels.jsonl"


def test_produce_without_attacks_writes_no_labels(tmp_path: Path) -> None:
    done = tocsin("produce", "--attacks", "none", "--count", 10, cwd=tmp_path)
    assert done.stdout == "produce: 10 records put on the bus.\n"
    assert not (tmp_path / "tocsin-data" / "labels.jsonl").exists()
