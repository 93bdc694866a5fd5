"""Orders of summation: planted ones are found, told and followed to the bit, and so are those of the frameworks here.

What is planted is written anew, far from the simulation that it is held against.
"""
