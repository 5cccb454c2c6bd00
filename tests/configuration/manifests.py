"""The manifests for Kubernetes, read as they are."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import kubernetes_validate  # type: ignore[import-untyped]
from dotenv import dotenv_values
from ruamel.yaml import YAML

TREE: Final = Path(__file__).parents[2]
KUBERNETES: Final = TREE / "deploy" / "kubernetes"
BASE, EXAMPLE, VERSIONS = (KUBERNETES / name for name in ("base", "overlays/example", "overlays/versions"))
RELEASES: Final = ("1.30", "1.37")
"""The oldest Kubernetes that the manifests are for, and the newest that is known here."""

Manifest = Mapping[str, Any]


@cache
def documents(file: Path) -> tuple[Manifest, ...]:
    return tuple(YAML(typ="safe").load_all(file))


def files() -> list[Path]:
    """Every file that holds something for a cluster."""
    return sorted(file for file in KUBERNETES.rglob("*.yaml") if all("metadata" in one for one in documents(file)))


def manifests() -> Iterator[Manifest]:
    for file in files():
        yield from documents(file)


def is_built_in(manifest: Manifest) -> bool:
    return not manifest["apiVersion"].startswith("temporal.io/")


def check(manifest: Manifest) -> None:
    """Raise an error if Kubernetes' own schema refuses it, or does not know a field of it."""
    for release in RELEASES:
        kubernetes_validate.validate(dict(manifest), release, strict=True)


def of_kind(kind: str) -> list[Manifest]:
    return [one for one in manifests() if one["kind"] == kind]


def named(kind: str, name: str) -> Manifest:
    (found,) = [one for one in of_kind(kind) if one["metadata"]["name"] == name]
    return found


def pods() -> dict[str, Manifest]:
    """The template of every kind of pod."""
    return {
        "api": named("Deployment", "tenure-api")["spec"]["template"],
        "worker": named("Deployment", "tenure-worker")["spec"]["template"],
        "worker with versions": named("WorkerDeployment", "tenure-worker")["spec"]["template"],
        "migrate": named("Job", "tenure-migrate")["spec"]["template"],
    }


def container(pod: Manifest) -> Manifest:
    (only,) = pod["spec"]["containers"]
    found: Manifest = only
    return found


def settings() -> dict[str, str]:
    """What all processes are told by the settings' files."""
    merged = dotenv_values(BASE / "settings.env") | dotenv_values(EXAMPLE / "settings.env")
    return {name: value for name, value in merged.items() if value is not None}


def secrets() -> dict[str, list[str]]:
    """The names in each Secret of the example."""
    return {one["metadata"]["name"]: list(one["stringData"]) for one in of_kind("Secret")}


def variables(pod: Manifest) -> dict[str, str | None]:
    """The variables of a pod, with their values; None for what comes from a Secret."""
    told: dict[str, str | None] = {}
    for source in container(pod)["envFrom"]:
        if "configMapRef" in source:
            told |= settings()
        else:
            told |= dict.fromkeys(secrets()[source["secretRef"]["name"]])
    for one in container(pod).get("env", ()):
        told[one["name"]] = one.get("value")
    for word in container(pod)["args"]:  # env NAME=$(VALUE) tenure worker
        name, is_set, _ = word.partition("=")
        if is_set:
            told[name] = None
    return told


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a selector, of labels or of `matchLabels` and `matchExpressions`, takes a pod."""
    wanted = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
    within = all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))
    return within and all(labels.get(name) == value for name, value in wanted.items())
