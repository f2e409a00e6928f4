"""What an API customer calls itself moves no cursor, hides nothing and leaves no folder, whichever command prints it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams.clickhouse.client import connected
from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.actions import Action
from streams.schema.labels import Label, label_id
from streams.testing.builders import embedded_broker, migrated_clickhouse
from tests.streams.desk.conftest import case_of, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EVIL = "CORP\\al'i\"ce\x1b]0;pwned\x07\x1b[2J\u202e\u2066\u200b\x9b31m\r\ufeff\U000e0041\u2028-end"
HIDING = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Controls, formats and directions, halves of characters, private ones, and what breaks lines."""
CASE = "case-0123456789ab"
SHOWN = {
    "account show": ("account", "show", EVIL),
    "account show, JSON": ("account", "show", EVIL, "--json"),
    "alerts show": ("alerts", "show"),
    "case list": ("case", "list"),
    "case list, JSON": ("case", "list", "--json"),
    "case show": ("case", "show", CASE),
    "case verify": ("case", "verify", CASE),
    "collect": ("collect", "{log}"),
    "dead letters, after collect": ("dead-letters", "show"),
    "dead letters by reason": ("dead-letters", "list"),
    "enforcement status": ("enforcement", "status", "--to", "csv={folder}/orders.csv"),
    "watch": ("watch", "--once"),
    "an account that is not there": ("account", "show", f"{EVIL}?"),
    "a case that is a path": ("case", "show", f"../{EVIL}"),
    "a file that is not there": ("collect", f"{{folder}}/{EVIL}"),
    "an option that is none": (f"--{EVIL}",),
}


@dataclass(frozen=True)
class Shell:
    """A shell with the settings of a deployment."""

    variables: Mapping[str, str]
    folder: Path

    def run(self, *words: str) -> str:
        """Return what a command prints on both of its ways out."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("HYDROMETER_")} | dict(self.variables)
        filled = [word.replace("{log}", str(self.folder / "log.jsonl")).replace("{folder}", str(self.folder)) for word in words]
        done = subprocess.run([sys.executable, "-m", "streams", *filled], env=env, capture_output=True, timeout=120, check=False)
        return (done.stdout + done.stderr).decode()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder: Path = tmp_path_factory.mktemp("shell")
    line = {"timestamp": time.time(), "event.id": EVIL, "account.id": EVIL, "user_agent.original": EVIL}
    lines = [json.dumps(line), json.dumps({**line, "timestamp": EVIL}), json.dumps({EVIL: EVIL}), EVIL]
    (folder / "log.jsonl").write_text("\n".join(lines))
    with embedded_broker() as kafka, migrated_clickhouse(folder) as settings:
        topics.ensure(Settings(mode="local", kafka=kafka, partitions=1))
        with connected(settings) as clickhouse:
            case = case_of(CASE.removeprefix("case-"), EVIL, "bob", title=f"Three accounts {EVIL}")
            put(clickhouse, case)
            put(clickhouse, Label(label_id("account", EVIL, EVIL), time.time(), "account", EVIL, "distilling", EVIL, EVIL))
            put(clickhouse, Action("0" * 32, time.time(), CASE, "comment", EVIL, "analyst", note=EVIL, account_id=EVIL))
        given = {"MODE": "local", "KAFKA": kafka, "PARTITIONS": "1", "STATE_DIR": str(folder / "state")}
        given |= {"CLICKHOUSE_PORT": str(settings.clickhouse_port), "CLICKHOUSE_USER": settings.clickhouse_user}
        given["CLICKHOUSE_PASSWORD"] = settings.clickhouse_password.get_secret_value()
        yield Shell({f"HYDROMETER_{name}": value for name, value in given.items()}, folder)


@pytest.mark.parametrize("words", SHOWN.values(), ids=SHOWN)
def test_no_command_prints_a_character_that_moves_or_hides(shell: Shell, words: tuple[str, ...]) -> None:
    printed = shell.run(*words)
    assert printed, "nothing was printed, so nothing would be found"
    bad = {
        f"U+{ord(each):04X}"
        for each in printed
        if each not in "\n\t" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    }
    assert not bad, printed


def test_the_names_are_really_shown(shell: Shell) -> None:
    assert "al'i" in shell.run("case", "show", CASE)
    assert "al'i" in shell.run("account", "show", EVIL)


@pytest.mark.parametrize("name", ["../x", "case-/", "case-0123456789ab/../../x"])
def test_a_case_that_is_a_path_writes_nowhere(shell: Shell, name: str) -> None:
    before = sorted(path for path in shell.folder.rglob("*") if "clickhouse" not in path.parts)
    for words in (("export", "case", name), ("export", "stix", name)):
        shell.run(*words, "--out", "{folder}/out")
    assert sorted(path for path in shell.folder.rglob("*") if "clickhouse" not in path.parts) == before
