"""``python -m tests.benchmarks [name ...] [--rounds N]`` prints one table of ratios, taken side by side on one core.

``python -m tests.benchmarks exports`` is another matter: `tests.benchmarks.exports`.
"""

from __future__ import annotations

import argparse
import os
import sys

# Before NumPy is imported: one thread for every library, and one core for all, so that ratios compare like with like.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

from .harness import measure, table  # noqa: E402
from .workloads import WORKLOADS  # noqa: E402


def main() -> int:
    """Measure the workloads named, all by default; or exports."""
    if sys.argv[1:2] == ["exports"]:
        from .exports import main as exports

        return exports(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(WORKLOADS)}; all by default")
    parser.add_argument("--rounds", type=int, default=9, help="timed runs of every contender (default 9)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in WORKLOADS]
    if unknown or arguments.rounds < 1:
        parser.error(
            f"unknown workload {unknown[0]!r}" if unknown else f"rounds={arguments.rounds}: must be at least 1"
        )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    timings = []
    for name in arguments.names or WORKLOADS:
        print(f"{name} ...", file=sys.stderr)
        timings.append(measure(WORKLOADS[name](), arguments.rounds))
    print(table(timings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
