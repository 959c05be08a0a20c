"""Virtual environments for the peers that cannot live in ours; made once, kept in a folder that git does not see."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".peers"
TORCH = "torch==2.13.0"

RECIPES: dict[str, tuple[tuple[str, ...], ...]] = {
    "joeynmt": (
        ("--no-deps", "joeynmt==2.3.0"),
        (
            *(TORCH, "sentencepiece==0.2.0", "importlib_metadata", "sacrebleu", "sacremoses", "subword-nmt"),
            *("tensorboard", "matplotlib", "seaborn", "pyyaml", "six", "wrapt", "packaging", "pandas", "datasets"),
        ),
    ),
    "eole": ((TORCH, "eole==0.6.*", "aiohttp"),),
}
"""What pip installs for each peer, one tuple of arguments a call.

JoeyNMT's own requirements are left out, since its pin of protobuf fits no other package of today. It calls a
function of sentencepiece that 0.2.1 took away.
"""


def python_of(name: str, folder: Path = FOLDER) -> Path:
    """The Python of a peer's environment, which is made if it is not there.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    environment = folder / name
    python = environment / "bin" / "python"
    ready = environment / "ready"
    recipe = repr(RECIPES[name])
    if ready.exists() and ready.read_text(encoding="utf-8") == recipe:
        return python
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    print(f"installing {name} into {environment}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
    for arguments in RECIPES[name]:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True, stdout=sys.stderr)
    ready.write_text(recipe, encoding="utf-8")
    return python
