"""Settings: who counts over whom, and everything that is wrong at once."""

from pathlib import Path

import pytest

from tocsin.config import SETTINGS, load_config
from tocsin.errors import ConfigError


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_flag_counts_over_the_environment_over_the_file_over_the_default() -> None:
    Path("tocsin.toml").write_text("[classify]\nalert_level = 'low'\nworkers = 2\n[produce]\nhosts = 7\n")
    environment = {"TOCSIN_CLASSIFY_ALERT_LEVEL": "high", "TOCSIN_CLASSIFY_WORKERS": "3"}
    config = load_config({"classify.alert_level": "critical"}, environment)
    said = {key: (value.value, value.source) for key, value in config.values_by_key.items()}
    assert said["classify.alert_level"] == ("critical", "command line")
    assert said["classify.workers"] == (3, "environment variable TOCSIN_CLASSIFY_WORKERS")
    assert said["produce.hosts"] == (7, "tocsin.toml")
    assert said["store.workers"] == (1, "default")


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    Path("tocsin.toml").write_text("[classify]\nalert_levle = 'low'\nworkers = 0\n")
    environment = {"TOCSIN_PRODUCE_HOST": "3", "TOCSIN_STORE_RETENTION_DAYS": "nan"}
    with pytest.raises(ConfigError) as caught:
        load_config({"produce.burst": "fast"}, environment)
    assert list(caught.value.problems) == [
        "tocsin.toml: unknown key `classify.alert_levle`; did you mean `classify.alert_level`?",
        "environment: unknown variable `TOCSIN_PRODUCE_HOST`; did you mean `TOCSIN_PRODUCE_HOSTS`?",
        "command line: produce.burst is `fast`; RATE:SECONDS is needed, such as 20000:30",
        "tocsin.toml: classify.workers is `0`; a whole number from 1 to 256 is needed",
        "environment variable TOCSIN_STORE_RETENTION_DAYS: store.retention_days is `nan`; a number above 0 is needed",
    ]


def test_a_file_that_is_no_toml_is_an_error_with_its_place() -> None:
    Path("tocsin.toml").write_text("data = \n")
    with pytest.raises(ConfigError, match=r"tocsin.toml: .*line 1"):
        load_config({}, {})


def test_lists_are_given_by_flags_by_the_file_or_with_the_path_separator() -> None:
    Path("tocsin.toml").write_text("[classify]\nrules = ['a', 'b']\n")
    assert load_config({}, {})["classify.rules"] == (Path("a"), Path("b"))
    assert load_config({}, {"TOCSIN_CLASSIFY_RULES": "c:d"})["classify.rules"] == (Path("c"), Path("d"))
    assert load_config({"classify.rules": ["e"]}, {})["classify.rules"] == (Path("e"),)


def test_a_path_with_the_separator_in_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="`:` separates paths"):
        load_config({"classify.rules": ["a:b"]}, {})


def test_a_child_process_gets_the_same_settings_through_its_environment() -> None:
    Path("tocsin.toml").write_text("[classify]\nrules = ['a', 'b']\n[produce]\nagain = true\n")
    parent = load_config({"produce.rate": "50", "data": "somewhere"}, {})
    Path("tocsin.toml").write_text("written = 'meanwhile'\n")
    child = load_config({}, parent.as_environment())
    assert dict(child) == dict(parent)


def test_the_file_is_the_one_given_else_the_one_in_the_environment_else_the_one_beside() -> None:
    for name, rate in (("tocsin.toml", 1), ("other.toml", 2), ("given.toml", 3)):
        Path(name).write_text(f"[produce]\nrate = {rate}\n")
    assert load_config({}, {})["produce.rate"] == 1
    assert load_config({}, {"TOCSIN_CONFIG": "other.toml"})["produce.rate"] == 2
    assert load_config({}, {"TOCSIN_CONFIG": "other.toml"}, file="given.toml")["produce.rate"] == 3
    with pytest.raises(ConfigError, match=r"--config: there is no file `none\.toml`"):
        load_config({}, {}, file="none.toml")


@pytest.mark.parametrize("url", ["nonsense", "http://x", "file:"])
def test_a_bus_of_an_unknown_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="file:DIR or kafka://HOST:PORT is needed"):
        load_config({"bus": url}, {})


def test_the_bus_lies_in_the_data_directory_unless_it_is_named() -> None:
    assert load_config({"data": "d"}, {}).bus_folder == Path("d/bus")
    assert load_config({"bus": "file:/x/y"}, {}).bus_folder == Path("/x/y")


def test_the_page_of_settings_names_each_with_its_default_and_meaning() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md").read_text()
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else "–"
        assert f"| `{setting.key}` | `{setting.variable}` | {default} | {setting.help}" in page


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "often"])
def test_seconds_between_looks_at_the_rules_are_a_number_or_0_for_never(text: str) -> None:
    assert load_config({"classify.reload_seconds": "0"}, {})["classify.reload_seconds"] == 0
    with pytest.raises(ConfigError, match="a number of at least 0 is needed"):
        load_config({"classify.reload_seconds": text}, {})
