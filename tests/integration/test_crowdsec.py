"""Debian's CrowdSec takes our orders as decisions, ends them by itself, and shows what a person deleted there."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import requests

from streams.core.settings import Settings
from streams.enforcement import engine
from streams.enforcement.connectors.crowdsec import Connector
from streams.enforcement.orders import Order
from streams.schema.actions import Measure
from streams.testing.processes import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
PATIENCE_SECONDS: Final = 30.0
HOUR: Final = 3600.0
CONFIG: Final = """
common: {{daemonize: false, log_media: stdout, log_level: info, working_dir: .}}
config_paths: {{config_dir: {0}, data_dir: {0}, simulation_path: {0}/simulation.yaml, hub_dir: {0}, index_path: {0}/index.json}}
crowdsec_service: {{acquisition_path: {0}/acquis.yaml}}
db_config: {{type: sqlite, db_path: {0}/crowdsec.db, log_level: info}}
api: {{client: {{credentials_path: {0}/machine.yaml}}, server: {{listen_uri: "127.0.0.1:{1}", profiles_path: {0}/profiles.yaml}}}}
prometheus: {{enabled: false}}
"""
GATEWAY: Final = "a-key-of-this-test"
PROFILE: Final = "name: none\nfilters: ['false']\ndecisions: [{type: ban, duration: 1h}]\non_success: break\n"


@dataclass(frozen=True)
class CrowdSec:
    """A running Local API."""

    cscli: list[str]
    machine: Path
    """The credentials that `cscli machines add` wrote."""

    def opened(self) -> Connector:
        return Connector.open(str(self.machine), Settings(mode="local"))

    def asked_by_a_gateway(self, account: str) -> str | None:
        """Return what a gateway is to do with an account; None: nothing."""
        url = self.machine.read_text().splitlines()[0].removeprefix("url: ")
        query = {"scope": "account", "value": account}
        answer = requests.get(f"{url}/v1/decisions", params=query, headers={"X-Api-Key": GATEWAY}, timeout=30)
        answer.raise_for_status()
        decisions: list[dict[str, str]] = answer.json() or []
        return decisions[0]["type"] if decisions else None

    def run(self, *words: str) -> str:
        return subprocess.run([*self.cscli, *words], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """`crowdsec` and `cscli`: those of the machine, else Debian's package, unpacked and not installed, so that no service is started."""
    folder = tmp_path_factory.mktemp("debian")
    if not shutil.which("crowdsec") and shutil.which("apt-get"):
        subprocess.run(["apt-get", "download", "crowdsec"], check=False, cwd=folder, capture_output=True, timeout=100)
        for package in folder.glob("crowdsec_*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], check=True, cwd=folder, timeout=60)
    path = f"{folder}/usr/bin{os.pathsep}{os.environ['PATH']}"
    crowdsec, cscli = shutil.which("crowdsec", path=path), shutil.which("cscli", path=path)
    if crowdsec is None or cscli is None:
        pytest.skip("crowdsec is not installed and cannot be downloaded: apt-get update, apt-get download crowdsec")
    return crowdsec, cscli


@pytest.fixture
def crowdsec(programs: tuple[str, str], tmp_path: Path) -> Iterator[CrowdSec]:
    """A Local API of its own, which no agent feeds and which knows no central API."""
    port, config = free_port(), tmp_path / "config.yaml"
    config.write_text(CONFIG.format(tmp_path, port))
    for name, text in {"profiles.yaml": PROFILE, "simulation.yaml": "simulation: false\n", "acquis.yaml": ""}.items():
        (tmp_path / name).write_text(text)
    server = CrowdSec([programs[1], "-c", str(config)], tmp_path / "machine.yaml")
    server.run("machines", "add", "hydrometer", "--password", "a-word-of-this-test", "-f", str(server.machine))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([programs[0], "-c", str(config), "-no-cs"], stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
            try:
                requests.get(f"http://127.0.0.1:{port}/v1/alerts", timeout=5)
                break
            except requests.RequestException:
                time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def order(number: int, measure: Measure, *accounts: str, seconds: float = HOUR, notice: str = "a notice") -> Order:
    rate = 60.0 if measure == "rate_cap" else 0.0
    return Order(f"{number:016x}", measure, rate, sorted(accounts), [], round(time.time()) + seconds, notice)


def wanted(*orders: Order) -> dict[str, Order]:
    return {one.order_id: one for one in orders}


def test_orders_are_decisions_until_they_are_taken_away(crowdsec: CrowdSec) -> None:
    names = ["acct-2", "acct-3", '"; DROP', "a\nb", "=cmd()", "a|.*", "ä/../x", "x" * 200]
    orders = wanted(order(1, "ban", "acct-1"), order(2, "rate_cap", *names), order(3, "suspend_key", "acct-4"))
    assert engine.apply(crowdsec.opened(), orders).failed == {}
    assert engine.plan(crowdsec.opened(), orders).is_empty
    crowdsec.run("bouncers", "add", "gateway", "-k", GATEWAY)
    assert [crowdsec.asked_by_a_gateway(name) for name in ("acct-1", "a|.*", "acct-4", "stranger")] == ["ban", "throttle", "ban", None]
    fewer = wanted(orders[order(2, "rate_cap").order_id])
    assert engine.apply(crowdsec.opened(), fewer).failed == {}
    assert crowdsec.opened().present() == fewer
    assert [crowdsec.asked_by_a_gateway(name) for name in ("acct-1", "a|.*", "acct-4")] == [None, "throttle", None]
    assert engine.apply(crowdsec.opened(), {}).failed == {}
    assert crowdsec.opened().present() == {}


def test_a_decision_that_a_person_deleted_is_drift_and_is_put_right(crowdsec: CrowdSec) -> None:
    orders = wanted(order(1, "ban", "acct-1", "acct-2"))
    engine.apply(crowdsec.opened(), orders)
    crowdsec.run("decisions", "delete", "--value", "acct-1")
    time.sleep(1.1)
    assert engine.plan(crowdsec.opened(), orders).change == list(orders)
    engine.apply(crowdsec.opened(), orders)
    assert crowdsec.opened().present() == orders


def test_an_order_ends_by_itself(crowdsec: CrowdSec) -> None:
    orders = wanted(order(1, "ban", "acct-1", seconds=4), order(2, "ban", "acct-2"))
    engine.apply(crowdsec.opened(), orders)
    time.sleep(5)
    assert list(crowdsec.opened().present()) == [order(2, "ban").order_id]


def test_an_order_about_thousands_with_a_long_notice_is_read_back_whole(crowdsec: CrowdSec) -> None:
    orders = wanted(order(1, "ban", *(f"account-{number:05d}" for number in range(2_500)), notice='§ "ä" ' * 400))
    assert engine.apply(crowdsec.opened(), orders).failed == {}
    assert crowdsec.opened().present() == orders
    assert engine.apply(crowdsec.opened(), {}).failed == {}
    assert crowdsec.opened().present() == {}
