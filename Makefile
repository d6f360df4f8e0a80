# Two commands: `make demo` and `make test`. Both set everything up first, in .venv of this folder.
# `make PYTHON=/path/to/python3.11 ...` picks the Python; `make test WORKERS=8` runs the tests in eight processes.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := dev,docs,pretrained
CODE := hetero_xmodal tests benchmarks docs tutorials
# Test processes, each with one thread and up to 2 GB of memory.
WORKERS := 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: help setup demo test quick slow lint format bench manifests notebook tutorials tutorials-reset bundle docs clean

help:
	@echo "make demo      set up, then build a small world, parse it, and write a page of images to look at (demo/index.html)"
	@echo "make test      set up, then run all tests, the same examples every time (WORKERS=2 processes)"
	@echo "make quick     only the tests that take less than ten seconds"
	@echo "make slow      all tests, with many more random examples, other ones every time"
	@echo "make setup     only set up: virtual environment with Python 3.11, all packages, detectron2"
	@echo "make docs      set up, then build the documentation site: build/site/html/index.html"
	@echo "make notebook  open the tutorials in JupyterLab"
	@echo "make tutorials        build the notebooks and their solutions from tutorials/source; your own work stays"
	@echo "make tutorials-reset  move your work in the notebooks to tutorials/my_work/DATE, and start afresh"
	@echo "make bundle    a folder from which the course installs without the internet: build/bundle (about 4 GB)"
	@echo "make bench     print the benchmarks (ratios against stated references)"
	@echo "make lint      check style (ruff) and types (mypy)"
	@echo "make manifests write the manifests of the shipped models anew, after a change of their files or cards"
	@echo "make format    put the code into the house style"
	@echo "make clean     remove the virtual environment"

setup: $(READY)

# A fresh environment whenever the list of packages changes; half-made ones are made again.
$(READY): pyproject.toml constraints.txt
	@set -e; \
	python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
	  for candidate in python3.11 python3 python; do \
	    if $$candidate -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	  done; \
	fi; \
	if [ -x $(BIN)/python ] && $(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then :; \
	elif [ -n "$$python" ]; then \
	  rm -rf $(VENV); \
	  $$python -m venv $(VENV) || { echo "Python 3.11 is here but cannot make a virtual environment: install its venv module (on Debian: apt-get install python3.11-venv)." >&2; exit 2; }; \
	elif command -v uv >/dev/null 2>&1; then \
	  rm -rf $(VENV); \
	  uv venv --quiet --seed --python 3.11 $(VENV) || { echo "uv could not provide Python 3.11: install Python 3.11 and say make PYTHON=/path/to/python3.11." >&2; exit 2; }; \
	else \
	  echo "Python 3.11 is missing (DGL has no wheel for later ones): install it, or say make PYTHON=/path/to/python3.11." >&2; exit 2; \
	fi; \
	echo "Setting up $(VENV): once, one to three minutes, about 6 GB on disk."; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true; \
	if [ -x $(BIN)/uv ] && $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[$(EXTRAS)]'; then :; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS)]' \
	    || { echo "The packages could not be installed: this needs PyPI, or a mirror set in pip's configuration; see the lines above." >&2; exit 2; }; \
	fi; \
	$(BIN)/python -c 'import detectron2' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.10 \
	       --target "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')" sal-detectron2==0.7.2 \
	  || { echo "detectron2 could not be installed: sal-detectron2 0.7.2 from PyPI is needed; see the lines above." >&2; exit 2; }; \
	touch $(READY)

demo: $(READY)
	@$(BIN)/hetero-xmodal demo --out demo

test: $(READY)
	@$(PYTEST)

quick: $(READY)
	@$(PYTEST) -m "not slow"

slow: $(READY)
	@$(PYTEST) --slow

lint: $(READY)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy

format: $(READY)
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: $(READY)
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

manifests: $(READY)
	@$(BIN)/python -c "from hetero_xmodal.pretrained import write_shipped_manifests as write; write()"

docs: $(READY)
	@$(BIN)/python docs/site/build.py

# One thread: the notebooks' tensors are small, two threads took six times the processor time on a busy machine, and the last digits are
# those of the solutions.
notebook: $(READY)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/jupyter lab tutorials

tutorials: $(READY)
	@$(BIN)/python tutorials/build.py

tutorials-reset: $(READY)
	@$(BIN)/python tutorials/build.py --reset

bundle: $(READY)
	@$(BIN)/python tutorials/teaching/bundle.py

clean:
	rm -rf $(VENV)
