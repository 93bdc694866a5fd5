# From a fresh clone, with git, make and a Python 3.11 or newer:
#
#   make parity   every backend against the reference: reports/out/parity.{jsonl,md,html}; LEVEL=quick for a first taste,
#                 in float32 alone, LEVEL=full for JAX op by op besides, POOL=all for the whole pool of sizes
#   make more     the backends beside these (ONNX Runtime, tinygrad, MLX, Paddle), into reports/out/more; MORE names some of them
#   make modern   the formulas of packs/modern on torch, tensorflow, jax and Keras, into reports/out/modern
#   make test     lint, types, and the tests of this repository itself
#   make soak     parity again under SALTS other seeds
#   make docs     the documents as a site in build/site, every link and anchor of it checked
#   make lint | type | clean | distclean
#
# Everything is installed into VENV; the system's Python is only asked to create it.
# Another Python: make parity PYTHON=/usr/bin/python3.12
#
# Exit status. nnparity ends with 0 (conforms, or a recorded divergence), 1 (a divergence) or 2 (usage),
# and its recipe ends with the same. GNU make itself knows 0 and, for any failing recipe, 2; it prints the
# recipe's own status as "Error 1". So: make parity is 0 if and only if nnparity was, never 0 after a
# divergence, and who needs to tell 1 from 2 calls $(VENV)/bin/nnparity.

VENV := .venv
BIN := $(VENV)/bin
OUT := reports/out
SALTS := 20
LEVEL := core
# Of the pool of sizes each target gets what so many CPU seconds buy: PyTorch most of it, what compiles nothing.
POOL := 10s
# JAX and Keras on it are compiled, as their users run them; op by op JAX is run in the level "full".
FRAMEWORKS := torch tensorflow jax
# A first taste has one dtype: most of what the others take is compiling.
TASTE := $(if $(filter quick,$(LEVEL)),--dtype float32)
OP_BY_OP := $(if $(filter full,$(LEVEL)),jax:cpu:eager)
BACKENDS := $(FRAMEWORKS) $(OP_BY_OP) keras-torch keras-tensorflow keras-jax huggingface:cpu:eager huggingface:cpu:sdpa

MORE := onnxruntime tinygrad mlx paddle
MODERN := $(FRAMEWORKS) keras-torch keras-tensorflow keras-jax

# The first of these that is new enough and can create an environment.
PYTHONS := python3 python3.13 python3.12 python3.11 python
ABLE := import sys, venv; assert sys.version_info >= (3, 11), "older than 3.11"; import ensurepip
PYTHON ?= $(shell for p in $(PYTHONS); do $$p -c '$(ABLE)' 2>/dev/null && echo $$p && break; done)

# What would let packages from outside into the environment, or carry ours out of it.
unexport PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX

# pip is run from the checkout's root: one at a time also under make -j.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: parity more modern test soak docs lint type clean distclean

# $(1): a command of nnparity. Says how it ended and ends the same way.
define honestly
@$(BIN)/nnparity $(1) && status=0 || status=$$?; \
echo "nnparity ended with $$status (0: conforms or recorded, 1: divergence, 2: usage)"; exit $$status
endef

parity: $(VENV)/.frameworks
	$(call honestly,run $(BACKENDS:%=--backend %) --level $(LEVEL) --pool $(POOL) $(TASTE) --out $(OUT))

soak: $(VENV)/.frameworks
	$(call honestly,soak --salts $(SALTS) $(FRAMEWORKS:%=--backend %) --out $(OUT))

more: POOL := none
more: $(VENV)/.more
	$(call honestly,run $(MORE:%=--backend %) --level $(LEVEL) --pool $(POOL) --out $(OUT)/more)

modern: $(VENV)/.frameworks
	$(call honestly,run --pack packs/modern $(MODERN:%=--backend %) --level $(LEVEL) --out $(OUT)/modern)

test: lint type
	@$(BIN)/pytest -n 2 --ignore=tests/conformance

lint: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

type: $(VENV)/.dev
	@$(BIN)/mypy

# The theme's authors advertise in each build; the variable is theirs, and turns that off.
docs: $(VENV)/.docs
	@$(BIN)/python tools/site_source.py build/site-source
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(OUT) build dist .tox *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

# --- the environment: a stamp for each set of extras, older than pyproject.toml when it must be renewed ---

$(VENV)/.frameworks: EXTRAS := all
$(VENV)/.more: EXTRAS := more
$(VENV)/.dev: EXTRAS := all,dev
$(VENV)/.docs: EXTRAS := docs
$(VENV)/.frameworks $(VENV)/.more $(VENV)/.dev $(VENV)/.docs: pyproject.toml | $(BIN)/python
	@echo "installing nnparity[$(EXTRAS)] into $(VENV); the first time this takes minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or newer with venv and ensurepip among: $(PYTHONS).' \
	  'Install one (Debian, Ubuntu: apt install python3-venv) or name one: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c '$(ABLE)' || { echo '$(PYTHON) cannot create the environment, see above: it must be Python 3.11' \
	  'or newer and have ensurepip (Debian, Ubuntu: apt install python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
