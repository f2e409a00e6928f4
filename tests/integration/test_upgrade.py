"""From 0.2.0 to this version and back, with the code of both: what goes on, what is refused, and what is lost.

The code of 0.2.0 comes from the history of this repository. Both versions run as processes, in turn, on one Apache Kafka and ClickHouse.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pytest

from streams.clickhouse.client import connected
from streams.core.repository import ROOT
from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.devserver.kafka import ApacheKafka
from streams.devserver.process import local_server

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
RELEASE: Final = "0e0673f6a059358efd777c0010be62866cb6ed9f"
"""`chore: release 0.2.0`."""
PART_EVENTS: Final = 500
BUSY_EVENTS: Final = 10
"""Of an account that is scored again for certain."""
SETTLES_WITHIN_SECONDS: Final = 120.0
KEYS = {name: f"the {name} of these tests, and long" for name in ("seal_key", "sketch_key", "pseudonym_key")}
SINCE: Final = {"signing_key": "the signing_key of these tests, and long"}
"""What 0.2.0 does not know yet, and refuses."""
OF_REQUESTS = "SELECT count(), uniqExact(event_id) FROM requests"
OF_SCORES = "SELECT entity_id, argMax(requests, time) FROM scores WHERE entity_kind = 'account' GROUP BY 1"
OF_DEAD_LETTERS = "SELECT sum(1) FROM dead_letters WHERE reason IN ('block_layout', 'layout')"


@dataclass
class Deployment:
    """A Kafka, a ClickHouse and a state folder that outlive the version that uses them."""

    folder: Path
    old: Path
    values: dict[str, str]

    def variables(self, checkout: Path) -> dict[str, str]:
        given = self.values | ({} if checkout == self.old else SINCE)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("HYDROMETER_")}
        return plain | {"PYTHONPATH": str(checkout)} | {f"HYDROMETER_{name.upper()}": value for name, value in given.items()}

    def run(self, checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "streams", *words]
        return subprocess.run(command, cwd=checkout, env=self.variables(checkout), capture_output=True, text=True, check=False, timeout=120)

    @contextmanager
    def worker(self, checkout: Path, name: str) -> Iterator[None]:
        """Run all agents of a version. It must end by itself in order when it is asked to."""
        with self.log(name).open("wb") as log:
            command = [sys.executable, "-m", "streams", "worker"]
            process = subprocess.Popen(command, cwd=checkout, env=self.variables(checkout), stdout=log, stderr=log)
        try:
            yield
            assert process.poll() is None, self.log(name).read_text()[-2_000:]
        finally:
            process.terminate()
            code = process.wait(90)
        assert code == 0, self.log(name).read_text()[-2_000:]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        given = {f"HYDROMETER_{name.upper()}": value for name, value in (self.values | SINCE).items()}
        with connected(Settings.load(given, role="worker")) as clickhouse:
            return clickhouse.query(sql)

    def settle(self, rows: int, name: str) -> None:
        """Wait until that many requests have rows, and no score has changed for some seconds."""
        give_up, before = time.monotonic() + SETTLES_WITHIN_SECONDS, None
        while True:
            now = (self.ask(OF_REQUESTS), sorted(self.ask(OF_SCORES)))
            if now[0][0][0] >= rows and now == before:
                return
            assert time.monotonic() < give_up, f"{now[0]}: {self.log(name).read_text()[-2_000:]}"
            before = now
            time.sleep(6)


class Seen(NamedTuple):
    """What the tables hold."""

    requests: int
    ids: int
    """Of requests, each counted once."""
    scores: dict[str, float]
    """Requests of each account in its newest score."""
    dead_letters: int
    """Blocks that a version does not know."""


@dataclass(frozen=True)
class Story:
    """What was seen: at 0.2.0, after the upgrade, and after going back."""

    parts: Sequence[Counter[str]]
    """Requests by account, of those that 0.2.0 read, this version read, this version sent and did not read, and 0.2.0 read after that."""
    migrated: str
    """What `hydrometer migrate` of this version printed."""
    upgraded: Seen
    refused: subprocess.CompletedProcess[str]
    """`hydrometer migrate` of 0.2.0 afterwards."""
    back: Seen


def release(folder: Path) -> Path:
    """Unpack the code of 0.2.0 from the history; skip where a clone has none."""
    done = subprocess.run(["git", "-C", ROOT, "archive", RELEASE, "streams", "models", "dashboards"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this clone has no history back to 0.2.0 ({RELEASE[:7]}): git fetch --unshallow")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def seen(deployment: Deployment) -> Seen:
    scores = {str(account): float(requests) for account, requests in deployment.ask(OF_SCORES)}
    [(requests, ids)], [(dead_letters,)] = deployment.ask(OF_REQUESTS), deployment.ask(OF_DEAD_LETTERS)
    return Seen(requests, ids, scores, dead_letters)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("upgrade")
    (folder / "old").mkdir()
    old = release(folder / "old")
    events = [orjson.loads(line) for line in islice(demo_traffic(accounts=600, events=20_000).lines(), 4 * PART_EVENTS)]
    by = time.time() - 60 - max(event["timestamp"] for event in events)
    parts = [events[first : first + PART_EVENTS] for first in range(0, len(events), PART_EVENTS)]
    for number, part in enumerate(parts):
        lines = [orjson.dumps({**event, "timestamp": event["timestamp"] + by}) + b"\n" for event in part]
        (folder / f"{number}.jsonl").write_bytes(b"".join(lines))
    with ExitStack() as running:
        kafka = running.enter_context(ApacheKafka(folder / "kafka"))
        server = running.enter_context(local_server(folder / "clickhouse", user="h", password="a password of these tests"))
        where = {"kafka": kafka.bootstrap, "clickhouse_host": server.host, "clickhouse_port": str(server.port)}
        login = {"clickhouse_user": server.user, "clickhouse_password": server.password, "mode": "production", "replication": "1"}
        own = {"partitions": "2", "checkpoint_seconds": "2", "metrics_port": "0", "state_dir": str(folder / "state")}
        deployment = Deployment(folder, old, {**where, **login, **KEYS, **own})
        for number, (checkout, name) in enumerate([(old, "before"), (ROOT, "upgraded")]):
            for words in ("topics", "migrate"):
                done = deployment.run(checkout, words)
                assert done.returncode == 0, done.stderr
            with deployment.worker(checkout, name):
                assert deployment.run(checkout, "collect", str(folder / f"{number}.jsonl")).returncode == 0
                deployment.settle((number + 1) * PART_EVENTS, name)
        upgraded = seen(deployment)
        assert deployment.run(ROOT, "collect", str(folder / "2.jsonl")).returncode == 0  # and no worker of this version reads it any more
        refused = deployment.run(old, "migrate")
        with deployment.worker(old, "back"):
            assert deployment.run(old, "collect", str(folder / "3.jsonl")).returncode == 0
            deployment.settle(3 * PART_EVENTS, "back")
        yield Story([Counter(event["account.id"] for event in part) for part in parts], done.stdout, upgraded, refused, seen(deployment))


def test_the_upgrade_counts_every_request_once_and_goes_on_with_the_state_of_before(story: Story) -> None:
    first, second = story.parts[:2]
    assert (story.upgraded.requests, story.upgraded.ids) == (2 * PART_EVENTS, 2 * PART_EVENTS)
    assert not story.upgraded.dead_letters
    scores, expected = story.upgraded.scores, first + second
    assert all(scores[account] <= expected[account] for account in scores), "counted twice"
    both = [account for account, _ in expected.most_common(3) if first[account] and second[account]]
    assert both
    assert all(scores[account] == expected[account] for account in both)


def test_only_the_tables_that_0_2_0_did_not_have_are_made(story: Story) -> None:
    lines = story.migrated.splitlines()
    assert lines
    assert all(line.startswith("applied 00") and int(line[8:12]) > 12 for line in lines)


def test_going_back_is_refused_by_the_tables_with_the_remedy(story: Story) -> None:
    assert story.refused.returncode == 2
    assert "was applied to this database, but is not among the files: install the newer Hydrometer" in story.refused.stderr


def test_a_worker_that_went_back_starts_cold_and_sets_aside_what_this_version_sent(story: Story) -> None:
    """So `docs/guarantees.md` says: do not go back."""
    assert story.back.dead_letters > 0
    assert (story.back.requests, story.back.ids) == (3 * PART_EVENTS, 3 * PART_EVENTS), "of four parts one is lost"
    alone = story.parts[3]
    busy = [account for account, number in alone.items() if number >= BUSY_EVENTS]
    assert busy
    assert all(story.back.scores[account] <= alone[account] for account in busy)
    [line] = [line for line in (ROOT / "docs/guarantees.md").read_text(encoding="utf-8").splitlines() if "A worker of 0.2.0" in line]
    assert "do not go back" in line
