"""Proves a site's answer before anything of it is used: ours, for our key, and all of it under the pinned root. Pure.

Periods of validity are not judged here: the clock of a box that is being enrolled may be years wrong (S6).
"""

import base64
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc.jwk import ECKey

from agent.wire.enrolment import REQUEST_BYTES_MAX, Answer, SiteWord, root_pin
from agent.wire.envelope import HUB_ALGORITHM, EnvelopeError, KeyFileError, Verifier

CHAIN_MAX = 4


class AnswerError(Exception):
    """An answer is not the site's, or not ours; the text says what of it. Nothing of it may be used."""


class Proven(NamedTuple):
    """An answer that is proven: the hub we are, and what its site says of itself. `root` is the pinned one, in PEM."""

    answer: Answer
    word: SiteWord
    root: str

    @property
    def hub(self) -> str:
        """The hub we are."""
        return self.answer.hub


def prove(answer: Answer, *, request: str, key: EllipticCurvePublicKey, root: str, hub: str = "") -> Proven:
    """Prove the answer to our `request` for `key`, under the root (PEM) we hold. Raises AnswerError.

    `hub` is who we are, where that is known already: at a renewal.
    """
    if answer.request != request:
        raise AnswerError("it answers another request")
    if hub and answer.hub != hub:
        raise AnswerError("it is meant for another hub")
    authority = _one(root, "the root")
    chain = _certificates(answer.certificate, "the certificate")
    leaf, issuers = chain[0], chain[1:]
    if not issuers:
        raise AnswerError("its certificate comes without the authority that issued it")
    if _spki(leaf) != _spki_of(key):
        raise AnswerError("its certificate is for another key")
    if _names(leaf) != [answer.hub]:
        raise AnswerError("its certificate is in another name")
    _require_client(leaf)
    for below, above in zip(chain, (*issuers, authority), strict=True):
        _require_issued(below, above)
    issuing = _one(answer.issuing, "the issuing authority")
    _require_issued(issuing, authority)
    return Proven(answer, prove_word(answer.word, issuing=answer.issuing, root=root), root)


def prove_word(word: str, *, issuing: str, root: str) -> SiteWord:
    """Prove a site's word, signed by the key of `issuing`, which the root issued (both PEM). Raises AnswerError."""
    authority, signer = _one(root, "the root"), _one(issuing, "the issuing authority")
    _require_issued(signer, authority)
    _require_authority(signer)
    try:
        verifier = Verifier([ECKey.import_key(_spki(signer))], HUB_ALGORITHM)
        payload = verifier.open(word.encode(), 2 * REQUEST_BYTES_MAX)
        said = msgspec.json.decode(payload, type=SiteWord)
    except (EnvelopeError, KeyFileError, ValueError) as error:
        raise AnswerError(
            f"the site's word is not signed by its issuing authority, or not to be read ({error})"
        ) from None
    if _spki(_certificates(said.ca, "the site's word")[0]) != _spki(authority):
        raise AnswerError("the site's word names another root")
    return said


def pinned_root(pem: str, pin: bytes) -> str:
    """Find the root that an enrolment code pins among certificates (PEM); give it in PEM. Raises AnswerError."""
    for each in _certificates(pem, "what it says its authorities are"):
        if root_pin(each.public_bytes(serialization.Encoding.DER)) == pin:
            _require_authority(each)
            _require_issued(each, each)
            return each.public_bytes(serialization.Encoding.PEM).decode()
    raise AnswerError("its root is not the one that this code names")


def word_authorities(word: str) -> str:
    """Read, unproven, which authorities (PEM) a word names: only to find among them the one that is pinned.

    Raises AnswerError.
    """
    try:
        payload = word.split(".")[1]
        return msgspec.json.decode(_unpadded(payload), type=_Named).ca
    except (IndexError, ValueError):
        raise AnswerError("the site's word cannot be read") from None


class _Named(msgspec.Struct):
    ca: str


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _certificates(pem: str, what: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        for each in found:  # much is read only when it is asked for
            _ = each.subject, each.extensions, each.public_key(), each.signature_hash_algorithm
    except Exception:  # noqa: BLE001 -- hostile certificates trip the library over in more ways than it names
        raise AnswerError(f"{what} is not a certificate in PEM") from None
    if len(found) > CHAIN_MAX:
        raise AnswerError(f"{what} has more than {CHAIN_MAX} certificates")
    return found


def _one(pem: str, what: str) -> x509.Certificate:
    found = _certificates(pem, what)
    if len(found) != 1:
        raise AnswerError(f"{what} is {len(found)} certificates, not one")
    return found[0]


def _require_issued(certificate: x509.Certificate, by: x509.Certificate) -> None:
    _require_authority(by)
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        raise AnswerError("its certificates do not lead to the root that this hub trusts") from None


def _require_authority(certificate: x509.Certificate) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound):
        raise AnswerError("a certificate that must be an authority's says nothing of it") from None
    if not constraints.ca or not usage.key_cert_sign:
        raise AnswerError("a certificate that must be an authority's is not")


def _require_client(certificate: x509.Certificate) -> None:
    """See that it is good for what it is for, and no authority. Raises AnswerError."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, x509.ExtensionNotFound):
        raise AnswerError("its certificate does not say what it is for") from None
    if constraints.ca or list(uses) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise AnswerError("its certificate is not a hub's: it may do more than that, or less")


def _names(certificate: x509.Certificate) -> list[str | bytes]:
    return [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _spki(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    if not isinstance(key, EllipticCurvePublicKey):
        raise AnswerError("a certificate of it has a key that is not on P-256")
    return _spki_of(key)


def _spki_of(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
