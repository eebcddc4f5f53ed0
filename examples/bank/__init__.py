"""A bank that never loses a cent, not even to half a transfer. Run: python -m examples.bank."""
