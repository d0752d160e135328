"""What is said to an editor of findings: diagnostics, actions, hovers and lenses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from lsprotocol import types

from kerasfix.findings import Finding, Fix, Severity
from kerasfix.lsp.texts import Checked, Document, Text, Units, text_edits
from kerasfix.output.chain import UNICODE, chain_lines
from kerasfix.output.views import View
from kerasfix.plan import Plan
from kerasfix.source import Edit

FIX_ALL = "source.fixAll.kerasfix"
VERIFY = "kerasfix.verify"
_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


class Answers:
    """Speaks to one client.

    Args:
        units: How its encoding counts.
        document_of: The open document of a file, by `Source.file`; None if it is not open.
    """

    def __init__(self, units: Units, document_of: Callable[[str], Document | None]) -> None:
        self._units = units
        self._document_of = document_of

    def diagnostics(self, checked: Checked) -> dict[Text, list[types.Diagnostic]]:
        """The findings by the text that each stands in; a text without any has an empty list."""
        found: dict[Text, list[types.Diagnostic]] = {text: [] for text in checked.document.texts}
        for finding in checked.findings:
            text, _ = checked.document.at(finding.start)
            found[text].append(self._diagnostic(finding, checked))
        return found

    def _diagnostic(self, finding: Finding, checked: Checked) -> types.Diagnostic:
        _, range_ = checked.document.span(finding.start, finding.end, self._units)
        view = _view(checked)
        parts = [view.said(finding.message)]
        if finding.help:
            parts.append(view.said(finding.help))
        return types.Diagnostic(
            range=range_,
            message="\n".join(parts),
            severity=_SEVERITIES[finding.severity],
            code=finding.code,
            source="kerasfix",
            related_information=list(self._related(finding, checked)) or None,
        )

    def _related(self, finding: Finding, checked: Checked) -> Iterator[types.DiagnosticRelatedInformation]:
        """The layers whose output a broken chain loses."""
        if finding.chain is None:
            return
        assert checked.report is not None
        starts = checked.report.source.line_starts
        for link in finding.chain.lost:
            text, range_ = checked.document.span(starts[link.line - 1], starts[link.line - 1], self._units)
            location = types.Location(text.uri, range_)
            yield types.DiagnosticRelatedInformation(location, f"the output of {link.name} is lost")

    def actions(
        self, checked: Checked, text: Text, range_: types.Range, wanted: Sequence[str] | None
    ) -> list[types.CodeAction]:
        """The quick fixes for what lies in a range of one text."""
        if wanted is not None and not any(
            _covers(each, types.CodeActionKind.QuickFix.value) for each in wanted
        ):
            return []
        start = checked.document.start_of(text)
        first = start + text.offset(range_.start, self._units)
        last = start + text.offset(range_.end, self._units)
        found: list[types.CodeAction] = []
        for finding in checked.findings:
            if (
                finding.start <= last
                and first <= finding.end
                and checked.document.at(finding.start)[0] is text
            ):
                found += self._fixes(finding, checked)
        return found

    def _fixes(self, finding: Finding, checked: Checked) -> Iterator[types.CodeAction]:
        about = [self._diagnostic(finding, checked)]
        options: list[tuple[Fix, str]] = []
        if finding.fix is not None:
            options.append((finding.fix, finding.fix.applicability.value))
        options += [(other, "one of several ways, unproved") for other in finding.others]
        for number, (fix, how_sure) in enumerate(options):
            edit = self.workspace_edit(fix.edits)
            if edit is not None:
                yield types.CodeAction(
                    title=f"{finding.code}: {fix.message} ({how_sure})",
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=about,
                    is_preferred=number == 0 and finding.fix is not None,
                    edit=edit,
                )
        ignoring = self._ignoring(finding, checked)
        if ignoring is not None:
            yield types.CodeAction(
                title=f"{finding.code}: Ignore on this line",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=about,
                edit=ignoring,
            )

    def _ignoring(self, finding: Finding, checked: Checked) -> types.WorkspaceEdit | None:
        assert checked.report is not None
        source = checked.report.source
        line = source.position(finding.start).line
        at = source.line_starts[line - 1] + len(source.line(line))
        return self.workspace_edit([Edit(at, at, f"  # noqa: {finding.code}", finding.file)])

    def fix_all(self, plans: Mapping[str, Plan]) -> types.CodeAction | None:
        """All safe fixes and repairs at once; None if there are none."""
        edits = [
            Edit(edit.start, edit.end, edit.content, file)
            for file, plan in plans.items()
            for edit in plan.edits
        ]
        edit = self.workspace_edit(edits) if edits else None
        if edit is None:
            return None
        return types.CodeAction(title="kerasfix: Fix all that is safe or a repair", kind=FIX_ALL, edit=edit)

    def workspace_edit(self, edits: Sequence[Edit]) -> types.WorkspaceEdit | None:
        """Edits as one change of all texts concerned; None if one of them is not open."""
        changes: list[types.TextDocumentEdit] = []
        for file in dict.fromkeys(edit.file for edit in edits):
            document = self._document_of(file)
            if document is None:
                return None
            here = sorted(edit for edit in edits if edit.file == file)
            for text, found in text_edits(document, here, self._units).items():
                name = types.OptionalVersionedTextDocumentIdentifier(uri=text.uri, version=text.version)
                changes.append(types.TextDocumentEdit(name, list(found)))
        return types.WorkspaceEdit(document_changes=list(changes))

    def hover(self, checked: Checked, text: Text, position: types.Position) -> types.Hover | None:
        """What is wrong at a place, the chain if it is one, and the page of the rule."""
        from kerasfix.rules import rule

        at = checked.document.start_of(text) + text.offset(position, self._units)
        here = [each for each in checked.findings if each.start <= at <= each.end]
        if not here:
            return None
        parts: list[str] = []
        view = _view(checked)
        for finding in here:
            parts.append(f"**{finding.code}** {view.said(finding.message)}")
            if finding.chain is not None:
                drawn = ["".join(piece for piece, _ in line) for line in chain_lines(finding.chain, UNICODE)]
                parts.append("```text\n" + "\n".join(drawn) + "\n```")
            if finding.help:
                parts.append(view.said(finding.help))
        for code in dict.fromkeys(finding.code for finding in here):
            known = rule(code)
            if known is not None:
                parts.append("---\n\n" + known.documentation)
        _, range_ = checked.document.span(here[0].start, here[0].end, self._units)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "\n\n".join(parts)), range_)

    def lenses(self, checked: Checked, text: Text, verdicts: Mapping[str, str]) -> list[types.CodeLens]:
        """ "Verify this model" above each class that a fix would change."""
        if checked.report is None:
            return []
        touched = {each.owner for each in checked.findings if each.fix is not None or each.others}
        found: list[types.CodeLens] = []
        for name, start in _classes(checked):
            place, range_ = checked.document.span(start, start, self._units)
            if name in touched and place is text:
                title = verdicts.get(name, f"kerasfix: verify {name}")
                command = types.Command(title, VERIFY, arguments=[text.uri, name])
                found.append(types.CodeLens(range_, command))
        return found


def _classes(checked: Checked) -> Iterator[tuple[str, int]]:
    """The names of the classes of a program, and where each begins."""
    import ast

    from kerasfix.syntax import walk

    assert checked.report is not None
    source = checked.report.source
    for node in walk(source.tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, source.offset(node.lineno, node.col_offset)


def _view(checked: Checked) -> View:
    from kerasfix.engine import unchanged

    assert checked.report is not None
    return View(checked.report, unchanged(checked.report))


def _covers(wanted: str, kind: str) -> bool:
    """Whether a kind of action is one of those that are wanted: "source" wants "source.fixAll" too."""
    return wanted == "" or kind == wanted or kind.startswith(f"{wanted}.")


def wants_fix_all(wanted: Sequence[str] | None) -> bool:
    return wanted is None or any(_covers(each, FIX_ALL) for each in wanted)
