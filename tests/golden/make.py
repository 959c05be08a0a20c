"""Makes the stored model anew; only where its format has changed on purpose, which CHANGELOG.md then says.

python tests/golden/make.py
"""

import json
import shutil
from pathlib import Path

from dragoman.cli.main import run
from dragoman.corpora.pizzeria import generate
from dragoman.translation.loading import load

HERE = Path(__file__).parent
SETTINGS = {
    "pizzeria.train_pairs": 3000, "pizzeria.valid_pairs": 100, "text.vocabulary_size": 500, "model.d_model": 48,
    "model.d_ff": 96, "model.heads": 2, "model.encoder_layers": 1, "model.decoder_layers": 1, "model.dropout": 0.0,
    "training.steps": 2000, "training.minutes": 0, "training.validate_every": 2000, "training.learning_rate": 0.006,
    "training.threads": 1, "training.dtype": "float32", "batches.target_tokens": 1000,
}  # fmt: skip


def main() -> None:
    """Trains, keeps only what translating needs, and writes down what it says."""
    path = HERE / "run"
    shutil.rmtree(path, ignore_errors=True)
    sets = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    assert run(["train", str(path), "--corpus", "pizzeria", "--preset", "demo", *sets]) == 0
    for name in ("metrics.jsonl", "lock"):
        (path / name).unlink()
    shutil.rmtree(path / "tensorboard")
    for optimizer in path.glob("checkpoints/*/optimizer.safetensors"):
        optimizer.unlink()
    translator = load(path)
    pairs = generate("valid", translator.settings.pizzeria)[:12]
    source, target = [pair.source for pair in pairs], [pair.target for pair in pairs]
    beams = {}
    for beam in (1, 5):
        found = translator.translate(source, beam=beam, n_best=1 if beam == 1 else 2)
        beams[beam] = [
            {
                "text": row.text,
                "tokens": row.tokens,
                "score": row.score,
                "alternatives": [other.text for other in row.alternatives],
            }
            for row in found
        ]
    scores = [row.log_probability for row in translator.score(source, target)]
    expected = {"source": source, "target": target, "beam": beams, "log_probabilities": scores}
    (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
