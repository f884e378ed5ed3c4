"""The published contracts. docs/contracts.md explains ids such as C13 and O2-073, and the word "ours"."""
