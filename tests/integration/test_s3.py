"""A bucket of packed logs, as clouds leave them, at a real S3 server (moto's, in an environment of its own): replayed and collected."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.schema import topics
from streams.schema.replay_files import Summary
from streams.testing.builders import event_ids_of, foreign_python
from streams.testing.processes import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
FOLDER = "AWSLogs/123456789012/BedrockModelInvocationLogs/us-east-1/2026/11/28"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a shell whose S3 is the local server."""
    folder, port = tmp_path_factory.mktemp("moto"), free_port()
    python = Path(foreign_python(folder, "MOTO_PYTHON", "moto[server,s3]"))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([python.with_name("moto_server"), "-p", str(port)], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/moto-api/").close()
            break
        except OSError:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
    own = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    yield {**os.environ, **own, "HYDROMETER_MODE": "local"}
    server.terminate()
    server.wait(timeout=30)


def bedrock(number: int) -> bytes:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60 + number))
    return json.dumps(
        {
            "schemaType": "ModelInvocationLog",
            "timestamp": moment,
            "accountId": "123456789012",
            "identity": {"arn": "arn:aws:sts::123456789012:assumed-role/r/s"},
            "requestId": f"r{number}",
            "operation": "Converse",
            "modelId": "large",
            "input": {"inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "why"}]}]}, "inputTokenCount": 5},
            "output": {"outputTokenCount": 7},
        }
    ).encode()


def put(s3: dict[str, str], name: str, content: bytes) -> None:
    """Make the bucket of that name, and an object in it if it has content."""
    headers = {"Authorization": "AWS4 Credential=x/20261128/us-east-1/s3/a", "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"{s3['AWS_ENDPOINT_URL']}/{name}", content, method="PUT", headers=headers)
    urllib.request.urlopen(request).close()


@pytest.fixture(scope="module")
def bucket(s3: dict[str, str]) -> str:
    """Bedrock's logs of two hours, the second packed twice as CloudWatch and Firehose do it together."""
    put(s3, "logs", b"")
    put(s3, f"logs/{FOLDER}/09/a.json.gz", gzip.compress(bedrock(1) + b"\n" + bedrock(2) + b"\n"))
    put(s3, f"logs/{FOLDER}/10/b.json.gz", gzip.compress(gzip.compress(bedrock(3))))
    return f"s3://logs/{FOLDER}"


def hydrometer(s3: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "streams", *words], env=s3, capture_output=True, text=True, check=False)


def test_a_bucket_is_replayed(s3: dict[str, str], bucket: str, tmp_path: Path) -> None:
    done = hydrometer(s3, "replay", bucket, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    summary = msgspec.json.decode((tmp_path / "out/summary.json").read_bytes(), type=Summary)
    assert (summary.events, summary.rejected) == (3, {})


def test_a_bucket_is_collected_in_order(s3: dict[str, str], bucket: str) -> None:
    with EmbeddedBroker() as broker:
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap, partitions=1))
        done = hydrometer({**s3, "HYDROMETER_KAFKA": broker.bootstrap, "HYDROMETER_PARTITIONS": "1"}, "collect", bucket)
        assert done.stdout == "3 events accepted, 0 rejected\n", done.stderr
        assert event_ids_of(broker.bootstrap) == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("address", "environment", "said"),
    [
        ("s3://no-such-bucket/logs", {}, "s3://no-such-bucket/logs"),
        ("s3://logs", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}, "s3://logs"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_what_to_check(
    s3: dict[str, str], tmp_path: Path, address: str, environment: dict[str, str], said: str
) -> None:
    done = hydrometer({**s3, **environment}, "replay", address, "--out", str(tmp_path))
    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if line]
    assert error.startswith("error: ")
    assert said in error
    assert "check the address, the region and your credentials" in error
