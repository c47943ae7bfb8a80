# The one front door: people and CI call the same targets. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
EXTRAS := torch,parquet,dev
PIP    := -m pip --disable-pip-version-check -qq
# Test, chaos and bench runs take further pytest options, e.g. make test ARGS="-k codec -x"
ARGS   ?=

# The Python that makes the environment: the first that runs here and is new enough. Ours: make setup PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(READY)  ## virtual environment in .venv with the `tickline` command and the locked dependencies
	@echo "ready: $(BIN)/tickline"

$(READY): pyproject.toml requirements.lock
	@[ -n "$(PYTHON)" ] || { echo "make setup: needs Python 3.11 or newer, and found none: apt-get install python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "make setup: $(PYTHON) cannot make a virtual environment: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV) (once; with PyTorch it may take some minutes)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python $(PIP) install --constraint requirements.lock --editable '.[$(EXTRAS)]'
	@touch $@

.PHONY: run
run: $(READY)  ## the whole line on the simulated market: ticks, predictions, orders, executions
	@$(BIN)/tickline run $(ARGS)

.PHONY: test
test: $(READY)  ## unit, contract, integration and end-to-end tests and the doctests (minutes)
	$(BIN)/python -m pytest $(ARGS)

.PHONY: lint
lint: $(READY)  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(READY)  ## rewrite the code as ruff wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(READY)  ## messages per second and latency beside bare redis-py and FastStream (build/bench.json)
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: chaos
chaos: $(READY)  ## kill -9 every process and the bus at random moments; nothing may be lost (long)
	$(BIN)/python -m pytest tests/chaos $(ARGS)

.PHONY: chaos-short
chaos-short: $(READY)  ## the same with few kills (minutes)
	CHAOS_SHORT=1 $(BIN)/python -m pytest tests/chaos $(ARGS)

.PHONY: compose-test
compose-test: $(READY)  ## docker compose up from a clean clone, down, up again (needs a Docker engine)
	$(BIN)/python -m pytest tests/compose $(ARGS)

.PHONY: lock
lock:  ## remake requirements.lock from pyproject.toml
	@rm -rf build/lock && "$(PYTHON)" -m venv build/lock
	@build/lock/bin/python $(PIP) install --upgrade pip
	@build/lock/bin/python $(PIP) install --editable '.[$(EXTRAS)]'
	@{ echo "# Every package that .[$(EXTRAS)] installs. Remade by \`make lock\`; not edited by hand."; \
	   build/lock/bin/python -m pip freeze --exclude-editable | sed -E 's/\+cpu$$//' | grep -vE '^(nvidia-|cuda-|triton)'; } >requirements.lock.new
	@mv requirements.lock.new requirements.lock && rm -rf build/lock && echo "requirements.lock: $$(grep -c == requirements.lock) packages"

.PHONY: clean
clean:  ## remove the environment, caches and build results (not data, not the bus folder)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
