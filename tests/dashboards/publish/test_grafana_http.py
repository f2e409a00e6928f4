from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from dashboards.grafana_http import Backend, GrafanaError, GrafanaHttp, connect
from streams.core.errors import MissingToolError, SettingsError
from streams.core.settings import Settings

TOKEN = "any"  # made up


def at(url: str, backend: Backend, *, token: str = TOKEN, timeout: float = 2.0, tries: int = 1) -> GrafanaHttp:
    api = connect(Settings.model_validate({"mode": "local", "grafana_url": url, "grafana_token": token}), backend, timeout)
    api._tries = tries
    return api


def test_a_wrong_token_is_told_in_one_line_without_the_token(grafana: Any, backend: Backend) -> None:
    with pytest.raises(GrafanaError, match="does not accept this token: make a service account") as error:
        at(grafana.url, backend, token="wrong-token").get("/folders/x")
    assert "wrong-token" not in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_there_is_none_and_only_an_administrator_is_told_so(api: GrafanaHttp, grafana: Any) -> None:
    assert api.find("/folders/nowhere") is None
    with pytest.raises(GrafanaError, match="forbids GET /folders/nowhere"):
        api.get("/folders/nowhere")
    grafana.role = "Admin"
    assert api.get("/folders/nowhere") is None


def test_a_user_of_grafana_can_take_the_place_of_a_service_account(grafana: Any, backend: Backend) -> None:
    named = {"mode": "local", "grafana_url": grafana.url, "grafana_user": "admin", "grafana_token": "glsa_made_up_for_tests"}
    assert connect(Settings.model_validate(named), backend).get("/folders?limit=1") == []


def test_the_empty_answer_to_a_delete_is_fine(api: GrafanaHttp, grafana: Any) -> None:
    grafana.faults = [(204, None)]
    api.delete("/v1/provisioning/alert-rules/x")
    grafana.faults = [(404, {"message": "gone already"})]
    api.delete("/v1/provisioning/alert-rules/x")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_grafana_is_asked_again_three_times(api: GrafanaHttp, grafana: Any, status: int) -> None:
    grafana.faults = [(status, {"message": "busy"})] * 3
    assert api.get("/folders") == []
    grafana.faults = [(status, {"message": "busy"})] * 4
    with pytest.raises(GrafanaError, match=rf"refuses GET /folders \(HTTP {status}\): busy"):
        api.get("/folders")


def test_a_refusal_is_final(api: GrafanaHttp, grafana: Any) -> None:
    grafana.faults = [(400, {"message": "title\nis empty"}), (200, [])]
    with pytest.raises(GrafanaError, match="title is empty"):
        api.put("/v1/provisioning/policies", {})
    assert len(grafana.faults) == 1


def test_a_page_of_html_is_no_grafana(api: GrafanaHttp, grafana: Any) -> None:
    grafana.faults = [(200, "<html>log in</html>")]
    with pytest.raises(GrafanaError, match="correct HYDROMETER_GRAFANA_URL"):
        api.get("/folders")


def test_a_closed_port_is_told_in_one_line(backend: Backend) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(GrafanaError, match=f"Grafana at {url} does not answer"):
        at(url, backend).get("/folders")


def test_a_grafana_that_never_answers_is_left_after_the_time_out(backend: Backend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(GrafanaError, match="does not answer"):
            at(f"http://127.0.0.1:{silent.getsockname()[1]}", backend, timeout=0.3).get("/folders")
        assert time.monotonic() - began < 3


def test_a_grafana_below_a_path_is_found(grafana: Any, backend: Backend) -> None:
    grafana.faults = [(200, {"version": "12.0.0"})]
    assert at(f"{grafana.url}/grafana/", backend).get("/health") == {"version": "12.0.0"}


def test_without_a_token_the_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="HYDROMETER_GRAFANA_TOKEN is not set"):
        connect(Settings(mode="local"))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "grafana_client.client", None)
    with pytest.raises(MissingToolError, match="pip install grafana-client"):
        connect(Settings.model_validate({"mode": "local", "grafana_token": "t"}), "grafana-client")
