from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli.new_format import new_format
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT
from streams.testing.checkouts import copied, python

SAMPLES = "tests/streams/intake/formats/samples"


def made(folder: Path) -> Path:
    """Copy the code, with the samples of the other formats and their contract."""
    return copied(folder, "streams", "models", SAMPLES, "tests/contracts")


def test_a_new_format_is_found_with_its_sample_and_the_contract_fails_until_its_event_is_written(checkout: Path) -> None:
    paths = new_format("our_gateway", checkout)
    assert [path.relative_to(checkout).as_posix() for path in paths] == [
        "streams/intake/formats/our_gateway.py",
        f"{SAMPLES}/our_gateway.jsonl",
        f"{SAMPLES}/our_gateway.expected.jsonl",
    ]
    linted = python(checkout, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(paths[0]))
    assert linted.returncode == 0, linted.stdout
    contract = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "tests/contracts/test_formats.py")
    tested = python(checkout, *contract, "-k", "our_gateway").stdout
    assert "failed" in tested
    assert "say here" in tested


@pytest.mark.parametrize("name", ["Ours", "our gateway", "2nd", "our-gateway", "class", "../ours", ""])
def test_a_name_that_is_not_plain_words_is_refused(untouched: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a format"):
        new_format(name, untouched)


def test_a_name_that_exists_is_refused(untouched: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_format("kong", untouched)


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_format("our_gateway", tmp_path)
