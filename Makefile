# `make demo` and `make test` need python3 (3.11 or later), python3-venv, make and git; the rest they install,
# pinned and checked by hash.
PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint notebooks compare bench soak default-ranker docs clean constraints audit

demo: .venv/demo
	$(BIN)/recommender demo

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --cov -n auto --maxprocesses 4 --dist loadfile

lint: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Run the notebooks, on seeds/ or on RECOMMENDER_STORE; what they show goes to notebooks/run/.
notebooks: .venv/test
	mkdir -p notebooks/run
	for each in notebooks/*.ipynb; do \
		$(BIN)/jupyter-execute "$$each" --output='run/{notebook_name}' || exit 1; \
	done

# Measure again, on the newsrooms in CORPORA: every baseline, both protocols, and what links are worth.
# Some minutes for the first, about ten for the second, on two cores.
CORPORA = $(addprefix ../shared/corpora/,coronavirus diablo4 azure)
compare: .venv/test
	$(BIN)/python -m benchmarks.compare $(CORPORA) --json docs/measured.json
	$(BIN)/python -m benchmarks.curve $(CORPORA) --json docs/measured.json

# Measure speed and memory on made-up news, beside other programs, and write docs/benchmarks.md.  Larger sizes:
#   .venv/bin/python -m benchmarks.recompute 200000 --record
SIZES = 5000 50000
bench: .venv/bench
	$(BIN)/python -m benchmarks.recompute $(SIZES) --record
	$(BIN)/python -m benchmarks.recall $(SIZES) --record
	$(BIN)/python -m benchmarks.write_benchmarks

# Half an hour of everything that is asked of a service; fails when a promise of benchmarks/soak.py is broken.
soak: .venv/test
	$(BIN)/python -m benchmarks.soak --minutes 30

# Learn the default ranker from them again: the same stories give the same file.
default-ranker: .venv/test
	$(BIN)/python -m benchmarks.default_ranker $(CORPORA)

# Rewrite the help texts in docs/cli.md, the picture, the tables of what was measured, and docs/benchmarks.md.
docs: .venv/test
	$(BIN)/python -m benchmarks.write_docs
	$(BIN)/python -m benchmarks.write_benchmarks

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Python 3.11 or later is needed; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) --no-deps --require-hashes -r constraints.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

.venv/test: pyproject.toml tests/constraints.txt | .venv/bin/python
	$(INSTALL) --no-deps --require-hashes -r tests/constraints.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

.venv/bench: benchmarks/constraints.txt | .venv/test
	$(INSTALL) --no-deps --require-hashes -r benchmarks/constraints.txt
	touch $@

# For maintainers, with uv: pin the newest versions that fit pyproject.toml. All extras but minilm: PyTorch and the
# rest of it are 1.5 GB, and its test runs where it is installed.
PIN = uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
EXTRAS = --extra postgres --extra dask --extra feeds --extra client --extra parquet --extra notebooks --extra bm25
constraints:
	$(PIN) --group build --upgrade -o constraints.txt
	$(PIN) --group build --group test --group lint $(EXTRAS) -c constraints.txt -o tests/constraints.txt
	$(PIN) --group bench --extra bm25 -c tests/constraints.txt -o benchmarks/constraints.txt

# For maintainers, with uv and the network: look up what is pinned among known vulnerabilities.
audit:
	uvx pip-audit --strict --disable-pip --require-hashes -r constraints.txt
	uvx pip-audit --strict --disable-pip --require-hashes -r tests/constraints.txt

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
