"""What the doctor looks at, one module for each: a thin probe gives facts, and a pure judgement makes findings of them.

A new check is a module here with a `CHECK`, and its line in `provisioning.doctor.all`.
"""
