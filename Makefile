# Each target sets up what it needs in .venv; all of them work on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

TF_VENV := .venv-tf
TF_STAMP := $(TF_VENV)/.installed

.PHONY: help demo screenshots test test-tf test-gpu lint bench fuzz clean
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# torch and whatever needs it go into one command, so that pip sees the pin.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch==2.13.0" --editable ".[dev]"
	@# pip compiles what it installs, except what is editable.
	$(BIN)/python -m compileall -q scanner secureload
	$(BIN)/python -c "from secureload.policy.compiled import compile_shipped as it; it()"
	@touch $@

demo: $(STAMP) ## the main job: a legacy checkpoint admitted, converted, loaded and run; a malicious one refused
	$(BIN)/secureload demo

screenshots: $(STAMP) ## the pictures of the dashboard in docs/images, taken anew
	$(BIN)/python -m tests.secureload.gateway.dashboard.tour docs/images

test: $(STAMP) ## every test
	@.ci/packages
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# TensorFlow's own environment: transformers 4 beside secureload without its dependencies.
$(TF_STAMP): requirements-tf.txt pyproject.toml
	$(PYTHON) -m venv $(TF_VENV)
	$(TF_VENV)/bin/python -m pip install --quiet --requirement requirements-tf.txt
	$(TF_VENV)/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

test-tf: $(STAMP) $(TF_STAMP) ## TFAutoModelFor* on admitted models, in an environment of its own (2.3 GB)
	$(BIN)/python -m pytest -n $(WORKERS) tests_tf

# With the python that has a torch for the GPU: make test-gpu GPU_PYTHON=python3
GPU_PYTHON ?= $(BIN)/python
test-gpu: ## loads on an NVIDIA GPU, on a machine that has one
	PYTHONPATH=. $(GPU_PYTHON) -m pytest tests_gpu

lint: $(STAMP) ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP) ## every benchmark, as ratios measured side by side
	@for benchmark in benchmarks/[a-z]*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; done

FUZZ_SECONDS ?= 3600
fuzz: $(STAMP) ## the scanner, guided by coverage, for an hour (FUZZ_SECONDS=60 for a minute)
	$(BIN)/python -m tests.fuzz.fuzz_pickles --seconds $(FUZZ_SECONDS)

clean: ## remove what the targets made
	rm -rf $(VENV) $(TF_VENV) .timm .timm.lock build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
