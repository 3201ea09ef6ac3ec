# Two commands from a fresh clone: `make demo` and `make test`. Each makes the virtual environment it needs.
PYTHON ?= python3
BIN := .venv/bin
EXTENSION := extensions/ndx-muscle-activation
# Small models and short signals: more threads only get in each other's way.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test picture clean

demo: .venv/ready
	$(BIN)/nwb-autolfads demo --out demo --overwrite

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadfile --cov --cov-report=term

# The picture in README.md.
picture: demo
	cp demo/activation.png docs/activation.png

# In one command, because the extension is not on an index: pip takes it from here for the package.
.venv/ready: pyproject.toml $(EXTENSION)/pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt ./$(EXTENSION) -e ".[test]"
	touch $@

clean:
	rm -rf .venv demo
