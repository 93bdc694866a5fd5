"""A narrower format is named where errors are as its roundings are, and nowhere else."""
