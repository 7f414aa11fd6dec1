"""Named vector fields, typed equations and the analysis of planar systems."""
