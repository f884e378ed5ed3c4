"""What every handler shares: HTTP, workflow steps, the stream. Handlers declare what they need; this does it."""
