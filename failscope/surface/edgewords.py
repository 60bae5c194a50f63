"""The wordings by which edge cases are told, as people put them in English, German, Spanish and French."""

from __future__ import annotations

import re

# Texts arrive in lower case with straight apostrophes. (?:^|[^\pL]) stands for \b, which in RE2 knows ASCII only.
RULES = (
    r"(?:instructions?|rules?|prompts?|guidelines?|directives?|directions|polic(?:y|ies)|restrictions?|constraints?|"
    r"programming|safeguards?|filters?|safety|training|orders)"
)
# what counts in a retrieved text too, where it is an injection by someone else
OVERRIDES = (
    r"\b(?:ignore|disregard|forget|override|bypass|circumvent|discard|drop|(?:do not|don't|stop) (?:follow|obey)(?:ing)?|pay no attention to) "
    rf"(?:\pL+ ){{0,3}}?(?:previous|prior|above|earlier|preceding|all|any|every|your|existing|initial|original|system|former|the|these|those) (?:\pL+ ){{0,3}}?{RULES}\b",
    r"\b(?:ignore|disregard|forget) (?:about )?(?:everything|anything|all|whatever|what) (?:\pL+ ){0,3}?(?:above|before|told|said|previously|so far|learned)\b"
    r"|\b(?:your )?new (?:instructions?|system prompt|persona|directives?) ?(?:are|is|:)|\b(?:admin|system|security|developer|root) (?:override|bypass)\b",
    r"(?:^|[^\pL])(?:ignoriere?|missachte|vergiss|vergessen sie|ignorieren sie|umgehe|überschreibe) (?:\pL+ ){0,4}?(?:anweisung\pL*|regeln?|vorgaben|richtlinien|instruktion\pL*|anleitung\pL*|prompt\pL*|einschränkung\pL*|alles (?:davor|zuvor|bisher\pL*|was))",
    r"(?:^|[^\pL])(?:ignor[ae]r?|olvid[ae]r?|descart[ae]|haz caso omiso de|omite|desobedece) (?:\pL+ ){0,4}?(?:instrucci\pL+|reglas|normas|indicaciones|directrices|restricciones|prompt|todo lo anterior)",
    r"(?:^|[^\pL])(?:ignore[zr]?|oublie[zr]?|contourne[zr]?|désobéi\pL*|ne tiens pas compte|ne tenez pas compte) (?:\pL+[ ']){0,4}?(?:instructions?|consignes|règles|directives|restrictions|prompt|tout ce qui précède)",
    # the marks between the turns of a conversation, which only the application may set
    r"<\|(?:im_start|im_end|system|endoftext|eot_id|start_header_id)\|>|\[/?inst\]|<</?sys>>|(?:^|\n)\W*system(?: message| prompt| override| notice)? ?: ?\W*(?:you (?:are|must|will|should)|ignore|new|from now)"
    r"|<script[^>]*>[^<]{0,200}(?:alert|cookie|eval|fetch)|javascript:[a-z]|<img[^>]{1,200}onerror|['\"] ?(?:or|and) ['\"]?1['\"]? ?= ?['\"]?1|; ?drop table|union (?:all )?select|\{\{ ?\d+ ?\* ?\d+ ?\}\}",
)
# every override has one of these stems: a plain search that most texts end with
OVERRIDE_HINT = (
    r"ignor|disregard|forget|overrid|override|bypass|circumvent|discard|drop|follow|obey|attention|new (?:instr|system|pers|direct)|vergiss|vergess|missacht|umgehe|überschreib|olvid|descart|caso omiso|omite|desobedec|oubli|contourn|désobéi|compte|"
    r"<\||\[/?inst\]|<</?sys|system|script|onerror|union|\{\{|['\"] ?(?:or|and) "
)
TALK = (
    r"\b(?:reveal|show|print|repeat|output|display|tell|give|leak|dump|share|paste|copy|expose|recite|list|write|translate|summari[sz]e|what|what's) (?:\pL+ ){0,4}?(?:(?:your|the|its) (?:\pL+ ){0,3}?(?:system (?:prompt|message|instructions?)|(?:hidden|secret|initial|original|internal|full|exact|own|confidential) (?:instructions?|prompts?|rules|guidelines))|your prompt\b|your instructions ?(?:[.?!,;\n]|$|verbatim|word for|above|as|were|exactly)|(?:the )?(?:text|words|everything) above)",
    r"\b(?:you are|you're|act|pretend|role-?play|behave|respond|answer|imagine|from now on|play|simulate)\b[^.\n]{0,120}\b(?:(?:no|without|free (?:of|from)|not (?:bound|limited|restricted) by|any|ignores?|ignoring) (?:\pL+ ){0,3}?(?:restrictions?|rules|limits|limitations|filters?|guidelines|censorship|constraints|ethics|morals|safeguards|boundaries|polic(?:y|ies))|unrestricted|unfiltered|uncensored|amoral)",
    r"\bdo anything now\b|\bjail-?br(?:eak|oken)|\b(?:developer|god|dan|sudo|debug|root|admin|unrestricted|uncensored|evil|opposite|maintenance|jailbreak) mode\b|\bno longer (?:bound|restricted|an ai)\b|\bstay in character\b|\bprompt injection\b|\byou are (?:now )?dan\b|\bevil (?:twin|ai|bot|assistant)\b",
    r"\b(?:do not|don't|never|must not|cannot|can't|may not) (?:refuse|decline|say no|say (?:that )?you (?:can't|cannot)|mention (?:the |any )?(?:rules|polic))|\bwithout (?:any )?(?:refus|warnings|disclaimers|censor)|\blegally binding\b|\brepeat after me\b|\bagree (?:with|to) (?:anything|everything|whatever)"
    r"|\bi(?:'m| am) (?:your|the|an?|one of your) (?:\pL+ )?(?:developers?|creators?|programmers?|maintainers?|openai|anthropic|system admin\pL*)\b|\b(?:pretend|act)\b[^.\n]{0,60}\b(?:grandm|deceased|my late)",
    r"(?:^|[^\pL])(?:du bist|tu so|spiel|verhalte dich|ab jetzt|stell dir vor)[^.\n]{0,100}(?:ohne (?:\pL+ )?(?:regeln|einschränkungen|filter|grenzen|zensur)|keine\pL* (?:regeln|einschränkungen|grenzen|filter)|uneingeschränkt|unzensiert)"
    r"|(?:^|[^\pL])(?:zeig|verrat|nenn|wiederhol|gib)\pL* (?:\pL+ ){0,4}?(?:system-?prompt|systemanweisung\pL*|(?:geheime|interne|ursprüngliche)\pL* (?:anweisung|regel|prompt)\pL*)",
    r"(?:^|[^\pL])(?:eres|actúa|finge|imagina|compórtate|a partir de ahora|simula)[^.\n]{0,100}(?:sin (?:\pL+ )?(?:restricciones|reglas|filtros|límites|normas|censura)|no tien\pL+ (?:restricciones|reglas|límites))"
    r"|(?:^|[^\pL])(?:muestra|muéstrame|revela|dime|repite|enséñame|dame) (?:\pL+ ){0,4}?(?:prompt|instrucciones (?:internas|ocultas|secretas|iniciales|originales|del sistema)|mensaje del sistema)",
    r"(?:^|[^\pL])(?:tu es|vous êtes|agis|fais comme si|fais semblant|imagine|désormais|joue)[^.\n]{0,100}(?:sans (?:\pL+ )?(?:restrictions?|règles|filtres?|limites?|censure)|n'as (?:plus )?(?:de|aucune) (?:restrictions?|règles?|limites?))"
    r"|(?:^|[^\pL])(?:montre|révèle|affiche|dis|donne|répète)[rz]?(?:-moi|-nous)? (?:\pL+ ){0,4}?(?:prompt|instructions (?:système|cachées|secrètes|internes|initiales))",
    r"\b(?:decode|decrypt|decipher|unscramble)\b[^.\n]{0,60}\b(?:and|then) (?:\pL+ ){0,2}?(?:follow|execute|run|do|obey|answer|act|respond|comply)|\b(?:in|using|as|with) (?:base64|rot13|leetspeak|morse)\b|\b(?:base64|rot13)\b[^.\n]{0,40}\b(?:decode|follow|execute|run)",
)
# letters that nobody sees: tags and directional overrides hide text from the reader and not from the model
UNSEEN = r"[\x{E0000}-\x{E007F}\x{202D}\x{202E}\x{2066}-\x{2069}]"
BASE64 = re.compile(r"(?<![\w/+.%-])[A-Za-z0-9+/]{24,2000}={0,2}(?![\w/+.%-])")

CONDITION = (
    r"(?:^|[^\pL])(?:if|unless|provided that|assuming|suppose|in case|even though|wenn|sofern|angenommen|falls (?:ich|wir|man|das|der|die|es|mein)|si|siempre que|a menos que|"
    r"en caso de que|aunque|au cas où|à condition que|s'il|supposons)[^\pL]"
)
DEPENDENT = (
    r"(?:^|[^\pL])(?:if (?:so|not|yes|it (?:does|doesn't|is|isn't))|in (?:that|which) case|depending on|based on (?:that|this|the answer)|which of (?:them|these|those|the two)|given that|"
    r"wenn (?:ja|nicht|nein)[,:]|falls (?:ja|nicht|nein)|in (?:dem|diesem) fall|je nachdem|welche[rs]? davon|si (?:es así|no es así)|en (?:ese|este|tal) caso|dependiendo|cuál de (?:ellos|ellas|estos|los dos)|de lo contrario|"
    r"si (?:oui|non|c'est le cas)|sinon|dans ce cas|lequel|laquelle)[^\pL]"
    r"|\bthe \pL+ of the \pL+ (?:of|where|that|who|whose|which|in which)\b|\b(?:who|that|which|whose) [^.?!]{3,60} (?:who|whose) "
)
SEQUENCE = r"(?:^|[^\pL])(?:and then|after that|afterwards|followed by|first[^.?!]{3,80}(?:then|second|next)|once (?:that|it|this|i)|und dann|danach|anschließend|zuerst|y (?:luego|después)|después de eso|primero|et (?:ensuite|puis)|après cela|d'abord)[^\pL]"
COMPARISON = (
    r"(?:^|[^\pL])(?:compared? (?:to|with)|comparison|versus|vs\.?|differences? between|(?:better|worse|cheaper|faster|longer|older|newer|larger|smaller|higher|lower) than|(?:more|less|fewer) (?:\pL+ )?than [^\d\s]\pL*|cheapest|"
    r"im vergleich|verglichen|vergleiche?|unterschied(?:e)? zwischen|(?:besser|schlechter|günstiger|billiger|schneller|länger|größer|kleiner|mehr|weniger) als|comparad[oa]|comparar|diferencias? entre|(?:mejor|peor|más|menos) (?:\pL+ )?que|"
    r"par rapport à|comparer|comparé\pL*|différences? entre|(?:mieux|meilleur\pL*|pire|plus|moins) (?:\pL+ )?qu[e'])[^\pL]"
)
TOGETHER = (
    r"(?:^|[^\pL])(?:as well as|at the same time|on top of|combined|together with|in total|altogether|both [^.?!]{1,60} and|add(?:ed)? up|sowohl|zusammen|gleichzeitig|insgesamt|tanto [^.?!]{1,60} como|"
    r"al mismo tiempo|en total|junto con|à la fois|en même temps|au total|ainsi que)[^\pL]"
)
JOINED = (
    r"[^\pL](?:and|also|plus|then|but) (?:also |then |if so |so )?(?:how|what|when|where|which|who|why|can i|do i|does|is|are|will|would|could|should)[^\pL]"
    r"|[^\pL](?:und|oder|aber) (?:wie|was|wann|wo|welche\pL*|wer|warum|kann ich|muss ich)[^\pL]|[^\pL](?:y|pero) (?:cómo|qué|cuándo|dónde|cuál|quién|cuánto|puedo)[^\pL]|[^\pL](?:et|mais) (?:comment|que|quand|où|quel\pL*|qui|pourquoi|combien|est-ce)[^\pL]"
)
QUESTION = r"[?？؟]"
QUANTITY = r"(?:^|[\s(€$£])\d[\d.,]*(?:[\s?!%€$£)]|$)"
# a sentence that wants something, with or without its question mark
ASKING = (
    r"[?？؟]|^\W*(?:(?:please|and|so|ok|hi|hey|hello)[ ,]+)?(?:what|how|who|when|where|why|which|will|is|are|can|could|do|does|tell|give|show|find|list|predict|check|look|compare|explain|i (?:want|need|would like)|"
    r"was|wie|wer|wann|wo|warum|gib|nenn|zeig|sag|qué|cómo|quién|cuándo|dónde|cuál|dime|dame|comment|qui|quand|où|quel|dis|donne|montre)(?:[^\pL]|$)"
)

FOREIGN = r"[\p{Cyrillic}\p{Arabic}\p{Hebrew}\p{Devanagari}\p{Bengali}\p{Tamil}\p{Telugu}\p{Thai}\p{Georgian}\p{Armenian}]{3,}|[\p{Greek}]{4,}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]{2,}"
SCRIPTS = ("Cyrillic", "Arabic", "Hebrew", "Greek", "Thai", "Devanagari", "Hangul", "Hiragana", "Han")
LATIN_RUN = r"(?:\p{Latin}{2,}[ ,']+){2}\p{Latin}{2,}"
# words that a language uses all the time; a sentence is in the language of which it has most
LANGUAGES = {
    "en": "the and you your my we they he she it its their his her our this that these those a an of to for with without from by at on in into about what why how who which when where if than then "
    "also still again there here i i'm it's is are was were be been being has have had do does did don't not no but or so as can could should would will may please thanks hello because get got any me us just "
    "some must much more most one two other only out up over after before while both each few several since until per between against during very too such same "
    "die war hat come con sin son hay mine pour den wie man men ten dove",
    "de": "der die das den dem des ein eine einen einem einer und oder aber doch nicht kein keine ist sind war waren bin habe hast hat haben wurde werden wird kann können kannst muss ich du er sie es wir ihr mein meine "
    "meinen meiner dein ihre mich mir dir dich uns sich mit ohne auf für von bei nach über um am im zu zum zur an in aus als auch noch nur schon sehr wie wenn dass warum wann wo wer was welche bitte danke hallo gibt",
    "es": "el la los las un una unos unas de del al y o que por para con sin en a no muy más pero cuando donde dónde cómo qué cuál quién cuánto es son está están estoy hay ser hace puedo puede puedes tengo tiene tienes "
    "quiero necesito mi mis tu su sus yo me te se le lo nos esto esta este eso ese porque también todavía ya desde favor gracias hola he ha",
    "fr": "le la les un une des du de au aux et ou où que qui quoi je tu il elle on nous vous ne pas plus très mais donc mon ma mes ton votre vos notre son sa ses ce cette ces c'est j'ai qu'il n'est est sont suis être avoir ai avez a "
    "dans sur pour avec sans par en y chez depuis comment pourquoi quand combien quel quelle peux pouvez puis voudrais s'il bonjour merci aussi encore jamais toujours me se",
    "it": "il lo la i gli le un una di del della dei delle al alla e o ma che non per con su da in nel nella è sono sei siamo ho hai ha mi ti si ci questo questa quello come perché quando dove mio mia vorrei posso puoi grazie ciao buongiorno anche ancora più",
    "pt": "o os as um uma uns de do da dos das no na em por para com sem e ou mas que não se eu você meu minha meus seu sua isso isto esse este essa está são ser ter tem é como quando onde porque obrigado obrigada olá quero posso pode preciso também ainda mais muito pelo pela ao",
    "nl": "de het een en of maar niet geen ik je jij hij zij wij jullie mijn jouw ons is zijn was ben heb hebt heeft had kan kunnen moet wil wordt van voor naar bij met zonder op in te aan uit om als ook nog al wat waar wanneer waarom hoe wie deze dit dat er graag bedankt",
}
# parts of names and words of another language that look the same: alone they tell nothing
HOMOGRAPHS = "eu die war hat bin den des am an in so me no on has had he es van el la le los las les de del des du da do di un une y en se te tu al as of or was also is i a par son sa ma mi ha sur ton plus pour me on to per uns dos wie van as"
CHAT = r"^\W*(?:yes|no|ok|okay|thanks|thank you|hi|hello|hey|sure|please|bye|stop|help|ja|nein|danke|hallo|bitte|sí|si|gracias|hola|oui|non|merci|bonjour|salut|\d[\d\W]*)\W*$"
SLANG = (
    r"(?:^|[^\pL'])(?:pls|plz|pleez|thx|tnx|ty|u|ur|r|y|gonna|wanna|gotta|gimme|lemme|dunno|kinda|idk|idc|lol|lmao|omg|wtf|wth|tbh|imo|imho|btw|asap|cuz|coz|bc|b4|gr8|m8|l8r|2day|2moro|dis|dat|wat|wut|wot|ain't|y'all|yo|bro|dude|fam|sup|rn|smh|ngl|"
    r"dont|cant|wont|didnt|doesnt|isnt|whats|wheres|hab|nich|nix|vllt|vlt|iwie|bidde|kp|xq|pq|tmb|porfa|stp|svp|pcq|jsp|mdr|slt|bjr|tkt|chui)(?:[^\pL']|$)"
)
STRETCHED = "|".join(f"{letter}{{3,}}" for letter in "abcdefghjklmnopqrstuvyz") + r"|[!?]{3,}|(?:\b\pL ){5,}"
UNSPACED = r"(?:^|\s)[\pL',.!?]{28,}(?:\s|$)"

LIVE = (
    r"\b(?:weather|forecast|temperature outside|stock (?:price|market)|share price|exchange rates?|(?:bitcoin|crypto\pL*) (?:price|rate)|price of (?:bitcoin|crypto)|lottery numbers|traffic (?:on|in|today|right now)|latest news|news today|today's (?:news|headlines|date|weather|price)|breaking news|"
    r"score of|who won (?:[^.?!]{0,40} )?(?:last night|yesterday|today|this (?:morning|week|weekend))|election results?|what (?:time|day) is it|current (?:president|prime minister|ceo|price of|time in|weather|events|population))"
    r"|(?:wetter|aktienkurs|wechselkurs|börsenkurs|lottozahlen|nachrichten von heute|wie spät ist es)|(?:pronóstico|el tiempo (?:hoy|mañana|en)|tipo de cambio|precio de las acciones|noticias de hoy|qué hora es)|(?:météo|cours de l'action|taux de change|actualités du jour|quelle heure est-il)"
)
FUTURE = (
    r"\b(?:when (?:will|is|are|does) [^.?!]{2,80}(?:be released|release date|come out|coming out|be announced|be launched|launch(?:ing)?|be available)|release date|predict (?:what will|how|who|whether|the (?:future|price|winner|outcome|stock))\b|rumou?r\pL*|unreleased|unannounced|not yet (?:released|announced|launched)|upcoming|roadmap|next[- ](?:gen|generation|year|decade|version|model|iphone)|"
    r"(?:plans?|planning|going) to (?:release|launch|announce|acquire|open|discontinue|raise|introduce)|will (?:\pL+ ){1,4}?(?:ever|still exist|go up|rise|fall|win|happen|release|launch|announce|introduce|merge)|in the (?:near )?future|years? from now|by 20[3-9]\d)"
    r"|nächste[sn]? (?:jahr|version|generation|modell)|wann (?:kommt|erscheint|wird) [^.?!]{2,80}(?:raus|heraus|erscheinen|veröffentlicht|auf den markt|angekündigt)|in zukunft|gerüchte?|próxim[oa] (?:año|versión|generación|modelo)|cuándo (?:sale|saldrá|lanzar\pL+)|en el futuro|rumor(?:es)?|l'année prochaine|prochaine? (?:version|génération|modèle)|quand sort(?:ira)?|à l'avenir|rumeurs?"
)
PRIVATE = (
    r"\b(?:(?:home|private|personal) (?:address|phone|number|email|e-mail)|(?:your|their|its|'s) (?:\pL+ )?(?:salar(?:y|ies)|revenue|turnover|profits?|margins?)|how much (?:do|does|did) (?:\pL+ ){1,5}?(?:earn|make a year|get paid)|net worth|how many (?:employees|customers|users|people work)|source code|trade secret|"
    r"(?:another|other|someone else's|a different|my (?:neighbou?r|colleague|boss|ex|friend|wife|husband|brother|sister|mother|father)'?s?) (?:customer|user|client|person)?(?:'s|s')? ?(?:account|orders?|address|password|details|data|phone number|messages|email)|what am i (?:thinking|wearing|holding|doing)|guess (?:my|what)|"
    r"who (?:is|are|was) (?:\pL+ )?(?:the )?(?:ceo|founder|owner|chief \pL+|investors?|shareholders?)|where does (?:\pL+ ){1,4}?live)"
    r"|privatadresse|privatnummer|gehalt|verdient|umsatz|wie viele (?:mitarbeiter|kunden)|dirección (?:personal|particular)|sueldo|salario|cuántos (?:empleados|clientes)|facturación|adresse (?:personnelle|privée)|salaire|combien (?:de|d')(?: )?(?:employés|clients)|chiffre d'affaires"
)
OTHERS = (
    r"\b(?:competitors?|rival (?:compan|brand|product)\pL*|(?:other|another|different) (?:compan(?:y|ies)|vendors?|retailers?|stores?|shops?|brands?|banks?|providers?|manufacturers?|airlines?)(?:'s|')?)\b|konkurren(?:z|ten?)|andere[nrs]? (?:anbieter|firma|firmen|unternehmen|hersteller|händler|marke)\pL*"
    r"|competencia|competidor\pL*|otr[ao]s? (?:empresa|marca|tienda|proveedor|fabricante)s?|concurren(?:ts?|ce)|autres? (?:entreprise|marque|magasin|fournisseur|fabricant)s?"
)
