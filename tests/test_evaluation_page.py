"""The page at ``/evaluation``: who gets it, what it shows and what it says where there is nothing to show."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from lxml.html import HtmlElement
from starlette.testclient import TestClient
from stories import document, packed, save, story
from test_api import is_problem

from recommender.api import create_app, evaluated, learned
from recommender.api.evaluated import Readers, histogram
from recommender.api.negotiation import prefers_html
from recommender.settings import Settings
from recommender.store import Count, Store
from recommender.web import evaluation, readers
from recommender.web.plots import BOTTOM, TOP
from recommender.web.readers import Histogram
from recommender.web.serving import POLICY

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
HOSTILE = '"><script>alert(1)</script>'
TODAY = 20_000


def system(ndcg: float, **more: Any) -> dict[str, Any]:
    metrics = {"recall": 0.5, "mrr": 0.6, "map": 0.4, "p@1": 0.5}
    shares = {"coverage": 1.0, "short": 0.0, "catalogue": 0.3}
    return {"ndcg": ndcg, "interval": [ndcg - 0.03, ndcg + 0.03], **metrics, **shares, **more}


def report(ndcg: float = 0.5, **more: Any) -> dict[str, Any]:
    """What training writes of a model."""
    bins = [
        {"least": least, "most": least + 0.1, "pairs": 40, "queries": 20}
        | {"score": least + 0.05, "linked": least, "interval": [max(0.0, least - 0.1), least + 0.1]}
        for least in (0.1, 0.5, 0.8)
    ]
    shown = {"pairs": 120, "score": 0.5, "linked": 0.45, "error": 0.05, "bins": bins}
    return {
        "protocol": "cold",
        "cut": "2026-08-11T06:00:00Z",
        "k": 10,
        "queries": 563,
        "relevant": 9_120,
        "learned": True,
        "systems": {
            "recommender": system(ndcg),
            "default": system(0.46, ahead={"mean": 0.057, "interval": [0.038, 0.074]}),
        },
        "reliability": {"shown": shown, "scored": shown | {"bins": []}},
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of a few stories, and an empty one for models."""
    (tmp_path / "models").mkdir()
    with Store.open(f"sqlite:///{tmp_path}/news.sqlite") as store:
        save(store, *(document(story(name)) for name in "abcdef"))
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{folder}/news.sqlite") as opened:
        yield opened


@pytest.fixture
def client(store: Store, folder: Path) -> Iterator[TestClient]:
    settings = Settings(store=store.name, models=str(folder / "models"))
    with TestClient(create_app(settings)) as client:
        client.app.state.readers = Readers(lambda: TODAY * 86_400 + 3_600.5)  # type: ignore[attr-defined]
        yield client


def page(client: TestClient) -> HtmlElement:
    response = client.get("/evaluation", headers=BROWSER)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return html.fromstring(response.text)


def section(read: HtmlElement, key: str) -> HtmlElement:
    (found,) = read.xpath(f"//section[@aria-labelledby='{key}']")
    return found


def says(read: HtmlElement, key: str) -> str:
    return " ".join(section(read, key).text_content().split())


def count(store: Store, day: int = TODAY) -> None:
    """Let links be shown first and the model's second, but for one story where it is the other way round."""
    lost = store.record_events(
        [
            Count(day, 1, 1, 3, 1, 1, 1_000, 200),
            Count(day, 1, 1, 4, 2, 2, 1_000, 50),
            Count(day, 1, 2, 3, 1, 2, 1_000, 100),
            Count(day, 1, 2, 4, 2, 1, 1_000, 100),
        ]
    )
    assert lost == 0


# Who gets it


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html, application/json", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
        ("text/html;q=nan", False),
        (";;;,,q=", False),
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("text/*", True),
        ("text/html;q=0.5, */*;q=0.1", True),
        ("application/json;q=0.5, text/html", True),
        (BROWSER["Accept"], True),
    ],
)
def test_who_would_rather_have_a_page(accept: str, page: bool) -> None:
    assert prefers_html(accept) is page


def test_a_browser_gets_a_page_and_programs_what_they_always_did(client: TestClient, store: Store) -> None:
    store.record_model("m1", report())
    store.publish("m1", [(1, packed((2, 0.9)))])
    for headers in ({}, {"Accept": "application/json"}, {"Accept": "*/*"}):
        response = client.get("/evaluation", headers=headers)
        assert response.headers["content-type"] == "application/json"
        assert response.json()["report"] == report()
        assert (response.headers["vary"], response.headers["cache-control"]) == ("Accept", "no-store")
    response = client.get("/evaluation", headers=BROWSER)
    assert response.text.startswith("<!doctype html>\n<html lang=")
    assert (response.headers["vary"], response.headers["cache-control"]) == ("Accept", "no-store")
    assert response.headers["content-security-policy"] == POLICY
    assert client.head("/evaluation", headers=BROWSER).headers["content-type"].startswith("text/html")


def test_a_store_that_does_not_answer_is_a_problem_to_a_browser_too(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(store=f"sqlite:///{tmp_path}/none.sqlite"))) as client:
        is_problem(client.get("/evaluation", headers=BROWSER), 503, "store-unavailable")


def test_links_are_relative_and_the_page_links_back(client: TestClient) -> None:
    read = page(client)
    links = {*read.xpath("//@href"), *read.xpath("//@src")}
    assert links == {"./", "evaluation", "docs", "web/page.css", "web/evaluation.css", "data:,"}
    assert client.get("/web/evaluation.css").headers["content-type"].startswith("text/css")
    assert html.fromstring(client.get("/").text).xpath("//nav/a/@href") == ["evaluation", "docs"]
    assert not read.xpath("//script | //@style | //@onclick")


# What it shows


def test_it_says_what_there_is_not(client: TestClient, store: Store) -> None:
    read = page(client)
    assert "There is nothing to judge: nothing was recomputed yet." in says(read, "model")
    assert "No model was trained yet." in says(read, "quality")
    assert "No report says whether scores are chances" in says(read, "reliability")
    assert "No clicks have been counted in the last 28 days." in says(read, "clicks")
    assert not read.xpath("//svg | //table | //section[@aria-labelledby='latency']")
    store.record_model("m1", {"protocol": "cold", "reason": "too few links"})
    store.publish("m1", [])
    read = page(client)
    assert "It was not evaluated: too few links." in says(read, "model")
    assert "No model was evaluated: their links were too few." in says(read, "quality")
    store.publish("default", [])
    assert "No report: served by the default ranker" in says(page(client), "model")


def test_it_shows_the_models_and_tells_the_active_one_apart(
    client: TestClient, store: Store, folder: Path
) -> None:
    for name, ndcg in (("m1", 0.4), ("m2", 0.5), ("m3", 0.45)):
        store.record_model(name, report(ndcg))
    store.publish("m2", [])
    read = section(page(client), "quality")
    assert "None of them is active." in read.text_content()
    assert len(read.xpath(".//svg[@role='img']/g[@class='point']")) == 3
    (folder / "models" / "active").write_text("m3\n")
    read = section(page(client), "quality")
    assert "The square is the active one, m3." in read.text_content()
    assert [one.text for one in read.xpath(".//g[@class='marked']/title")] == [
        "m3: 0.450 (0.420 – 0.480), active"
    ]
    rows = {
        row.xpath("th")[0].text: [td.text for td in row.xpath("td")[1:]] for row in read.xpath(".//tbody/tr")
    }
    assert rows == {
        "m1": ["0.400", "0.370 – 0.430", None],
        "m2": ["0.500", "0.470 – 0.530", "served"],
        "m3": ["0.450", "0.420 – 0.480", "active"],
    }


@pytest.mark.parametrize(
    ("times", "named"),
    [
        (["2026-09-20T03:15:00Z", "2026-09-01T03:15:00Z"], ["2026-09-01", "2026-09-20"]),
        (["2026-09-01T18:00:00Z", "2026-09-01T03:15:00Z"], ["09-01 03:15", "09-01 18:00"]),
        (["2026-09-01T03:15:00Z"], ["09-01 03:15"]),
    ],
)
def test_models_stand_by_when_they_were_trained(times: list[str], named: list[str]) -> None:
    one = {"id": "m", "ndcg": 0.5, "interval": None, "active": None, "served": False}
    drawn = evaluation.quality([one | {"created": time} for time in times])
    axis = [text.text for text in drawn.iter("text") if "text-anchor" in text.attrib]
    assert axis == named
    places = [float(circle.attrib["cx"].removesuffix("%")) for circle in drawn.iter("circle")]
    assert places == sorted(places, reverse=True)


def test_it_says_which_is_active_only_where_that_can_be_told(
    client: TestClient, store: Store, folder: Path
) -> None:
    store.record_model("m1", report())
    store.record_model("m2", {"protocol": "cold", "reason": "too few links"})
    (folder / "models" / "active").write_text("m2\n")
    assert "The active one, m2, is not among them." in says(page(client), "quality")
    with TestClient(create_app(Settings(store=store.name, models=str(folder / "none")))) as other:
        assert "active" not in says(page(other), "quality")


def test_it_shows_systems_and_how_reliable_scores_are(client: TestClient, store: Store) -> None:
    store.record_model("m1", report() | {"data": {"stories": 12_400, "links": 35_820}})
    store.publish("m1", [])
    read = page(client)
    assert "Served by m1, generation 1" in says(read, "model")
    assert "from 12,400 stories and 35,820 links." in says(read, "model")
    assert "Cold protocol, links hidden from 2026-08-11 06:00 UTC, 563 stories asked" in says(read, "systems")
    assert "default 0.460 0.430 – 0.490 +0.057 [+0.038, +0.074]" in says_cells(section(read, "systems"))
    reliable = section(read, "reliability")
    assert len(reliable.xpath(".//svg")) == 1  # of `scored` there is no pair
    assert len(reliable.xpath(".//circle")) == 3
    assert "0.8 – 0.9 0.850 0.800 0.700 – 0.900 40 20" in says_cells(reliable)


def says_cells(read: HtmlElement) -> str:
    return " ".join(cell.text or "" for cell in read.xpath(".//th | .//td"))


@pytest.mark.parametrize(
    "of",
    [
        {"protocol": "cold", "stories": 3, "cut": None, "seed": None, "queries": 1},
        {"protocol": "cold", "systems": {"recommender": {"ndcg": 0.5, "recall": 0.5}}},
        report(reliability=None),
        report(systems={"recommender": system(0.5, interval=None)}),
    ],
)
def test_reports_of_older_programs_are_shown_as_far_as_they_go(
    client: TestClient, store: Store, of: dict[str, Any]
) -> None:
    store.record_model("m1", of)
    store.publish("m1", [])
    assert "Served by m1" in says(page(client), "model")


def test_what_is_hostile_is_text(client: TestClient, store: Store) -> None:
    systems = {"recommender": system(0.5), HOSTILE: system(0.4)}
    store.record_model(HOSTILE, report(systems=systems, protocol=HOSTILE))
    store.publish(HOSTILE, [(1, packed((2, 0.9)))])
    count(store)
    read = page(client)
    assert not read.xpath("//script")
    for key in ("model", "quality", "systems"):
        assert HOSTILE.lower() in says(read, key).lower()


# Clicks


def test_it_shows_what_readers_click_with_the_rank_taken_out(client: TestClient, store: Store) -> None:
    store.publish("m1", [(1, packed((2, 0.9)))])
    count(store)
    count(store, TODAY - 40)  # too long ago
    read = section(page(client), "clicks")
    assert "450 of 4,000 shown were clicked in the last 28 days." in read.text_content()
    titles = [one.text for one in read.xpath(".//svg/title")]
    assert titles == [
        "Click-through by rank",
        "How often a rank is looked at, rank 1 being 1",
        "Click-through by source",
    ]
    cells = says_cells(read)
    # Half as many look at the second rank.
    assert "1 2,000 300 15.0 % 2 2,000 150 7.50 %" in cells
    assert "2 0.500" in cells
    assert "curated 2,000 300 15.0 % 20.0 %" in cells
    assert "model 2,000 150 7.50 % 10.0 %" in cells


def test_more_counts_than_a_page_reads(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish("m1", [(1, packed((2, 0.9)))])
    count(store, TODAY)
    count(store, TODAY - 3)
    monkeypatch.setattr(evaluated, "ROWS", 4)
    told = says(page(client), "clicks")
    assert "450 of 4,000 shown were clicked since 2024-10-02, which is as much as a page counts." in told
    monkeypatch.setattr(evaluated, "ROWS", 3)
    client.app.state.readers = Readers(lambda: TODAY * 86_400.0)  # type: ignore[attr-defined]
    assert "There are too many counts of today for a page" in says(page(client), "clicks")


def test_rates_that_nobody_can_tell_are_not_drawn() -> None:
    """Pins stand first alone, a fifth look at the second rank, and all three of few links were clicked."""
    rank = {"shown": 10, "clicked": 5, "ctr": 0.5, "examined": None, "interval": None}
    group = {"shown": 10, "clicked": 5, "ctr": 0.5}
    found = {
        "shown": 20,
        "clicked": 10,
        "ranks": [rank | {"rank": 1}],
        "sources": [
            group | {"name": "pinned", "debiased": None, "interval": None},
            group | {"name": "curated", "debiased": 5.0, "interval": (1.0, float("inf"))},
            group | {"name": "model", "debiased": 0.3, "interval": (0.2, 0.4)},
        ],
        "models": [],
    }
    drawn = readers.clicked(found)
    assert [title.text for title in drawn.iter("h3")] == ["Click-through by rank", "Click-through by source"]
    assert [mark.findtext("title") for mark in drawn.iter("g")] == ["model: 50.0 %, at rank 1: 30.0 %"]
    rows = [[cell.text for cell in row] for row in drawn.iter("tr")]
    assert rows[-3:] == [
        ["pinned", "10", "5", "50.0 %", "–", "–"],
        ["curated", "10", "5", "50.0 %", "–", "too few clicks"],
        ["model", "10", "5", "50.0 %", "30.0 %", "20.0 % – 40.0 %"],
    ]


def test_an_interval_without_an_end_does_not_stretch_the_others() -> None:
    known = {"shown": 10, "clicked": 5, "ctr": 0.5}
    ranks = [
        known | {"rank": 1, "examined": 1.0, "interval": (1.0, 1.0)},
        known | {"rank": 2, "examined": 0.5, "interval": (0.1, float("inf"))},
    ]
    found = {"shown": 20, "clicked": 10, "ranks": ranks, "sources": [], "models": []}
    found["sources"] = [known | {"name": "model", "debiased": 0.5, "interval": (0.4, 0.6)}]
    drawn = readers.clicked(found)
    (looked,) = [plot for plot in drawn.iter("svg") if plot.get("aria-labelledby") == "clicks-examined-title"]
    first, second = (float(circle.attrib["cy"]) for circle in looked.iter("circle"))
    assert (first, second) == pytest.approx((TOP, (TOP + BOTTOM) / 2), abs=0.1)
    assert "0.100 – ∞" in "".join(drawn.itertext())


def test_a_warm_report_names_its_seed() -> None:
    told = evaluation.asked({"protocol": "warm", "cut": None, "seed": 0, "queries": 5, "learned": True})
    assert told == "Warm protocol, seed 0, 5 stories asked."


def test_days_with_counts_are_told(store_url: str) -> None:
    with Store.open(store_url) as either:
        assert either.event_days(0) == {}
        save(either, *(document(story(name)) for name in "abcdef"))
        either.publish("m1", [(1, packed((2, 0.9)))])
        count(either, TODAY)
        count(either, TODAY - 3)
        either.record_events([Count(TODAY, 1, 5, 3, 1, 1, 1, 0)])
        assert either.event_days(TODAY - 3) == {TODAY: 5, TODAY - 3: 4}
        assert either.event_days(TODAY - 2) == {TODAY: 5}


def test_what_took_long_is_kept_in_proportion_and_no_shorter_than_a_while(store: Store) -> None:
    now, asked = 0.0, 0

    def metrics() -> str:
        nonlocal now, asked
        now, asked = now + 2, asked + 1  # two seconds
        return ""

    slow = Readers(lambda: now)
    first = slow.found(store, metrics)
    now += 2 * evaluated.REST - 0.1
    assert slow.found(store, metrics) is first
    now += 0.2
    assert slow.found(store, metrics) is not first
    assert asked == 2
    quick = Readers(lambda: now)
    first = quick.found(store, lambda: "")
    now += evaluated.LEAST - 0.1
    assert quick.found(store, lambda: "") is first


def test_one_looks_and_the_others_do_not_wait(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def metrics() -> str:
        begun.set()
        assert go_on.wait(10)
        return ""

    shared = Readers()
    looking = threading.Thread(target=shared.found, args=(store, metrics))
    looking.start()
    assert begun.wait(10)
    told = "".join(shared.found(store, metrics).clicks.itertext())
    go_on.set()
    looking.join()
    assert "Clicks are being counted: look again in a moment." in told
    assert "No clicks have been counted" in "".join(shared.found(store, metrics).clicks.itertext())


def test_who_could_not_look_lets_the_next_one(store: Store) -> None:
    def fails() -> str:
        raise RuntimeError("no metrics")

    shared = Readers()
    with pytest.raises(RuntimeError, match="no metrics"):
        shared.found(store, fails)
    assert shared.found(store, lambda: "").latency is None


# Latency

TEXT = """# HELP recommender_request_duration_seconds From a request's headers to the end of its answer.
# TYPE recommender_request_duration_seconds histogram
recommender_request_duration_seconds_bucket{le="0.001",method="GET",pid="7",route="/related"} 80.0
recommender_request_duration_seconds_bucket{le="0.01",method="GET",pid="7",route="/related"} 98.0
recommender_request_duration_seconds_bucket{le="+Inf",method="GET",pid="7",route="/related"} 100.0
recommender_request_duration_seconds_count{method="GET",pid="7",route="/related"} 100.0
recommender_request_duration_seconds_sum{method="GET",pid="7",route="/related"} 0.5
recommender_request_duration_seconds_bucket{le="0.001",method="POST",pid="7",route="/related"} 0.0
recommender_request_duration_seconds_bucket{le="+Inf",method="POST",pid="7",route="/related"} 5.0
recommender_request_duration_seconds_bucket{le="0.001",method="GET",pid="7",route="/search"} 1.0
recommender_request_duration_seconds_bucket{le="+Inf",method="GET",pid="7",route="/search"} 9.0
"""


def test_latency_is_read_from_metrics() -> None:
    found = histogram(TEXT)
    assert found == ([0.001, 0.01, float("inf")], [80, 98, 100])
    assert histogram(TEXT, "/search") == ([0.001, float("inf")], [1, 9])
    assert histogram(TEXT, "/models") is None
    assert histogram("") is None
    assert histogram(TEXT.replace("100.0", "0.0").replace("98.0", "0.0").replace("80.0", "0.0")) is None
    twice = TEXT + TEXT[TEXT.index("recommender_request_duration_seconds_bucket") :].replace('"7"', '"8"')
    assert histogram(twice) == ([0.001, 0.01, float("inf")], [160, 196, 200])


def test_quantiles_are_drawn_evenly_within_a_bucket() -> None:
    found = Histogram([0.001, 0.01, float("inf")], [80, 98, 100])
    assert found.quantile(0.5) == pytest.approx(0.000625)
    assert found.quantile(0.8) == pytest.approx(0.001)
    assert found.quantile(0.89) == pytest.approx(0.0055)
    assert found.quantile(0.99) == float("inf")
    assert Histogram([1, 2, 3], [0, 4, 4]).quantile(0) == pytest.approx(1)


def test_latency_is_shown_where_it_was_measured(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "written", lambda state: (TEXT.encode(), "text/plain"))
    read = section(page(client), "latency")
    assert (
        "100 answers of one process since it started: 50 % within 0.625 ms; 95 % within 8.5 ms; 99 % later."
        in (" ".join(read.text_content().split()))
    )
    assert "≤ 1 ms 80 80.0 % ≤ 10 ms 18 18.0 % > 10 ms 2 2.00 %" in says_cells(read)
    assert len(read.xpath(".//rect[@class='bar']")) == 3


# What it costs


def test_a_page_without_clicks_loads_no_numbers(store: Store, folder: Path) -> None:
    program = (
        "import sys; from starlette.testclient import TestClient\n"
        "from recommender.api import create_app; from recommender.settings import Settings\n"
        f"app = create_app(Settings(store={store.name!r}, models={str(folder / 'models')!r}))\n"
        "with TestClient(app) as client:\n"
        "    before = {'recommender.web.plots', 'recommender.web.reports'} & sys.modules.keys()\n"
        "    assert client.get('/evaluation', headers={'Accept': 'text/html'}).status_code == 200\n"
        "print(before, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "set() False\n"
