"""docker-compose.yml is true and tight, as far as that shows without an engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"

OURS = {"web", "worker", "migrate"}
ALL = OURS | {"postgres", "redis", "nginx"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_it_is_what_the_compose_specification_says():
    schema = ["--builtin-schema", "vendor.compose-spec"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(FILE)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_it_has_web_worker_postgres_redis_and_nginx(services):
    assert set(services) == ALL


def test_every_image_is_pinned_to_one_release(services):
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        assert re.match(r"\d+\.\d+(\.\d+)?(-|$)", tag), f"{name}: {service['image']}"


def test_the_image_of_ours_bears_the_version_of_the_project(services):
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    for name in OURS:
        assert services[name]["image"] == f"millrace:{version[1]}"


def test_no_container_runs_as_root(services):
    for name in ALL - OURS:
        assert not str(services[name]["user"]).startswith(("0", "root")), name
    for name in OURS:  # the Dockerfile's user, see test_dockerfile.py
        assert "user" not in services[name]


def test_every_container_is_bounded_and_has_no_powers(services):
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits), name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["read_only"] is True, name
        assert service["logging"]["options"]["max-size"], name
        assert "privileged" not in service, name


def test_what_has_a_door_has_a_health_check(services):
    for name in ("web", "postgres", "redis", "nginx"):
        check = services[name]["healthcheck"]
        assert check["test"][0] == "CMD", name
        assert {"interval", "timeout", "retries"} <= set(check), name


def test_whatever_a_service_waits_for_can_say_that_it_is_ready(services):
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert services[other]["healthcheck"].get("test"), f"{name} waits for {other}"
            else:
                assert how["condition"] == "service_completed_successfully", name
                assert services[other]["restart"] == "no", name


def test_only_nginx_is_reached_from_outside_and_by_default_only_from_this_machine(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"nginx": ["${LISTEN:-127.0.0.1:8080}:8080"]}


def test_the_database_redis_and_the_workers_have_no_way_out(compose, services):
    assert compose["networks"]["inside"]["internal"] is True
    for name in ("postgres", "redis", "worker", "migrate"):
        assert services[name]["networks"] == ["inside"], name


def test_secrets_are_files_and_never_variables(compose, services):
    assert set(compose["secrets"]) == {"database_url", "postgres_password", "secret_key"}
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"SECRET|PASSWORD|DATABASE_URL", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.removeprefix("/run/secrets/") in service["secrets"], name


def test_every_named_volume_is_declared_and_used(compose, services):
    used = {
        volume.partition(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert used == set(compose["volumes"])


def test_every_mounted_file_exists(services):
    for service in services.values():
        for volume in service.get("volumes", []):
            if volume.startswith("."):
                assert (ROOT / volume.partition(":")[0]).is_file(), volume


def test_docker_waits_longer_than_a_program_takes_to_end(services, gunicorn_settings, settings):
    takes = max(gunicorn_settings["graceful_timeout"], settings.GRACE_SECONDS)
    for name in ("web", "worker"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > takes, name


def test_the_variables_that_it_takes_from_people_are_in_the_guide(compose):
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    text = FILE.read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{([A-Z_]+)", text))
    wanted |= {secret["environment"] for secret in compose["secrets"].values()}
    for name in sorted(wanted):
        assert re.search(rf"^#?{name}=", guide, re.MULTILINE), name


def test_the_variables_that_it_sets_are_read_by_something(services):
    known = set(re.findall(r'"([A-Z][A-Z_]+)"', (ROOT / "project" / "settings.py").read_text()))
    # gunicorn's own, and prometheus_client's
    known |= {"WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "PROMETHEUS_MULTIPROC_DIR"}
    for name in OURS:
        for variable in services[name]["environment"]:
            assert variable.removesuffix("_FILE") in known, f"{name}: {variable}"
