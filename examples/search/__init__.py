"""Find documents by meaning: real sentence embeddings, held in the heavy zone."""
