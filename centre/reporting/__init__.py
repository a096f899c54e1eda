"""Figures: how soon people were answered, what false alarms there were, and how homes fared."""
