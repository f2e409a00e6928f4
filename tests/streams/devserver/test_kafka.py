"""What is said when Apache Kafka cannot run here; that it runs is an integration test."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.core.errors import BrokerUnavailableError, MissingToolError
from streams.devserver import kafka


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kafka, "ROOT", tmp_path / "checkout")
    return tmp_path


@pytest.mark.usefixtures("no_tools")
def test_a_missing_java_is_named_with_what_to_install() -> None:
    with pytest.raises(MissingToolError, match=r"^Java is not installed: install Java 17 or newer"):
        kafka.find_java()


def test_an_old_java_is_named_with_what_to_install(no_tools: Path) -> None:
    script(no_tools / "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(MissingToolError, match=r'java is openjdk version "11.0.2" 2019-01-15: install Java 17 or newer'):
        kafka.find_java()


def test_a_new_java_will_do(no_tools: Path) -> None:
    script(no_tools / "java", """echo 'openjdk version "21.0.1" 2023-10-17' >&2""")
    assert kafka.find_java() == str(no_tools / "java")


def test_java_home_comes_first(no_tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(no_tools / "nowhere"))
    with pytest.raises(MissingToolError, match=r"^Java is not installed in JAVA_HOME"):
        kafka.find_java()


@pytest.mark.usefixtures("no_tools")
def test_a_missing_maven_is_named_with_what_to_install() -> None:
    with pytest.raises(MissingToolError, match=r"^Maven is not installed, and Kafka's jars are not fetched yet: install it"):
        kafka.fetch()


def test_jars_that_are_there_need_no_maven(no_tools: Path) -> None:
    jars = no_tools / "checkout" / "build" / "kafka" / kafka.version()
    jars.mkdir(parents=True)
    (jars / kafka.marker()).touch()
    assert kafka.fetch() == jars


def test_what_maven_says_reaches_the_person(no_tools: Path) -> None:
    script(no_tools / "mvn", "echo '[ERROR] no route to the repository'; exit 1")
    with pytest.raises(BrokerUnavailableError, match=r"Maven could not fetch Apache Kafka .*: .ERROR. no route to the repository"):
        kafka.fetch()


def test_a_log_with_an_error_is_quoted(tmp_path: Path) -> None:
    broker = kafka.ApacheKafka(tmp_path, port=1)
    broker.log.write_text("2026 INFO fine (x)\n2026 ERROR the disk is full (x)\n2026 INFO bye (x)\n")
    assert str(broker._failed("stopped")).startswith("Apache Kafka stopped: 2026 ERROR the disk is full (x)")
