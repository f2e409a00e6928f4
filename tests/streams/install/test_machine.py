"""`hydrometer init` leaves a machine whose services start with their own secrets and may do little else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.core.settings import NEEDS, Role, Settings, variable_of
from streams.install.machine import SECRETS, UNIT_FILES

ANSWERS = ["--kafka", "broker:9092", "--partitions", "12", "--replication", "3", "--clickhouse", "store", "--inputs", "--topic"]
ROLES: dict[str, Role] = {"collect": "intake", "worker": "worker", "backup": "backup"}
BESIDE: dict[str, set[str]] = {"collect": {"clickhouse_password"}, "worker": {"signing_key"}, "backup": {"signing_key"}}
"""Secrets that a service is handed beside those of its role: to report its health, and to sign or name the key that signs."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    result = CliRunner().invoke(cli, ["init", "--root", str(folder), *ANSWERS], catch_exceptions=False)
    assert "systemctl enable --now" in result.output
    return folder


def unit(root: Path, name: str) -> str:
    return (root / f"etc/systemd/system/hydrometer-{name}.service").read_text()


def environment_of(root: Path, name: str) -> dict[str, str]:
    """Return the variables of a service, its credentials where systemd would put them."""
    pairs = dict(re.findall(r"^Environment=(\w+)=(.*)$", unit(root, name), re.MULTILINE))
    credentials = dict(re.findall(r"^LoadCredential=(\w+):(.*)$", unit(root, name), re.MULTILINE))
    paths = {variable: value.replace("%d/", "") for variable, value in pairs.items() if value.startswith("%d/")}
    return pairs | {variable: f"{root}{credentials[name]}" for variable, name in paths.items()}


@pytest.mark.parametrize("name", ROLES)
def test_a_service_starts_with_the_settings_that_were_answered(root: Path, name: str) -> None:
    environment = environment_of(root, name) | {"HYDROMETER_CONFIG": str(root / "etc/hydrometer/hydrometer.toml")}
    settings = Settings.load(environment, role=ROLES[name])
    assert (settings.kafka, settings.partitions, settings.replication, settings.clickhouse_host) == ("broker:9092", 12, 3, "store")


@pytest.mark.parametrize("name", ROLES)
def test_a_service_is_handed_no_secret_but_its_own(root: Path, name: str) -> None:
    handed = set(re.findall(r"^LoadCredential=(\w+):", unit(root, name), re.MULTILINE))
    assert handed == set(NEEDS[ROLES[name]]) | BESIDE[name]
    assert {variable_of(secret) + "_FILE" for secret in handed} <= environment_of(root, name).keys()


def test_secrets_are_for_their_owner_alone_and_no_two_are_the_same(root: Path) -> None:
    folder = root / "etc/hydrometer/secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert len({path.read_text() for path in folder.iterdir()}) == len(SECRETS) == len(list(folder.iterdir()))


def test_a_second_run_keeps_every_secret_and_writes_the_new_answers(tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(cli, ["init", "--root", str(tmp_path), *ANSWERS], catch_exceptions=False)
    before = {path: path.read_text() for path in (tmp_path / "etc/hydrometer/secrets").iterdir()}
    result = runner.invoke(cli, ["init", "--root", str(tmp_path)], input="\n\n\n\n--topic\n", catch_exceptions=False)
    assert result.output.count("kept") == len(SECRETS)
    assert {path: path.read_text() for path in before} == before
    assert "partitions = 4" in (tmp_path / "etc/hydrometer/hydrometer.toml").read_text()
    assert "collect --topic" in unit(tmp_path, "collect")


def test_a_root_that_cannot_be_written_is_one_line() -> None:
    result = CliRunner().invoke(cli, ["init", "--root", "/dev/null/image", *ANSWERS])
    assert "run this as root, or name another --root" in str(result.exception)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("name", ROLES)
def test_systemd_finds_a_service_hardened(root: Path, name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager", f"hydrometer-{name}.service"]
    text = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    (exposure,) = re.findall(r"exposure level for \S+: ([\d.]+)", text)
    assert float(exposure) < 3.0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("name", [name for name in UNIT_FILES if "/" not in name])
def test_systemd_reads_every_line_of_a_unit(root: Path, name: str) -> None:
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", str(root / "etc/systemd/system" / name)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "hydrometer" in line] == []


def test_a_backup_stops_every_process_first_and_starts_them_however_it_ends(root: Path) -> None:
    text = unit(root, "backup")
    (conflicts,) = re.findall(r"^Conflicts=(.*)$", text, re.MULTILINE)
    (after,) = re.findall(r"^After=(.*)$", text, re.MULTILINE)
    services = {path.name for path in (root / "etc/systemd/system").glob("hydrometer-*.service")} - {"hydrometer-backup.service"}
    assert {"hydrometer.target", *services} == set(conflicts.split()) == set(after.split()) - {"network-online.target"}
    assert re.findall(r"^(OnSuccess|OnFailure)=hydrometer.target$", text, re.MULTILINE) == ["OnSuccess", "OnFailure"]


def test_each_backup_goes_into_a_folder_of_its_own(root: Path, tmp_path: Path) -> None:
    (line,) = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", unit(root, "backup"), re.MULTILINE)
    script = re.sub(r"exec \S+ backup", "echo", line.replace("%S/", f"{tmp_path}/").replace("%%", "%").replace("$$", "$"))
    folder = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True).stdout.strip()
    assert re.fullmatch(rf"{tmp_path}/hydrometer/backups/\d{{4}}-\d\d-\d\dT\d{{6}}Z", folder)
