"""The Helm chart, read as what Helm made of it: golden files, which are compared with Helm itself where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from streams.cli.main import cli
from streams.core.repository import ROOT
from streams.core.settings import NEEDS, VARIABLE_PREFIX, Role, Settings, is_secret
from streams.schema import access, topics
from streams.telemetry.metrics import Metric
from streams.testing.helm_chart import CHART, EXAMPLES, golden_of, header, rendered, template, values_files
from streams.worker.app import AGENTS

NAMES: Final = [values.name for values in values_files()]
HELM: Final = shutil.which("helm")
ROLES: Final[dict[str, Role]] = {
    "collect": "intake", **dict.fromkeys(AGENTS, "worker"), "desk": "clickhouse", "topics": "kafka", "migrate": "clickhouse",
}  # fmt: skip
BESIDE: Final = {"collect": {"clickhouse_password"}, **{agent: {"worker_key", "analyst_key"} for agent in AGENTS}, "desk": {"analyst_key"}}
"""Secrets that a process is handed beside those of its role: to report its health, and to sign or to check what is signed."""
KAFKA: Final = {"collect": "collect", **dict.fromkeys(AGENTS, "worker"), "store": "store", "desk": "analyst", "topics": access.OPERATOR}
CLICKHOUSE: Final = {"collect": "reporter", **dict.fromkeys(AGENTS, "reporter"), "store": "writer", "desk": "reader", "migrate": "migrator"}
OPTIONS: Final = {"desk", "HorizontalPodAutoscaler", "ScaledObject", "ServiceMonitor", "Ingress"}


class Env(msgspec.Struct):
    name: str
    value: str


class Port(msgspec.Struct):
    name: str
    containerPort: int  # noqa: N815 - Kubernetes' name


class Asked(msgspec.Struct):
    path: str
    port: str
    httpHeaders: list[Env] = []  # noqa: N815 - as above


class Probe(msgspec.Struct):
    httpGet: Asked  # noqa: N815 - as above


class Container(msgspec.Struct, kw_only=True):
    args: list[str]
    image: str
    env: list[Env]
    ports: list[Port] = []
    livenessProbe: Probe | None = None  # noqa: N815 - as above
    readinessProbe: Probe | None = None  # noqa: N815 - as above
    volumeMounts: list[dict[str, object]]  # noqa: N815 - as above
    resources: dict[str, dict[str, str]]
    securityContext: dict[str, object]  # noqa: N815 - as above


class PodSpec(msgspec.Struct, kw_only=True):
    serviceAccountName: str  # noqa: N815 - as above
    automountServiceAccountToken: bool  # noqa: N815 - as above
    enableServiceLinks: bool  # noqa: N815 - as above
    terminationGracePeriodSeconds: int  # noqa: N815 - as above
    securityContext: dict[str, object]  # noqa: N815 - as above
    containers: list[Container]
    volumes: list[dict[str, object]]


class Metadata(msgspec.Struct):
    name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class PodTemplate(msgspec.Struct):
    metadata: Metadata
    spec: PodSpec


class Expression(msgspec.Struct):
    values: list[str] = []


class Selector(msgspec.Struct):
    matchExpressions: list[Expression] = []  # noqa: N815 - as above


class Spec(msgspec.Struct, kw_only=True):
    selector: Selector = msgspec.field(default_factory=Selector)
    template: PodTemplate | None = None
    replicas: int | None = None
    maxReplicaCount: int | None = None  # noqa: N815 - as above
    triggers: list[dict[str, object]] = []
    podSelector: dict[str, dict[str, str]] = {}  # noqa: N815 - as above
    volumeClaimTemplates: list[dict[str, object]] = []  # noqa: N815 - as above


class Manifest(msgspec.Struct):
    kind: str
    metadata: Metadata
    spec: Spec = msgspec.field(default_factory=Spec)

    @property
    def component(self) -> str:
        return self.metadata.labels["app.kubernetes.io/component"]

    @property
    def container(self) -> Container:
        assert self.spec.template
        (container,) = self.spec.template.spec.containers
        return container

    @property
    def environment(self) -> dict[str, str]:
        return {each.name: each.value for each in self.container.env}


def manifests(values: Path) -> list[Manifest]:
    return [msgspec.convert(each, Manifest) for each in yaml.safe_load_all(golden_of(values).read_text()) if each]


ALL: Final = {values.name: manifests(values) for values in values_files()}
PROCESSES: Final = {f"{name}/{each.component}": each for name, made in ALL.items() for each in made if each.spec.template}


def of(process: str) -> Manifest:
    return PROCESSES[process]


def secret_files(process: Manifest) -> dict[str, str]:
    """Return the settings that a process reads from files of secrets, and the file of each."""
    return {
        variable.removeprefix(VARIABLE_PREFIX).removesuffix("_FILE").lower(): path
        for variable, path in process.environment.items()
        if variable.endswith("_FILE")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_is_of_the_chart_and_the_values_as_they_are(name: str) -> None:
    golden = golden_of(EXAMPLES / name).read_text()
    assert golden.startswith(header(EXAMPLES / name)), "the chart or its values have changed: make helm-check WRITE=1 (needs Go)"


@pytest.mark.skipif(HELM is None, reason="helm is not installed: `make helm-check` builds it")
@pytest.mark.parametrize("name", NAMES)
def test_helm_renders_the_golden_file(name: str) -> None:
    assert HELM
    assert rendered(HELM, EXAMPLES / name) == golden_of(EXAMPLES / name).read_text()


@pytest.mark.skipif(HELM is None, reason="helm is not installed: `make helm-check` builds it")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("image.repository=", "push the image of deploy/Dockerfile"),
        ("secrets.existingSecret=", "name a Secret that has the key"),
        ("kafka.bootstrap=", "name your brokers"),
        ("workers.agents.groups.replicas=13", "13 replicas for 12 partitions"),
        ("settings.HYDROMETER_SEAL_KEY=x", "HYDROMETER_SEAL_KEY is a secret"),
        ("settings.PATH=x", "PATH is not a variable of Hydrometer"),
        ("desk.enabled=true,desk.publicUrl=https://d.example", "name a provider"),
    ],
)
def test_what_is_missing_or_wrong_is_said_before_anything_is_installed(given: str, said: str) -> None:
    assert said in template(str(HELM), EXAMPLES / "values-own-servers.yaml", "--set", given).stderr


def test_the_examples_use_every_option_and_one_uses_none() -> None:
    used = {name: {each.kind for each in made} | {each.component for each in made} for name, made in ALL.items()}
    assert used["values-strimzi-altinity.yaml"] >= OPTIONS
    assert not used["values-own-servers.yaml"] & OPTIONS


@pytest.mark.parametrize("name", NAMES)
def test_every_agent_is_a_stateful_set_with_a_disk(name: str) -> None:
    sets = {each.component: each for each in ALL[name] if each.kind == "StatefulSet"}
    assert set(sets) == set(AGENTS)
    assert all(each.spec.volumeClaimTemplates and each.container.args == ["worker", agent] for agent, each in sets.items())


@pytest.mark.parametrize("process", PROCESSES)
def test_every_command_and_option_exists(process: str) -> None:
    command, *arguments = of(process).container.args
    shown = CliRunner().invoke(cli, [command, "--help"])
    assert shown.exit_code == 0
    options = [word for word in arguments if word.startswith("--")]
    assert all(re.search(rf"^ +{option}\b", shown.output, re.MULTILINE) for option in options)


@pytest.mark.parametrize("process", PROCESSES)
def test_every_variable_is_one_of_the_settings(process: str) -> None:
    for variable in of(process).environment:
        field = variable.removeprefix(VARIABLE_PREFIX).lower()
        secret = field.removesuffix("_file")
        assert field in Settings.model_fields or (is_secret(secret) and secret in Settings.model_fields), variable


@pytest.mark.parametrize("process", PROCESSES)
def test_no_variable_that_kubernetes_makes_of_a_service_reaches_a_process(process: str) -> None:
    """HYDROMETER_COLLECT_PORT would be an unknown setting, and stop it."""
    template = of(process).spec.template
    assert template
    assert template.spec.enableServiceLinks is False


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_holds_the_secrets_of_its_role_as_files_and_no_other(process: str) -> None:
    component, manifest = of(process).component, of(process)
    logins = {"kafka_sasl_password"} if component in KAFKA else set()
    provider = {"oidc_client_secret"} if "HYDROMETER_OIDC_ISSUER" in manifest.environment else set()
    assert set(secret_files(manifest)) == {*NEEDS[ROLES[component]], *BESIDE.get(component, ()), *logins, *provider}
    assert not any(is_secret(variable.removeprefix(VARIABLE_PREFIX).lower()) for variable in manifest.environment)


@pytest.mark.parametrize("process", PROCESSES)
def test_every_file_of_a_secret_comes_from_a_secret(process: str) -> None:
    template = of(process).spec.template
    assert template
    volumes = {str(volume["name"]): volume for volume in template.spec.volumes}
    sources = msgspec.convert(volumes.get("secrets", {"projected": {"sources": []}})["projected"], Projected).sources
    projected = {f"/run/hydrometer/secrets/{item.path}": source.secret.name for source in sources for item in source.secret.items}
    assert set(secret_files(of(process)).values()) == set(projected)
    assert all(projected.values())


class Item(msgspec.Struct):
    key: str
    path: str


class SecretItems(msgspec.Struct):
    name: str
    items: list[Item]


class Source(msgspec.Struct):
    secret: SecretItems


class Projected(msgspec.Struct):
    sources: list[Source]


@pytest.mark.parametrize("process", PROCESSES)
def test_with_its_secret_files_in_place_its_settings_load(process: str, tmp_path: Path) -> None:
    environment = of(process).environment
    for variable in [each for each in environment if each.endswith("_FILE")]:
        (tmp_path / variable).write_text("0123456789abcdef0123456789abcdef\n")
        environment[variable] = str(tmp_path / variable)
    settings = Settings.load(environment, role=ROLES[of(process).component])
    assert settings.mode == "production"
    component = of(process).component
    assert settings.kafka_sasl_username == KAFKA.get(component)
    assert settings.clickhouse_user == CLICKHOUSE.get(component, "hydrometer")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_pod_may_change_nothing_but_its_state(process: str) -> None:
    template = of(process).spec.template
    assert template
    pod, container = template.spec, of(process).container
    assert pod.securityContext["runAsNonRoot"] is True
    assert pod.securityContext["runAsUser"] == int(re.findall(r"^USER (\d+)", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)[-1])
    assert pod.securityContext["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container.securityContext == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod.automountServiceAccountToken is False
    assert "memory" in container.resources["limits"]


@pytest.mark.parametrize("process", PROCESSES)
def test_every_place_that_is_mounted_is_a_volume(process: str) -> None:
    template = of(process).spec.template
    assert template
    claims = {str(msgspec.convert(claim["metadata"], Metadata).name) for claim in of(process).spec.volumeClaimTemplates}
    assert {str(mount["name"]) for mount in of(process).container.volumeMounts} == claims | {
        str(each["name"]) for each in template.spec.volumes
    }


@pytest.mark.parametrize("process", [name for name in PROCESSES if name.split("/")[1] not in {"topics", "migrate"}])
def test_a_probe_asks_a_port_that_is_open_for_a_path_that_exists(process: str) -> None:
    container = of(process).container
    ports = {port.name: port.containerPort for port in container.ports}
    served = {"http": {"/healthz", "/metrics"}, "metrics": {"/metrics"}}
    probes = [probe for probe in (container.livenessProbe, container.readinessProbe) if probe]
    assert probes
    assert all(probe.httpGet.port in ports and probe.httpGet.path in served[probe.httpGet.port] for probe in probes)
    if "metrics" in ports:
        assert of(process).environment["HYDROMETER_METRICS_PORT"] == str(ports["metrics"])
    if "http" in ports:
        assert any(word.endswith(str(ports["http"])) for word in container.args)


@pytest.mark.parametrize("process", [name for name in PROCESSES if name.endswith("/collect")])
def test_brokers_that_are_behind_restart_no_intake(process: str) -> None:
    """`/healthz` answers 503 while they are."""
    probe = of(process).container.livenessProbe
    assert probe
    assert probe.httpGet.path == "/metrics"


def test_the_desk_is_asked_under_the_name_that_it_answers_to() -> None:
    desk = of("values-strimzi-altinity.yaml/desk").container
    (host,) = desk.readinessProbe.httpGet.httpHeaders if desk.readinessProbe else []
    assert host.name == "Host"
    assert f"https://{host.value}" in desk.args


@pytest.mark.parametrize("process", [name for name in PROCESSES if name.split("/")[1] in {*AGENTS, "collect"}])
def test_a_process_has_the_time_of_compose_for_its_end(process: str) -> None:
    template = of(process).spec.template
    service = "collect" if process.endswith("/collect") else "worker-1"
    compose = yaml.load((ROOT / "deploy/compose.yaml").read_text(), yaml.SafeLoader)["services"][service]
    assert template
    assert f"{template.spec.terminationGracePeriodSeconds}s" == compose["stop_grace_period"]


@pytest.mark.parametrize("name", NAMES)
def test_no_more_workers_than_partitions(name: str) -> None:
    partitions = {int(each.environment["HYDROMETER_PARTITIONS"]) for each in ALL[name] if each.component in KAFKA and each.spec.template}
    (bound,) = partitions
    assert all((each.spec.replicas or 0) <= bound for each in ALL[name] if each.kind == "StatefulSet")
    assert all(each.spec.maxReplicaCount == bound for each in ALL[name] if each.kind == "ScaledObject")


def test_prometheus_reads_every_process_that_serves_metrics() -> None:
    made = ALL["values-strimzi-altinity.yaml"]
    (monitor,) = [each for each in made if each.kind == "ServiceMonitor"]
    (asked,) = monitor.spec.selector.matchExpressions
    serving = {each.component for each in made if each.spec.template and "HYDROMETER_METRICS_PORT" in each.environment}
    assert set(asked.values) == serving == {"collect", *AGENTS}


def test_what_has_one_partition_is_not_scaled() -> None:
    single = {agent for agent in AGENTS if agent == topics.CASES_AGENT}
    scaled = {each.component for each in ALL["values-strimzi-altinity.yaml"] if each.kind == "ScaledObject"}
    assert next(topic for topic in topics.TOPICS if topic.name == topics.EVIDENCE).single
    assert scaled == set(AGENTS) - single


def test_workers_are_scaled_by_a_metric_that_they_serve() -> None:
    for each in ALL["values-strimzi-altinity.yaml"]:
        for trigger in each.spec.triggers:
            query = msgspec.convert(trigger["metadata"], dict[str, str])["query"]
            assert query == f'sum(hydrometer_{Metric.LAG.name.lower()}{{agent="{each.component}",namespace="hydrometer"}})'


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_has_a_network_policy_and_a_job_has_it_before_it_runs(name: str) -> None:
    policies = {each.component: each for each in ALL[name] if each.kind == "NetworkPolicy"}
    pods = {each.component: each for each in ALL[name] if each.spec.template}
    assert set(policies) == set(pods)
    for component, pod in pods.items():
        assert policies[component].spec.podSelector["matchLabels"].items() <= pod.spec.template.metadata.labels.items()  # type: ignore[union-attr]
        hooks = [each.metadata.annotations.get("helm.sh/hook") for each in (pod, policies[component])]
        assert hooks[0] == hooks[1]
        assert (hooks[0] is not None) == (component in {"topics", "migrate"})


@pytest.mark.parametrize("name", NAMES)
def test_workers_and_intake_are_taken_away_one_by_one(name: str) -> None:
    assert {each.component for each in ALL[name] if each.kind == "PodDisruptionBudget"} == {"collect", *AGENTS}


def test_no_secret_server_or_image_has_a_default() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for key in ("image.repository", "kafka.bootstrap", "clickhouse.host", "secrets.existingSecret", "desk.publicUrl", "keda.prometheus"):
        room, name = key.split(".")
        assert values[room][name] == "", key


def test_the_chart_has_the_version_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]


def secrets_of(values: Path) -> set[str]:
    """Return the keys of the Secret that the values name."""
    sources = [
        source
        for each in manifests(values)
        if each.spec.template
        for volume in each.spec.template.spec.volumes
        if volume["name"] == "secrets"
        for source in msgspec.convert(volume["projected"], Projected).sources
    ]
    return {item.key for source in sources for item in source.secret.items if source.secret.name == "hydrometer"}


def test_the_script_draws_every_secret_that_is_ours_once(tmp_path: Path) -> None:
    script = ["bash", str(EXAMPLES.parent / "secrets.sh"), str(tmp_path / "secrets")]
    subprocess.run(script, check=True, capture_output=True)
    drawn = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run(script, check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == drawn
    needed = secrets_of(EXAMPLES / "values-strimzi-altinity.yaml")
    assert set(drawn) == {key for key in needed if not key.startswith(("kafka_", "oidc_"))}
    assert len(set(drawn.values())) == len(drawn)
    assert {(tmp_path / "secrets" / name).stat().st_mode & 0o777 for name in drawn} == {0o600}


def embedded_users() -> Iterator[tuple[str, str]]:
    """Yield user and file of each of ClickHouse's users in the example of Altinity's operator."""
    installation = yaml.safe_load((EXAMPLES / "altinity.yaml").read_text())
    for name, text in installation["spec"]["configuration"]["files"].items():
        yield name.removeprefix("users.d/").removesuffix(".xml"), text


def test_altinity_is_given_the_users_of_deploy_as_they_are() -> None:
    users = dict(embedded_users())
    files = {
        path.stem.removeprefix("clickhouse-"): path
        for path in [*ROOT.glob("deploy/clickhouse/*.xml"), ROOT / "deploy/grafana/clickhouse-reader.xml"]
    }
    assert {user: text.strip() for user, text in users.items()} == {user: path.read_text().strip() for user, path in files.items()}
    assert set(CLICKHOUSE.values()) == set(users)


def test_altinity_hands_the_server_each_users_password_from_the_secret() -> None:
    (template,) = yaml.safe_load((EXAMPLES / "altinity.yaml").read_text())["spec"]["templates"]["podTemplates"]
    (server,) = template["spec"]["containers"]
    handed = {each["name"]: each["valueFrom"]["secretKeyRef"]["key"] for each in server["env"]}
    asked = {str(ET.fromstring(text).findall(f"users/{user}/password")[0].get("from_env")): user for user, text in embedded_users()}
    assert handed == {variable: f"clickhouse_{user}_password" for variable, user in asked.items()}


def test_strimzi_has_the_users_that_the_values_name() -> None:
    values = yaml.safe_load((EXAMPLES / "values-strimzi-altinity.yaml").read_text())
    usual = yaml.safe_load((CHART / "values.yaml").read_text())["kafka"]["users"]
    users = {each["metadata"]["name"] for each in yaml.safe_load_all((EXAMPLES / "strimzi-users.yaml").read_text())}
    assert set(usual.values()) <= users == {name for name, _ in access.users()}
    assert {name: each["secret"] for name, each in values["secrets"]["elsewhere"].items()} == {
        f"kafka_{role}_password": user for role, user in usual.items()
    }


def test_strimzis_broker_takes_the_largest_block_and_makes_no_topic() -> None:
    kafka, *_ = yaml.safe_load_all((EXAMPLES / "strimzi.yaml").read_text())
    assert kafka["spec"]["kafka"]["config"]["message.max.bytes"] == topics.MAX_RECORD_BYTES
    assert kafka["spec"]["kafka"]["config"]["auto.create.topics.enable"] is False
    assert (
        kafka["spec"]["kafka"]["version"]
        == yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]["kafka"]["image"].split(":")[1]
    )
