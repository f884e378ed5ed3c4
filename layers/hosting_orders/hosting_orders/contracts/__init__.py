"""The published contracts."""
