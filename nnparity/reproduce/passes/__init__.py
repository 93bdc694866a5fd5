"""What of a compiler makes a cell's bits others than eager code's: its switches tried one by one, each in a process.

The switches themselves stand beside the adapters. No verdict comes of it: distances are counted, not judged.
"""
