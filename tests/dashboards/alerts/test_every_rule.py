from __future__ import annotations

import importlib
import re
import shlex
import string
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dashboards.alert_evaluator import seconds
from dashboards.query import squeezed
from dashboards.rule import fields, uid
from dashboards.rules import RUNBOOKS, rules, runbook
from streams.cli.main import cli

HERE = Path(__file__).parent
TEMPLATE_WORDS = re.compile(r"\b[Ss]ay (it )?here\b|^What the rule is about, in one line")
"""As dashboards/new_alert.py writes them."""
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUERIES = [(name, sql) for name in rules() for language, sql in FENCE.findall(runbook(name)) if language == "sql"]
COMMANDS = [
    (name, line) for name in rules() for language, lines in FENCE.findall(runbook(name)) if language == "sh" for line in lines.splitlines()
]


@pytest.mark.parametrize("name", rules())
def test_it_has_a_test_and_a_runbook_of_its_name(name: str) -> None:
    assert (HERE / f"test_{name}.py").is_file(), f"{name} needs tests/dashboards/alerts/test_{name}.py"
    assert runbook(name).startswith(f"# {rules()[name].title}\n")


@pytest.mark.parametrize("name", rules())
def test_it_has_no_words_of_its_template_left(name: str) -> None:
    module = importlib.import_module(f"dashboards.alerts.{name}")
    for text in (str(module.__doc__), rules()[name].question, runbook(name)):
        assert not TEMPLATE_WORDS.search(text), f"{name} still has the words of its template: {text.strip()}"


def test_no_runbook_is_left_without_its_rule() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(rules())


@pytest.mark.parametrize("name", rules())
def test_no_alert_needs_what_only_a_browser_expands(name: str) -> None:
    assert "$" not in rules()[name].sql


@pytest.mark.parametrize("name", rules())
def test_its_query_runs_and_has_every_label_of_its_sentence(ground: Any, name: str) -> None:
    rule = rules()[name]
    columns = {row[0]: row[1] for row in ground.clickhouse.query(f"DESCRIBE ({squeezed(rule.sql)})")}
    assert columns.pop("value") == "Float64"
    assert set(columns.values()) <= {"String", "LowCardinality(String)"}
    assert fields(rule.summary) | fields(rule.board) <= set(columns)
    assert columns, "without a label, two alerts could not be told apart"


@pytest.mark.parametrize("name", rules())
def test_nothing_in_the_database_fires_nothing_but_the_heartbeat(ground: Any, name: str) -> None:
    assert bool(ground.summaries(name)) == (name == "heartbeat")


@pytest.mark.parametrize("name", rules())
def test_its_durations_and_its_uid_are_grafanas(name: str) -> None:
    rule = rules()[name]
    assert seconds(rule.waits) >= 0
    assert seconds(rule.lingers) >= 0
    assert len(uid(name)) <= 40
    assert not any(how and not re.fullmatch(r"\.\df", how) for _, _, how, _ in string.Formatter().parse(rule.summary))


@pytest.mark.parametrize(("name", "sql"), QUERIES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(QUERIES)])
def test_every_query_of_its_runbook_runs(ground: Any, name: str, sql: str) -> None:
    ground.case("case-0fbfa5df00f4", members={"a-1": {"joined_at": 1.0, "first": 1.0, "requests": 2.0}})
    ground.clickhouse.query(sql)
    assert name in rules()


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(COMMANDS)])
def test_every_command_of_its_runbook_exists(name: str, line: str) -> None:
    program, *words = shlex.split(line)
    if program == "hydrometer":
        command: Any = cli
        context = command.make_context("hydrometer", [], resilient_parsing=True)
        while hasattr(command, "get_command"):
            command = command.get_command(context, words.pop(0))
            assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
        assert CliRunner().invoke(command, ["--help"]).exit_code == 0
    else:
        assert program == "curl", f"{name} asks for a program that may not be there: {line}"


HEALTH = """
    INSERT INTO health (time, process, instance, metric, labels, value)
    SELECT now64(3) - (number % 8640) * 10, 'worker', concat('w-', toString(number % 8)),
        ['hydrometer_lag', 'hydrometer_position', 'hydrometer_checkpoint_seconds', 'hydrometer_insert_retries'][1 + number % 4],
        map('agent', 'accounts', 'topic', 'requests', 'table', 'scores', 'partition', toString(number % 16)), number
    FROM numbers(300000)
"""
CASES = """
    INSERT INTO cases (case_id, version, opened_at, updated_at, state, behaviour, accounts, extraction, payload)
    SELECT concat('case-', toString(number)), 1, now() - 7200, now(), 'open', 'extraction', 200, 9, '{}' FROM numbers(200)
"""
MEMBERS = """
    INSERT INTO case_items (case_id, part, name, version, updated_at, value)
    SELECT concat('case-', toString(number % 200)), 'members', concat('a-', toString(intDiv(number, 200))), 1, now(),
        concat('{"joined_at":', toString(toUnixTimestamp(now())), '}')
    FROM numbers(40000)
"""


@pytest.fixture(scope="module")
def busy(laid_out: Any) -> Any:
    """A day of health of eight processes, and 200 open cases of 200 members: more than a rule will meet."""
    laid_out.clear()
    for statement in (HEALTH, CASES, MEMBERS):
        laid_out.clickhouse.query(statement)
    return laid_out.clickhouse


@pytest.mark.parametrize("name", rules())
def test_it_answers_within_200_ms_after_a_busy_day(busy: Any, name: str) -> None:
    sql = squeezed(rules()[name].sql)

    def took() -> float:
        began = time.perf_counter()
        busy.query(sql)
        return time.perf_counter() - began

    assert min(took() for _ in range(5)) < 0.2
