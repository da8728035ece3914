"""Certificates: `check(d)` says of every box whether its derivative is right, and where it is not."""

from .asserting import assert_certified
from .certificate import BoxCertificate, Certificate, Witness
from .checking import check

__all__ = ["BoxCertificate", "Certificate", "Witness", "assert_certified", "check"]
