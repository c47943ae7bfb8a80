"""What the project's own files promise."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from shared.config import Settings, load_settings
from shared.config.monitor import PageSettings
from shared.messages.reasons import Reason

ROOT = Path(__file__).parents[2]


def test_the_example_of_settings_is_true(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every variable of .env.example is known, and where the file says default, it is one."""
    monkeypatch.chdir(tmp_path)
    defaults: Settings = load_settings()
    shown = dict(re.findall(r"^# (TICKLINE_\w+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert shown.pop("TICKLINE_CONFIG") == "tickline.toml"
    assert shown.pop("TICKLINE_BUS__URL")
    assert shown.pop("TICKLINE_USER_CODE") == "."
    assert shown.pop("TICKLINE_STRATEGY__PARAMS")
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == defaults


def test_compose_shows_the_users_folder_to_those_that_decide_and_not_to_the_gateway() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mount = "${USER_CODE:-./user}:/user:ro"
    seeing = {name for name, service in services.items() if mount in service.get("volumes", ())}
    told = {name for name, service in services.items() if "TICKLINE_USER_CODE" in service.get("environment", {})}
    assert seeing == told == {"ingestor", "signal", "strategy", "monitor", "recorder"}
    own = services["gateway"]["environment"]
    for name in seeing:
        url = {"TICKLINE_BUS__URL": f"redis://{name}@redis:6379/0"}
        assert services[name]["environment"].items() >= {**own, **url}.items()
    assert not any("/user" in volume for volume in services["gateway"].get("volumes", ()))


def test_compose_closes_every_container_up() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        works_on = {"stop_grace_period", "healthcheck"} if name != "bus-users" else {"mem_limit"}
        assert {"tmpfs", "pids_limit", "ulimits", *works_on} <= service.keys(), name
        assert "mem_limit" in service or name == "redis", name
        page = ["127.0.0.1:${PAGE_PORT:-8787}:8787"]
        assert service.get("ports", []) == (page if name == "monitor" else []), name
        assert service.get("build", {"args": {"REVISION": ""}})["args"].keys() == {"REVISION"}, name


def test_compose_has_a_bus_that_drops_nothing_and_knows_nobody_but_its_users() -> None:
    command = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--maxmemory-policy"], options["--maxmemory"]) == ("noeviction", "${BUS_MEMORY:-2gb}")
    assert (options["--appendonly"], options["--aclfile"]) == ("yes", "/users/users.acl")


def test_compose_gives_each_service_its_own_password_of_the_bus_and_no_other() -> None:
    stack = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    held = {
        name: {volume for volume in one["volumes"] if volume.startswith("user")}
        for name, one in stack["services"].items()
    }
    makes, image = held.pop("bus-users"), (ROOT / "Dockerfile").read_text()
    assert held == {name: {f"user-{name}:{'/users' if name == 'redis' else '/bus'}:ro"} for name in held}
    assert makes == {"users:/users/all", *(f"user-{name}:/users/{name}" for name in held)}
    assert stack["volumes"].keys() >= {volume.partition(":")[0] for volume in makes}
    assert all(f"/users/{name}" in image for name in ("all", *held)), "where nothing stands the volume is root's"
    for name in held.keys() - {"redis"}:
        told = stack["services"][name]["environment"]
        assert (told["TICKLINE_BUS__URL"], told["TICKLINE_BUS__PASSWORD_FILE"]) == (
            f"redis://{name}@redis:6379/0", "/bus/password",
        )  # fmt: skip


def test_compose_gives_those_of_an_account_its_journal_and_the_gateway_alone_its_keys() -> None:
    """Testnet and live: the monitor reads the gateway's journal, and needs the packages for it."""
    live = yaml.safe_load((ROOT / "docker-compose.live.yml").read_text())
    services = live["services"]
    stage = (
        (ROOT / "Dockerfile").read_text().partition("FROM dependencies AS dependencies-live")[2].partition("FROM ")[0]
    )
    assert "[ccxt,journal,alerts,page]" in stage
    assert {name for name, one in services.items() if one["build"]["target"] == "live"} == set(services)
    for name in ("gateway", "monitor"):
        assert "state:/state" in services[name]["volumes"]
        assert services[name]["environment"]["TICKLINE_STATE_DIR"] == "/state"
        assert "out" in services[name]["networks"]
    assert {name for name, one in services.items() if any(":/keys" in each for each in one.get("volumes", ()))} == {
        "gateway"
    }
    assert live["volumes"].keys() == {"state"}
    assert {"/keys/", "/secrets/", ".env"} <= set((ROOT / ".gitignore").read_text().split())


def test_compose_publishes_the_page_alone_on_this_machine_by_the_name_that_it_knows() -> None:
    stack = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    published = {name: one["ports"] for name, one in stack["services"].items() if "ports" in one}
    assert published == {"monitor": ["127.0.0.1:${PAGE_PORT:-8787}:8787"]}
    told = stack["services"]["monitor"]["environment"]
    page = {key.rpartition("__")[2].lower(): value for key, value in told.items() if "__PAGE__" in key}
    page["hosts"] = json.loads(page["hosts"].replace("${PAGE_PORT:-8787}", "8787"))
    assert PageSettings(**page).hosts == ("127.0.0.1:8787", "localhost:8787")
    assert stack["networks"]["line"] == {"internal": True}
    assert stack["networks"]["page"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}


def test_the_lock_holds_every_pinned_package() -> None:
    locked = set((ROOT / "requirements.lock").read_text().lower().split())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [pin for extra in project["optional-dependencies"].values() for pin in extra]
    for pin in wanted:
        assert re.sub(r"\[.*\]", "", pin) in locked, f"{pin}: run `make lock`"


def test_the_workflow_of_the_forge_fits_its_schema_and_runs_what_a_person_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 takes the key `on` for true
    jsonschema.validate(workflow, json.loads((ROOT / "tests/fixtures/schemas/github-workflow.json").read_text()))
    assert ".ci/run" in workflow["jobs"]["check"]["steps"][-1]["run"]


def test_pre_commit_runs_make_lint() -> None:
    """`pre-commit validate-config` takes the file; here, that its one hook starts the target."""
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repo["hooks"]
    assert (repo["repo"], hook["language"], hook["entry"], hook["pass_filenames"]) == (
        "local",
        "system",
        "make lint",
        False,
    )


def test_make_lists_its_targets_on_one_screen() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make ([\w-]+) ", done.stdout, flags=re.MULTILINE)
    assert 10 <= len(listed) <= 20
    ci = (ROOT / ".ci/run").read_text()
    assert set(re.findall(r"^ *timeout \d+ make ([\w-]+)", ci, flags=re.MULTILINE)) <= set(listed)


def test_containers_start_python_on_its_safe_path() -> None:
    """As `tickline` starts its children: a file in a mounted working directory shadows no module."""
    assert "PYTHONSAFEPATH=1" in (ROOT / "Dockerfile").read_text().partition("AS runtime")[2].partition("FROM ")[0]


HEAVY = {"torch", "ccxt", "pyarrow", "pandas", "rich", "valkey"}
NOT_OF = {
    **{name: {"numpy"} for name in ("ingestor", "strategy", "gateway", "recorder", "monitor")},
    "signal": set[str](),
    "simulator": {"pydantic", "redis"},
}


@pytest.mark.parametrize("service", NOT_OF)
def test_a_service_loads_nothing_that_it_may_not_need(service: str) -> None:
    """As a process it does without; the import linter cannot see what is imported by name at run time."""
    heavy = HEAVY | NOT_OF[service]
    code = f"import sys, shared.runner.logs, services.{service}.main; print(*({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_service_that_there_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services", "gate"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "python -m services: there is no service 'gate': "
        "name one of ingestor, signal, strategy, gateway, recorder, monitor, simulator"
    ]


PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    """Every path in backticks, but those of a recipe (`your_…`), and every link to another page."""
    text = page.read_text()
    paths = re.findall(r"`((?:shared|services|tests|tools|docs|weights)/[\w./-]*)", text)
    assert [path for path in paths if "your_" not in path and not (ROOT / path).exists()] == []
    links = re.findall(r"\]\(([\w./-]+\.md)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text()
    assert [page.name for page in PAGES if f"{page.name})" not in index and page.parent != ROOT] == []


def test_every_reason_that_a_gateway_gives_is_explained() -> None:
    """In the table of docs/going-live.md; what a strategy gives for a prediction without an order is not of it."""
    table = (ROOT / "docs" / "going-live.md").read_text().partition("| what you see |")[2]
    of_strategies = list(Reason)[: list(Reason).index(Reason.PAST_VALID_UNTIL)]
    assert [reason for reason in Reason if reason not in of_strategies and f"`{reason}`" not in table] == []
