"""The same step of an agent on Theus and on what people use instead; README.md says how."""
