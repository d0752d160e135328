"""`python -m kerasfix.lsp`."""

from kerasfix.lsp import main

main()
