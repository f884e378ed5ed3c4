"""The DynamoDB table (docs/design.md)."""
