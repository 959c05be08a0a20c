"""The table of all settings in docs/config.md, made from the settings themselves.

Run as a program, it writes the table anew: `python tests/house/settings_table.py`.
"""

from itertools import groupby
from pathlib import Path

from dragoman.config.loading import SettingHelp, settings_help

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
HEADING = "## All settings\n"


def row(setting: SettingHelp) -> str:
    """One setting's line."""
    default = str(setting.default).lower() if isinstance(setting.default, bool) else setting.default
    shown = "(empty)" if default == "" else f"`{default}`"
    kind = setting.type.replace(" | ", ", ")
    return f"| `{setting.key}` | {kind} | {shown} | {setting.help} |"


def section() -> str:
    """All of the page from its last heading on."""
    parts = [
        HEADING,
        "`dragoman settings` prints this table for the version that is installed; "
        "`dragoman settings --json` prints one object a line.\n",
    ]
    for name, settings in groupby(settings_help(), lambda setting: setting.key.partition(".")[0]):
        rows = "\n".join(row(setting) for setting in settings)
        parts.append(f"### `{name}`\n\n| Setting | Kind | Default | Meaning |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def page() -> str:
    """The page as it should stand."""
    before = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    return before + section()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
