"""Models: their parameters, what they compute, how they learn, and measures of what they have learned."""
