"""The language server: findings while people type, fixes at the touch of a key. Needs the extra `lsp`."""

from __future__ import annotations

import sys


def main() -> None:
    """Serve an editor over standard input and output."""
    try:
        import pygls  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("kerasfix-lsp needs pygls: pip install 'kerasfix[lsp]'")
    from kerasfix.lsp.server import make_server

    make_server().start_io()
