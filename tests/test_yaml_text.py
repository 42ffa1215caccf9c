"""YAML that is nested too deep is refused before anybody recurses into it."""

import subprocess
import sys

import pytest
import yaml

from tocsin.yaml_text import load_yaml, refuse_too_deep


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "{a: " * 60_000, "- " * 100_000, "? " * 100_000])
def test_what_is_nested_too_deep_is_refused(text: str) -> None:
    command = "import sys, yaml; from tocsin.yaml_text import load_yaml\ntry: load_yaml(sys.stdin.read())\n"
    command += "except yaml.YAMLError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", command], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, "nested more than 100 deep" in done.stdout) == (0, True), done.stderr


def test_deep_maps_by_indentation_are_refused_too() -> None:
    text = "\n".join(" " * depth + "a:" for depth in range(1_500))
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)


def test_what_is_long_but_flat_is_read() -> None:
    assert load_yaml("- a\n" * 2_000) == ["a"] * 2_000
    refuse_too_deep("[" * 99 + "]" * 99 + "  # " + "-" * 2_000)
