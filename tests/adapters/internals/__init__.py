"""What adapters do with private names of frameworks."""
