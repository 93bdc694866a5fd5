"""The listings of the primer as models, composed from the formulas."""
