# Three commands: `make figures`, `make example` (real scans, offline) and `make test`. Everything is installed into .venv from constraints.txt.
# `make figures` shows one line of progress; `make figures V=1` all that Snakemake says.
PYTHON ?= python3.11
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: docs links example figures test test-slurm hour setup lint format lock benchmarks clean

figures: $(STAMP)
	SPINSCULPT_COMMAND='make $@' spinsculpt run --cores $(CORES) $(if $(V),--verbose)

example: $(STAMP)
	SPINSCULPT_COMMAND='make $@' spinsculpt run --cores $(CORES) $(if $(V),--verbose) --configfile config/examples/philips_press.yaml --config data=tests/reference/data

test: $(STAMP)
	pytest -n 2 --dist loadgroup

# A study on a real SLURM, which is installed and started in namespaces that end with the test; takes root on Debian or Ubuntu.
test-slurm: $(STAMP)
	python tests/slurm/cluster.py $(if $(IF_POSSIBLE),--if-possible)

hour: $(STAMP)
	tests/stranger_hour.sh

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV) || { echo "No virtual environment could be made; on Debian: apt install python3.11-venv, or say PYTHON=... for another Python >= 3.11." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,slurm]'
	touch $@

lint: $(STAMP)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	snakemake --lint

format: $(STAMP)
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/Snakefile workflow/rules

lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check '.[dev,slurm]'
	{ head -n 1 constraints.txt; build/lock/bin/python -m pip freeze --all | grep -v -e '^spinsculpt' -e '^pip=' | sed 's/+cpu//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

benchmarks: $(STAMP)
	for script in benchmarks/*.py; do echo "== $$script"; python $$script || exit 1; done

# `make docs QUICK=yes` does not run the tutorials.
docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python docs/fill_tables.py --check
	sphinx-build --quiet --fail-on-warning --keep-going $(if $(QUICK),-D nb_execution_mode=off -D suppress_warnings=myst-nb.lexer) --builder html docs build/docs

# Of the links to other sites; needs a network. Links inside the site are held by `make docs`, where a warning is an error.
links: docs
	sphinx-build --quiet --builder linkcheck docs build/links

clean:
	rm -rf results .snakemake build
