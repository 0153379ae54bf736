# make app    start the app           make test   run all tests
# make bench  time the codec          make venv   only install
# make space  lay out what a hosted Space needs, in build/space
#
# The first run makes .venv, installs requirements.txt and fetches the pretrained weights; later runs install and
# fetch nothing. Another Python: make PYTHON=python3.11 app

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: app test bench space venv weights

app: weights
	$(RUN) -m app $(ARGS)

test: weights
	$(RUN) -m pytest $(ARGS)

bench: weights
	$(RUN) -m hsc bench $(ARGS)

space: $(VENV)/installed
	$(RUN) -m app.space build/space $(ARGS)

venv: $(VENV)/installed

# Looks into the cache, and fetches only what is not there.
weights: $(VENV)/installed
	$(RUN) -m hsc.weights

# Written last, so that an installation that was interrupted is taken up again.
$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
		|| { echo 'Python 3.10, 3.11 or 3.12 is needed, for example: make PYTHON=python3.11 app'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --requirement requirements.txt
	touch $@
