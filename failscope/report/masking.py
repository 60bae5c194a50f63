"""Personal data taken out of texts that are shown: hides which digits are a card, an account, an address or a key."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

NOT_MASKED = (
    "names, postal addresses, dates of birth and numbers of documents are not masked: no pattern tells them"
)
"""What a reader has to know of a masked text."""

_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}")
_EMAIL_SPELT = re.compile(
    r"[\w.+-]{1,64}\s?[\[({]\s?at\s?[\])}]\s?[\w-]{1,63}(?:(?:\s?[\[({]\s?dot\s?[\])}]\s?|\.)[\w-]{2,63}){1,4}",
    re.I,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\d.])(?:\d[ -]?){12,18}\d(?!\d)")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+|\(\+?)?\d(?:[ \u00a0().\/\u2010-\u2015-]{0,3}\d){6,14}(?![\w-]|\.\d)(?:\s?(?:ext\.?|x)\s?\d{1,6})?",
    re.I,
)
_NORTH_AMERICAN = re.compile(
    r"(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])?\d{3}[.-]\d{4}|(?:\(\d{3}\) ?|\d{3} )\d{3} \d{4}"
)
_DATE = re.compile(
    r"(?:19|20)\d\d([-./ ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?: [0-2]\d)?"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./ ])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d(?: [0-2]\d)?"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-----END [A-Z0-9 ]{0,40}-----)?"
)
_JWT = re.compile(r"\b(eyJ[\w-]{5,2000})\.[\w-]{2,8000}\.[\w-]*")
_ISSUED = re.compile(
    r"\b(?:(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,250}|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}"
    r"|glpat-[\w-]{16,64}|xox[abeprs]-[\w-]{10,250}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,40}|ya29\.[\w-]{20,250}"
    r"|hf_[A-Za-z0-9]{20,64}|npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{30,250}|SG\.[\w-]{16,64}\.[\w-]{16,64})"
)
_TOLD = re.compile(
    r"(?i)(\b(?:password|passwd|pwd|passphrase|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?token|access[ _-]?token|token|pin"
    r"|cvv|cvc)\b[\"']?\s{0,3}(?:[:=]|\bis\b)\s{0,3}[\"']?|\bbearer\s+|\bbasic\s+(?=[\w+/=]{12}))([^\s\"',;<>]{3,500})"
)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:]{0,200}:[^\s/@]{1,200}(?=@)")
_RANDOM = re.compile(r"(?<![\w/+-])[A-Za-z0-9_+/-]{32,500}={0,2}(?![\w/+-])")

RANDOM_BITS = 3.0
"""A run of 32 and more letters and digits with at least this entropy a sign is taken for a key."""


@dataclass(eq=False)
class Masker:
    """Replaces personal data and secrets by their kind, "[e-mail]", and counts what it found.

    Numbers that look like others are checked first: a card by its check digit (Luhn's, ISO/IEC 7812-1), an account
    by its remainder (ISO 13616, mod 97), an IP address and a web token by reading them. What cannot be checked is
    masked when in doubt. What it cannot see is told by ``NOT_MASKED``.

    Attributes
    ----------
    counts : Counter
        Kind -> how many were masked so far.

    Examples
    --------
    >>> masker = Masker()
    >>> masker("Pay to DE89 3704 0044 0532 0130 00, write to jo@example.com; order 4000-0000-0000-0001 is no card")
    'Pay to [IBAN], write to [e-mail]; order 4000-0000-0000-0001 is no card'
    >>> dict(masker.counts)
    {'e-mail': 1, 'IBAN': 1}
    """

    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str) -> str:
        """The text with what was recognised replaced."""
        for kind, pattern, check in _RULES:
            text = pattern.sub(lambda m, kind=kind, check=check: self._one(m, kind, check), text)  # type: ignore[misc]
        return text

    def _one(
        self, match: re.Match[str], kind: str, check: Callable[[re.Match[str]], tuple[str, str] | None]
    ) -> str:
        kept = check(match)
        if kept is None:
            return match.group()
        self.counts[kind] += 1
        return f"{kept[0]}[{kind}]{kept[1]}"


def is_card(digits: str) -> bool:
    """Whether these 13 to 19 digits can be a payment card: Luhn's check digit, and a network's first digit.

    Examples
    --------
    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    if not 13 <= len(digits) <= 19 or digits[0] not in "234569" or len(set(digits)) == 1:
        return False
    doubled = (int(d) * (1 + k % 2) for k, d in enumerate(reversed(digits)))
    return sum(n - 9 * (n > 9) for n in doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether this is an account by its remainder.

    Examples
    --------
    >>> is_iban("GB82WEST12345698765432"), is_iban("GB83WEST12345698765432")
    (True, False)
    """
    turned = text[4:] + text[:4]
    return 15 <= len(text) <= 34 and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


_Check = Callable[[re.Match[str]], tuple[str, str] | None]  # what stays before and after; None: leave it


def _always(match: re.Match[str]) -> tuple[str, str] | None:
    return "", ""


def _told(match: re.Match[str]) -> tuple[str, str] | None:
    # "the token is invalid" tells no token; a secret has a digit or a sign, or stands after a colon
    said = match.group(2)
    if re.search(r"\bis\b\s*[\"']?$", match.group(1), re.I) and said.strip(".!?").isalpha():
        return None
    return None if said.startswith("[") else (match.group(1), "")


def _jwt(match: re.Match[str]) -> tuple[str, str] | None:
    head = match.group(1)
    try:
        json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return "", ""


def _iban(match: re.Match[str]) -> tuple[str, str] | None:
    text = match.group()
    # words in capitals may follow: the longest beginning that is an account
    ends = [k + 1 for k, c in enumerate(text) if c.isalnum()]
    for end in reversed(ends):
        if is_iban(re.sub(r"[ -]", "", text[:end])) and not text[end : end + 1].isalnum():
            return "", text[end:]
    return None


def _card(match: re.Match[str]) -> tuple[str, str] | None:
    return ("", "") if is_card(re.sub(r"[ -]", "", match.group())) else None


def _ip(match: re.Match[str]) -> tuple[str, str] | None:
    text = match.group()
    if ":" in text and (text.count(":") < 2 or not re.search(r"\d", text)):
        return None
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return None
    return "", ""


def _phone(match: re.Match[str]) -> tuple[str, str] | None:
    text = match.group()
    number = re.sub(r"(?i)\s?(?:ext\.?|x)\s?\d{1,6}$", "", text)
    digits = re.sub(r"\D", "", number)
    if not 7 <= len(digits) <= 15 or _DATE.fullmatch(number.strip()):
        return None
    if _IPV4.fullmatch(number):
        return None
    abroad = number.startswith(("+", "(+")) or (digits.startswith("00") and len(digits) >= 9)
    # a trunk prefix, as 0171 2345678; a bare run of digits that begins with 0 has to be as long as one
    trunk = digits.startswith("0") and len(digits) >= (9 if digits == number else 8)
    return ("", "") if abroad or trunk or _NORTH_AMERICAN.fullmatch(number.strip()) else None


def _random(match: re.Match[str]) -> tuple[str, str] | None:
    text = match.group()
    digits, letters = sum(c.isdigit() for c in text), sum(c.isalpha() for c in text)
    if digits < 4 or letters < 4:
        return None
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return ("", "") if bits >= RANDOM_BITS else None


# secrets first: one may hold what looks like an address or a number
_RULES: tuple[tuple[str, re.Pattern[str], _Check], ...] = (
    ("key", _PRIVATE_KEY, _always),
    ("key", _JWT, _jwt),
    ("key", _ISSUED, _always),
    ("key", _IN_ADDRESS, _always),
    ("e-mail", _EMAIL, _always),
    ("e-mail", _EMAIL_SPELT, _always),
    ("key", _TOLD, _told),
    ("IBAN", _IBAN, _iban),
    ("card", _CARD, _card),
    ("key", _RANDOM, _random),
    ("IP", _IPV4, _ip),
    ("IP", _IPV6, _ip),
    ("phone", _PHONE, _phone),
)
