"""Amazon Lightsail as a platform for virtual machines (docs/lightsail.md)."""
