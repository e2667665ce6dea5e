"""Spin systems, pulses, sequences and the dynamics of spins."""
