"""What `scripts/perf` measures: one module per subject. Nothing of the program imports this."""
