"""Write the rule pages, docs/rules/*.md, from the rules themselves: `python docs/make_rules.py`."""

from __future__ import annotations

from pathlib import Path

from kerasfix.rules import all_rules
from kerasfix.rules.base import Rule

FOLDER = Path(__file__).parent / "rules"


def pages() -> dict[str, str]:
    """File name -> text, of every rule's page and of the list of them."""
    listed = "".join(f"| [{rule.code}]({rule.code}.md) | {rule.name} |\n" for rule in all_rules())
    made = {f"{rule.code}.md": page(rule) for rule in all_rules()}
    return {"README.md": f"# Rules\n\n| code | name |\n|---|---|\n{listed}", **made}


def page(rule: Rule) -> str:
    return f"{rule.documentation}\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
