from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboards import rules
from dashboards.grafana_diff import FROM_FILES, NEW, Release, difference
from dashboards.grafana_http import GrafanaError, GrafanaHttp
from dashboards.publish import ContactError, check, contact, publish, release

SOC = contact("soc=webhook:https://chat.example.com/hook")


def done(api: GrafanaHttp, wanted: Release, **how: bool) -> list[tuple[str, str]]:
    return [(change.kind, change.action) for change in publish(api, wanted, **how)]


def test_the_first_time_everything_is_made(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    assert done(api, replace(small, contacts=[SOC])) == [
        ("folder", "create"), ("board", "create"), ("contact point", "create"), ("rules", "create"),
    ]  # fmt: skip
    assert grafana.boards["hydrometer-soc"]["meta"]["folderUid"] == "hydrometer"


def test_the_second_time_nothing_is_written(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    done(api, replace(small, contacts=[SOC]), policies=True)
    grafana.writes.clear()
    assert {action for _, action in done(api, replace(small, contacts=[SOC]), policies=True)} == {"keep"}
    assert grafana.writes == []


def test_a_changed_panel_updates_its_board_alone(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    done(api, small)
    changed = {**small.boards[0], "panels": [{"id": 1, "type": "stat"}]}
    grafana.writes.clear()
    updates = [change for change in publish(api, replace(small, boards=[changed])) if change.action != "keep"]
    assert [(change.name, change.why) for change in updates] == [("SOC overview", "panels[0].type")]
    assert grafana.writes == ["POST /dashboards/db"]


def test_a_folder_that_people_renamed_keeps_its_name(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    grafana.folders["hydrometer"] = {"uid": "hydrometer", "title": "Abuse team", "permissions": ["theirs"]}
    done(api, small)
    assert grafana.folders["hydrometer"] == {"uid": "hydrometer", "title": "Abuse team", "permissions": ["theirs"]}


def test_a_board_that_was_saved_twice_is_kept(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    done(api, small)
    done(api, replace(small, boards=[{**small.boards[0], "title": "New title"}]))
    done(api, small)
    assert grafana.boards["hydrometer-soc"]["dashboard"]["version"] == 3
    assert {action for _, action in done(api, small)} == {"keep"}


def test_every_generated_board_leaves_the_counter_of_saves_to_grafana() -> None:
    assert [board["title"] for board in release().boards if "version" in board] == []


def test_a_board_that_people_moved_is_kept_where_they_put_it(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    done(api, small)
    grafana.move("hydrometer-soc", "")
    assert ("board", "keep") in done(api, small)
    assert grafana.boards["hydrometer-soc"]["meta"]["folderUid"] == ""


@pytest.mark.parametrize("role", ["Editor", "Admin"])
def test_an_editor_and_an_administrator_can_publish_first(api: GrafanaHttp, grafana: Any, small: Release, role: str) -> None:
    grafana.role = role
    made = list(publish(api, small))
    assert [(change.kind, change.action, change.why) for change in made] == [
        ("folder", "create", NEW), ("board", "create", NEW), ("rules", "create", NEW),
    ]  # fmt: skip


def test_a_viewer_is_refused_before_anything_is_written_and_told_what_is_missing(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    grafana.role = "Viewer"
    with pytest.raises(GrafanaError, match=r"may not create the folder, save boards, set alert rules: .*role Editor"):
        done(api, small)
    assert grafana.writes == []


def test_a_token_that_may_not_notify_is_refused_before_anything_is_written(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    grafana.role = "Without notifications"
    with pytest.raises(GrafanaError, match=r"may not set contact points, set notification policies: .*role Editor"):
        list(publish(api, replace(small, contacts=[SOC]), policies=True))
    assert grafana.writes == []


def test_a_token_that_may_not_notify_publishes_boards_and_rules(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    grafana.role = "Without notifications"
    assert ("rules", "create") in done(api, small)


@pytest.mark.parametrize("hidden", ["hydrometer", "hydrometer-soc"])
def test_what_exists_and_is_hidden_is_said_to_be_hidden(api: GrafanaHttp, grafana: Any, small: Release, hidden: str) -> None:
    grafana.hidden = {hidden}
    with pytest.raises(GrafanaError, match="exists in Grafana, hidden from this token: give its service account the right to edit it"):
        done(api, small)


def test_what_comes_from_provisioning_files_is_kept_and_the_rest_is_published(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    done(api, small)
    grafana.boards["hydrometer-soc"]["meta"]["provisioned"] = True
    grafana.groups["On call"]["rules"][0]["provenance"] = "file"
    changed = Release([{**small.boards[0], "title": "New"}], [{**small.groups[0], "interval": 30}], [SOC])
    changes = list(publish(api, changed, policies=True))
    assert [(change.kind, change.action, change.why == FROM_FILES) for change in changes] == [
        ("folder", "keep", False), ("board", "keep", True), ("contact point", "create", False), ("rules", "keep", True),
        ("notification policies", "update", False),
    ]  # fmt: skip


def test_a_refusal_because_of_a_file_that_could_not_be_seen_before_keeps_the_rules_too(
    api: GrafanaHttp, grafana: Any, small: Release
) -> None:
    grafana.folders["hydrometer"] = {"uid": "hydrometer", "title": "Hydrometer"}
    refusal = {"message": "cannot change provenance from 'file' to ''"}
    grafana._rule_groups = lambda verb, *_: (409, refusal) if verb == "PUT" else (404, {"message": "rule group not found"})
    assert ("rules", "keep") in done(api, small)


@pytest.mark.parametrize("where", ["elsewhere", ""])
def test_a_board_that_people_moved_is_updated_where_it_lies(api: GrafanaHttp, grafana: Any, small: Release, where: str) -> None:
    done(api, small)
    grafana.folders["elsewhere"] = {"uid": "elsewhere", "title": "Elsewhere"}
    grafana.boards["hydrometer-soc"]["meta"]["folderUid"] = where
    done(api, replace(small, boards=[{**small.boards[0], "title": "New title"}]))
    assert grafana.boards["hydrometer-soc"]["meta"]["folderUid"] == where


def test_a_rule_that_people_added_to_our_group_stays_and_so_does_a_pause(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    done(api, small)
    group = grafana.groups["On call"]
    group["rules"][0]["isPaused"] = True
    group["rules"].append({**group["rules"][0], "uid": "theirs", "title": "Theirs"})
    assert {action for _, action in done(api, small)} == {"keep"}
    changed = {**small.groups[0], "interval": 30}
    done(api, replace(small, groups=[changed]))
    assert [(rule["uid"], rule["isPaused"]) for rule in grafana.groups["On call"]["rules"]] == [
        ("hydrometer-heartbeat", True), ("theirs", True),
    ]  # fmt: skip


def test_what_we_no_longer_have_stays_until_it_is_pruned_and_what_is_not_ours_stays_for_ever(
    api: GrafanaHttp, grafana: Any, small: Release
) -> None:
    done(api, small)
    mine = {**small.boards[0], "uid": "my-copy"}
    grafana.boards["my-copy"] = {"dashboard": mine, "meta": {}}
    grafana.groups["On call"]["rules"].append({**grafana.groups["On call"]["rules"][0], "uid": "theirs"})
    less = Release([], [{**small.groups[0], "rules": []}])
    done(api, less)
    assert set(grafana.boards) == {"hydrometer-soc", "my-copy"}
    assert len(grafana.groups["On call"]["rules"]) == 2
    done(api, less, prune=True)
    assert set(grafana.boards) == {"my-copy"}
    assert [rule["uid"] for rule in grafana.groups["On call"]["rules"]] == ["theirs"]


def test_policies_are_left_alone_unless_asked_for(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    before = dict(grafana.policies)
    done(api, replace(small, contacts=[SOC]))
    assert grafana.policies == before


def test_our_routes_go_ahead_of_theirs_which_stay(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    theirs = {"receiver": "pager", "object_matchers": [["severity", "=", "page"]], "continue": True}
    grafana.policies = {"receiver": "grafana-default-email", "group_by": ["alertname"], "routes": [theirs], "provenance": ""}
    done(api, replace(small, contacts=[SOC]), policies=True)
    first, second = grafana.policies["routes"]
    assert (first["receiver"], first["object_matchers"]) == ("hydrometer-soc", [["team", "=", "soc"]])
    assert second == theirs
    assert grafana.policies["group_by"] == ["alertname"]


def test_our_rules_stay_editable_in_grafana(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    done(api, small)
    assert any(headers.get("X-Disable-Provenance") == "true" for headers in grafana.headers)


def test_all_that_is_generated_is_taken_and_then_kept(api: GrafanaHttp, grafana: Any) -> None:
    wanted = release(["soc=webhook:https://chat.example.com/hook", "oncall=email:oncall@example.com"])
    assert "create" in {action for _, action in done(api, wanted, policies=True)}
    assert {action for _, action in done(api, wanted, policies=True)} == {"keep"}
    assert sum(len(group["rules"]) for group in grafana.groups.values()) == len(rules.rules())


def test_check_tells_what_is_good(api: GrafanaHttp) -> None:
    assert check(api) == ["Grafana 13.0.1", "the token may publish", "the data source hydrometer answers"]


def test_an_old_grafana_is_refused_before_anything_is_written(api: GrafanaHttp, grafana: Any, small: Release) -> None:
    grafana.version = "11.5.2"
    with pytest.raises(GrafanaError, match=r"this Grafana is 11\.5\.2: the ClickHouse plugin 4\.20\.0 needs 11\.6 or newer"):
        done(api, small)
    assert grafana.writes == []


@pytest.mark.parametrize("health", [(404, {"message": "Plugin not found"}), (500, {"message": "Unable to find datasource plugin"})])
def test_a_missing_plugin_is_named_with_its_cure(api: GrafanaHttp, grafana: Any, health: Any) -> None:
    grafana.source_health = health
    with pytest.raises(GrafanaError, match="grafana cli plugins install grafana-clickhouse-datasource"):
        check(api)


def test_a_data_source_that_is_missing_wrong_or_deaf_is_told_apart(api: GrafanaHttp, grafana: Any) -> None:
    grafana.source_health = (400, {"message": "connection refused"})
    with pytest.raises(GrafanaError, match=r"does not reach ClickHouse: .*connection refused"):
        check(api)
    grafana.source = {"uid": "hydrometer", "type": "prometheus"}
    with pytest.raises(GrafanaError, match="is of the type prometheus"):
        check(api)
    grafana.source = None
    with pytest.raises(GrafanaError, match="the data source with the uid hydrometer is missing"):
        check(api)


def test_a_token_that_may_not_see_data_sources_can_still_publish(api: GrafanaHttp, grafana: Any) -> None:
    grafana.source_health = (403, {"message": "no permission"})
    assert "hidden from this token" in check(api)[-1]


@pytest.mark.parametrize("text", ["soc", "nobody=email:a@b", "soc=pigeon:home", "soc=webhook:"])
def test_a_contact_is_written_in_one_way(text: str) -> None:
    with pytest.raises(ContactError, match="TEAM=KIND:TARGET"):
        contact(text)


def test_what_grafana_adds_is_no_difference_and_what_it_lacks_is() -> None:
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2, "added": 3}], "id": 7}) is None
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 9}]}) == "a[1].b"
    assert difference({"a": [1]}, {"a": [1, 2]}) == "a"
