"""Exercise checks, in a module per notebook; `grading` holds what all of them share.

A check takes the student's function or number and returns a `Verdict`, which prints as a sentence. It never
raises, whatever the student's code does, so that Run All always reaches the end of the notebook.
"""
