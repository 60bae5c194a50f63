"""What is masked in a text that is shown, and what is left alone."""

from __future__ import annotations

import time

import pytest

from failscope.report.words import Texts
from failscope.traces.check_digits import is_card, is_iban
from failscope.traces.masking import Masker


# card numbers that networks publish for tests; the IBANs are the examples of the IBAN registry
@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to jane.doe+x@mail.example.com.", "write to [e-mail]."),
        ("jo (at) example (dot) com", "[e-mail]"),
        ("call +1 202 555 0143 today", "call [phone] today"),
        ("(202) 555-0143 or 202-555-0143 or 555-0143", "[phone] or [phone] or [phone]"),
        ("0171 2345678, 0049 171 2345678", "[phone], [phone]"),
        ("DE89 3704 0044 0532 0130 00", "[IBAN]"),
        ("gb82west12345698765432 THEN more", "[IBAN] THEN more"),
        ("4111 1111 1111 1111, 378282246310005", "[card], [card]"),
        ("from 10.0.0.12 and 2001:db8::8a2e:370:7334", "from [IP] and [IP]"),
        ("key sk-proj-abcDEF1234567890abcd", "key [key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("password: hunter2, ok", "password: [key], ok"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [key]"),
        ("postgres://ana:secret@db/x", "postgres://[key]@db/x"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", "[key]"),
        ("d41d8cd98f00b204e9800998ecf8427e", "[key]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "[key]"),
    ],
)
def test_personal_data_is_replaced_by_its_kind(text, masked):
    assert Masker()(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112 has a wrong check digit",
        "DE88 3704 0044 0532 0130 00 has a wrong remainder",
        "charged $322.20 on 2026-06-29 14:05, twice in 10-12 days",
        "on 29.06.2026 at 12:30:45",
        "order 1000234567 of 1,234,567",
        "version 5.8.1, std::vector, 300.1.2.3",
        "the password is wrong and the token is invalid",
        "a-very-long-word-with-hyphens-that-is-no-secret-at-all",
        "tr_802229a2c79b",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert Masker()(text) == text


def test_what_was_masked_is_counted():
    masker = Masker()
    masker("a@example.com b@example.com 10.0.0.1")
    assert dict(masker.counts) == {"e-mail": 2, "IP": 1}


def test_check_digits_are_those_of_the_standards():
    assert is_card("5555555555554444")
    assert not is_card("5555555555554443")
    assert is_iban("FR1420041010050500013M02606")
    assert not is_iban("FR1420041010050500013M02607")


def test_a_text_is_masked_before_it_is_cut():
    shown = Texts()("x" * 25 + " jane.doe@example.com and more", limit=33)
    assert shown == "x" * 25 + " [e-mail…"[:8] + "…"
    assert "jane" not in shown


def test_a_cut_window_ends_before_a_half_address():
    text = "a@example.com " * 30 + "someone.else@exam"
    assert "someone" not in Texts()(text, limit=50)


@pytest.mark.parametrize(
    "bad",
    [
        "a" * 20_000,
        "1 " * 10_000,
        "a@" * 10_000,
        "1.1." * 5_000,
        ":" * 20_000,
        "eyJ" * 6_000,
        "DE89 " * 4_000,
    ],
)
def test_a_hostile_text_cannot_hold_it_up(bad):
    begun = time.perf_counter()
    Masker()(bad)
    assert time.perf_counter() - begun < 30  # it takes a fifth of a second; what backtracks takes hours
