"""What is said: frozen Pydantic nouns that import nothing but each other."""
