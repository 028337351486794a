"""A gatekeeper for model checkpoints."""
