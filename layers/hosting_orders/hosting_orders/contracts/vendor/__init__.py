"""What contracts 002 and 003 share."""
