"""The forms of personal data and secrets: hides which signs are a card, an account, a number of a person, or a key."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from failscope.traces import check_digits

COVER = "\uffff"
"""Stands for each sign that is found already; Unicode keeps it out of texts, and no rule reads across it."""

RANDOM_BITS = 3.0
"""A run of 32 and more letters and digits with at least this entropy a sign is taken for a key."""

_Check = Callable[[re.Match[str]], tuple[int, int] | None]  # where it stands; None: it only looks like it


@dataclass(frozen=True)
class Rule:
    """One form that personal data has: a pattern, and a check of what the pattern matched."""

    kind: str
    pattern: re.Pattern[str]
    check: _Check
    certain: bool = True


_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}")
_EMAIL_SPELT = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?[\[({]\s?at\s?[\])}]\s?[\w-]{1,63}(?:(?:\s?[\[({]\s?dot\s?[\])}]\s?|\.)[\w-]{2,63}){1,4}",
    re.I,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\w.])(?:\d[ -]?){12,18}\d(?!\d)")
_CARD_GROUPS = re.compile(r"(?<!\d)(?:\d{4}([ -])(?:\d{4}\1\d{4}\1\d{4}|\d{6}\1\d{5})|\d{13,19})(?!\d)")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+|\(\+?)?\d(?:[ \u00a0().\/\u2010-\u2015-]{0,3}\d){6,14}(?![\w-]|\.\d)(?:\s?(?:ext\.?|x)\s?\d{1,6})?",
    re.I,
)
_PHONE_TOLD = re.compile(
    r"(?:\b(?:phone|telephone|tel|mobile|cell|cellphone|fax|whatsapp|telefon|handy|mobil|t[eé]l[eé]phone|portable|tel[eé]fono"
    r"|m[oó]vil)\.?(?:[ _-]?(?:number|nummer|no|nr)\b\.?)?[\"']?\s{0,3}(?:[:=]|\b(?:is|ist|est|es)\b)?\s{0,3}[\"']?"
    r"|\b(?:call|reach|text|phone|ring) (?:me|us) (?:at|on|under) )"
    r"(\(?\+?\d(?:[ ().\/\u00a0\u2010-\u2015-]{0,3}\d){6,14})(?![\w-]|\.\d)",
    re.I,
)
_NORTH_AMERICAN = re.compile(
    r"(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])?\d{3}[.-]\d{4}|(?:\(\d{3}\) ?|\d{3} )\d{3} \d{4}"
)
_NO_PHONE = re.compile(r"0\.\d.*|\d{3}\.\d{4}|\d{5}-\d{4}")
"""A decimal number, and a US postal code."""
_TOLL_FREE = re.compile(r"1?8(?:00|33|44|55|66|77|88)\d{7}$|0?0?800\d{5,8}$")
"""Nobody's own number: hotlines are what an answer is about."""
_DATE = re.compile(
    r"(?:19|20)\d\d([-./ ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?: [0-2]\d)?"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./ ])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d(?: [0-2]\d)?"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-----END [A-Z0-9 ]{0,40}-----)?"
)
_JWT = re.compile(r"(?<![\w-])(eyJ[\w-]{5,2000})\.[\w-]{2,8000}\.[\w-]*")
_ISSUED = re.compile(
    r"\b(?:(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,250}|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}"
    r"|glpat-[\w-]{16,64}|xox[abeprs]-[\w-]{10,250}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,40}|ya29\.[\w-]{20,250}"
    r"|hf_[A-Za-z0-9]{20,64}|npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{30,250}|SG\.[\w-]{16,64}\.[\w-]{16,64})"
)
_TOLD = re.compile(
    r"(?i)(\b(?:password|passwd|pwd|passphrase|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?token|access[ _-]?token|token|pin"
    r"|cvv|cvc)\b[\"']?\s{0,3}(?:[:=]|\bis\b)\s{0,3}[\"']?|\bbearer\s{1,5}|\bbasic\s{1,5}(?=[\w+/=]{12}))([^\s\"',;<>\uffff]{3,500})"
)
_STAND_IN = re.compile(
    r"[\[{(*.…_-]|\$\{|%s|x{3}|```|your|(?:my|the|some|test)[_-]|(?:my)?password\b|\w*[_-]?api[_-]?key|[\w.]+\("
    r"|(?:required|optional|string|str|none|null|true|false|change|reset|incorrect|wrong|invalid|empty|hidden)\b",
    re.I,
)
"""What stands for a secret in a text that teaches or in code."""
_GOES_ON = re.compile(r"[ \t]+\S")
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:\"'<>{}\uffff]{0,200}:[^\s/@\"'<>{}\uffff]{1,200}(?=@)")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_RANDOM = re.compile(r"(?<![\w/+-])[A-Za-z0-9_+/-]{32,500}={0,2}(?![\w/+-])")
_SSN = re.compile(
    r"(?:\bSSN\b|(?i:\bsocial security)(?: (?i:number|no\.?|#))?)[\"']?[\s:=#]{0,3}(?:is[\s:]{1,3})?([0-9]{3}([ -]?)[0-9]{2}\2[0-9]{4})(?![\w-])"
)
_NHS = re.compile(
    r"\bNHS(?: (?i:number|no\.?))?[\"']?[\s:=#]{0,3}(?:is[\s:]{1,3})?([0-9]{3}([ -]?)[0-9]{3}\2[0-9]{4})(?![\w-])"
)


def _always(match: re.Match[str]) -> tuple[int, int] | None:
    return match.span()


def _email(match: re.Match[str]) -> tuple[int, int] | None:
    # an address may hold these signs; before one stand code and markup: cc='jo@example.com', **jo@example.com**
    said = match.group()
    local = said[: said.index("@")]
    kept = local[local.rfind("=") + 1 :].lstrip("'`{}|*/?&#!$%^~._-")
    return (match.start() + len(local) - len(kept), match.end()) if kept else None


def _told(match: re.Match[str]) -> tuple[int, int] | None:
    # in an address the next field follows
    head, said = match.group(1).lower(), re.split(r"&\w{1,40}=", match.group(2))[0].rstrip(".")
    end = match.start(2) + len(said)
    if len(said) < 3 or not re.search(r"\w", said) or _STAND_IN.match(said):
        return None
    if head.startswith("basic"):
        told = _is_login(said)
    elif head.startswith("bearer"):
        told = bool(re.search(r"\d", said))
    elif re.sub(r"[-!?]", "", said).isalpha():
        # "the token is invalid", "Token: see below" tell none; "password: swordfish" does
        told = not re.search(r"\bis\b\s*[\"']?$|^(?:token|secret|pin)", head) and not _GOES_ON.match(
            match.string, end
        )
    else:
        told = True
    return (match.start(2), end) if told else None


def _is_login(text: str) -> bool:
    # RFC 7617: a name, a colon and a password in base 64; "basic functionality" is none
    try:
        return b":" in base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False


def _jwt(match: re.Match[str]) -> tuple[int, int] | None:
    head = match.group(1)
    try:
        json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return match.span()


def _iban(match: re.Match[str]) -> tuple[int, int] | None:
    # words may follow: what counts is the length that the country has
    text = match.group()
    length = check_digits.IBAN_LENGTHS.get(text[:2].upper(), 99)
    ends = [k + 1 for k, c in enumerate(text) if c.isalnum()]
    if len(ends) < length:
        return None
    end = ends[length - 1]
    if text[end : end + 1].isalnum() or not check_digits.is_iban(re.sub(r"[ -]", "", text[:end])):
        return None
    return match.start(), match.start() + end


def _card(match: re.Match[str]) -> tuple[int, int] | None:
    if check_digits.is_card(_digits(match.group())):
        return match.span()
    # a year or a month may stand beside it
    for part in _CARD_GROUPS.finditer(match.group()):
        if check_digits.is_card(_digits(part.group())):
            return match.start() + part.start(), match.start() + part.end()
    return None


def _ip(match: re.Match[str]) -> tuple[int, int] | None:
    text = match.group()
    if ":" in text and (max(map(len, text.split(":"))) < 3 or not re.search(r"\d", text)):
        return None  # a slice of a list, [1::2]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified or text.startswith(("255.", "0.")):
        return None  # nobody's machine
    before = match.string[max(0, match.start() - 12) : match.start()]
    return None if re.search(r"(?i)\b(?:version|release|build|v)[\s.]*$", before) else match.span()


def _phone(match: re.Match[str]) -> tuple[int, int] | None:
    number = re.sub(r"(?i)\s?(?:ext\.?|x)\s?\d{1,6}$", "", match.group())
    digits = re.sub(r"\D", "", number)
    if not 7 <= len(digits) <= 15 or _DATE.search(number) or _TOLL_FREE.match(digits):
        return None
    if _IPV4.fullmatch(number) or _NO_PHONE.fullmatch(number):
        return None
    if max(map(len, re.findall(r"\d+", number))) < 2:
        return None  # the columns of a table
    abroad = number.startswith(("+", "(+")) or (digits.startswith("00") and len(digits) >= 9)
    # a trunk prefix, as 0171 2345678; a bare run of digits that begins with 0 has to be as long as one
    trunk = digits.startswith("0") and len(digits) >= (9 if digits == number else 8)
    return match.span() if abroad or trunk or _NORTH_AMERICAN.fullmatch(number.strip()) else None


def _phone_told(match: re.Match[str]) -> tuple[int, int] | None:
    told = match.group(1)
    return None if _DATE.fullmatch(told) or _TOLL_FREE.match(re.sub(r"\D", "", told)) else match.span(1)


def _random(match: re.Match[str]) -> tuple[int, int] | None:
    text = match.group()
    digits, letters = sum(c.isdigit() for c in text), sum(c.isalpha() for c in text)
    if digits < max(4, len(text) / 12) or letters < 4 or len(_UUID.sub("", text)) < 24 or _in_path(match):
        return None
    if text.count("/") * 16 >= len(text):
        return None  # a path, or a board of chess
    if sum(a.isdigit() != b.isdigit() and a.isalnum() and b.isalnum() for a, b in pairwise(text)) < 4:
        return None  # words and years, in a path or run together
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return match.span() if bits >= RANDOM_BITS else None


def _in_path(match: re.Match[str]) -> bool:
    # what follows a "?" may be a signature; a path names what it leads to
    before = match.string[max(0, match.start() - 300) : match.start()]
    address = before[max(before.rfind(c) for c in " \n\t") + 1 :]
    if "://" in address:
        return not set("?#") & set(address)
    return match.group().count("/") > 1 and match.string[match.end() : match.end() + 1] == "."


def _digits(text: str) -> str:
    return re.sub(r"[ -]", "", text)


def _passes(valid: Callable[[str], bool], group: int = 0) -> _Check:
    return lambda m: m.span(group) if valid(re.sub(r"[\W_]", "", m.group(group))) else None


_NATIONAL = (
    (r"(?<![\w.-])(?:[0-9]{8}|[XYZ][0-9]{7})-?[A-Z](?![\w-])", check_digits.is_dni),
    (
        r"(?<![\w.-])[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?![\w-])",
        check_digits.is_nir,
    ),
    (r"\b[A-Z]{6}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z]\b", check_digits.is_codice_fiscale),
    (r"(?<![\w.+-])[1-9][0-9](?:[0-9]{9}|(?: [0-9]{3}){3})(?![\w-]|\.[0-9])", check_digits.is_tax_number),
    (r"(?<![\w.-])756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}(?![\w-])", check_digits.is_ahv),
    (r"(?<![\w.-])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![\w-])", check_digits.is_cpf),
)

NUMBERS_AND_KEYS: tuple[Rule, ...] = (
    Rule("key", _PRIVATE_KEY, _always),
    Rule("key", _JWT, _jwt),
    Rule("key", _ISSUED, _always),
    Rule("key", _IN_ADDRESS, _always),
    Rule("e-mail", _EMAIL, _email),
    Rule("e-mail", _EMAIL_SPELT, _always, certain=False),
    Rule("key", _TOLD, _told, certain=False),
    Rule("IBAN", _IBAN, _iban),
    *(Rule("national number", re.compile(pattern), _passes(valid)) for pattern, valid in _NATIONAL),
    Rule("national number", _SSN, _passes(check_digits.is_ssn, 1), certain=False),
    Rule("national number", _NHS, _passes(check_digits.is_nhs, 1)),
    Rule("card", _CARD, _card),
    Rule("key", _RANDOM, _random, certain=False),
    Rule("IP", _IPV4, _ip, certain=False),
    Rule("IP", _IPV6, _ip),
    Rule("phone", _PHONE_TOLD, _phone_told, certain=False),
    Rule("phone", _PHONE, _phone, certain=False),
)
"""Secrets first: one may hold what looks like an address or a number."""
