"""How Sphinx builds these pages: `sphinx-build -W docs docs/_build`."""

from kerasfix import __version__

project = "kerasfix"
author = "the authors of kerasfix"
version = release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"kerasfix {__version__}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
# Pages of this repository that are not part of the site (editors/, LICENSE) are linked as files.
suppress_warnings = ["myst.xref_missing"]
