"""Draws validation BLEU by minutes of training, from logs that hold `seconds` and `validation_bleu` line by line.

python -m benchmarks.curves docs/pictures/bleu-by-minute.png dragoman=runs/m30k/metrics.jsonl "Hugging Face"=curve.jsonl
"""

import json
import sys
from pathlib import Path

from benchmarks.quality import draw


def main() -> None:
    """Reads, draws."""
    picture, *logs = sys.argv[1:]
    curves = {}
    for log in logs:
        name, _, path = log.partition("=")
        lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        curves[name] = [(line["seconds"] / 60, line["validation_bleu"]) for line in lines if "validation_bleu" in line]
    draw(curves, Path(picture))


if __name__ == "__main__":
    main()
