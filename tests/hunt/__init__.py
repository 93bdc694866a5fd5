"""The hunt: what it draws, how it makes small what fails, and what it tells.

What a framework really does on such cases is for whoever hunts to see.
"""
