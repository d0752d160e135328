"""The rows of the table: a feature, how it is found out, and how a tool's help would speak of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.comparison import choosing, fixes, notebooks, server, streams, texts
from benchmarks.comparison.cell import Cell
from benchmarks.comparison.peers import PEERS
from benchmarks.comparison.trial import Experiment

# Where a cell was looked up, because nothing of it can be run here.
LOOKED_UP = "looked up, not run"


@dataclass(frozen=True, slots=True)
class Feature:
    """One row.

    Attributes:
        group: The part of the table that it stands in.
        title: What a tool can do.
        experiment: Tells whether it can; None if nothing can be run for it.
        words: A pattern that its help would match if it had an option for it, for tools that are not asked.
        known: Cells that were looked up, by tool.
    """

    group: str
    title: str
    experiment: Experiment | None
    words: str = ""
    known: Mapping[str, Cell] = field(default_factory=dict)


def _published(yes: Mapping[str, str], no: str) -> dict[str, Cell]:
    """Cells of what lies in a tool's repository, not in its package: where, and the words for no."""
    return {
        peer.name: Cell("yes", f"{LOOKED_UP}: {yes[peer.name]}")
        if peer.name in yes
        else Cell("no", f"{LOOKED_UP}: {no}")
        for peer in PEERS
    }


_HOOKS = _published(
    {
        "kerasfix": "`.pre-commit-hooks.yaml` in its repository; its tests run it with pre-commit",
        "ruff": "`.pre-commit-hooks.yaml` in `astral-sh/ruff-pre-commit`",
        "Fixit": "`.pre-commit-hooks.yaml` in its repository",
        "django-upgrade": "`.pre-commit-hooks.yaml` in its repository",
    },
    "no `.pre-commit-hooks.yaml` in its repository",
)
_HOOKS["TorchFix"] = Cell(
    "partly", f"{LOOKED_UP}: none of its own; its checks run by flake8's hook with `additional_dependencies`"
)
_ACTION = _published(
    {"kerasfix": "`action.yml` in its repository", "ruff": "`astral-sh/ruff-action`"},
    "no action of its own in its repository",
)
_SCHEMA = _published(
    {
        "kerasfix": "`docs/kerasfix.schema.json`; a test holds it against what is accepted",
        "ruff": "`ruff.schema.json` in its repository",
    },
    "none in its repository",
)
_SCHEMA["Fixit"] = Cell("no", f"{LOOKED_UP}: only one for settings of version 0, which is not in the package")
_NO_WATCH = r"\bwatch"

FEATURES = (
    Feature("Notebooks", "`.ipynb` is fixed, magics and `!` lines in it", notebooks.fixes_notebook),
    Feature("Notebooks", "all bytes outside the edited source stay", notebooks.keeps_notebook),
    Feature("Notebooks", "cells are one program", notebooks.joins_cells),
    Feature("Notebooks", "findings name the cell", notebooks.names_cell),
    Feature("Notebooks", "nbformat 3 is named as not read", notebooks.refuses_old),
    Feature("Standard input", "checks it, under a name", streams.checks_stdin, r"stdin"),
    Feature("Standard input", "fixed text on standard output", streams.fixes_stdin, r"stdin"),
    Feature("Standard input", "diff on standard output", streams.differs_stdin, r"--diff"),
    Feature(
        "Standard input",
        "text that does not parse comes back, exit code not 0",
        streams.gives_back_what_is_broken,
        r"stdin",
    ),
    Feature("Reports", "code frame with the place marked", streams.shows_code),
    Feature("Reports", "check writes nothing", texts.writes_nothing_on_check),
    Feature("Reports", "diff that `git apply` takes", texts.diff_applies, r"--diff"),
    Feature("Reports", "one line a finding, `path:line:column`", streams.is_concise, r"concise"),
    Feature("Reports", "JSON with the fix as edits", streams.has_json, r"\bjson-lines\b"),
    Feature("Reports", "SARIF 2.1.0", streams.has_sarif, r"output.*sarif"),
    Feature("Reports", "SARIF with fixes", streams.has_sarif_fixes, r"output.*sarif"),
    Feature("Reports", "GitHub annotations", streams.has_github, r"github"),
    Feature("Reports", "GitLab code quality", streams.has_gitlab, r"gitlab"),
    Feature("Reports", "JUnit", streams.has_junit, r"junit"),
    Feature("Reports", "report into a file", streams.writes_report, r"output-file"),
    Feature("Reports", "talk not on standard output", streams.separates),
    Feature("Settings", "in `pyproject.toml`", choosing.reads_settings, r"config"),
    Feature("Settings", "the nearest file counts", choosing.nearest, r"config"),
    Feature("Settings", "an unknown key is an error with a suggestion", choosing.refuses_unknown, r"config"),
    Feature("Settings", "rules left out by file", choosing.by_file, r"per-file"),
    Feature("Settings", "files left out of folders", choosing.leaves_out, r"exclude[^_ ].*pattern"),
    Feature("Settings", "`.gitignore` is respected", choosing.respects_gitignore, r"gitignore"),
    Feature("Settings", "shows what counts", choosing.shows_settings, r"show-settings"),
    Feature("Settings", "JSON schema for editors", None, known=_SCHEMA),
    Feature("Silencing", "comment for a line, with the rule", choosing.silences_line, r"\bnoqa"),
    Feature("Silencing", "comment for a file", choosing.silences_file, r"\bnoqa"),
    Feature("Silencing", "unused comments are reported", choosing.reports_unused, r"unused"),
    Feature("Silencing", "unused comments are removed", choosing.removes_unused, r"unused"),
    Feature("Silencing", "comments are added by command", choosing.adds_silencers, r"add-noqa"),
    Feature("Silencing", "baseline of known findings", choosing.keeps_baseline, r"baseline"),
    Feature("Choosing", "fixes one by one", choosing.walks_through, r"interactive"),
    Feature("Choosing", "select rules", choosing.selects, r"--select"),
    Feature("Choosing", "ignore rules", choosing.ignores, r"--ignore"),
    Feature("Choosing", "rules that report and do not fix", choosing.leaves_unfixable, r"--unfixable"),
    Feature("Choosing", "statistics", choosing.counts, r"statistics"),
    Feature("Choosing", "explains a rule", choosing.explains, r"explain"),
    Feature("Choosing", "lists its rules, as JSON too", choosing.lists_rules, r"--list"),
    Feature("Choosing", "exit code 0 in spite of findings", choosing.exits_zero, r"exit-zero"),
    Feature("Choosing", "takes the last fix back", choosing.takes_back, r"undo|revert"),
    Feature("Editor", "diagnostics on unsaved text", server.says_unsaved, r"language.server|LSP"),
    Feature(
        "Editor", "diagnostics are answered when asked (pull)", server.answers_pull, r"language.server|LSP"
    ),
    Feature("Editor", "quick fix", server.offers_fix, r"language.server|LSP"),
    Feature("Editor", "fix all", server.fixes_all, r"language.server|LSP"),
    Feature("Editor", "action that silences the line", server.silences, r"language.server|LSP"),
    Feature("Editor", "hover explains the rule", server.hovers, r"language.server|LSP"),
    Feature("Editor", "notebooks", server.opens_notebooks, r"language.server|LSP"),
    Feature("Editor", "UTF-8 positions if the client wants them", server.negotiates, r"language.server|LSP"),
    Feature("Editor", "lens that verifies a model", server.has_lens, r"language.server|LSP"),
    Feature("Commit and CI", "pre-commit hook", None, known=_HOOKS),
    Feature("Commit and CI", "GitHub Action", None, known=_ACTION),
    Feature("Commit and CI", "runs as a codemod of LibCST's tool", fixes.serves_libcst, r"libcst"),
    Feature("Fixes", "each says how far it may be trusted", fixes.classifies, r"applicab|unsafe|safety"),
    Feature("Fixes", "risky ones only when asked for", fixes.holds_back, r"unsafe"),
    Feature("Fixes", "proved by running before and after", fixes.verifies, r"\bverify"),
    Feature("Fixes", "one fix over several files", fixes.mends_several),
    Feature("Fixes", "a second run changes nothing", texts.is_quiet_again),
    Feature("Bytes outside the edit", "CRLF", texts.keeps(texts.windows)),
    Feature("Bytes outside the edit", "CRLF and LF in one file", texts.keeps(texts.mixed)),
    Feature("Bytes outside the edit", "byte order mark", texts.keeps(texts.marked)),
    Feature("Bytes outside the edit", "tabs and odd spacing", texts.keeps(texts.tabs)),
    Feature("Bytes outside the edit", "form feed", texts.keeps(texts.fed)),
    Feature("Bytes outside the edit", "no newline at the end", texts.keeps(texts.unfinished)),
    Feature("Bytes outside the edit", "Latin-1 with a coding line", texts.keeps(texts.western)),
    Feature("Bytes outside the edit", "file mode", texts.keeps_mode),
    Feature("Bytes outside the edit", "symbolic link", texts.keeps_link),
    Feature("What others have", "number of rules", fixes.counts_rules),
    Feature("What others have", "watches files", fixes.watches, _NO_WATCH),
    Feature("What others have", "formats code", fixes.formats_code, r"(?m)^  format +[A-Z]"),
    Feature("What others have", "rules of your own", fixes.takes_own_rules, r"plug-?in|own rule"),
    Feature("What others have", "fixes what another tool's SARIF names", fixes.takes_results, r"--sarif"),
)
