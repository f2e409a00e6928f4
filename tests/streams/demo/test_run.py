"""A demonstration leaves another one alone, and its desk finds a port."""

from __future__ import annotations

import socket
from pathlib import Path

from streams.demo.run import free_port, own_folder


def test_a_second_demonstration_does_not_touch_the_folder_of_one_that_runs(tmp_path: Path) -> None:
    with own_folder(tmp_path / "demo") as first:
        first.mkdir()
        (first / "events.jsonl").write_text("kept")
        with own_folder(tmp_path / "demo") as second:
            assert second == tmp_path / "demo-2"
        assert (first / "events.jsonl").read_text() == "kept"


def test_the_folder_of_one_that_has_ended_is_used_again_and_empty(tmp_path: Path) -> None:
    with own_folder(tmp_path / "demo") as first:
        first.mkdir()
        (first / "events.jsonl").write_text("old")
    with own_folder(tmp_path / "demo") as again:
        assert again == first
        assert not (again / "events.jsonl").exists()


def test_a_port_that_is_taken_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)
    assert free_port(port) == port
