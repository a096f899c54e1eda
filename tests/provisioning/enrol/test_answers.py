"""A site's answer is proven in every part before any of it is used: each forged part alone is enough to refuse it."""

import base64
import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from agent.wire.enrolment import Answer, SiteWord, root_pin
from centre.site.site import Site
from provisioning.provision.answers import AnswerError, pinned_root, prove, prove_word, word_authorities
from provisioning.provision.keys import new_key
from tests.support.enrolling import RIGHT, make_site
from tests.support.sites import Box, enrolled, signed

Change = Callable[[Answer, Site, Site], Answer]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    """Our site, and another that answers just as well."""
    folder = tmp_path_factory.mktemp("sites")
    with closing(make_site(folder / "ours")) as ours, closing(make_site(folder / "theirs")) as theirs:
        yield ours, theirs


@pytest.fixture(scope="module")
def member(two: tuple[Site, Site]) -> tuple[Box, Answer]:
    return enrolled(two[0], "hub-1", RIGHT.now().wall_ms)


def test_a_certificate_of_a_version_that_there_is_not_is_none(two: tuple[Site, Site]) -> None:
    der = x509.load_pem_x509_certificate(two[0].root_pem.encode()).public_bytes(Encoding.DER)
    odd = base64.encodebytes(der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"))).decode()
    with pytest.raises(AnswerError, match="not a certificate"):
        pinned_root(f"-----BEGIN CERTIFICATE-----\n{odd}-----END CERTIFICATE-----\n", bytes(10))


def private(site: Site, name: str) -> EllipticCurvePrivateKey:
    key = load_pem_private_key((site.folder / name / f"{name}.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


def leaf(answer: Answer) -> tuple[str, str]:
    first, *rest = x509.load_pem_x509_certificates(answer.certificate.encode())
    return pem(first), "".join(pem(each) for each in rest)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def remade(answer: Answer, site: Site, key: EllipticCurvePrivateKey, *left_out: type[x509.ExtensionType]) -> str:
    """Make the hub's certificate again, signed by this key, without some of what it says."""
    old = x509.load_pem_x509_certificate(answer.certificate.encode())
    issuer = x509.load_pem_x509_certificate(site.issuing_pem.encode())
    builder = (
        x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc + dt.timedelta(days=1))
    )
    for each in old.extensions:
        if not isinstance(each.value, left_out):
            builder = builder.add_extension(each.value, each.critical)
    return pem(builder.sign(key, hashes.SHA256())) + pem(issuer)


def change(**fields: object) -> Change:
    return lambda answer, _ours, _theirs: msgspec.structs.replace(answer, **fields)


def their_word(answer: Answer, _ours: Site, theirs: Site) -> Answer:
    return msgspec.structs.replace(answer, word=theirs.word(RIGHT.now().wall_ms))


def their_word_and_authority(answer: Answer, ours: Site, theirs: Site) -> Answer:
    return msgspec.structs.replace(their_word(answer, ours, theirs), issuing=theirs.issuing_pem)


def word_by_no_authority(answer: Answer, ours: Site, _theirs: Site) -> Answer:
    """Somebody has a certificate from the very root, but not as an authority, and signs a word with its key."""
    key, root = new_key(), x509.load_pem_x509_certificate(ours.root_pem.encode())
    hub = x509.load_pem_x509_certificate(answer.certificate.encode())
    builder = x509.CertificateBuilder(root.subject, hub.subject, key.public_key(), 7)
    builder = builder.not_valid_before(hub.not_valid_before_utc).not_valid_after(hub.not_valid_after_utc)
    for kind in (x509.BasicConstraints, x509.KeyUsage):
        builder = builder.add_extension(hub.extensions.get_extension_for_class(kind).value, critical=True)
    certificate = builder.sign(private(ours, "root"), hashes.SHA256())
    said = prove_word(answer.word, issuing=answer.issuing, root=ours.root_pem)
    word = signed(key, msgspec.json.encode(said)).decode()
    return msgspec.structs.replace(answer, issuing=pem(certificate), word=word)


def their_certificate(answer: Answer, _ours: Site, theirs: Site) -> Answer:
    return msgspec.structs.replace(answer, certificate=remade(answer, theirs, private(theirs, "issuing")))


def by_another_hub(answer: Answer, ours: Site, _theirs: Site) -> Answer:
    """A hub of this very site plays the authority, with the true one's certificate for it in the chain."""
    box, other = enrolled(ours, "hub-evil", RIGHT.now().wall_ms)
    evil, hub = (x509.load_pem_x509_certificate(each.certificate.encode()) for each in (other, answer))
    builder = x509.CertificateBuilder(evil.subject, hub.subject, hub.public_key(), 7)
    builder = builder.not_valid_before(hub.not_valid_before_utc).not_valid_after(hub.not_valid_after_utc)
    for kind in (x509.BasicConstraints, x509.ExtendedKeyUsage):
        builder = builder.add_extension(hub.extensions.get_extension_for_class(kind).value, critical=True)
    made = pem(builder.sign(box.uplink, hashes.SHA256()))
    return msgspec.structs.replace(answer, certificate=made + other.certificate)


def signed_by_nobody(answer: Answer, ours: Site, _theirs: Site) -> Answer:
    return msgspec.structs.replace(answer, certificate=remade(answer, ours, new_key()))


def without_its_use(answer: Answer, ours: Site, _theirs: Site) -> Answer:
    made = remade(answer, ours, private(ours, "issuing"), x509.ExtendedKeyUsage)
    return msgspec.structs.replace(answer, certificate=made)


def another_root_in_the_word(answer: Answer, ours: Site, theirs: Site) -> Answer:
    """Even the issuing authority cannot name another root: it is the code that pins it."""
    said = prove_word(answer.word, issuing=answer.issuing, root=ours.root_pem)
    forged = msgspec.structs.replace(said, ca=theirs.ca_pem)
    return msgspec.structs.replace(answer, word=signed(private(ours, "issuing"), msgspec.json.encode(forged)).decode())


FORGED: dict[str, tuple[Change, str]] = {
    "another request": (change(request="00"), "another request"),
    "another name": (change(hub="hub-2"), "another name"),
    "no chain": (lambda answer, *_: msgspec.structs.replace(answer, certificate=leaf(answer)[0]), "without the auth"),
    "no certificate": (change(certificate="junk"), "not a certificate"),
    "many": (lambda answer, *_: msgspec.structs.replace(answer, certificate=answer.certificate * 4), "more than"),
    "the issuing alone": (lambda answer, ours, _: msgspec.structs.replace(answer, certificate=ours.ca_pem), "key"),
    "another site's certificate": (their_certificate, "do not lead"),
    "a certificate by another hub": (by_another_hub, "must be an authority's"),
    "a certificate signed by nobody": (signed_by_nobody, "do not lead"),
    "a certificate for anything": (without_its_use, "what it is for"),
    "another site's word": (their_word, "not signed"),
    "another site's word and authority": (their_word_and_authority, "do not lead"),
    "a word by no authority": (word_by_no_authority, "authority's"),
    "a word with another root": (another_root_in_the_word, "another root"),
    "junk as a word": (change(word="a.b.c"), "not signed"),
}


def test_a_true_answer_is_proven(two: tuple[Site, Site], member: tuple[Box, Answer]) -> None:
    box, answer = member
    proven = prove(answer, request=box.request, key=box.uplink.public_key(), root=two[0].root_pem, hub="hub-1")
    assert proven.hub == "hub-1"
    assert isinstance(proven.word, SiteWord)
    assert x509.load_pem_x509_certificate(answer.certificate.encode()).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )


@pytest.mark.parametrize("case", FORGED)
def test_s8_a_forged_part_is_refused(two: tuple[Site, Site], member: tuple[Box, Answer], case: str) -> None:
    box, answer = member
    forge, said = FORGED[case]
    forged = forge(answer, *two)
    with pytest.raises(AnswerError, match=said):
        prove(forged, request=box.request, key=box.uplink.public_key(), root=two[0].root_pem)


def test_s8_another_key_another_hub_and_another_root_are_refused(
    two: tuple[Site, Site], member: tuple[Box, Answer]
) -> None:
    box, answer = member
    ours, theirs = two
    with pytest.raises(AnswerError, match="another key"):
        prove(answer, request=box.request, key=new_key().public_key(), root=ours.root_pem)
    with pytest.raises(AnswerError, match="another hub"):
        prove(answer, request=box.request, key=box.uplink.public_key(), root=ours.root_pem, hub="hub-2")
    with pytest.raises(AnswerError, match="do not lead"):
        prove(answer, request=box.request, key=box.uplink.public_key(), root=theirs.root_pem)


def test_the_pin_finds_the_root_and_nothing_else(two: tuple[Site, Site], member: tuple[Box, Answer]) -> None:
    ours, theirs = two
    pin = root_pin(x509.load_pem_x509_certificate(ours.root_pem.encode()).public_bytes(Encoding.DER))
    assert pinned_root(theirs.root_pem + ours.ca_pem, pin) == ours.root_pem
    assert pinned_root(word_authorities(member[1].word), pin) == ours.root_pem
    with pytest.raises(AnswerError, match="not the one"):
        pinned_root(theirs.ca_pem, pin)
    with pytest.raises(AnswerError, match="not the one"):
        pinned_root(ours.issuing_pem, pin)
    issuing = root_pin(x509.load_pem_x509_certificate(ours.issuing_pem.encode()).public_bytes(Encoding.DER))
    with pytest.raises(AnswerError, match="do not lead"):  # pinned, but no root
        pinned_root(ours.ca_pem, issuing)
    for junk in ("", "a.b", "a.!.c", "a.e30.c"):
        with pytest.raises(AnswerError):
            word_authorities(junk)
