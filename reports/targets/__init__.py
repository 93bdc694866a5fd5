"""What a run says of each target: scores by profile, properties, what it has not, margins, and a certificate.

Scores are counts of verdicts, never a percentage alone. The templates that show them are those of `reports.render`.
"""
