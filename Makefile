# Everything a developer or a user needs; each target sets up .venv by itself. Needs Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test test-all coverage soak lint services bench clean wheel

run: $(READY)  ## simulate a day of a Windows fleet, classify and store it, sum it up (embedded, no server)
	$(BIN)/tocsin run

test: $(READY)  ## the tests that need nothing but Python (three to seven minutes on two cores)
	$(BIN)/python -m pytest -n auto

test-all: lint services $(if $(TESTED),,test)  ## all tests: those above, then on a real Kafka, kills, faults, large inputs; TESTED=1 leaves out those above
	$(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder -m slow --durations 15

coverage: $(READY)  ## which lines the tests that need nothing but Python run
	$(BIN)/python -m pytest -n auto --cov=tocsin --cov-report=term:skip-covered

soak: services $(READY)  ## an hour of faults on a real Kafka, judged by a ledger; goes on where it was; SOAK="--help" says more
	$(BIN)/python -m tests.soak $(SOAK)

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

services:  ## what some slow tests need beside Python: Chromium, to look at the pages; says what is there and where; quick once all is
	@sh tests/services.sh

bench: $(READY)  ## measure; prints machine, commit, corpus and a ratio to a baseline of the same run
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

wheel: $(READY)  ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:  ## remove what the other targets made, the data directory of `make run` among it
	rm -rf .venv dist build tocsin-data soak-results .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tocsin needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $(READY)
