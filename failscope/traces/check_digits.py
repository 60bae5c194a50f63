"""Numbers that prove themselves: hides the check digits of cards, accounts and the numbers that states give people."""

from __future__ import annotations

import re
from collections import Counter

_ODD = dict(zip("BAKPLCQDREVOSFTGUHMINJWZYX", range(26), strict=True))
_ODD |= {str(digit): _ODD["ABCDEFGHIJ"[digit]] for digit in range(10)}
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in re.findall(
        r"(\d\d)((?: [A-Z]{2})+)",
        "15 NO 16 BE 18 DK FI FK FO GL NL SD 19 MK SI 20 AT BA EE KZ LT LU MN XK 21 CH HR LI LV "
        "22 BG BH CR DE GB GE IE ME RS VA 23 AE GI IL IQ OM SO TL 24 AD CZ ES MD PK RO SA SE SK TN VG 25 LY PT ST "
        "26 IS TR 27 BI DJ FR GR IT MC MR SM 28 AL AZ BY CY DO GT HN HU LB NI PL SV 29 BR EG PS QA UA 30 JO KW MU YE "
        "31 MT SC 32 LC 33 RU",
    )
    for country in countries.split()
}
"""Country -> signs of an account, as the registry of IBANs has them."""


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
    """Whether this is an account: the length its country has in the registry, and the remainder by 97 (ISO 13616).

    Examples
    --------
    >>> is_iban("GB82WEST12345698765432"), is_iban("GB83WEST12345698765432")
    (True, False)
    """
    turned = text[4:] + text[:4]
    return (
        IBAN_LENGTHS.get(text[:2].upper()) == len(text)
        and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1
    )


def is_dni(text: str) -> bool:
    """Whether this is a Spanish DNI or NIE: eight digits, or X, Y or Z and seven, and the letter of their remainder by 23.

    Examples
    --------
    >>> is_dni("54362315K"), is_dni("X2482300W"), is_dni("54362315A")
    (True, True, False)
    """
    digits = str("XYZ".find(text[0])) + text[1:8] if text[0] in "XYZ" else text[:8]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == text[8]


def is_nir(text: str) -> bool:
    """Whether this is a French NIR with its key: 97 less the remainder by 97; Corsica's 2A and 2B count as 19 and 18.

    Examples
    --------
    >>> is_nir("269054958815780"), is_nir("269054958815781")
    (True, False)
    """
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return text[0] in "12" and 97 - int(number) % 97 == int(text[13:])


def is_codice_fiscale(text: str) -> bool:
    """Whether this is an Italian codice fiscale: the last of its 16 signs is the letter of a sum by 26.

    Examples
    --------
    >>> is_codice_fiscale("RCCMNL83S18D969H"), is_codice_fiscale("RCCMNL83S18D969A")
    (True, False)
    """
    total = sum(_ODD[c] if k % 2 == 0 else int(c, 36) - 10 * c.isalpha() for k, c in enumerate(text[:15]))
    return ord(text[15]) - ord("A") == total % 26


def is_tax_number(digits: str) -> bool:
    """Whether eleven digits are a German tax identification number: ISO 7064 (mod 11, 10), one digit twice or thrice.

    Examples
    --------
    >>> is_tax_number("36574261809"), is_tax_number("36574261808")
    (True, False)
    """
    often = sorted(Counter(digits[:10]).values())
    if digits[0] == "0" or often[-1] not in (2, 3) or often[-2] != 1:
        return False
    left = 10
    for digit in digits[:10]:
        left = ((left + int(digit)) % 10 or 10) * 2 % 11
    return (11 - left) % 10 == int(digits[10])


def is_ahv(digits: str) -> bool:
    """Whether thirteen digits are a Swiss AHV number: 756, and the check digit of EAN-13.

    Examples
    --------
    >>> is_ahv("7569217076985"), is_ahv("7569217076984")
    (True, False)
    """
    return (
        digits.startswith("756") and sum(int(d) * (1 + 2 * (k % 2)) for k, d in enumerate(digits)) % 10 == 0
    )


def is_cpf(digits: str) -> bool:
    """Whether eleven digits are a Brazilian CPF: two check digits by 11.

    Examples
    --------
    >>> is_cpf("39053344705"), is_cpf("39053344704")
    (True, False)
    """

    def check(first: str) -> int:
        left = sum(int(d) * w for d, w in zip(first, range(len(first) + 1, 1, -1), strict=True)) * 10 % 11
        return left % 10

    return (
        len(set(digits)) > 1 and check(digits[:9]) == int(digits[9]) and check(digits[:10]) == int(digits[10])
    )


def is_nhs(digits: str) -> bool:
    """Whether ten digits are a number of the British health service; one number in eleven is by chance.

    Examples
    --------
    >>> is_nhs("9434765870"), is_nhs("9434765871")
    (True, False)
    """
    left = -sum(int(d) * w for d, w in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return left == int(digits[9])


def is_ssn(digits: str) -> bool:
    """Whether nine digits are a US social security number that can have been given; it has no check digit.

    Examples
    --------
    >>> is_ssn("536904399"), is_ssn("666904399")
    (True, False)
    """
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"
