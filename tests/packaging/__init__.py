"""The checkout: what is installed, the rules of the house, the documents, the hosted workflow.

These tests read files, not behaviour. They speak of a checkout, and are the one folder that a wheel does not hold.
"""
