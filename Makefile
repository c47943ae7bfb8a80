# People and CI call these targets. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# LINE is what `make run` needs: the simulated market, files and recordings. READY is everything.
LINE   := $(VENV)/.ready-line
LINE_EXTRAS := torch,parquet,page
EXTRAS := torch,onnx,export,parquet,research,ccxt,journal,alerts,page,notebook,dev
# cpu: a build of PyTorch without CUDA, where pip finds one or else from PyTorch's index; cuda: PyPI's, several GB.
TORCH  ?= cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# redis needs it on a Python before 3.11.3; the lock holds for that, too.
OLDER  := async-timeout
PIP    := -m pip --disable-pip-version-check -qq
# More arguments for run, test, test-long, house, chaos and bench, e.g. make test ARGS="-k codec -x"
ARGS   ?=
# The processes that share the whole suite; most of the gateway's tests wait. A long one is often many processes by
# itself, and fuzz only computes. The tests start hundreds of Python processes, so the suite always keeps compiled files; `make clean`
# removes them.
WORKERS ?= $(if $(filter test-long fuzz,$(MAKECMDGOALS)),4,6)

# The Python that makes the environment: the first that runs here and is new enough. Ours: make setup PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 /usr/bin/python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(READY)  ## all of it in .venv: the `tickline` command, research, exchanges, tests (TORCH=cuda: PyPI's PyTorch)
	@echo "ready: $(BIN)/tickline"

$(READY): WITH := $(EXTRAS)
$(LINE): WITH := $(LINE_EXTRAS)
# pip would compile all of PyTorch, for half a minute; Python compiles what it imports, unless it may keep nothing.
$(LINE): HOW := $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)
$(READY) $(LINE): pyproject.toml requirements.lock tools/torch_build.py
	@[ -n "$(PYTHON)" ] || { echo "make setup: needs Python 3.11 or newer, and found none: apt-get install python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "make setup: $(PYTHON) cannot make a virtual environment: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV) with $(WITH) (once; it may take some minutes)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(VENV)
	@torch="$$($(BIN)/python tools/torch_build.py '$(TORCH)' '$(TORCH_INDEX)')"; \
	[ -z "$$torch" ] || $(BIN)/python $(PIP) install $(HOW) --no-deps $$torch
	@$(BIN)/python $(PIP) install $(HOW) --constraint requirements.lock --editable '.[$(WITH)]'
	@touch $@

.PHONY: run
run: $(if $(wildcard $(READY)),$(READY),$(LINE))  ## the whole line on the simulated market; sets up what that needs
	@$(BIN)/tickline run $(ARGS)

.PHONY: notebook
notebook: $(READY)  ## make examples/quickstart.ipynb of its text, and run it
	@$(BIN)/python tools/notebook.py

.PHONY: pictures
pictures: $(READY)  ## make README's pictures of a run (needs chromium)
	@$(BIN)/python -m tools.pictures

.PHONY: test
test: $(READY)  ## unit, contract, integration and end-to-end tests and the doctests (minutes)
ifneq ($(ARGS),)
	$(BIN)/python -m pytest $(ARGS)
else
	@failed=0; export PYTHONDONTWRITEBYTECODE=; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not alone and not long" || failed=$$?; \
	$(BIN)/python -m pytest -m alone $$(grep -rl --include='test_*.py' 'mark\.alone' tests) || failed=$$?; \
	exit $$failed
endif

.PHONY: test-long
test-long: $(READY)  ## the long tests: a person's whole sessions, command by command, and what needs many runs (minutes)
	@export PYTHONDONTWRITEBYTECODE=; $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m long $$(grep -rl --include='test_*.py' 'mark\.long' tests) $(ARGS)

SEED ?= $(shell date +%s)

.PHONY: fuzz
fuzz: $(READY)  ## the property tests on new examples, of which SEED=N makes the same again (minutes)
	@echo "SEED=$(SEED)"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "hypothesis and not alone" \
	--hypothesis-profile=fuzz --hypothesis-seed=$(SEED) $(ARGS)

.PHONY: lint
lint: $(READY)  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: house
house:  ## files, lines, single importers, names twice (ARGS=--long: all of them; --ways: files that an order enters)
	python3 tools/house.py $(ARGS)
	$(if $(filter --ways,$(ARGS)),@$(BIN)/python -m tests.traced)

.PHONY: format
format: $(READY)  ## rewrite the code as ruff wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# WHAT is measured:
#   line      messages per second and latency, beside bare redis-py and FastStream
#   backtest  bars per second, beside backtesting.py
#   gateway   milliseconds from an order to its request, beside a bare fsync
#   protected a protected strategy on the simulator beside a backtest of the same trades
#   feed      trades per second, beside bare ccxt and cryptofeed
#   models    microseconds and memory of a prediction by torch and ONNX, and how far they agree
#   messages  bytes and microseconds of a tick and a prediction, price alone and full bars, beside bare msgpack
#   sweep     how often sweeps over pure noise say that there is an edge (ARGS=--noise); a thousand combinations over a
#             year of minutes (ARGS=--speed)
#   same      whether the fast engine decides as the exact one, over 20 million bars of random markets
#   drift     how soon drift is seen, and how often in vain (ARGS=--write: into docs/drift.md; long)
#   idle      CPU and memory of every service while no tick comes
#   symbols   64, 1,000 and 10,000 symbols: throughput, restart, memory; a Cluster beside one server; a heavy model with
#             1, 2 and 4 signal replicas
#   face      CPU time of `import tickline`
#   page      ms until the monitor's page is there and shows what was committed, and its memory over an hour
WHAT ?= line
BENCH = $(BIN)/python -m tests.bench$(patsubst %,.%,$(filter-out line,$(WHAT)))

.PHONY: bench
bench: $(READY)  ## measure WHAT=line|backtest|gateway|protected|feed|models|messages|sweep|same|drift|idle|symbols|face|page beside a bare baseline (build/bench*.json)
	$(BENCH) $(ARGS)

.PHONY: bench-short
bench-short: $(READY)  ## the same with little data: does it still run, and are its results right?
	$(BENCH) --short $(ARGS)

# Gateways at exchanges: each form writes what it has met, which is added up. So many at a time, since each mostly waits.
EXCHANGES := $(addprefix tests/chaos/test_,gateway.py protected.py left_alone.py)
AT_ONCE ?= 2
BESIDE := $(addprefix --ignore=,$(EXCHANGES))
AT_EXCHANGES = $(BIN)/python -m pytest -n $(AT_ONCE) --dist load --maxschedchunk 1 $(EXCHANGES)

.PHONY: chaos
chaos: $(READY)  ## kill -9 every process and the bus at random moments; nothing may be lost (3 hours: docs/chaos.md)
ifneq ($(ARGS),)
	$(BIN)/python -m pytest tests/chaos $(ARGS)
else
	@failed=0; $(BIN)/python -m pytest tests/chaos $(BESIDE) || failed=$$?; \
	$(AT_EXCHANGES) || failed=$$?; $(BIN)/python -m tests.chaos.sums || failed=$$?; exit $$failed
endif

.PHONY: chaos-short
chaos-short: export CHAOS_SHORT = 1
chaos-short: $(READY)  ## the same with few kills (20 minutes)
ifneq ($(ARGS),)
	$(BIN)/python -m pytest tests/chaos $(ARGS)
else
	@failed=0; $(BIN)/python -m pytest tests/chaos $(BESIDE) || failed=$$?; \
	$(AT_EXCHANGES) || failed=$$?; $(BIN)/python -m tests.chaos.sums --short || failed=$$?; exit $$failed
endif

.PHONY: chaos-exchanges
chaos-exchanges: $(READY)  ## of these, gateways at exchanges, and the sum of what they have met (40 minutes)
	@failed=0; $(AT_EXCHANGES) $(ARGS) || failed=$$?; $(BIN)/python -m tests.chaos.sums || failed=$$?; exit $$failed

.PHONY: chaos-oracle
chaos-oracle: $(READY)  ## random faults of every kind, judged by an oracle: one table (SEED=… again; SHORT=1: 3 minutes)
	CHAOS_SEED=$(SEED) CHAOS_SHORT=$(SHORT) $(BIN)/python -m pytest tests/chaos/test_oracle.py $(ARGS)

.PHONY: compose-test
compose-test: $(READY)  ## docker compose up from a clean clone, down, up again (needs a Docker engine)
	$(BIN)/python -m pytest tests/compose $(ARGS)

# The lock leaves out torch's local version (+cpu) and what only its CUDA build needs, so it holds for either build.
define LOCK
import json, sys
print("# Every package that .[$(EXTRAS)] installs. Remade by make lock; not edited by hand.")
found = {p["metadata"]["name"]: p["metadata"]["version"].split("+")[0] for p in json.load(sys.stdin)["install"]}
cuda = ("tickline", "nvidia-", "cuda-", "triton")
print(*(f"{n}=={v}" for n, v in sorted(found.items(), key=lambda p: p[0].lower()) if not n.startswith(cuda)), sep="\n")
endef
export LOCK

.PHONY: lock
lock: $(READY)  ## remake requirements.lock from pyproject.toml
	@mkdir -p build && $(BIN)/python $(PIP) install --dry-run --ignore-installed --report build/lock.json --editable '.[$(EXTRAS)]' $(OLDER)
	@$(BIN)/python -c "$$LOCK" <build/lock.json >requirements.lock.new
	@mv requirements.lock.new requirements.lock && echo "requirements.lock: $$(grep -c == requirements.lock) packages"

.PHONY: clean
clean:  ## remove the environment, caches and build results (not data, not the bus folder)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
