"""One module per published contract: what it lets in, and how it says what is true."""
