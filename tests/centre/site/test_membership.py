import secrets

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jws import extract_compact

from agent.wire.enrolment import Code, root_pin
from centre.site.authority import new_key, public_pem
from centre.site.judging import FRESH_MS, RENEWALS_PER_DAY_MAX, RESERVED
from centre.site.site import TOKEN_S_MAX, Site, SiteError
from tests.support.sites import DAY_MS, HOUR_MS, NOW_MS, Box, enrolled, leaf_of, refusal

# --- codes and enrolling ------------------------------------------------------------------------------


def test_a_code_names_the_site_and_pins_its_root(site: Site) -> None:
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    assert code.endpoint == "localhost:8443"
    assert code.root == root_pin(leaf_of(site.root_pem).public_bytes(Encoding.DER))


def test_a_box_becomes_a_hub(site: Site) -> None:
    box, answer = enrolled(site, "hub-a")
    assert answer.hub == "hub-a"
    assert answer.request == box.request
    assert answer.issuing == site.issuing_pem
    (known,) = site.hubs()
    assert (known.state, known.enrolled_ms, known.token_ends_ms) == ("enrolled", NOW_MS, 0)
    assert known.certificate_ends_ms == NOW_MS + 365 * DAY_MS
    assert known.signing == public_pem(box.signing).decode()
    assert leaf_of(answer.certificate).public_key() == box.uplink.public_key()


def test_s4_the_same_request_gets_the_same_answer_even_when_the_code_is_old(site: Site) -> None:
    box = Box()
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    first = site.enrol(box.enrol(code), NOW_MS)
    assert site.enrol(box.enrol(code), NOW_MS + 100 * HOUR_MS) == first
    assert [(what, hub) for _, what, hub, _ in site._registry.audit()].count(("certified", "hub-a")) == 1


@pytest.mark.parametrize("changed", ["uplink", "signing", "plan", "request"])
def test_a_code_works_once(site: Site, changed: str) -> None:
    box = Box()
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    site.enrol(box.enrol(code), NOW_MS)
    setattr(box, changed, secrets.token_hex(8) if changed == "request" else new_key())
    with refusal("used"):
        site.enrol(box.enrol(code), NOW_MS)


def test_a_code_expires(site: Site) -> None:
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    with refusal("expired"):
        site.enrol(Box().enrol(code), NOW_MS + HOUR_MS)
    assert site.enrol(Box().enrol(code), NOW_MS + HOUR_MS - 1)


def test_a_newer_code_makes_the_older_void(site: Site) -> None:
    old, new = (site.issue_token("hub-a", 3_600, NOW_MS) for _ in range(2))
    with refusal("expired"):
        site.enrol(Box().enrol(old), NOW_MS)
    assert site.enrol(Box().enrol(new), NOW_MS).hub == "hub-a"


def test_a_code_of_nobodys_is_unknown(site: Site) -> None:
    with refusal("unknown"):
        site.enrol(Box().enrol(Code("localhost", "00" * 5, b"s" * 10, b"r" * 10)), NOW_MS)


def test_a_code_must_be_proven_for_these_keys(site: Site) -> None:
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    wrong = code._replace(secret=b"wrong bytes")
    with refusal("unproven"):
        site.enrol(Box().enrol(wrong), NOW_MS)
    # Who overhears a request cannot put keys of his own into it.
    heard, own = Box(), Box()
    told = msgspec.json.decode(_payload(heard.enrol(code)))["proof"]
    with refusal("unproven"):
        site.enrol(own.enrol(code, proof=told), NOW_MS)
    assert site.enrol(heard.enrol(code), NOW_MS).hub == "hub-a"


def test_the_clock_of_a_box_does_not_matter(site: Site) -> None:
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    assert site.enrol(Box().enrol(code, iat=99_999_999_999), NOW_MS).hub == "hub-a"


def test_a_revoked_hub_does_not_enrol(site: Site) -> None:
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    site.revoke("hub-a", NOW_MS)
    with refusal("revoked"):
        site.enrol(Box().enrol(code), NOW_MS)
    box, _ = enrolled(site, "hub-b")
    site.revoke("hub-b", NOW_MS)
    with pytest.raises(SiteError, match="revoked already"):
        site.issue_token("hub-b", 3_600, NOW_MS)
    with refusal("revoked"):
        site.renew(box.renew("hub-b", NOW_MS, new_key(), "1"), NOW_MS)


def test_keys_of_a_hub_make_no_other(site: Site) -> None:
    box, _ = enrolled(site, "hub-a")
    with refusal("used"):
        enrolled(site, "hub-b", box=box)


@pytest.mark.parametrize(
    "name", [*sorted(RESERVED), "", "ab", "Hub-a", "hub_a", "hub/a", "hub+", "#", "a" * 41, "hub-a\n"]
)
def test_no_hub_is_called_so(site: Site, name: str) -> None:
    with pytest.raises(SiteError, match="name"):
        site.issue_token(name, 3_600, NOW_MS)
    assert site.hubs() == []


def test_a_hub_that_is_there_gets_no_second_code(site: Site) -> None:
    enrolled(site, "hub-a")
    with pytest.raises(SiteError, match="a new box gets a new name"):
        site.issue_token("hub-a", 3_600, NOW_MS)


@pytest.mark.parametrize("lifetime_s", [0, -1, TOKEN_S_MAX + 1])
def test_a_code_lives_for_a_fortnight_at_most(site: Site, lifetime_s: int) -> None:
    with pytest.raises(SiteError, match="336 hours"):
        site.issue_token("hub-a", lifetime_s, NOW_MS)


def _payload(jws: bytes) -> bytes:
    return extract_compact(jws).payload


def _rsa_csr() -> str:
    key = rsa.generate_private_key(65_537, 1_024)  # noqa: S505 -- too weak, and quickly made
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def test_what_cannot_be_read_is_refused(site: Site) -> None:
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    box = Box()
    p384 = ec.generate_private_key(ec.SECP384R1())
    tampered = box.enrol(code)[:-4] + b"AAAA"
    bodies = {
        b"": "unreadable",
        b"x.y.z": "unreadable",
        b"\xff" * 100: "unreadable",
        b"a" * 20_000: "unreadable",
        box.sign({"aud": "enrolment"}): "unreadable",
        box.enrol(code, aud="somebody"): "unreadable",
        box.enrol(code, csr="nonsense"): "unreadable",
        box.enrol(code, csr=_rsa_csr()): "unreadable",
        box.enrol(code, signing="nonsense"): "unreadable",
        box.enrol(code, signing=public_pem(p384).decode()): "unreadable",
        box.enrol(code, plan=public_pem(box.signing).decode()): "unreadable",
        box.enrol(code, signing=public_pem(new_key()).decode()): "unproven",
        tampered: "unproven",
    }
    for body, wanted in bodies.items():
        with refusal(wanted):
            site.enrol(body, NOW_MS)
    assert site.enrol(box.enrol(code), NOW_MS).hub == "hub-a"


# --- renewing -----------------------------------------------------------------------------------------


def test_a_hub_renews_with_a_new_key(site: Site) -> None:
    box, first = enrolled(site, "hub-a")
    later, key = NOW_MS + 280 * DAY_MS, new_key()
    answer = site.renew(box.renew("hub-a", later, key, "aa"), later)
    leaf = leaf_of(answer.certificate)
    assert leaf.public_key() == key.public_key()
    assert leaf.subject.rfc4514_string() == "CN=hub-a"
    assert answer.certificate != first.certificate
    (known,) = site.hubs()
    assert (known.renewed_ms, known.certificate_ends_ms) == (later, later + 365 * DAY_MS)


def test_s4_the_same_renewal_gets_the_same_answer(site: Site) -> None:
    box, _ = enrolled(site, "hub-a")
    key = new_key()
    first = site.renew(box.renew("hub-a", NOW_MS, key, "aa"), NOW_MS)
    assert site.renew(box.renew("hub-a", NOW_MS, key, "aa"), NOW_MS + DAY_MS) == first
    with refusal("used"):
        site.renew(box.renew("hub-a", NOW_MS, new_key(), "aa"), NOW_MS)


def test_a_hub_whose_certificate_has_run_out_renews_all_the_same(site: Site) -> None:
    box, _ = enrolled(site, "hub-a")
    later = NOW_MS + 500 * DAY_MS
    assert site.renew(box.renew("hub-a", later, new_key(), "aa"), later)


@pytest.mark.parametrize("off_ms", [-FRESH_MS - 1_000, FRESH_MS + 1_000, -NOW_MS])
def test_s8_a_renewal_is_fresh_unless_a_person_carried_it(site: Site, off_ms: int) -> None:
    box, _ = enrolled(site, "hub-a")
    body = box.renew("hub-a", NOW_MS + off_ms, new_key(), "aa")
    with refusal("clock"):
        site.renew(body, NOW_MS)
    assert site.renew(body, NOW_MS, carried=True)


def test_nobody_renews_for_another(site: Site) -> None:
    box, _ = enrolled(site, "hub-a")
    enrolled(site, "hub-b")
    with refusal("unproven"):
        site.renew(box.renew("hub-b", NOW_MS, new_key(), "aa"), NOW_MS)
    with refusal("unknown"):
        site.renew(box.renew("hub-c", NOW_MS, new_key(), "aa"), NOW_MS)
    site.issue_token("hub-d", 3_600, NOW_MS)
    with refusal("unknown"):
        site.renew(box.renew("hub-d", NOW_MS, new_key(), "aa"), NOW_MS)
    with refusal("unreadable"):
        site.renew(box.renew("hub-a", NOW_MS, box.signing, "aa"), NOW_MS)


def test_a_hub_gone_mad_gets_so_many_certificates_a_day(site: Site) -> None:
    box, _ = enrolled(site, "hub-a")
    for number in range(RENEWALS_PER_DAY_MAX - 1):
        site.renew(box.renew("hub-a", NOW_MS, new_key(), f"{number:x}"), NOW_MS)
    with refusal("too-many"):
        site.renew(box.renew("hub-a", NOW_MS, new_key(), "ff"), NOW_MS)
    tomorrow = NOW_MS + DAY_MS
    assert site.renew(box.renew("hub-a", tomorrow, new_key(), "ff"), tomorrow)


@pytest.mark.parametrize("more", ["OPENSSH PRIVATE\n{}", "{}{}", "{}PRIVATE"])
def test_a_public_key_with_something_beside_it_is_refused(site: Site, more: str) -> None:
    """Others read it too, each in its own way: what is proven here must be what they find."""
    box, code = Box(), site.issue_token("hub-a", 3_600, NOW_MS)
    pem = public_pem(box.signing).decode()
    with refusal("unreadable"):
        site.enrol(box.enrol(code, signing=more.format(pem, public_pem(new_key()).decode())), NOW_MS)
