"""What is given to systemd and Docker names commands, options, settings and files that there are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from recommender.api import create_app
from recommender.cli import app
from recommender.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
PROGRAM = "/opt/recommender/.venv/bin/recommender"


def unit(path: Path) -> list[tuple[str, str, str]]:
    """Read a unit: section, key and value of each line, for a key may come again."""
    found, section = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, sign, value = line.partition("=")
            assert sign, f"{path.name}: {line}"
            found.append((section, name, value))
    return found


def check(words: list[str]) -> None:
    """Parse a command line as the program does, without doing anything."""
    group = typer.main.get_command(app)
    with group.make_context("recommender", list(words)) as context:
        rest = [*context._protected_args, *context.args]
        name, command, arguments = group.resolve_command(context, rest)  # type: ignore[attr-defined]
        assert command is not None, words
        command.make_context(name, arguments, parent=context).close()


def check_setting(written: str) -> None:
    name = written.partition("=")[0]
    assert name == "NUMBA_CACHE_DIR" or name.removeprefix(PREFIX).lower() in Settings.model_fields, written


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_what_there_is(path: Path) -> None:
    lines = unit(path)
    assert {section for section, _, _ in lines} <= {"Unit", "Service", "Install"}
    (start,) = (value for _, name, value in lines if name == "ExecStart")
    program, *words = shlex.split(start)
    assert program == PROGRAM
    check(words)
    for _, name, value in lines:
        if name == "Environment":
            check_setting(value)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_gives_the_program_no_more_than_it_needs(path: Path) -> None:
    named = {(name, value) for section, name, value in unit(path) if section == "Service"}
    assert named >= {
        ("DynamicUser", "yes"),
        ("ProtectSystem", "strict"),
        ("StateDirectory", "recommender"),
        ("NoNewPrivileges", "yes"),
        ("SystemCallFilter", "@system-service"),
    }


def test_the_service_is_waited_for_longer_than_its_answers() -> None:
    named = {name: value for _, name, value in unit(DEPLOY / "recommender.service")}
    assert int(named["TimeoutStopSec"]) > Settings().shutdown
    assert (named["Restart"], named["KillMode"]) == ("on-failure", "mixed")


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    for path in (*UNITS, *DEPLOY.glob("*.timer")):
        written = path.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
        (tmp_path / path.name).write_text(written, encoding="utf-8")
    properties, _ = asked_to_run(tmp_path, "doctor")
    lines = ["[Service]", "ExecStart=/bin/true", *properties]
    (tmp_path / "run-1.service").write_text("\n".join(lines), encoding="utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir() if path.suffix in (".service", ".timer"))
    assert len(units) == 4
    done = subprocess.run([systemd, "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def asked_to_run(folder: Path, *words: str) -> tuple[list[str], list[str]]:
    """Call the script that runs a command as the service's user; give what it asks systemd for."""
    stand_in = folder / "bin" / "systemd-run"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", encoding="utf-8")
    stand_in.chmod(0o755)
    done = subprocess.run(
        [DEPLOY / "recommender-run", *words],
        env={"PATH": f"{stand_in.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = done.stdout.splitlines()
    end = told.index(PROGRAM)
    return [value for name, value in pairwise(told[:end]) if name == "-p"], told[end + 1 :]


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "add", "the newsroom's CMS", "--scope", "publish"],
        ["import", "/srv/stories"],
        ["backup", "news.zip"],
        ["restore", "news.zip", "--force"],
    ],
)
def test_an_operator_runs_commands_as_the_service_does(words: list[str], tmp_path: Path) -> None:
    properties, command = asked_to_run(tmp_path, *words)
    assert command == words
    check(command)
    named = {f"{name}={value}" for _, name, value in unit(DEPLOY / "recommender.service")}
    assert set(properties) <= named
    ours = (
        "User",
        "DynamicUser",
        "StateDirectory",
        "CacheDirectory",
        "WorkingDirectory",
        "UMask",
        "Environment",
    )
    assert {one for one in named if one.startswith(ours)} - {"Environment=RECOMMENDER_LOG=json"} == set(
        properties
    )


def test_the_image_is_made_of_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    kept = {line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    users = []
    for word, rest in lines:
        if word == "COPY":
            *sources, _ = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in kept
        elif word == "ENV":
            for written in shlex.split(rest):
                check_setting(written)
        elif word == "USER":
            users.append(rest)
        elif word == "RUN" and "constraints" in rest:
            assert "--require-hashes" in rest
    assert users == ["recommender"]
    said = dict(line for line in lines if len(line) == 2)
    assert said["FROM"].endswith("-slim")
    assert said["ENTRYPOINT"] == '["recommender"]'
    check(re.findall(r'"([\w-]+)"', said["CMD"]))
    probed = re.search(r"http://127\.0\.0\.1:(\d+)(/[\w/]+)", said["HEALTHCHECK"])
    assert probed is not None
    assert int(probed[1]) == Settings().port
    assert probed[2] in create_app(Settings()).openapi()["paths"]


@pytest.mark.parametrize("words", [["--nothing", "serve"], ["serve", "--nothing"], ["nothing"]])
def test_a_command_that_there_is_not_would_be_found(words: list[str]) -> None:
    with pytest.raises(Exception, match="No such"):
        check(words)
