# Everything from a fresh clone, with Python 3.11 or newer and make:
#   make demo           train, plot, save and load on handwritten digits (about a minute)
#   make quick          the tests of what you have changed since the branch main, in seconds
#   make test           style and the everyday test suite;  make test BACKEND=jax|torch  on another backend
#   make test-long      the rest: all wrappers, replicas, processes, kills, 20,000 steps;  BACKEND as above
#   make test-all       both in one run, which takes less time than one after the other;  BACKEND as above
#   make test-oldest    the suite on the oldest Keras and TensorFlow that are supported, one wrapper of each kind,
#                       where TensorFlow is installed as tensorflow-cpu
#   make test-tensorflow-cpu  the command there
#   make differences    docs/differences.md again, from the long tests on every backend
#   make bench          the time and memory of a wrapped step against a bare one on every backend, into
#                       images/ (an hour; FAST=1: a few in five, into output/; ALL=1: everything, in hours)
#   make scaling        how the cost of a step grows with weights and with variables, into images/ (an hour)
#   make images         the demo's picture and table again, into images/
#   make l4             L4 and hand-set learning rates on handwritten digits, into images/ (3 minutes)
#   make reproduce      a published experiment, into its page;  NAME=l4-mnist DATA=folder of the data sets
#   make catalogue      docs/catalogue_table.md, from the wrappers
#   make docs           the documentation site, into output/site, without a warning or a broken link
#   make wrapper        the files of a new wrapper, from a template;  NAME=my_wrapper KIND=gradients|steps|
#                       step_sizes|weights|updates

PYTHON ?= python3
BACKEND ?= tensorflow
DATA ?=
NAME ?=
KIND ?=
DIFFERENCES ?=
VENV ?= .venv
WORKERS ?= auto
FAST ?=
ALL ?=

BIN := $(VENV)/bin
export KERAS_BACKEND := $(BACKEND)
export TF_CPP_MIN_LOG_LEVEL ?= 3

# The lower bounds of pyproject.toml; of TensorFlow, its other distribution of the same module.
OLDEST = $(shell $(PYTHON) -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	print(*(name.replace("tensorflow>=", "tensorflow-cpu>=").replace(">=", "==") for name in project["dependencies"] + project["optional-dependencies"]["tensorflow"]))')

# First, so that no worker is left alone with it at the end.
LONGEST = tests/test_soak.py

.PHONY: demo quick test test-long test-all test-oldest test-tensorflow-cpu differences catalogue docs wrapper bench scaling images l4 reproduce clean

demo: $(VENV)/.installed-$(BACKEND)
	$(BIN)/python -m stepwrap demo

quick: $(VENV)/.installed-$(BACKEND)
	$(BIN)/python tests/quick.py

# Tests that share a trained network stand side by side: worksteal leaves them to one worker.
test: $(VENV)/.installed-$(BACKEND)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not long"

test-long: $(VENV)/.installed-$(BACKEND)
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "long or hypothesis" --hypothesis-profile=all \
		$(if $(DIFFERENCES),--differences=$(DIFFERENCES)) $(LONGEST) tests

test-all: $(VENV)/.installed-$(BACKEND)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --hypothesis-profile=all $(LONGEST) tests

test-oldest: $(VENV)-oldest/.installed
	$(VENV)-oldest/bin/python -m pytest -q -n $(WORKERS) -m "not long" --one-of-each-kind

test-tensorflow-cpu: $(VENV)-oldest/.installed
	KERAS_BACKEND=tensorflow $(VENV)-oldest/bin/stepwrap compare "sgd(0.1)" "adam | normalized" \
		--epochs 1 --seeds 1 --output output/tensorflow-cpu --force

differences:
	mkdir -p output
	rm -f output/differences.jsonl
	$(MAKE) test-long BACKEND=tensorflow DIFFERENCES=output/differences.jsonl
	$(MAKE) test-long BACKEND=jax DIFFERENCES=output/differences.jsonl
	$(MAKE) test-long BACKEND=torch DIFFERENCES=output/differences.jsonl
	$(BIN)/python docs/differences.py output/differences.jsonl

catalogue: $(VENV)/.installed-$(BACKEND)
	$(BIN)/python docs/catalogue.py

docs: $(VENV)/.installed-$(BACKEND),docs
	$(BIN)/python docs/build_site.py

wrapper: $(VENV)/.installed-$(BACKEND)
	$(BIN)/python docs/new_wrapper.py "$(NAME)" "$(KIND)"
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

bench: $(VENV)/.installed-tensorflow,jax,torch,peers
	$(BIN)/python benchmarks/bench.py $(if $(FAST),--fast) $(if $(ALL),--all)
ifeq ($(FAST),)
	$(BIN)/python benchmarks/first_step.py
	cp output/bench/first_step.json output/bench/first_step_table.md images/
	cp output/bench/bench.png output/bench/bench.svg output/bench/bench.md output/bench/bench_tables.md output/bench/bench_peers.md images/
	@if [ "$$(wc -c < output/bench/bench.json)" -gt 300000 ]; then \
		echo "output/bench/bench.json is above 300 kB: images/bench.json stays as it was."; \
	else cp output/bench/bench.json images/; fi
endif

scaling: $(VENV)/.installed-tensorflow,jax,torch,peers
	$(BIN)/python benchmarks/scaling.py
	cp output/bench/scaling.json output/bench/scaling_table.md output/bench/scaling.png output/bench/scaling.svg images/

images: demo
	cp output/demo/results.png images/digits.png
	cp output/demo/table.md images/digits_table.md

l4: $(VENV)/.installed-$(BACKEND)
	$(BIN)/stepwrap compare --task digits-mlp --epochs 30 --seeds 3 --output output/l4_digits \
		"l4adam(fraction=0.15)" "l4adam(fraction=0.25)" "l4mom(fraction=0.15)" "l4mom(fraction=0.25)" \
		"adam(1e-4)" "adam(1e-3)" "adam(3e-3)" "sgd(0.05, momentum=0.9)" "sgd(0.1, momentum=0.9)"
	cp output/l4_digits/results.png images/l4_digits.png
	cp output/l4_digits/steps.png images/l4_digits_steps.png
	cp output/l4_digits/table.md images/l4_digits_table.md

reproduce: $(VENV)/.installed-$(BACKEND)
	$(BIN)/stepwrap reproduce $(NAME) $(if $(DATA),--data "$(DATA)")
	$(BIN)/python docs/reproductions.py $(NAME) output/reproduce/$(NAME)

clean:
	rm -rf $(VENV) $(VENV)-oldest .pytest_cache output build *.egg-info

# A mark for each backend, so that a second run installs nothing again.
$(VENV)/.installed-%: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[$*,dev]"
	touch $@

$(VENV)-oldest/.installed: pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --editable ".[dev]" $(OLDEST)
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "stepwrap needs Python 3.11 or newer; $(PYTHON) is older or missing. Name another: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
