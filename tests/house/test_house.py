"""The house rules: folders import from above only, files stay small, what is shipped and printed works."""

import ast
import re
from pathlib import Path

import pytest

from dragoman.cli.main import run
from dragoman.config.loading import build_settings, preset_names, settings_help
from tests.house import settings_table

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "dragoman"
FOLDERS = [
    "config", "corpora", "text", "batches", "tracing", "kernels", "layers", "models", "runs", "search", "translation",
    "evaluation", "training", "inspection", "race", "demo", "cli",
]  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The package's folders that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name.startswith("dragoman.")}
    return found & set(FOLDERS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_folder_imports_from_those_above_it(file: Path) -> None:
    parts = file.relative_to(PACKAGE).parts
    if len(parts) == 1:
        return
    allowed = FOLDERS[: FOLDERS.index(parts[0]) + 1]
    assert imported(file) <= set(allowed)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_files_stay_small_and_well_named(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300
    assert file.stem not in {"utils", "helpers", "common", "misc"}


def test_every_folder_is_in_the_list() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(FOLDERS)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads(name: str) -> None:
    build_settings(name)


def test_every_setting_is_explained() -> None:
    assert all(row[3] for row in settings_help())


def test_the_table_of_settings_is_the_settings() -> None:
    assert settings_table.PAGE.read_text(encoding="utf-8") == settings_table.page(), (
        "docs/config.md is out of date; run `python tests/house/settings_table.py`"
    )


def test_nobody_but_the_builder_asks_which_family() -> None:
    """No setting `family`, no class and no name of a family, in code or message."""
    asked = re.compile(r"(?<!font)\.family\b|\b(transformer|rnn|gru|lstm)\b|RecurrentTranslator", re.I)
    for folder in ("search", "translation", "evaluation", "training", "inspection"):
        for file in (PACKAGE / folder).rglob("*.py"):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                assert not asked.search(line), f"{file}:{number}"


def commands() -> list[tuple[str, list[str]]]:
    """Every dragoman command in a code block of the README and the docs, with the page it stands on."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M):
            if language not in ("", "bash", "sh", "console"):
                continue
            for line in block.replace("\\\n", " ").splitlines():
                for part in line.split("|"):
                    words = part.split("#")[0].split("<")[0].split(">")[0].removeprefix("$ ").split()
                    if words[:1] == ["dragoman"]:
                        found.append((f"{page.name}: {' '.join(words)}", words[1:]))
    return found


@pytest.mark.parametrize(("shown", "words"), commands(), ids=lambda value: str(value)[:80])
def test_every_documented_option_exists(shown: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The verb's help names each option that the docs use with it."""
    verb = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)][:1]
    if words[:1] == ["corpus"]:
        verb = words[:2]
    if not verb:
        assert words[0] in ("--version", "--help", "VERB"), shown
        return
    assert run([*verb, "--help"]) == 0
    help_text = capsys.readouterr().out
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        assert option in help_text, shown
    known = {row[0] for row in settings_help()}
    for name in re.findall(r"--set (\S+?)=", " ".join(words)):
        assert name in known, shown


def test_nothing_names_a_machine_or_a_registry() -> None:
    hosts = [
        ".".join(("pypi", "org")),
        ".".join(("files", "pythonhosted", "org")),
        ".".join(("registry", "npmjs", "org")),
    ]
    for file in [*FILES, ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / ".ci" / "run"]:
        text = file.read_text(encoding="utf-8")
        assert not any(host in text for host in hosts), file
        assert "/root/" not in text, file
