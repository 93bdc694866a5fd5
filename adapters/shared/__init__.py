"""What the adapters of several frameworks have in common. It imports no framework: a framework's functions are given.

Layouts and the order of gates move numbers and compute none; `training` sorts what a training run is given and stacks
what it gave. What one framework alone does belongs into its own package.
"""
