"""Names of people by the words around them: hides how four languages greet, sign, introduce and label.

There is no list of names: what counts is that a capital word stands where a name stands. So a brand or a figure of a
book that is greeted or given a title is found too, and a name that nothing introduces is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

_WORD = r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])){0,30}+"
_INITIAL = r"[^\W\d_]\."
_NAME = rf"((?:{_INITIAL} ?|{_WORD}[ \u00a0]){{0,4}}{_WORD})(?![\w@])"
_SPACE = r"[^\S\n]"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARTICLES = _words(
    "al am bin da das de del della den der di do dos du e el ibn la le los san ten ter und van von y zu zum zur"
)
_LINKS = _words("and & und et y e or oder ou o")
# spoken to without a name: with one of these, none of the words is
_ROLES = _words(
    """admin agent all applicant author bro buddy candidate candidates chairman chairperson child children citizen
    citizens client clients coach colleague colleagues committee community customer customers dad daddy darling diary
    director doctor dude editor employee employees employer engineers everybody everyone fans father folks follower
    followers fellow friend friends gamers girl girls god grandma grandpa guest guests guys headmaster heaven hiring
    honey human innovators investor investors jury kids ladies landlord lover ma'am madam madame mamas manager mayor
    me member members minister mister mom mommy moms mother mum mummy neighbor neighbors neighbour neighbours nobody
    officer owner parent parents participant participants patient patients people player players president principal
    reader readers recruiter resident residents robot santa senator shareholder shareholders sir sirs sister someone
    son stakeholder stakeholders stranger student students subscriber subscribers sweetheart teacher teachers teammate
    teammates teens there traveler travelers user users valued viewers visitor visitors volunteer volunteers world
    y'all you
    damen herren freund freunde freundin kunde kunden kundin kollegen kolleginnen welt zusammen alle leute
    amis ami monde tous toutes mesdames messieurs amigo amiga amigos cliente mundo todos usted"""
)
# the name of something else: an office, a company, a trade
_NO_PERSON = _words(
    """academy administration agency airlines analyst artist assistant association attorney avenue bank
    billing board book boulevard business care castle center centre church club college company consultant
    consulting coordinator corp corporation council course crew department dept designer developer division
    engineer enterprises equipo foundation gmbh group gym help helpdesk hospital hotel hr inc incorporated
    info institute international kundendienst kundenservice limited llc ltd management market marketing
    media ministry museum network note notes office organisation organization park partners product
    recruitment relations reply resources restaurant road sales school service services servicio shop
    society solutions staff store street studio support system systems team technologies technology
    university équipe"""
)
# what ends a name: words that only begin a sentence, days, months, programs and brands
_NO_NAMES = _words(
    """a about absolutely actually address after again ah also amazing american an and another anonymous any are as at
    because before british but by can certainly chinese congratulations could currently date did do does
    doing dutch email english even every everything excited feel for french from german get glad go good great
    greetings happy have he her here hi his hello hey how i i'd i'll i'm i've if im impressive in indeed is it
    it's italian japanese just let like looking love make maybe more my name no none not nothing now of oh ok okay on
    once one only or our out perfect phone please possible re ready really regarding regards regret requested required
    result right russian see she since so some soon sorry spanish still sure take than thank thanks that that's the
    their them then these they this those thus to today together tomorrow tonight too try unknown unfortunately until
    up us very was we welcome well were what when where which while who why wishes with would wow yeah yes yet
    your yours
    dr prof mr mrs ms miss professor frau herr señor señora monsieur
    aber als auch auf das dass die dies ein eine es für hier ich ihr im in ist mein mit nicht oder sie vielen wir wie
    cette comment dans des est et il je les merci mon nous pas pour que sur une votre vous
    como con en esta lo mi muchas no para por se si su un una
    january february march july august september october november december monday tuesday wednesday
    thursday friday saturday sunday
    n/a null true false string todo tbd
    ai alexa alpaca america app apple bard basilisk bing bot chatbot chatgpt claude clean copilot cortana facebook
    gemini google gpt internet java javascript linux llama messenger microsoft mistral oetker openai pepper python qwen
    siri twitter universe windows youtube"""
)

_Check = Callable[[re.Match[str]], tuple[int, int] | None]


def is_office(word: str) -> bool:
    """Whether a word of an address says that it belongs to an office or a role, as "sales", and to no person."""
    return word.casefold() in _NO_PERSON | _ROLES | _NO_NAMES


def _named(*, least: int = 1, whole: bool = False, roles: bool = False) -> _Check:
    """A check of a match whose first group may be a name: where the name in it stands, or None.

    ``least``: how many capital words it needs. ``whole``: all that was matched has to be the name. ``roles``: a word
    for a role, as "Customer", says that nobody is named.
    """

    def check(match: re.Match[str]) -> tuple[int, int] | None:
        start, end, words = match.start(1), match.start(1), 0
        for word in re.finditer(r"[^ \u00a0]+", match.group(1)):
            said = re.sub(r"['’]s$", "", word.group())
            low = said.casefold().replace("’", "'")
            if low in _NO_PERSON or (roles and low in _ROLES):
                return None
            if words and low in _PARTICLES and said == low:
                continue
            if low in _NO_NAMES or (low in _ROLES and not words) or not _capital(said):
                if whole and low not in _LINKS:
                    return None
                break
            words, end = words + 1, match.start(1) + word.start() + len(said)
            if said != word.group():
                break
        return (start, end) if words >= least and end - start > 1 else None

    return check


def _capital(word: str) -> bool:
    # a word all in capitals is an abbreviation or a shout; capitals inside are a brand's, McCoy apart
    if len(word) == 1 or word[1] == ".":
        return word[0].isupper()
    inside = any(a.islower() and b.isupper() for a, b in pairwise(word))
    return (
        word[0].isupper()
        and not word.isupper()
        and (not inside or word.startswith(("Mc", "Mac", "De", "Di", "La", "Le", "Fitz")))
    )


_TITLE = r"(?:Mr|Mrs|Ms|Mx|Dr|Prof|Hr)\b\.?|Miss|Professor|Herrn?|Frau|Monsieur|Madame|Mme|Mlle|Señora?|Sra?\.|Srta\."
_GREETING = (
    r"dear|hi|hello|hey|(?:glad|happy) to help|good (?:morning|afternoon|evening)|thanks|thank you|sorry"
    r"|hallo|liebe[rs]?|guten (?:tag|morgen|abend)|moin|servus|danke|bonjour|bonsoir|salut|ch[eè]re?|merci"
    r"|hola|estimad[oa]|querid[oa]|buenos d[ií]as|buenas tardes|gracias"
)
_SIGN_OFF = (
    r"(?:(?:best|kind|kindest|warm|warmest|many|with best)\s)?(?:regards|wishes)|(?:yours )?sincerely(?: yours)?"
    r"|yours(?: truly| faithfully)?|respectfully|cordially|best|cheers|(?:many )?thanks(?: again)?|thank you|love"
    r"|(?:mit )?(?:freundlichen|besten|vielen|lieben|herzlichen) gr(?:ü|ue)(?:ß|ss)en"
    r"|(?:viele|liebe|beste|herzliche|freundliche|schöne) gr(?:ü|ue)(?:ß|ss)e|gruß|mfg|lg|vg"
    r"|(?:bien )?cordialement|bien à vous|salutations|amicalement|(?:un )?saludos?(?: cordial(?:es)?)?|atentamente"
)
_INTRODUCED = (
    r"my (?:full |first |last |given |family |sur)?name['’]?(?: i)?s|(?:you can |please |just )call me"
    r"|ich hei(?:ß|ss)e|mein name ist|je m['’]appelle|mon nom est|me llamo|mi nombre es"
)
_OF_A_PERSON = (
    r"(?:full|first|last|middle|given|family|sur|contact|customer|client|patient|passenger|cardholder|account holder"
    r"|employee|student|candidate|recipient|sender|guest|applicant|vor|nach|zu|kunden)[ _-]?name"
    r"|nom de famille|prénom|nombre completo|apellidos?"
)
_MAYBE_OF_A_PERSON = (
    r"name|nom|nombre|customer|client|patient|passenger|cardholder|account holder|attn|attention|signed"
    r"|kund(?:e|in)|ansprechpartner(?:in)?"
)
_IS = rf"[*_]{{0,3}}{_SPACE}?[:=]{_SPACE}?[*_]{{0,3}}{_SPACE}?"
_QUOTED_IS = rf"[\"'*_]{{0,3}}{_SPACE}?[:=]{_SPACE}?[\"'*_]{{0,3}}{_SPACE}?"
_PERSONS_FIELD = r"(?=[\"'][^{}\[\]]{0,80}[\"'](?:age|e-?mail|phone|dob|birth\w{0,8}|date_of_birth|gender|sex|occupation|nationality)[\"'])"

CONTEXTS: tuple[tuple[re.Pattern[str], _Check], ...] = (
    (re.compile(rf"\b(?:(?:{_TITLE})[ \u00a0]?){{1,3}}(?<=[ \u00a0.]){_NAME}"), _named()),
    (re.compile(rf"\b(?i:{_INTRODUCED})[ :]\s?{_NAME}"), _named()),
    (re.compile(rf"\b(?i:I['’]m|I am|ich bin|je suis|soy) {_NAME}"), _named(least=2)),
    (
        re.compile(
            rf"\b(?i:this is|hier ist|ici) {_NAME}(?=,? (?:from|here|calling|speaking|writing|von|vom)\b)"
        ),
        _named(roles=True),
    ),
    (
        re.compile(
            rf"\b(?i:{_GREETING}),? {_NAME}(?=\s?[,!.:;?–—-]|\s{{0,20}}\Z|{_SPACE}{{0,20}}\n| (?:and|und|et|y|&) )"
        ),
        _named(whole=True, roles=True),
    ),
    (
        re.compile(
            rf"(?m:^)[ \t>*_]{{0,8}}(?i:{_SIGN_OFF})(?:[,.!]{_SPACE}?|[,.!]?{_SPACE}{{0,8}}\n\s{{0,4}}){_NAME}"
            rf"(?={_SPACE}{{0,9}}[,.]?{_SPACE}{{0,9}}(?:\n|\Z))"
        ),
        _named(whole=True, roles=True),
    ),
    (re.compile(rf"(?<![\w-])(?i:{_OF_A_PERSON}){_QUOTED_IS}{_NAME}"), _named()),
    (
        re.compile(
            rf"(?<![\w.-])(?<![\w-] )(?i:{_MAYBE_OF_A_PERSON}){_IS}{_NAME}(?={_SPACE}{{0,9}}(?:[,;.<(|*\n]|\Z))"
        ),
        _named(least=2, whole=True),
    ),
    (re.compile(rf"(?i:[\"']name[\"']: ?[\"']){_NAME}{_PERSONS_FIELD}"), _named(least=2)),
    (
        re.compile(
            rf"(?<!\w)(?<!\d )(?=[^\W\d_a-z]){_NAME}(?:[\"']?{_SPACE}?[<(]|,? (?:reachable (?:at|on|by)|phone|tel|e-?mail)[.:]? )(?=\uffff)"
        ),
        _named(least=2, whole=True),
    ),
)
"""Where a name stands: a pattern whose first group starts with it, and the check of what the pattern matched."""
