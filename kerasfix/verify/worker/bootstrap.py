"""Started as a script: loads this folder as a package under its own name and runs the server or one job."""

from __future__ import annotations

import sys

# The folder of a script comes first on the path. Its modules have everyday names ("train", "inputs"), and the
# user's program must find its own.
sys.path.pop(0)

import importlib.util
import os

_NAME = "_kerasfix_worker"


def main() -> None:
    folder = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        _NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)
    if sys.argv[1:2] == ["--job"]:
        importlib.import_module(_NAME + ".job").main(sys.argv[2])
    else:
        importlib.import_module(_NAME + ".server").main(sys.argv[1])


if __name__ == "__main__":
    main()
