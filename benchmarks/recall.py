"""How much kerasfix finds and brings back of what was broken on purpose in published packages.

    python -m benchmarks.recall                  flags, chains and training loops, one after the other
    python -m benchmarks.recall --only chains    one of them

Each of the three is a benchmark of its own with more options: `benchmarks.restore` drops training flags,
`benchmarks.chains` breaks chains, `benchmarks.loops` drops `training=True` where models are trained by hand.
"""

from __future__ import annotations

import subprocess
import sys
import time

import click

PARTS = {"restore": "Training flags", "chains": "Broken chains", "loops": "Training loops"}


@click.command()
@click.option("--only", type=click.Choice([*PARTS]), multiple=True, help="Only this one.")
def main(only: tuple[str, ...]) -> None:
    failed = []
    for name in only or PARTS:
        print(f"\n{PARTS[name]} (benchmarks.{name})\n", flush=True)
        begin = time.perf_counter()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
        print(f"{time.perf_counter() - begin:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
