"""The container set-up, read as data: nothing here needs Docker."""

from __future__ import annotations

import ipaddress
import re
import ssl
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from streams.cli.main import cli
from streams.core.settings import NEEDS, SECRETS, VARIABLE_PREFIX, MissingSecret, Role, Settings, is_secret
from streams.devserver.kafka import version
from streams.testing.builders import driver, local_clickhouse
from streams.testing.certificates import Authority
from streams.testing.http_answers import serving

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image", "").startswith("hydrometer:")}
ROLES: dict[str, Role] = {
    "topics": "kafka", "migrate": "clickhouse", "collect": "intake", "worker-1": "worker", "worker-2": "worker", "boards": "kafka",
}  # fmt: skip


def test_every_part_of_the_flow_is_there() -> None:
    assert set(SERVICES) == {"kafka", "clickhouse", "grafana", *ROLES}
    assert set(OURS) == set(ROLES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+(\.\d+)?(@sha256:[0-9a-f]{64})?", SERVICES[name]["image"])


@pytest.mark.parametrize("name", ["kafka", "clickhouse", "grafana", "collect"])
def test_what_others_wait_for_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    words = [word for word in SERVICES[name]["command"] if re.fullmatch(r"[a-z]+", word)]
    result = CliRunner().invoke(cli, [*words, "--help"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", OURS)
def test_every_option_exists(name: str) -> None:
    words = [word for word in SERVICES[name]["command"] if re.fullmatch(r"[a-z]+", word)]
    shown = CliRunner().invoke(cli, [*words, "--help"]).output
    options = [word for word in SERVICES[name]["command"] if word.startswith("--")]
    assert all(re.search(rf"^ +{option}\b", shown, re.MULTILINE) for option in options)


def test_grafana_gets_boards_and_rules_from_one_source() -> None:
    """Rules from files refuse what `hydrometer boards publish` writes (409), and make a second folder of the same title."""
    assert {path.name for path in (DEPLOY / "grafana/provisioning").iterdir()} == {"datasources"}
    assert SERVICES["boards"]["command"] == ["boards", "publish"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_of_the_settings(name: str) -> None:
    for variable in SERVICES[name]["environment"]:
        field = variable.removeprefix(VARIABLE_PREFIX).lower()
        secret = field.removesuffix("_file")
        assert field in Settings.model_fields or (is_secret(secret) and secret in Settings.model_fields), variable


@pytest.mark.parametrize("name", OURS)
def test_a_process_holds_the_secrets_of_its_role_and_no_other(name: str) -> None:
    environment = SERVICES[name]["environment"]
    files = {variable.removeprefix(VARIABLE_PREFIX).removesuffix("_FILE").lower() for variable in environment if variable.endswith("_FILE")}
    also = {"collect": ["clickhouse_password"], "boards": ["grafana_token"]} | {
        worker: ["signing_key"] for worker in ("worker-1", "worker-2")
    }
    assert files == {*NEEDS[ROLES[name]], *also.get(name, [])}
    named = {path.removeprefix("/run/secrets/") for variable, path in environment.items() if variable.endswith("_FILE")}
    assert named == set(SERVICES[name].get("secrets", []))


@pytest.mark.parametrize("name", OURS)
def test_with_its_secret_files_in_place_its_settings_load(name: str, tmp_path: Path) -> None:
    environment = dict(SERVICES[name]["environment"])
    for variable in [each for each in environment if each.endswith("_FILE")]:
        path = tmp_path / variable
        path.write_text("0123456789abcdef0123456789abcdef\n")
        environment[variable] = str(path)
    assert Settings.load(environment, role=ROLES[name]).replication == 1


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|KEY|TOKEN|SECRET", variable):
            assert value.startswith("/run/secrets/"), variable


def test_every_secret_is_a_file_that_the_script_makes() -> None:
    names = set(COMPOSE["secrets"])
    script = (DEPLOY / "secrets.sh").read_text()
    made = set(re.search(r"for name in ([\w ]+);", script)[1].split())  # type: ignore[index]
    of_servers = {f"clickhouse_{user}_password" for user in ("migrator", "writer", "reader", "reporter")}
    assert made == names == {*SECRETS, *of_servers, "signing_key", "grafana_admin_password"}
    assert all(each == {"file": f"secrets/{name}"} for name, each in COMPOSE["secrets"].items())


def test_the_script_makes_secrets_once(tmp_path: Path) -> None:
    script = tmp_path / "secrets.sh"
    script.write_text((DEPLOY / "secrets.sh").read_text())
    first = subprocess.run(["bash", script], check=True, capture_output=True, text=True).stdout
    key = (tmp_path / "secrets" / "seal_key").read_text()
    second = subprocess.run(["bash", script], check=True, capture_output=True, text=True).stdout
    assert (len(first.splitlines()), second) == (11, "")
    assert (tmp_path / "secrets" / "seal_key").read_text() == key
    assert len(key.strip()) == 64
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_only_loopback_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", OURS)
def test_our_processes_may_change_nothing_but_their_state(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_both_workers_keep_state_of_their_own() -> None:
    assert SERVICES["worker-1"]["volumes"] != SERVICES["worker-2"]["volumes"]


def test_every_file_that_is_mounted_exists() -> None:
    mounts = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    named = [mount for mount in mounts if not mount.startswith(".")]
    assert set(named) == set(COMPOSE["volumes"])
    assert all((DEPLOY / mount).exists() for mount in mounts if mount.startswith("."))


def test_the_broker_is_the_one_that_the_integration_tests_run() -> None:
    assert SERVICES["kafka"]["image"].partition("@")[0] == f"apache/kafka:{version()}"


def test_the_data_source_reads_as_a_user_who_cannot_write() -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/clickhouse.yaml").read_text())["datasources"][0]
    users = ET.parse(DEPLOY / "grafana/clickhouse-reader.xml")
    assert users.findtext(f".//users/{source['jsonData']['username']}/profile") == "reader"
    assert users.findtext(".//profiles/reader/readonly") == "1"
    assert source["secureJsonData"]["password"].startswith("$__file{/run/secrets/")
    assert {"host", "port", "protocol", "defaultDatabase"} <= set(source["jsonData"])


def test_who_only_reports_health_may_add_to_one_table_and_read_none() -> None:
    user = SERVICES["collect"]["environment"]["HYDROMETER_CLICKHOUSE_USER"]
    users = ET.parse(DEPLOY / "clickhouse/reporter.xml")
    assert [grant.text for grant in users.findall(f".//users/{user}/grants/query")] == ["GRANT INSERT ON hydrometer.health"]
    assert SERVICES["collect"]["environment"]["HYDROMETER_CLICKHOUSE_PASSWORD_FILE"] == "/run/secrets/clickhouse_reporter_password"


USERS = {
    "migrator": "clickhouse/migrator.xml",
    "writer": "clickhouse/writer.xml",
    "reader": "grafana/clickhouse-reader.xml",
    "reporter": "clickhouse/reporter.xml",
}


def rights(user: str) -> list[str]:
    return [grant.text or "" for grant in ET.parse(DEPLOY / USERS[user]).findall(f".//users/{user}/grants/query")]


def test_each_process_is_the_clickhouse_user_of_its_role() -> None:
    used = {name: service["environment"].get("HYDROMETER_CLICKHOUSE_USER") for name, service in OURS.items()}
    assert {name: user for name, user in used.items() if user} == {
        "migrate": "migrator", "collect": "reporter", "worker-1": "writer", "worker-2": "writer",
    }  # fmt: skip


@pytest.mark.parametrize("user", USERS)
def test_a_clickhouse_user_has_a_password_and_is_let_in_from_private_networks_alone(user: str) -> None:
    entry = ET.parse(DEPLOY / USERS[user]).find(f".//users/{user}")
    assert entry is not None
    assert [password.get("from_env") for password in entry.findall("password")] == [f"CLICKHOUSE_{user.upper()}_PASSWORD"]
    networks = [ipaddress.ip_network(network.text or "") for network in entry.findall("networks/ip")]
    assert networks
    assert all(network.is_private for network in networks)
    assert f"CLICKHOUSE_{user.upper()}_PASSWORD" in SERVICES["clickhouse"]["entrypoint"][2]
    assert any(mount.startswith(f"./{USERS[user]}:") for mount in SERVICES["clickhouse"]["volumes"])


def test_only_the_migrator_changes_tables_and_nobody_grants_anything() -> None:
    words = {user: " ".join(rights(user)) for user in USERS}
    assert [user for user, text in words.items() if re.search(r"CREATE|ALTER|DROP", text)] == ["migrator"]
    assert [user for user, text in words.items() if "INSERT" in text] == ["migrator", "writer", "reporter"]
    assert not any(re.search(r"GRANT OPTION|ACCESS MANAGEMENT|\*\.\*| ALL ", text) for text in words.values())


def test_clickhouse_reads_every_right(tmp_path: Path) -> None:
    pytest.importorskip("chdb", reason="ClickHouse's parser comes with chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path) as server, driver(server) as client:
        for right in [right for user in USERS for right in rights(user)]:
            assert client.execute("SELECT formatQuery(%(right)s)", {"right": f"{right} TO somebody"})[0][0].startswith("GRANT")


@pytest.mark.parametrize("name", ["collect", "worker-1", "worker-2"])
def test_every_process_that_stays_tells_of_itself(name: str, tmp_path: Path) -> None:
    secrets = {variable: tmp_path / variable for variable in SERVICES[name]["environment"] if variable.endswith("_FILE")}
    for path in secrets.values():
        path.write_text("0123456789abcdef0123456789abcdef\n")
    settings = Settings.load({**SERVICES[name]["environment"], **{variable: str(path) for variable, path in secrets.items()}}, ROLES[name])
    assert not isinstance(settings.clickhouse_password, MissingSecret), "or it writes no rows of health"
    assert settings.metrics_host == "0.0.0.0"  # noqa: S104 - the container's own network
    assert any(port.endswith(f":{settings.metrics_port}") for port in SERVICES[name]["ports"])


def test_no_port_is_published_twice() -> None:
    published = [port.rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(published)) == len(published)


def test_the_image_runs_without_root_and_without_the_local_extras() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")][-1] == "USER 10001:10001"
    assert any("--require-hashes -r requirements.lock" in line for line in lines)
    assert not any("[local]" in line or "requirements-dev" in line for line in lines)
    assert all(re.search(r":\d+\.\d+\.\d+-", line) for line in lines if line.startswith("FROM"))


def test_with_tls_its_settings_load_and_its_health_check_speaks_tls(tmp_path: Path) -> None:
    """The override for gateways on other machines."""
    override = yaml.safe_load((DEPLOY / "compose.tls.yaml").read_text())
    collect = override["services"]["collect"]
    assert set(collect["secrets"]) == set(override["secrets"]) == {"intake_certificate", "intake_certificate_key"}
    settings = Settings.load({"HYDROMETER_MODE": "local", **collect["environment"]}, role="intake")
    assert {str(settings.intake_certificate), str(settings.intake_certificate_key)} == {
        f"/run/secrets/{name}" for name in override["secrets"]
    }
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Authority(tmp_path).issue("collect.example"))
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    *_, code = collect["healthcheck"]["test"]
    elsewhere = code.replace(":8088/healthz", f":{server.server_port}/")
    with serving(server):
        assert subprocess.run([sys.executable, "-c", elsewhere], check=False, timeout=20).returncode == 0
