"""From a report to the text of the page."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from kerasfix import __version__
from kerasfix.output.page.charts import losses_chart, norms_chart
from kerasfix.output.page.strands import SHADES
from kerasfix.output.page.view import ModelView, views_of
from kerasfix.verify.report import VerificationReport


def page(report: VerificationReport) -> str:
    """The page, complete in itself. Whatever comes from the user's code is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(files(__package__).joinpath("page.html").read_text("utf-8"))
    return template.render(
        version=__version__,
        models=views_of(report),
        import_seconds=report.import_seconds,
        shades=range(SHADES),
        norms_chart=_norms_chart,
        losses_chart=_losses_chart,
    )


def _norms_chart(view: ModelView) -> Markup:
    rows = view.charted
    versions = {"before": [row.before for row in rows], "after": [row.after for row in rows]}
    # The chart is text of a library that escapes for itself.
    return Markup(norms_chart(f"norms-{view.number}", [row.name for row in rows], versions))


def _losses_chart(view: ModelView) -> Markup:
    return Markup(losses_chart(f"losses-{view.number}", view.losses))
