"""The manifests for Kubernetes: valid, each file by itself, and in agreement with settings, image and pages."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr
from ruamel.yaml import YAML

from api.web.errors import PAGE_ROOTS
from configuration.base_settings import PREFIX, Settings
from configuration.loading import Process, known_variables, load_settings
from configuration.settings import ApiSettings, MigrateSettings, WorkerSettings
from tenure.cli.commands import COMMANDS
from tests.configuration import manifests
from tests.configuration.manifests import KUBERNETES, TREE, Manifest, container, documents, named, of_kind, pods
from tests.configuration.variables import GOOD, NO_FILE

SCHEMAS = Path(__file__).with_name("schemas")
PROCESSES: dict[str, tuple[Process, type[Settings]]] = {
    "api": (Process.API, ApiSettings),
    "worker": (Process.WORKER, WorkerSettings),
    "worker with versions": (Process.WORKER, WorkerSettings),
    "migrate": (Process.MIGRATE, MigrateSettings),
}
DOCKERFILE = (TREE / "Dockerfile").read_text(encoding="utf-8")
with_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")


def schema_of(kind: str) -> Any:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


def check_custom(manifest: Manifest) -> None:
    Draft202012Validator(schema_of(manifest["kind"])).validate(manifest)
    if "template" in manifest["spec"]:
        selector = {"matchLabels": manifest["spec"]["template"]["metadata"]["labels"]}
        spec = {"selector": selector, "template": manifest["spec"]["template"]}
        manifests.check({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it"}, "spec": spec})


def check(manifest: Manifest) -> None:
    (manifests.check if manifests.is_built_in(manifest) else check_custom)(manifest)


@pytest.mark.parametrize("file", manifests.files(), ids=lambda file: str(file.relative_to(KUBERNETES)))
def test_each_file_is_valid_by_itself(file: Path) -> None:
    for manifest in documents(file):
        check(manifest)


@pytest.mark.parametrize("change", [{"rollouts": {}}, {"sunset": {"deleteDelay": "1 day"}}, {"replicas": "2"}], ids=str)
def test_a_worker_deployment_with_a_mistake_is_refused(change: dict[str, Any]) -> None:
    good = named("WorkerDeployment", "tenure-worker")
    bad = {**good, "spec": {**good["spec"], **change}}

    assert not Draft202012Validator(schema_of("WorkerDeployment")).is_valid(bad)


def test_every_file_is_listed_where_kustomize_looks() -> None:
    for folder in (manifests.BASE, manifests.EXAMPLE, manifests.VERSIONS):
        (kustomization,) = documents(folder / "kustomization.yaml")
        listed = {name for name in kustomization["resources"] if name.endswith(".yaml")}
        here = {file.name for file in manifests.files() if file.parent == folder}
        assert listed == here - {"secrets.example.yaml"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_has_no_rights_that_it_does_not_need(name: str) -> None:
    pod = pods()[name]["spec"]
    user = int(re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[0])

    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, user)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(pods()[name])["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert [volume["name"] for volume in pod["volumes"] if "emptyDir" not in volume] == []
    assert container(pods()[name])["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_runs_a_command_of_the_image(name: str) -> None:
    run = container(pods()[name])
    words = [word for word in run["args"] if "=" not in word]
    assert re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE) == ['["tenure"]']
    if "command" in run:
        assert (run["command"], words.pop(0)) == (["env"], "tenure")

    assert " ".join(words) in COMMANDS
    assert run["image"] == "tenure"


def test_the_image_is_that_of_this_release() -> None:
    version = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for folder in (manifests.BASE, manifests.EXAMPLE, manifests.VERSIONS):
        (kustomization,) = documents(folder / "kustomization.yaml")
        assert [image["newTag"] for image in kustomization["images"]] == [version]


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_has_every_setting_that_its_process_needs_and_none_that_does_not_exist(name: str) -> None:
    told = manifests.variables(pods()[name])
    needed = {f"{PREFIX}{field.upper()}" for field, one in PROCESSES[name][1].model_fields.items() if one.is_required()}

    assert needed - told.keys() == set()
    assert told.keys() - set(known_variables()) == set()


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_starts_with_what_its_pod_is_told(name: str, environment: pytest.MonkeyPatch) -> None:
    for variable in GOOD:
        environment.delenv(variable, raising=False)
    filled_in = GOOD | {"TENURE_SYSTEM_DATABASE_URL": GOOD["TENURE_DATABASE_URL"]}
    for variable, value in manifests.variables(pods()[name]).items():
        environment.setenv(variable, filled_in.get(variable, "") if value is None else value)
    environment.chdir(TREE)

    process, kind = PROCESSES[name]
    assert isinstance(load_settings(process, NO_FILE), kind)


def test_what_is_secret_is_in_secrets_alone_and_the_example_holds_none() -> None:
    fields = ApiSettings.model_fields | WorkerSettings.model_fields | MigrateSettings.model_fields
    secret = {f"{PREFIX}{name.upper()}" for name, one in fields.items() if SecretStr.__name__ in str(one.annotation)}
    assert {"TENURE_DATABASE_URL", "TENURE_SECRET_KEY", "TENURE_STRIPE_WEBHOOK_SECRETS"} <= secret

    assert secret & manifests.settings().keys() == set()
    for one in of_kind("Secret"):
        assert set(one["stringData"].values()) == {""}
        assert set(one["stringData"]) <= secret


def test_the_owner_of_the_database_is_known_to_the_migration_alone() -> None:
    def sources(pod: Manifest) -> set[str]:
        return {one["secretRef"]["name"] for one in container(pod)["envFrom"] if "secretRef" in one}

    assert {name: sources(pod) for name, pod in pods().items()} == {
        "api": {"tenure", "tenure-api"},
        "worker": {"tenure", "tenure-worker"},
        "worker with versions": {"tenure", "tenure-worker"},
        "migrate": {"tenure-migrate"},
    }


def test_workers_with_versions_are_the_same_but_for_what_names_their_version() -> None:
    def without_command(pod: Manifest) -> Any:
        copy = json.loads(json.dumps(pod))
        for part in ("command", "args"):
            copy["spec"]["containers"][0].pop(part, None)
        return copy

    assert without_command(pods()["worker with versions"]) == without_command(pods()["worker"])


def test_probes_go_to_ports_that_are_open() -> None:
    paths = {}
    for name in ("api", "worker"):
        run = container(pods()[name])
        ports = {port["name"] for port in run["ports"]}
        probes = {kind: run[kind]["httpGet"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")}
        assert {probe["port"] for probe in probes.values()} <= ports
        paths[name] = [probe["path"] for probe in probes.values()]

    assert paths == {"api": ["/healthz", "/readyz", "/healthz"], "worker": ["/readyz", "/readyz", "/healthz"]}
    worker = {port["name"]: port["containerPort"] for port in container(pods()["worker"])["ports"]}
    assert manifests.variables(pods()["worker"])["TENURE_HEALTH_ADDRESS"] == f"0.0.0.0:{worker['health']}"
    assert {manifests.variables(pods()[name])["TENURE_METRICS_ADDRESS"] for name in ("api", "worker")} == {
        f"0.0.0.0:{worker['metrics']}"
    }
    assert {"name": "metrics", "containerPort": worker["metrics"]} in container(pods()["api"])["ports"]
    assert re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE) == ["8000"]
    assert {"name": "http", "containerPort": 8000} in container(pods()["api"])["ports"]


def test_services_budgets_and_policies_select_pods_that_there_are() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods().items()}

    def taken(selector: Manifest) -> set[str]:
        return {name for name, one in labels.items() if manifests.selects(selector, one)}

    workers = {"worker", "worker with versions"}
    assert taken(named("Service", "tenure-api")["spec"]["selector"]) == {"api"}
    assert taken(named("Service", "tenure-metrics")["spec"]["selector"]) == {"api", *workers}
    assert taken(named("PodDisruptionBudget", "tenure-api")["spec"]["selector"]) == {"api"}
    assert taken(named("PodDisruptionBudget", "tenure-worker")["spec"]["selector"]) == workers
    policies = {one["metadata"]["name"]: taken(one["spec"]["podSelector"]) for one in of_kind("NetworkPolicy")}
    assert policies == {
        "tenure-none": set(labels),
        "tenure-outgoing": set(labels),
        "tenure-internet": {"api", *workers},
        "tenure-mail": workers,
        "tenure-api": {"api"},
        "tenure-metrics": {"api", *workers},
    }
    assert named("HorizontalPodAutoscaler", "tenure-api")["spec"]["scaleTargetRef"]["name"] == "tenure-api"


def test_the_public_reaches_pages_and_webhooks_and_nothing_else() -> None:
    (rule,) = named("Ingress", "tenure-api")["spec"]["rules"]
    paths = {path["path"] for path in rule["http"]["paths"]}

    assert paths == {*PAGE_ROOTS, "/assets", "/webhooks/stripe"} - {"/console"}


def rendered(overlay: Path) -> list[Manifest]:
    done = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert done.returncode == 0, done.stderr
    return list(YAML(typ="safe").load_all(done.stdout))


@with_kubectl
@pytest.mark.parametrize("overlay", [manifests.BASE, manifests.EXAMPLE, manifests.VERSIONS], ids=lambda one: one.name)
def test_kustomize_makes_valid_manifests_whose_names_fit(overlay: Path) -> None:
    made = rendered(overlay)
    for manifest in made:
        check(manifest)

    names = {(one["kind"], one["metadata"]["name"]) for one in made}
    assert len(names) == len(made)
    templates = [one["spec"]["template"] for one in made if "template" in one.get("spec", {})]
    assert len(templates) == 3
    for pod in templates:
        assert container(pod)["image"].endswith("tenure:0.1.0")
        assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in names
        assert ("ConfigMap", container(pod)["envFrom"][0]["configMapRef"]["name"]) in names
    workers = {kind for kind, name in names if name == "tenure-worker"} - {"PodDisruptionBudget"}
    assert workers == ({"WorkerDeployment"} if overlay == manifests.VERSIONS else {"Deployment"})


@with_kubectl
def test_each_step_of_a_release_is_found_by_its_label() -> None:
    steps: dict[str, set[str]] = {}
    for one in rendered(manifests.EXAMPLE):
        steps.setdefault(one["metadata"]["labels"]["app.kubernetes.io/component"], set()).add(one["kind"])

    assert steps == {
        "settings": {"Namespace", "ServiceAccount", "ConfigMap", "NetworkPolicy"},
        "migrate": {"Job"},
        "worker": {"Deployment", "PodDisruptionBudget"},
        "api": {"Deployment", "Service", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget"},
        "metrics": {"Service"},
    }
