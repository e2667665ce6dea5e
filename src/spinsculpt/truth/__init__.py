"""What a scanner measures: the simulated scanner."""
