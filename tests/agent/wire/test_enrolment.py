import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.enrolment import (
    ROOT_BYTES,
    SECRET_BYTES,
    TOKEN_BYTES,
    Code,
    CodeError,
    derived,
    parse_code,
    proof,
    root_pin,
)

ENDPOINTS = st.sampled_from(["enrol.example.org:8443", "10.0.0.7", "[fe80::1]:8443", "localhost:1"])
CODES = st.builds(
    lambda endpoint, token, secret, root: Code(endpoint, token.hex(), secret, root),
    ENDPOINTS,
    st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES),
    st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
    st.binary(min_size=ROOT_BYTES, max_size=ROOT_BYTES),
)
CODE = Code("localhost:8443", "0123456789", b"secret-ten", b"root-ten!!")
SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@given(CODES)
def test_a_code_is_read_as_it_was_written(code: Code) -> None:
    assert parse_code(str(code)) == code


@given(CODES, st.randoms(use_true_random=False))
def test_a_code_is_read_as_people_write_it(code: Code, dice: object) -> None:
    endpoint, _, signs = str(code).partition("#")
    sloppy = "".join(
        dice.choice([sign.lower(), f"{sign} ", f" {sign}", *_misread(sign)])  # type: ignore[attr-defined]
        for sign in signs.replace("-", "")
    )
    assert parse_code(f"  https://{endpoint}#{sloppy}\n") == code


def _misread(sign: str) -> tuple[str, ...]:
    return {"0": ("O", "o"), "1": ("I", "l", "L")}.get(sign, (sign,))


def test_a_code_is_short_and_has_no_doubtful_signs() -> None:
    signs = str(CODE).partition("#")[2]
    assert len(signs.replace("-", "")) == 42
    assert not set(signs) & set("ILOU")


def test_what_the_check_is_for() -> None:
    """Of every single mistyped sign of one code, the check lets through about one in 256."""
    endpoint, _, signs = str(CODE).partition("#")
    tried = missed = 0
    for at, sign in enumerate(signs):
        for other in set(SIGNS) - {sign} if sign != "-" else ():
            tried += 1
            try:
                missed += parse_code(f"{endpoint}#{signs[:at]}{other}{signs[at + 1 :]}") != CODE
            except CodeError:
                continue
    assert tried == 42 * 31
    assert missed <= 20


@given(st.text(max_size=120))
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(CodeError):
        parse_code(text)


@given(st.text(alphabet=SIGNS + SIGNS.lower() + "-#ILO: ", max_size=80))
def test_anything_like_a_code_is_refused_in_words(text: str) -> None:
    with pytest.raises(CodeError):
        parse_code(f"host#{text}")


def test_a_code_cut_short_anywhere_is_refused() -> None:
    text = str(CODE)
    for length in range(len(text) - 1):
        with pytest.raises(CodeError):
            parse_code(text[:length])


@given(CODES)
def test_what_is_told_of_a_code_is_no_secret(code: Code) -> None:
    told = f"{code!r} {[code]}"
    assert str(code).partition("#")[2] not in told
    assert code.secret.hex() not in told
    assert repr(code.secret) not in told
    with pytest.raises(CodeError) as caught:
        parse_code(f"{code}X")
    assert str(code).partition("#")[2] not in str(caught.value)


@given(st.binary(min_size=10, max_size=10), st.lists(st.text(max_size=20), min_size=4, max_size=4, unique=True))
def test_a_proof_is_for_these_keys_in_this_order(secret: bytes, told: list[str]) -> None:
    token, csr, signing, plan = told
    key = derived(secret)
    good = proof(key, token, csr, signing, plan)
    assert Code("x", token, secret, b"").proof(csr, signing, plan) == good
    assert proof(key, token, csr, plan, signing) != good
    assert proof(key, token, signing, csr, plan) != good
    assert proof(derived(secret[::-1] + b"x"), token, csr, signing, plan) != good
    assert secret not in key


def test_the_vectors_that_a_second_implementation_must_meet() -> None:
    assert str(CODE) == "localhost:8443#04HMASW-9EDJP6W-K5EGPQ8-SBEE9QP-YX1DEHJ-PW8913W"
    assert derived(CODE.secret).hex() == "37ce9440bf17dc0bff48df5978ccfdc0f0a75a93265447fa4d272d09ebd50cb1"
    assert CODE.proof("csr", "signing", "plan") == "ca1164f909a46536f4c93c60fb24854ca8cf4a5ceabe1b0428d787eedabeb8c4"
    assert root_pin(b"der").hex() == "5050d80d22ecd471ea55"
