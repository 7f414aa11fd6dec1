"""One module per panel; panels never import each other."""
