"""Hosting Orders: the order and fulfilment backend, shared by every Lambda function as a layer."""
