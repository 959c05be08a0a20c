"""Run by .ci/run in an environment that holds the built wheel: it must work without the checkout.

The libraries come from the folder given; it is put behind the wheel's own, so that dragoman itself cannot.
"""

import contextlib
import io
import sys
from pathlib import Path

sys.path.append(sys.argv[1])

import dragoman
from dragoman.cli.main import run
from dragoman.config.loading import build_settings, preset_names

installed = Path(dragoman.__file__)
assert "site-packages" in installed.parts, installed
assert (installed.parent / "py.typed").exists()
assert {"tiny", "small", "patient", "base", "big", "demo"} <= set(preset_names())
for preset in preset_names():
    build_settings(preset)

options = ["--corpus", "pizzeria", "--preset", "tiny"]
smaller = ["pizzeria.train_pairs=600", "pizzeria.valid_pairs=20", "text.vocabulary_size=500", "training.steps=2",
           "model.d_model=16", "model.d_ff=32", "training.warmup_steps=1"]  # fmt: skip
sets = [part for setting in smaller for part in ("--set", setting)]
assert run(["train", "run", *options, *sets]) == 0
Path("lines.txt").write_text("The pizza was good.\n\n", encoding="utf-8")
out = io.StringIO()
with contextlib.redirect_stdout(out):
    assert run(["translate", "run", "lines.txt", "--beam", "2"]) == 0
assert len(out.getvalue().splitlines()) == 2
print("the wheel works on its own")
