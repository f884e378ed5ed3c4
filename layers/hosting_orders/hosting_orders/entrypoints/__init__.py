"""Code that all Lambda handlers share: HTTP, workflow steps, events."""
