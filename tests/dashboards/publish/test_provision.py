from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dashboards import provision
from dashboards.rules import group, rules


def test_grafana_reads_the_file_of_rules(description: Any) -> None:
    description.file(provision.alerting())


def test_the_committed_files_are_what_is_rendered() -> None:
    for name, text in provision.rendered().items():
        assert (provision.FOLDER_OF_FILES / name).read_text() == text, f"{name} is not what the code says: run `make render`"


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    assert provision.write(tmp_path) == list(provision.rendered())
    assert provision.write(tmp_path) == []


def test_every_dollar_is_written_twice_because_grafana_expands_one() -> None:
    text = provision.rendered()["alerting/hydrometer.yaml"]
    assert text.count("$$") * 2 == text.count("$") > 0


def test_a_file_holds_the_same_rules_as_the_api_gets() -> None:
    groups = yaml.safe_load(provision.rendered()["alerting/hydrometer.yaml"])["groups"]
    titles = {rule["title"] for each in groups for rule in each["rules"]}
    assert titles == {rule.title for rule in rules().values()}
    assert [len(each["rules"]) for each in groups] == [len(group(team)["rules"]) for team in ("soc", "oncall")]


def test_the_boards_come_from_the_folder_that_compose_mounts() -> None:
    compose = yaml.safe_load((provision.FOLDER_OF_FILES.parents[1] / "compose.yaml").read_text())
    mounts = compose["services"]["grafana"]["volumes"]
    assert f"../dashboards/generated:{provision.MOUNTED}:ro" in mounts
