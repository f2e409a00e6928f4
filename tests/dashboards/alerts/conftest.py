"""A ClickHouse in which a test lays out the rows that a rule shall see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from dashboards.alert_evaluator import firing
from dashboards.query import squeezed
from dashboards.rules import rules
from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse
from streams.core.settings import Settings
from streams.testing.builders import local_clickhouse

TABLES = ("cases", "case_items", "health", "dead_letters", "usage_minute", "arrivals", "labels", "requests")


class Ground:
    """Rows by age: `ago` is in seconds before now, because the rules ask for now."""

    def __init__(self, settings: Settings) -> None:
        self.clickhouse = ClickHouse(settings)
        self._now = 0.0

    def clear(self) -> None:
        self._now = time.time()
        for table in TABLES:
            self.clickhouse.query(f"TRUNCATE TABLE {table}")

    def case(self, case_id: str, behaviour: str = "extraction", ago: float = 60, **more: Any) -> None:
        payload = {"label": more.pop("label", None), "members": more.pop("members", {}), "tier": more.pop("tier", "alert")}
        row: dict[str, Any] = {
            "case_id": case_id,
            "version": 1,
            "opened_at": self._time(ago),
            "updated_at": self._time(ago),
            "state": "open",
        }
        row |= {"behaviour": behaviour, "title": "t", "accounts": 3, "requests": 9.0, "output_tokens": 0.0, "extraction": 9.0}
        self._insert("cases", row | {"routing": 9.0, "muted": False, "payload": orjson.dumps(payload).decode(), **more})
        for name, member in payload["members"].items():
            item = {"part": "members", "name": name, "value": orjson.dumps(member).decode()}
            self._insert("case_items", {"case_id": case_id, "version": 1, "updated_at": self._time(ago), **item})

    def health(self, metric: str, value: float, ago: float = 5, instance: str = "w-1", process: str = "worker", **labels: str) -> None:
        row = {"time": self._time(ago), "process": process, "instance": instance, "metric": f"hydrometer_{metric}"}
        self._insert("health", {**row, "labels": labels, "value": value})

    def dead(self, count: int, ago: float = 60, source: str = "http", reason: str = "not_json") -> None:
        self._insert("dead_letters", {"minute": self._time(ago), "source": source, "reason": reason, "count": count})

    def usage(self, requests: int, ago: float = 60) -> None:
        names = "minute, request_model, requests, input_tokens, output_tokens, accounts"
        self.clickhouse.query(f"INSERT INTO usage_minute ({names}) SELECT now() - {ago}, 'm', {requests}, 0, 0, uniqState('a')")

    def accounts(self, count: int, ago: float = 60, payment: int = 0, api_key: int = 0) -> None:
        """Insert a request of each of `count` accounts."""
        values = f"now() - {ago}, toString(number), toString(number), {payment}, {api_key}"
        columns = "time, event_id, account_id, payment, api_key"
        self.clickhouse.query(f"INSERT INTO requests ({columns}) SELECT {values} FROM numbers({count})")  # noqa: S608

    def summaries(self, name: str) -> list[str]:
        rule = rules()[name]
        return [each.summary for each in firing(name, rule, self.clickhouse.named(squeezed(rule.sql)))]

    def _time(self, ago: float) -> datetime:
        return datetime.fromtimestamp(self._now - ago, UTC)

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        client = self.clickhouse._client(numpy=False)
        client.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES", [tuple(row.values())], settings={"async_insert": 0})


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path_factory.mktemp("alerts")) as server:
        where = {"clickhouse_host": server.host, "clickhouse_port": server.port, "clickhouse_user": server.user}
        settings = Settings.model_validate({"mode": "local", **where, "clickhouse_password": SecretStr(server.password)})
        migrate.run(settings)
        ground = Ground(settings)
        yield ground
        ground.clickhouse.close()


@pytest.fixture
def ground(laid_out: Ground) -> Ground:
    laid_out.clear()
    return laid_out
