"""CEST and MT: protocols, simulators, estimators, and their plan, figures and report."""
