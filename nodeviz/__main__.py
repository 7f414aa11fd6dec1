"""Entry point. NumPy's BLAS reads its thread count when first imported, so it is set here, before anything else."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line with one BLAS thread; a busy neighbour makes two of them thirty times slower."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
    from nodeviz import cli

    sys.exit(cli.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
