"""A care plan is proven before it is trusted (S9): the real engine plays every alarm through all that may fail."""

from rules.proof.proving import prove
from rules.proof.values import AlarmProof, Finding, Fittings, Gap, Proof, Row

__all__ = ["AlarmProof", "Finding", "Fittings", "Gap", "Proof", "Row", "prove"]
