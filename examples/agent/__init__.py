"""A taxi driver that learns, written as processes with contracts. Run: python -m examples.agent."""
