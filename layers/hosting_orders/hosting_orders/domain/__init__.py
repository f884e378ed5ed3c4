"""What an order is and what may happen to it. Standard library only: no AWS, no Stripe, no HTTP."""
