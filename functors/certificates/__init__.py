"""Certificates: `check(d)` says of every box whether its derivative is right, and where it is not."""

from .asserting import assert_certified
from .certificate import BoxCertificate, Certificate, Witness
from .checking import check
from .replaying import replay as _replay
from .stored import to_json as _to_json

__all__ = ["BoxCertificate", "Certificate", "Witness", "assert_certified", "check"]

Witness.replay, Certificate.to_json = _replay, _to_json
