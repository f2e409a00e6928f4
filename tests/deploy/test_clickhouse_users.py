"""The rights of ClickHouse's users, enforced by ClickHouse's own engine: chdb reads our files of users and runs statements with them.

A library has no logins: the engine's only user, `default`, gets rights and profile of one of ours, by a configuration in its working
directory. Passwords, networks and `changeable_in_readonly` (which needs a setting of servers) are checked as data alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from streams.clickhouse import migrate

pytest.importorskip("chdb", reason="ClickHouse's engine comes with chdb: pip install 'hydrometer[local]'")

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
USERS = {
    "migrator": "clickhouse/migrator.xml",
    "writer": "clickhouse/writer.xml",
    "reader": "grafana/clickhouse-reader.xml",
    "reporter": "clickhouse/reporter.xml",
}
ENGINE = """
import json, sys, chdb
connection, codes = chdb.connect(sys.argv[1]), []
for statement in json.load(sys.stdin):
    try:
        connection.query(statement)
        codes.append("")
    except Exception as error:
        codes.append(str(error).strip().splitlines()[0][:300])
print(json.dumps(codes))
"""
REFUSED = "Not enough privileges"
HEALTH = "INSERT INTO hydrometer.health (time) VALUES (now())"


def run(folder: Path, user: str, statements: Sequence[str]) -> list[str]:
    """Run statements with the rights of a user, and return the error of each, empty where there is none."""
    configured = ET.parse(DEPLOY / USERS[user]).getroot()
    ours = configured.find(f"users/{user}")
    assert ours is not None
    ours.tag = "default"
    for network in [*ours.findall("networks"), *ours.findall("password")]:
        ours.remove(network)
    ET.SubElement(ours, "password")
    ET.SubElement(ET.SubElement(ours, "networks"), "ip").text = "::/0"
    for limit in configured.findall(".//max_execution_time[changeable_in_readonly]"):
        limit.remove(limit.find("changeable_in_readonly"))  # type: ignore[arg-type]
    for needed in ("profiles", "quotas"):
        section = configured.find(needed)
        ET.SubElement(ET.SubElement(configured, needed) if section is None else section, "default")
    place = folder / user
    place.mkdir(exist_ok=True)
    ET.ElementTree(configured).write(place / "users.xml")
    (place / "config.xml").write_text(f"<clickhouse><users_config>{place / 'users.xml'}</users_config></clickhouse>")
    command = [sys.executable, "-c", ENGINE, str(folder / "data")]
    done = subprocess.run(command, input=json.dumps(statements), cwd=place, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-1000:]
    codes: list[str] = json.loads(done.stdout.splitlines()[-1])
    return codes


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that the migrator made by our migrations, with its rights alone."""
    folder = tmp_path_factory.mktemp("clickhouse")
    statements = ["CREATE DATABASE IF NOT EXISTS hydrometer", "USE hydrometer"]
    statements += [statement for migration in migrate.load() for statement in migration.statements]
    errors = [(statement, error) for statement, error in zip(statements, run(folder, "migrator", statements), strict=True) if error]
    assert errors == []
    return folder


def test_the_migrator_makes_every_table_and_no_user(database: Path) -> None:
    (error, *_) = run(database, "migrator", ["CREATE USER somebody"])
    assert REFUSED in error


@pytest.mark.parametrize(
    ("user", "may", "may_not"),
    [
        (
            "writer",
            [HEALTH, "SELECT count() FROM hydrometer.requests", "SELECT count() FROM hydrometer.health"],
            [
                "DROP TABLE hydrometer.requests",
                "TRUNCATE TABLE hydrometer.requests",
                "CREATE TABLE hydrometer.own (x Int8) ENGINE = Null",
                "ALTER TABLE hydrometer.requests DELETE WHERE 1",
                "GRANT SELECT ON hydrometer.* TO default",
                "CREATE USER somebody",
                "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'x Int8')",
                "SELECT * FROM file('/etc/passwd', 'LineAsString')",
            ],
        ),
        (
            "reader",
            ["SELECT count() FROM hydrometer.requests", "SELECT count() FROM hydrometer.cases"],
            [HEALTH, "DROP TABLE hydrometer.health", "SELECT * FROM file('/etc/passwd', 'LineAsString')"],
        ),
        (
            "reporter",
            [HEALTH],
            [
                "SELECT * FROM hydrometer.health",
                "SELECT * FROM hydrometer.requests",
                "DROP TABLE hydrometer.health",
                "INSERT INTO hydrometer.dead_letters (minute) VALUES (now())",
            ],
        ),
    ],
)
def test_a_user_may_what_its_process_does_and_no_more(database: Path, user: str, may: list[str], may_not: list[str]) -> None:
    errors = run(database, user, [*may, *may_not])
    assert errors[: len(may)] == [""] * len(may)
    refused = dict(zip(may_not, errors[len(may) :], strict=True))
    words = (REFUSED, "readonly mode") if user == "reader" else (REFUSED,)
    assert {statement: error for statement, error in refused.items() if not any(word in error for word in words)} == {}
