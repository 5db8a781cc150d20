"""Whatever the description allows, and what it does not, is answered as described and never with a fault."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from made_up import NOBODY
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from stories import document, save, story
from test_api import EXAMPLE, STATUSES

from recommender.api import create_app
from recommender.pipeline.recomputing import recompute
from recommender.settings import Settings
from recommender.store import Store
from recommender.store.keys import SCOPES

EXAMPLES = 8
"""Requests of each kind for an operation, beside its example."""

UNASKED = {name for name in STATUSES if name.split("/")[1] in ("models", "evaluation", "health", "metrics")}
"""Operations without parameters or a body: nothing about them can be wrong."""

KINDS = [
    (name, mode)
    for name in STATUSES
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or name not in UNASKED
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[schemathesis.BaseSchema, list[str]]]:
    """What a service with a few stories, that of the examples among them, says of itself; and keys."""
    address = f"sqlite:///{tmp_path_factory.mktemp('schemathesis')}/store.sqlite"
    with Store.open(address) as store:
        save(store, *map(document, (story("a"), story("b"), EXAMPLE)))
        recompute(store, NOBODY)
        secrets = [store.keys.add(scope, [scope])[1] for scope in SCOPES]
    config = SchemathesisConfig.from_dict({"generation": {"deterministic": True}})
    yield (
        schemathesis.openapi.from_asgi("/openapi.json", create_app(Settings(store=address)), config=config),
        secrets,
    )
    asgi.shutdown_lifespans()


@pytest.mark.parametrize(("name", "mode"), KINDS, ids=lambda each: getattr(each, "value", each))
def test_every_operation_is_as_described(
    service: tuple[schemathesis.BaseSchema, list[str]], name: str, mode: GenerationMode
) -> None:
    method, path = name.split()
    described, secrets = service
    # What is described may still be refused: a text that is no address, since later than until.
    excluded = [positive_data_acceptance]
    if name == "POST /articles":
        # A field that is none is left out, with a warning: the story counts.
        excluded.append(negative_data_rejection)
    number = 0

    @given(described[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        nonlocal number
        number += 1
        # Mostly who may do all, for there is the most to see.
        secret = secrets[number % len(secrets)] if number % 3 == 0 else secrets[-1]
        case.call_and_validate(headers={"X-API-Key": secret}, excluded_checks=excluded)

    ask()
    assert number
