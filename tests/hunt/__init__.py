"""The hunt: what it draws, how it makes small what fails, and what it tells."""
