"""Orders and their rules. Standard library only: no AWS, no Stripe, no HTTP."""
