"""Narrower formats: `formats` are those that numbers may be rounded to, `scatter` says what their errors look like."""
