from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.cli.main import cli, main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_help_answers_at_once_because_it_imports_nothing_heavy() -> None:
    script = (
        "import sys, streams.cli.main; print(*{'numpy', 'pyarrow', 'pydantic', 'kafka', 'faust', 'river', 'aiohttp'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "\n"


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_teaches_with_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert f"hydrometer {name}" in result.output.split("Example:", 1)[1]


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_option_says_what_it_does(name: str) -> None:
    options = [each for each in cli.commands[name].params if isinstance(each, click.Option)]
    assert all(option.help for option in options)


def test_a_command_that_does_not_exist_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tpics") == 2
    assert capsys.readouterr().err == "error: No such command 'tpics': see `hydrometer --help`\n"


def test_an_option_that_does_not_exist_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--setings") == 2
    assert capsys.readouterr().err.startswith("error: No such option: --setings")


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "Commands:" in capsys.readouterr().out


def test_a_missing_secret_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYDROMETER_MODE", raising=False)
    assert run("migrate") == 2
    assert capsys.readouterr().err.startswith("error: HYDROMETER_CLICKHOUSE_PASSWORD is not set")


@pytest.mark.parametrize(("keep", "kept"), [("", False), ("0", False), ("1", True)])
def test_the_demonstration_stays_only_where_it_is_told_to(keep: str, *, kept: bool) -> None:
    command = ["make", "--dry-run", "--old-file=.venv/.ready", "demo", f"KEEP={keep}"]
    said = subprocess.run(command, cwd=Path(__file__).parents[3], check=True, capture_output=True, text=True).stdout
    assert ("demo --keep" in said) == kept


def test_doctor_lists_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--settings") == 0
    assert "| `HYDROMETER_SEAL_KEY` | required by worker, backup |" in capsys.readouterr().out


def test_doctor_says_what_to_do_about_each_failure(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.schema.topics._BOOTSTRAP_TIMEOUT_MS", 300)
    for name, value in {"MODE": "local", "KAFKA": "127.0.0.1:1", "CLICKHOUSE_PORT": "1"}.items():
        monkeypatch.setenv(f"HYDROMETER_{name}", value)
    assert run("doctor") == 2
    said = capsys.readouterr()
    assert "FAIL  topics       Kafka at 127.0.0.1:1 does not answer" in said.out
    assert "FAIL  clickhouse   " in said.out
    assert said.err == "error: 2 of the checks above failed: each names its fix\n"


@pytest.mark.parametrize("variable", ["HYDROMETER_POLICY", "HYDROMETER_PERMITTED_PARTIES"])
def test_doctor_reads_the_policy(variable: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.schema.topics._BOOTSTRAP_TIMEOUT_MS", 300)
    for name, value in {"MODE": "local", "KAFKA": "127.0.0.1:1", "CLICKHOUSE_PORT": "1"}.items():
        monkeypatch.setenv(f"HYDROMETER_{name}", value)
    monkeypatch.setenv(variable, "/nowhere.toml")
    assert run("doctor") == 2
    assert "FAIL  policy       /nowhere.toml: No such file or directory: create it, or correct HYDROMETER_POLICY" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("collect", "--http", "127.0.0.1:99999"), "error: --http 127.0.0.1:99999 is not HOST:PORT"),
        (("case", "show", "case-1", "--json", "--html", "a.html"), "error: Name --json or --html, not both"),
        (("watch", "--every", "0"), "error: Invalid value for '--every'"),
        (("alerts", "run", "--alertmanager", "foo"), "error: --alertmanager foo is not a URL, as in http://127.0.0.1:9093"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYDROMETER_MODE", "local")
    assert run(*words) == 2
    assert capsys.readouterr().err.startswith(said)


def test_a_directory_that_cannot_be_made_is_one_line_without_an_error_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    monkeypatch.setenv("HYDROMETER_CLICKHOUSE_PORT", str(_free_ports(1)[0]))
    (tmp_path / "file").touch()
    assert run("local", "--data", str(tmp_path / "file/below"), "--no-broker") == 2
    assert capsys.readouterr().err == f"error: cannot use {tmp_path}/file/below (Not a directory): choose another directory\n"


@pytest.mark.slow
def test_ctrl_c_stops_the_local_servers_and_frees_their_ports(tmp_path: Path) -> None:
    native, http, kafka = _free_ports(3)
    env = {**os.environ, "HYDROMETER_CLICKHOUSE_PORT": str(native), "HYDROMETER_KAFKA": f"127.0.0.1:{kafka}"}
    command = [sys.executable, "-u", "-m", "streams", "local", "--data", str(tmp_path), "--http-port", str(http)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(3)]
    assert said[-1] == "Ctrl-C stops everything\n"
    assert all(_answers(port) for port in (native, http, kafka))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not any(_answers(port) for port in (native, http, kafka))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as opened:
        probes = [opened.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
