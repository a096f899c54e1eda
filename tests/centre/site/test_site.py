import contextlib
import shutil
import sqlite3
import stat
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from joserfc.jwk import ECKey

from agent.wire.enrolment import SiteWord, WayIn, derived
from agent.wire.envelope import HUB_ALGORITHM, Verifier
from centre.site.authority import new_key
from centre.site.reports import REPORT_BYTES_MAX, REPORTS_PER_HUB_MAX
from centre.site.settings import read_settings
from centre.site.site import Site, SiteError
from tests.support.sites import DAY_MS, FIRST_WORD, NOW_MS, SETTINGS, Box, enrolled, leaf_of, refusal, signed


def word_of(site: Site, jws: str) -> SiteWord:
    key = ECKey.import_key(leaf_of(site.issuing_pem).public_key().public_bytes(Encoding.PEM, _SPKI))
    return msgspec.json.decode(Verifier([key], HUB_ALGORITHM).open(jws.encode(), 64_000), type=SiteWord)


_SPKI = PublicFormat.SubjectPublicKeyInfo


# --- the authority ------------------------------------------------------------------------------------


def test_the_chain_is_what_each_part_may_be(site: Site) -> None:
    _, answer = enrolled(site, "hub-a")
    leaf, issuing = x509.load_pem_x509_certificates(answer.certificate.encode())
    root = leaf_of(site.root_pem)
    for child, parent in ((leaf, issuing), (issuing, root), (root, root)):
        child.verify_directly_issued_by(parent)
    constraints = [each.extensions.get_extension_for_class(x509.BasicConstraints) for each in (root, issuing, leaf)]
    assert [(each.critical, each.value.ca, each.value.path_length) for each in constraints] == [
        (True, True, 1),
        (True, True, 0),
        (True, False, None),
    ]
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert not usage.crl_sign
    assert leaf.subject.rfc4514_string() == "CN=hub-a"
    assert leaf.not_valid_before_utc.timestamp() * 1000 == NOW_MS - DAY_MS
    assert leaf.not_valid_after_utc.timestamp() * 1000 == NOW_MS + 365 * DAY_MS
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)


def test_the_broker_is_a_server_only_and_the_centre_a_client_only(site: Site) -> None:
    wanted = {
        "broker": ExtendedKeyUsageOID.SERVER_AUTH,
        "enrolment": ExtendedKeyUsageOID.SERVER_AUTH,
        "centre": ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    for what, use in wanted.items():
        leaf = leaf_of(site.server(what, NOW_MS).certificate.read_text())  # type: ignore[arg-type]
        assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [use]
        assert leaf.subject.rfc4514_string() == f"CN={what}"


def test_the_sites_own_certificates_are_made_anew_in_time_with_the_same_key(site: Site) -> None:
    first = site.server("broker", NOW_MS)
    before, key = first.certificate.read_bytes(), first.key.read_bytes()
    assert site.server("broker", NOW_MS + 700 * DAY_MS).certificate.read_bytes() == before
    later = site.server("broker", NOW_MS + 740 * DAY_MS)
    assert later.certificate.read_bytes() != before
    assert later.key.read_bytes() == key


def test_a_key_of_the_centres_that_is_known_to_others_is_deleted_and_void(site: Site) -> None:
    files = site.server("centre", NOW_MS)
    stolen = leaf_of(files.certificate.read_text())
    site.server("centre", NOW_MS + 740 * DAY_MS)  # made anew for the same key: the one before stays good
    assert not list(x509.load_pem_x509_crl((site.folder / "crl.pem").read_bytes()))
    renewed = leaf_of(files.certificate.read_text())
    files.key.unlink()
    for _ in range(2):
        fresh = leaf_of(site.server("centre", NOW_MS).certificate.read_text())
        assert fresh.public_key() != stolen.public_key()
        crl = x509.load_pem_x509_crl((site.folder / "crl.pem").read_bytes())
        assert {each.serial_number for each in crl} == {stolen.serial_number, renewed.serial_number}


def test_what_will_run_out_is_told_in_time(site: Site) -> None:
    site.server("broker", NOW_MS)
    assert site.warnings(NOW_MS) == []
    later = site.warnings(NOW_MS + 740 * DAY_MS)
    assert ["broker/broker.pem" in later[0], "centre/client.pem" in later[1]] == [True, True]
    for what in ("broker", "centre"):
        site.server(what, NOW_MS + 740 * DAY_MS)
    assert site.warnings(NOW_MS + 740 * DAY_MS) == []
    assert any("issuing" in each for each in site.warnings(NOW_MS + 9 * 365 * DAY_MS))


def test_another_host_in_the_settings_is_in_the_next_certificate(site: Site) -> None:
    site.server("broker", NOW_MS)
    text = (site.folder / "site.toml").read_text().replace('host = "localhost"', 'host = "10.0.0.7"')
    (site.folder / "site.toml").write_text(text)
    with contextlib.closing(Site.open(site.folder)) as again:
        leaf = leaf_of(again.server("broker", NOW_MS).certificate.read_text())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each.value) for each in names] == ["10.0.0.7"]


def test_the_list_of_revoked_certificates_outlives_the_authority_and_gets_later_each_time(site: Site) -> None:
    lists = [x509.load_pem_x509_crl((site.folder / "crl.pem").read_bytes())]
    for name in ("hub-a", "hub-b"):
        enrolled(site, name)
        site.revoke(name, NOW_MS)
        lists.append(x509.load_pem_x509_crl((site.folder / "crl.pem").read_bytes()))
    issuing = leaf_of(site.issuing_pem)
    for crl in lists:
        assert crl.next_update_utc is not None
        assert crl.next_update_utc > issuing.not_valid_after_utc
        assert crl.last_update_utc.timestamp() * 1000 < NOW_MS
        assert crl.is_signature_valid(issuing.public_key())  # type: ignore[arg-type]
    assert [len(list(crl)) for crl in lists] == [0, 1, 2]
    updates = [crl.last_update_utc for crl in lists]
    assert updates == sorted(set(updates))


def test_s7_a_clock_that_was_ahead_at_a_revocation_makes_no_list_that_nobody_may_use_yet(site: Site) -> None:
    """OpenSSL refuses every client by a list that begins in the future, and by each that must be later still."""
    lists = []
    for name, ahead_ms in (("hub-a", 400 * DAY_MS), ("hub-b", 0)):
        enrolled(site, name)
        site.revoke(name, NOW_MS + ahead_ms)
        lists.append(x509.load_pem_x509_crl((site.folder / "crl.pem").read_bytes()))
    assert all(each.last_update_utc.timestamp() * 1000 < NOW_MS for each in lists)
    assert lists[0].last_update_utc < lists[1].last_update_utc


def test_what_is_revoked_stays_so_with_a_registry_that_was_brought_back(site: Site, tmp_path: Path) -> None:
    _, answer = enrolled(site, "hub-a")
    copy = tmp_path / "registry.db"
    with contextlib.closing(sqlite3.connect(copy)) as target:
        site._registry._connection.backup(target)
    site.revoke("hub-a", NOW_MS)
    site.close()
    for each in site.folder.glob("registry.db*"):
        each.unlink()
    shutil.copy(copy, site.folder / "registry.db")
    with contextlib.closing(Site.open(site.folder)) as back:
        enrolled(back, "hub-b")
        back.revoke("hub-b", NOW_MS)
    crl = x509.load_pem_x509_crl((site.folder / "crl.pem").read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(leaf_of(answer.certificate).serial_number)
    assert len(list(crl)) == 2


# --- the folder ---------------------------------------------------------------------------------------


def test_everything_is_for_its_owner_alone(site: Site) -> None:
    enrolled(site, "hub-a")
    site.revoke("hub-a", NOW_MS)
    site.server("broker", NOW_MS)
    for path in (site.folder, *site.folder.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_a_whole_site_is_not_made_again(site: Site) -> None:
    before = {path: path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}
    other = msgspec.structs.replace(SETTINGS, name="Another")
    with contextlib.closing(Site.create(site.folder, other, NOW_MS)) as again:
        assert again.made == ()
        assert again.settings.name == "Test site"
    for path, content in before.items():
        if not path.name.startswith("registry.db-"):
            assert path.read_bytes() == content, path


def test_the_root_key_is_needed_for_nothing_daily(site: Site) -> None:
    (site.folder / "root/root.key").unlink()
    with contextlib.closing(Site.open(site.folder)) as again:
        enrolled(again, "hub-a")
        again.revoke("hub-a", NOW_MS)
        assert again.rotate_centre_key("add", NOW_MS)


@pytest.mark.parametrize("lost", ["registry.db", "issuing/issuing.key", "issuing/issuing.pem", "root/root.pem"])
def test_what_is_lost_is_told_and_not_made_anew(site: Site, lost: str) -> None:
    site.close()
    (site.folder / lost).unlink()
    with pytest.raises(SiteError, match=lost):
        Site.open(site.folder)
    with pytest.raises(SiteError, match=lost):
        Site.create(site.folder, SETTINGS, NOW_MS)
    assert not (site.folder / lost).exists()


def test_no_site_is_made_by_a_clock_that_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="clock"):
        Site.create(tmp_path / "site", SETTINGS, 0)


def test_settings_survive_being_written_and_read(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(
        SETTINGS,
        name='Ysbyty "Gwynedd" \\ 1',
        way=(WayIn(host="a.example"), WayIn(name="4g", host="b.example", port=1234, address="10.0.0.1")),
    )
    with contextlib.closing(Site.create(tmp_path / "site", settings, NOW_MS)):
        assert read_settings(tmp_path / "site/site.toml") == settings


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("offline_days = 30", "offline_days = 100", "valid_days"),
        ("offline_days = 30", "offline_dayz = 30", "offline_dayz"),
        ("port = 8883", "port = 0", "port"),
        ('name = "Test', "name = Test", "line 3"),
    ],
)
def test_bad_settings_are_told(site: Site, old: str, new: str, told: str) -> None:
    path = site.folder / "site.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SiteError, match=told):
        Site.open(site.folder)


# --- revoking -----------------------------------------------------------------------------------------


def test_every_certificate_of_a_revoked_hub_is_listed(site: Site) -> None:
    box, first = enrolled(site, "hub-a")
    second = site.renew(box.renew("hub-a", NOW_MS, new_key(), "aa"), NOW_MS)
    enrolled(site, "hub-b")
    assert site.revoke("hub-a", NOW_MS)
    assert not site.revoke("hub-a", NOW_MS)
    crl = x509.load_pem_x509_crl((site.folder / "crl.pem").read_bytes())
    assert {each.serial_number for each in crl} == {leaf_of(each.certificate).serial_number for each in (first, second)}


def test_a_hub_that_nobody_knows_is_not_revoked(site: Site) -> None:
    with pytest.raises(SiteError, match="hub-x"):
        site.revoke("hub-x", NOW_MS)


# --- the site's word, and the centre's keys -----------------------------------------------------------


def test_s9_the_words_version_rises_only_when_it_says_something_new(site: Site) -> None:
    first = site.word(NOW_MS)
    assert site.word(NOW_MS + DAY_MS) == first
    said = word_of(site, first)
    assert (said.version, said.name, said.ca) == (FIRST_WORD, "Test site", site.ca_pem)
    site.rotate_centre_key("add", NOW_MS)
    assert word_of(site, site.word(NOW_MS)).version == FIRST_WORD + 1
    path = site.folder / "site.toml"
    path.write_text(path.read_text().replace("8443", "9443"))
    with contextlib.closing(Site.open(site.folder)) as again:
        changed = word_of(again, again.word(NOW_MS))
        assert (changed.version, changed.enrolment) == (FIRST_WORD + 2, "localhost:9443")
    path.write_text(path.read_text().replace("9443", "8443"))
    with contextlib.closing(Site.open(site.folder)) as again:
        assert word_of(again, again.word(NOW_MS)).version == FIRST_WORD + 3


def test_s9_two_that_have_the_site_open_say_the_same_when_its_settings_change(site: Site) -> None:
    site.word(NOW_MS)
    with contextlib.closing(Site.open(site.folder)) as other:
        path = site.folder / "site.toml"
        path.write_text(path.read_text().replace("8443", "9443"))
        said = {each.word(NOW_MS) for each in (other, site, other, site)}
    assert [word_of(site, each).enrolment for each in said] == ["localhost:9443"]


def test_s9_a_key_that_another_process_adds_just_now_is_in_the_next_word(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.word(NOW_MS)
    change = site._registry.change

    def late() -> contextlib.AbstractContextManager[None]:
        monkeypatch.undo()
        with contextlib.closing(Site.open(site.folder)) as other:
            other.rotate_centre_key("add", NOW_MS)
            other.word(NOW_MS)
        return change()

    path = site.folder / "site.toml"
    path.write_text(path.read_text().replace("8443", "9443"))
    monkeypatch.setattr(site._registry, "change", late)
    assert len(word_of(site, site.word(NOW_MS)).centre) == 2


def test_s9_a_site_that_is_brought_back_from_a_copy_is_heard_again(site: Site, tmp_path: Path) -> None:
    site.word(NOW_MS)
    copy = shutil.copytree(site.folder, tmp_path / "copy")
    site.rotate_centre_key("add", NOW_MS + DAY_MS)
    lost = word_of(site, site.word(NOW_MS + DAY_MS))
    with contextlib.closing(Site.open(copy)) as back:
        back.rotate_centre_key("add", NOW_MS + 2 * DAY_MS)
        said = word_of(back, back.word(NOW_MS + 2 * DAY_MS))
    assert said.centre != lost.centre
    assert said.version > lost.version, "else no hub that heard the lost one would ever learn of the centre's key"


def test_the_centres_key_is_changed_in_two_steps(site: Site) -> None:
    (first,) = word_of(site, site.word(NOW_MS)).centre
    for _ in range(2):
        assert site.rotate_centre_key("add", NOW_MS) == ("centre/centre-1.key", "centre/centre-2.key")
    both = word_of(site, site.word(NOW_MS)).centre
    assert both[0] == first
    with pytest.raises(SiteError, match="30 days"):
        site.rotate_centre_key("finish", NOW_MS)
    for _ in range(2):
        assert site.rotate_centre_key("finish", NOW_MS + 30 * DAY_MS) == ("centre/centre-2.key",)
    assert word_of(site, site.word(NOW_MS)).centre == both[1:]
    assert (site.folder / "centre/retired/centre-1.key").exists()
    assert not (site.folder / "centre/centre-1.key").exists()
    assert site.rotate_centre_key("add", NOW_MS)[1] == "centre/centre-3.key"
    assert site.rotate_centre_key("finish", NOW_MS, now=True) == ("centre/centre-3.key",)
    assert load_pem_public_key(word_of(site, site.word(NOW_MS)).centre[0].encode())


# --- what hubs send -----------------------------------------------------------------------------------


def test_what_a_hub_signed_is_known_as_its(site: Site) -> None:
    box, _ = enrolled(site, "hub-a")
    assert site.said_by(signed(box.signing, b"report"), 1_000) == ("hub-a", b"report")
    with refusal("unknown"):
        site.said_by(signed(new_key(), b"report"), 1_000)
    with refusal("unproven"):
        site.said_by(signed(box.signing, b"report")[:-4] + b"AAAA", 1_000)
    with refusal("unproven"):
        site.said_by(signed(box.signing, b"report" * 1_000), 1_000)
    with refusal("unreadable"):
        site.said_by(b"rubbish", 1_000)
    site.revoke("hub-a", NOW_MS)
    with refusal("revoked"):
        site.said_by(signed(box.signing, b"report"), 1_000)


def test_reports_are_kept_once_and_so_many(site: Site) -> None:
    enrolled(site, "hub-a")
    places = {site.keep_report("hub-a", "commissioning.pdf", b"one", NOW_MS) for _ in range(2)}
    assert [each.read_bytes() for each in places] == [b"one"]
    for number in range(REPORTS_PER_HUB_MAX - 1):
        site.keep_report("hub-a", "commissioning.pdf", b"%d" % number, NOW_MS)
    with refusal("too-many"):
        site.keep_report("hub-a", "commissioning.pdf", b"more", NOW_MS)
    assert site.keep_report("hub-a", "commissioning.pdf", b"one", NOW_MS)
    assert site.hubs()[0].reports == REPORTS_PER_HUB_MAX


@pytest.mark.parametrize(
    "name", ["", "../x.pdf", "/etc/x.pdf", "x", ".pdf", "A.pdf", "a b.pdf", "x.pdf\n", "a" * 60 + ".pdf"]
)
def test_a_report_has_no_strange_name(site: Site, name: str) -> None:
    enrolled(site, "hub-a")
    with refusal("unreadable"):
        site.keep_report("hub-a", name, b"x", NOW_MS)


def test_a_report_is_not_too_large_and_somebodys(site: Site) -> None:
    with refusal("unknown"):
        site.keep_report("hub-a", "x.pdf", b"x", NOW_MS)
    enrolled(site, "hub-a")
    with refusal("unreadable"):
        site.keep_report("hub-a", "x.pdf", b"x" * (REPORT_BYTES_MAX + 1), NOW_MS)


# --- nothing is lost, and no secret kept --------------------------------------------------------------


def test_every_change_is_audited_and_nothing_can_be_deleted(site: Site) -> None:
    enrolled(site, "hub-a")
    site.revoke("hub-a", NOW_MS)
    assert [(what, hub) for _, what, hub, _ in site._registry.audit()] == [
        ("centre key added", ""),
        ("certified", "centre"),
        ("issued", "hub-a"),
        ("certified", "hub-a"),
        ("enrolled", "hub-a"),
        ("word", ""),
        ("revoked", "hub-a"),
    ]
    for table in ("hub", "token", "certificate", "audit", "word", "centre_key"):
        with pytest.raises(SiteError, match="nothing is deleted"), site._registry.change():
            site._registry._write(f"DELETE FROM {table}")  # noqa: S608


def test_the_secret_of_a_code_is_nowhere_in_the_sites_folder(site: Site) -> None:
    box = Box()
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    site.enrol(box.enrol(code), NOW_MS)
    site.close()
    text = str(code).partition("#")[2]
    for path in (path for path in site.folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for secret in (code.secret, code.secret.hex().encode(), text.encode(), text.replace("-", "").encode()):
            assert secret not in content, path
    assert derived(code.secret) in (site.folder / "registry.db").read_bytes()  # and this would have found it


def test_a_disk_that_is_full_changes_nothing(site: Site) -> None:
    box = Box()
    code = site.issue_token("hub-a", 3_600, NOW_MS)
    (pages,) = site._registry._ask("PRAGMA page_count")[0]
    site._registry._connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(100):
            site.issue_token(f"hub-{number:03}", 3_600, NOW_MS)

    with pytest.raises(SiteError, match="full"):
        fill()
    held = [each.hub for each in site.hubs()]
    assert all(site._registry._ask("SELECT 1 FROM token WHERE hub = ?", each) for each in held)
    site._registry._connection.execute("PRAGMA max_page_count = 100000")
    assert site.enrol(box.enrol(code), NOW_MS).hub == "hub-a"


def test_two_have_the_site_open_at_once(site: Site) -> None:
    with contextlib.closing(Site.open(site.folder)) as other:
        box, answer = enrolled(other, "hub-a")
        assert site.revoke("hub-a", NOW_MS)
        with refusal("revoked"):
            other.renew(box.renew("hub-a", NOW_MS, new_key(), "aa"), NOW_MS)
        other.rotate_centre_key("add", NOW_MS)
        assert len(word_of(site, site.word(NOW_MS)).centre) == 2
        assert answer.hub == "hub-a"
