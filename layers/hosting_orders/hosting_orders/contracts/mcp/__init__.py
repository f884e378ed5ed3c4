"""The MCP server at `POST /mcp` (docs/agents.md)."""
