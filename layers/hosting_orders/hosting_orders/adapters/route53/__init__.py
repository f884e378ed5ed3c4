"""Amazon Route 53: registrar, DNS zones and TLD rules."""
