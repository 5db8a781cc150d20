"""The command line as a person or a script meets it: output, exit codes, errors."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson
import pytest
from rich.console import Console

from recommender.__main__ import main
from recommender.cli import show
from recommender.cli.serving import listening
from recommender.service import Answer
from recommender.settings import Settings
from recommender.store import REVISION, Store

SEEDS = Path(__file__).parents[1] / "seeds"
SEED = "https://www.mic.com/p/amazon-is-banning-cops-from-using-its-facial-recognition-tech-for-one-year-22976063"
FORMS = [
    SEED,
    f"{SEED}/amp",
    f"https://www-mic-com.cdn.ampproject.org/c/s/{SEED.removeprefix('https://')}/amp",
    f"{SEED}?utm_source=x#frag",
    SEED.replace("https://www.", "http://") + "/",
]

Run = Callable[..., "Result"]


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run_in(folder: Path, *arguments: str) -> Result:
    """Run the program's entrance in a folder, with none of this machine's settings."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name in [name for name in os.environ if name.startswith("RECOMMENDER_")]:
            patch.delenv(name)
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["recommender", *arguments])
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> partial[Result]:
    """A folder where the sample newsroom was imported, trained and recomputed by command."""
    folder = tmp_path_factory.mktemp("newsroom")

    run = partial(run_in, folder)
    assert run("import", str(SEEDS)).returncode == 0
    trained = run("train", "--engine", "local")
    assert trained.returncode == 0, trained.stderr
    assert "trigram-decay" in trained.stdout
    done = run("recompute", "--engine", "local", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["generation"] == 1
    return run


@pytest.mark.parametrize("url", FORMS)
def test_every_form_of_the_seeds_address_is_answered(newsroom: Run, url: str) -> None:
    result = newsroom("related", url, "-k", "5", "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["url"] == SEED
    assert [item["source"] for item in answer["items"]] == ["curated"] * 4 + ["model"]


def test_related_prints_a_table(newsroom: Run) -> None:
    result = newsroom("related", SEED, "-k", "2")
    assert result.returncode == 0
    assert "Amazon is banning cops" in result.stdout
    assert "Congressman slams" in result.stdout
    assert "17 Jun 2020" in result.stdout


def printed(answer: Answer) -> str:
    console = Console(width=120, file=io.StringIO())
    console.print(show.related(answer, datetime(2024, 1, 3, tzinfo=UTC)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_names_who_else_has_a_story() -> None:
    copy = {
        "title": "A title",
        "publishedDateTime": None,
        "webUrl": "https://one.example/a",
        "ampWebUrl": None,
    }
    copies = [
        copy | {"provider": {"name": name, "domain": domain}}
        for name, domain in [("One", "one.example"), ("", "two.example"), ("One", "one.example"), ("", "")]
    ]
    item = copies[0] | {"rank": 1, "score": 0.5, "source": "model"}

    def told(**more: Any) -> str:
        return orjson.dumps(item | more).decode()

    answer = Answer("https://news.example/x", "m1", 1, [told(alternates=copies[1:])], None)
    assert "also: two.example, One, https://one.example/a" in printed(answer)
    assert "also:" not in printed(answer._replace(texts=[told(alternates=[])]))
    assert "No recompute has seen this story yet" not in printed(answer)
    assert "No recompute has seen this story yet" in printed(answer._replace(ranked=False))


def test_curated_off_knows_no_links(newsroom: Run) -> None:
    answer = json.loads(newsroom("related", SEED, "--curated", "off", "--json").stdout)
    assert {item["source"] for item in answer["items"]} == {"model"}


def test_an_unknown_story_fails_by_name(newsroom: Run) -> None:
    result = newsroom("related", "https://nobody.example/nothing")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("unknown-story: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["related", "javascript:alert(1)"], 2, "invalid-url"),
        (["import", "nowhere"], 2, "nowhere"),
        (["import", "https://news.example/feed.xml"], 2, "download it"),
        (["evaluate", "--cut", "yesterday"], 2, "expected a date"),
        (["evaluate", "--compare", "word2vec"], 2, "word2vec"),
        (["evaluate", "--protocol", "hot"], 2, "hot"),
        (["evaluate", "--seed", "1"], 2, "warm"),
        (["evaluate", "--protocol", "warm", "--cut", "2024-03-22"], 2, "cold"),
        (["evaluate", "--json", "none/there/x.json"], 2, "no folder none/there"),
        (["evaluate", "--html", "none/there/x.html"], 2, "no folder none/there"),
        (["evaluate", "--per-query", "none/there/x.jsonl"], 2, "no folder none/there"),
        (["recompute", "--engine", "steam"], 2, "steam"),
        (["export", "-o", "none/there/x.jsonl"], 2, "cannot be written"),
        (["models", "show", "../../etc"], 1, "model-not-found"),
        (["--config", "none.toml", "doctor"], 2, "none.toml"),
        (["fly"], 2, "fly"),
        (["related"], 2, "URL"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    newsroom: Run, arguments: list[str], code: int, says: str
) -> None:
    result = newsroom(*arguments)
    assert result.returncode == code, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_commands_before_an_import_say_what_to_do(tmp_path: Path) -> None:
    result = run_in(tmp_path, "related", SEED)
    assert result.returncode == 1
    assert "import something first" in result.stderr
    assert list(tmp_path.iterdir()) == [], "looking makes no store"


def test_an_import_with_a_rejection_exits_with_3(tmp_path: Path) -> None:
    stories = tmp_path / "stories"
    stories.mkdir()
    (stories / "bad.md").write_text("---\nexcerpt: no title\nwebUrl: https://news.example/1\n---\n")
    (stories / "good.md").write_text("---\ntitle: A title\nwebUrl: https://news.example/2\n---\n")
    result = run_in(tmp_path, "import", "stories")
    assert result.returncode == 3
    assert "bad.md" in result.stderr
    assert "1 new" in result.stdout
    report = json.loads(run_in(tmp_path, "import", "stories", "--json").stdout)
    assert report["unchanged"] == 1
    assert len(report["rejections"]) == 1


def test_evaluate_writes_json_and_a_page_that_say_what_the_table_says(newsroom: Run, tmp_path: Path) -> None:
    target, page = tmp_path / "report.json", tmp_path / "report.html"
    files = ["--json", str(target), "--html", str(page)]
    result = newsroom("evaluate", *files, "--compare", "tfidf", "--engine", "local")
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.html"}
    report = json.loads(target.read_text())
    assert list(report["systems"]) == ["recommender", "tfidf"]
    assert f"{report['systems']['tfidf']['ndcg']:.3f}" in result.stdout
    assert f"{report['queries']} queries" in result.stdout
    html = page.read_text("utf-8")
    assert f"<td>{report['systems']['tfidf']['ndcg']:.3f}</td>" in html
    assert f"<td>{report['reliability']['shown']['bins'][0]['linked']:.3f}</td>" in html
    assert f"<td>{report['slices']['age'][0]['systems']['tfidf']['ndcg']:.3f}</td>" in html
    (trained,) = json.loads(newsroom("models", "list", "--json").stdout)
    assert f"{trained['id']}</th>" in html
    assert "<td>active, served</td>" in html
    assert "What readers click" not in html, "nobody did"


def test_evaluate_with_too_few_links_says_what_was_measured(newsroom: Run) -> None:
    result = newsroom("evaluate", "--cut", "2020-01-02", "--compare", "default", "--engine", "local")
    assert result.returncode == 0, result.stderr
    assert "Too few links before the cut: the ranking is the default ranker's." in result.stdout


def test_evaluate_shows_slices_and_writes_single_queries(newsroom: Run, tmp_path: Path) -> None:
    report, lines = tmp_path / "report.json", tmp_path / "queries.jsonl"
    arguments = ["--protocol", "warm", "--seed", "3", "--compare", "bm25, tfidf-decay", "--engine", "local"]
    result = newsroom("evaluate", *arguments, "--slices", "--json", str(report), "--per-query", str(lines))
    assert result.returncode == 0, result.stderr
    told = json.loads(report.read_text())
    assert (told["protocol"], told["cut"], told["seed"]) == ("warm", None, 3)
    assert list(told["systems"]) == ["recommender", "bm25", "tfidf-decay"]
    assert "warm protocol, seed 3" in result.stdout
    assert "Too few links" not in result.stdout
    for parts in told["slices"].values():
        for part in parts:
            (line,) = re.findall(rf"^{re.escape(part['name'])} +{part['queries']} .*", result.stdout, re.M)
            assert f"{part['systems']['recommender']['ndcg']:.3f}" in line
    queries = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(queries) == told["queries"]
    mean = sum(query["systems"]["bm25"]["map"] for query in queries) / len(queries)
    assert mean == pytest.approx(told["systems"]["bm25"]["map"])
    assert max(map(len, result.stdout.splitlines())) <= 120
    assert "…" not in result.stdout, "nothing is cut off at 120 columns"


def test_export_has_a_line_a_story(newsroom: Run, tmp_path: Path) -> None:
    target = tmp_path / "related.jsonl"
    assert newsroom("export", "-o", str(target), "-k", "3").returncode == 0
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(lines) > 170
    assert all(len(line["related"]) == 3 for line in lines)


def test_models_are_listed_shown_verified_and_activated(newsroom: Run) -> None:
    (model,) = json.loads(newsroom("models", "list", "--json").stdout)
    assert model["active"] is True
    assert model["id"] in newsroom("models", "list").stdout
    assert json.loads(newsroom("models", "show", model["id"]).stdout)["features"] == model["features"]
    assert newsroom("models", "verify").returncode == 0
    assert newsroom("models", "activate", model["id"]).returncode == 0
    back = newsroom("models", "rollback")
    assert "default is active again" in back.stderr
    assert "is active again" in newsroom("models", "rollback").stderr
    assert json.loads(newsroom("models", "list", "--json").stdout) == [model]


def test_doctor_is_well_after_a_recompute_and_says_so_before(newsroom: Run, tmp_path: Path) -> None:
    well = newsroom("doctor")
    assert well.returncode == 0, well.stdout
    assert "all is well" in well.stdout
    ill = run_in(tmp_path, "doctor")
    assert ill.returncode == 1
    assert "import something first" in ill.stdout


def test_doctor_tells_machines_who_is_at_work_and_what_waits(newsroom: Run, tmp_path: Path) -> None:
    told = json.loads(newsroom("doctor", "--json").stdout)
    assert told["well"] is True
    assert told["troubles"] == []
    assert told["facts"]["since then"] == "0 stories new or changed, 0 without a list yet"
    assert told["facts"]["writing now"] == "nobody"
    assert "GB free" in told["facts"]["disk"]
    assert f"revision {REVISION}" in told["facts"]["store"]
    with Store.open(f"sqlite:///{tmp_path}/recommender.sqlite") as store, store.leading("live"):
        ill = run_in(tmp_path, "doctor", "--json")
    assert ill.returncode == 1
    told = json.loads(ill.stdout)
    assert told["well"] is False
    assert told["troubles"] == ["nothing is published yet: `recommender recompute`"]
    assert f"process {os.getpid()} (live, since" in told["facts"]["lists follow"]


def test_doctor_says_that_a_disk_is_full(newsroom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=150_000_000))
    ill = newsroom("doctor")
    assert ill.returncode == 1
    assert "make room" in ill.stdout


def test_without_a_model_it_is_said_what_ranks(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"title": "A story", "webUrl": "https://news.example/a"}))
    run_in(tmp_path, "import", "a.json")
    result = run_in(tmp_path, "recompute", "--engine", "local")
    assert result.returncode == 0, result.stderr
    assert "model default" in result.stdout
    assert "ranked by the default ranker" in " ".join((result.stdout + result.stderr).split())
    trained = run_in(tmp_path, "train", "--engine", "local")
    # No failure: what comes after it in a script ranks with the default ranker.
    assert trained.returncode == 0
    assert trained.stderr.startswith("Not trained: 0 curated links; 100 are needed")
    told = json.loads(run_in(tmp_path, "train", "--engine", "local", "--json").stdout)
    assert told["model"] is None
    assert told["active"] == "default"


def test_a_model_that_cannot_be_used_is_left_for_the_default_ranker(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"title": "A story", "webUrl": "https://news.example/a"}))
    run_in(tmp_path, "import", "a.json")
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "models" / "active").write_text("20260101-000000-000000\n")
    assert run_in(tmp_path, "recompute", "--engine", "local").returncode == 1
    trained = run_in(tmp_path, "train", "--engine", "local")
    assert "models activate default" in " ".join(trained.stderr.split())
    assert run_in(tmp_path, "models", "activate", "default").returncode == 0
    assert "model default" in run_in(tmp_path, "recompute", "--engine", "local").stdout


def test_a_headline_drives_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps({"title": "Red \u001b[31m [bold]alert[/bold]", "webUrl": "https://news.example/a"})
    )
    run_in(tmp_path, "import", "a.json")
    run_in(tmp_path, "recompute", "--engine", "local")
    result = run_in(tmp_path, "related", "https://news.example/a")
    assert result.returncode == 0, result.stderr
    assert "\u001b[31m" not in result.stdout
    assert "[bold]alert[/bold]" in result.stdout, "markup is text"


def test_the_program_and_the_module_are_one() -> None:
    for command in (["recommender"], [sys.executable, "-m", "recommender"]):
        place = Path(sys.executable).with_name(command[0]) if command[0] == "recommender" else command[0]
        result = subprocess.run(
            [place, *command[1:], "--version"], capture_output=True, text=True, check=True, timeout=60
        )
        assert re.fullmatch(r"recommender \d+\.\d+\.\d+\n", result.stdout)


def test_demo_prints_a_question_and_answers_it(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "recommender",
        "demo",
        "--port",
        port,
        "--seeds",
        str(SEEDS),
    ]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        # What is set for newsrooms that are served is not for the one that a demo makes.
        env=os.environ
        | {"TMPDIR": str(tmp_path), "RECOMMENDER_SITES": "mic", "RECOMMENDER_SITE": "mic"}
        | {"RECOMMENDER_READ": "keyed"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as demo:
        try:
            assert demo.stdout is not None
            curl = next(line for line in demo.stdout if "curl" in line)
            url = re.search(r"'(http://[^']+)'", curl)
            assert url is not None
            answer = ask(url[1], demo)
            assert [item["source"] for item in answer["items"][:4]] == ["curated"] * 4
        finally:
            demo.terminate()
            demo.wait(timeout=20)
    assert list(tmp_path.iterdir()) == [], "a demo leaves nothing behind"


def test_a_taken_port_is_wrong_use_and_told_before_any_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in (["serve"], ["demo", "--seeds", str(SEEDS)]):
            result = run_in(tmp_path, *command, "--port", port)
            assert result.returncode == 2
            assert port in result.stderr
            assert result.stdout == ""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_on_any_free_port_says_which(newsroom: partial[Result], tmp_path: Path, workers: str) -> None:
    store = f"sqlite:///{newsroom.args[0]}/recommender.sqlite"
    command = [sys.executable, "-m", "recommender", "--store", store, "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--workers", workers], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
            assert found is not None
            answer = ask(f"{found[0]}/related?url={SEED}", server)
            assert answer["url"] == SEED
        finally:
            server.terminate()
            server.wait(timeout=20)


def test_connections_do_not_wait_before_they_send() -> None:
    """Headers and body are two writes: the second would wait 40 ms for the first to be acknowledged."""
    with listening(Settings(port=0)) as taken, socket.create_connection(taken.getsockname()) as _:
        accepted, _ = taken.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_server_loads_nothing_that_learns() -> None:
    program = (
        "import sys, recommender.cli, recommender.api, uvicorn; "
        "print(sorted({'sklearn', 'scipy', 'alembic', 'lxml', 'httpx2'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def ask(url: str, server: subprocess.Popen[str]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except OSError:
            assert server.poll() is None, "the demo ended"
            time.sleep(0.1)
    pytest.fail("the demo does not answer")


def test_who_interrupts_serve_as_a_terminal_does_is_told_of_no_error(tmp_path: Path) -> None:
    """All processes of it are interrupted, the one that keeps lists up to date too."""
    store = f"sqlite:///{tmp_path}/news.sqlite"
    with Store.open(store):
        pass
    command = [sys.executable, "-m", "recommender", "--store", store, "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        time.sleep(3)
        os.killpg(server.pid, signal.SIGINT)
        rest = server.stderr.read()
        assert server.wait(30) in (0, 130)
    assert "Ctrl-C ends it." in said
    assert "Fatal" not in rest
    assert "Traceback" not in rest
