# make app    start the app             make test   run all tests
# make bench  time the codec            make check  style, types and the order of imports
# make web    the page without a server
# make space  lay out a hosted Space    make wheel  build the package, in dist/
#             in build/space            make venv   only install
# make fuzz   hostile files             make soak   many visitors at once, and attackers
#
# The first run makes .venv, installs requirements.txt and fetches the pretrained weights; later runs install and
# fetch nothing. Another Python: make PYTHON=python3.11 app

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: web app test check bench fuzz soak space wheel venv weights

app: weights
	$(RUN) -m app $(ARGS)

# In as many processes as there are cores.
test: weights
	$(RUN) -m pytest --numprocesses auto --dist worksteal $(ARGS)

# Needs no weights.
check: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m pytest tests/test_architecture.py

bench: weights
	$(RUN) -m hsc bench $(ARGS)

# Two minutes; ARGS="--minutes 60" for more, --help for the rest.
fuzz: weights
	$(RUN) -m tests.fuzz $(ARGS)

soak: weights
	$(RUN) -m tests.soak $(ARGS)

space: $(VENV)/installed
	$(RUN) -m app.space build/space $(ARGS)

wheel: $(VENV)/installed
	$(RUN) -m pip wheel --disable-pip-version-check --no-deps --wheel-dir dist .

# The page that decodes by itself, as static files. Needs node 20 and npm.
web: weights web/node_modules
	$(RUN) -m hsc export --compact build/models
	$(RUN) -m app.web_examples build/examples
	cd web && npm run --silent build -- ../build/web ../build/models ../build/examples

web/node_modules: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --silent
	touch $@

venv: $(VENV)/installed

# Looks into the cache, and fetches only what is not there.
weights: $(VENV)/installed
	$(RUN) -m hsc.weights

# Written last, so that an installation that was interrupted is taken up again.
$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' \
		|| { echo 'Python 3.10 to 3.14 is needed, for example: make PYTHON=python3.11 app'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --requirement requirements.txt
	touch $@
