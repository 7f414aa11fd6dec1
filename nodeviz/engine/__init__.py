"""The numerical engine: solvers and their parts, NumPy alone."""
