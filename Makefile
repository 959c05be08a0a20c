# Everything a fresh machine needs: Debian, Python 3.11 with venv, make.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test check bench proof clean

demo: .venv/ready                ## train on the built-in corpus and show what was learnt
	name=demo-$$(date +%Y%m%d-%H%M%S) && $(BIN)/dragoman demo --out runs/$$name && \
	if [ -L runs/demo ] || [ ! -e runs/demo ]; then ln -sfn $$name runs/demo; fi

test: .venv/ready-to-develop     ## every test, the small form of every proof
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: .venv/ready-to-develop    ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready-to-develop     ## training speed beside other toolkits, and how cost grows (about half an hour)
	$(BIN)/python benchmarks/train_speed.py
	$(BIN)/python benchmarks/growth.py --picture docs/pictures/growth.png

proof: .venv/ready-to-develop     ## the large proofs, whose figures stand in the docs (hours)
	$(BIN)/python benchmarks/quality.py --picture docs/pictures/multi30k-by-minute.png
	$(BIN)/python benchmarks/compare.py model.similarity scaled-dot dot cosine --pizzeria-updates 1200 --multi30k-updates 500
	$(BIN)/python benchmarks/compare.py model.positions sinusoidal learned rotary none --pizzeria-updates 1200 --multi30k-updates 500
	$(BIN)/python benchmarks/food_share.py
	$(BIN)/python benchmarks/forecast.py
	$(BIN)/python -m pytest -m proof -s
	$(BIN)/python -m benchmarks.corpus_check --text multi30k multi30k-fr --seed 5

clean:                           ## remove what was installed and built
	rm -rf .venv build dist src/*.egg-info

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/ready-to-develop: .venv/ready
	$(BIN)/pip install --quiet --editable '.[dev,hub]'
	touch $@
