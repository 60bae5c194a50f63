"""Names that no words introduce, found by a model: hides Presidio's engine, its kinds and its scores."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from failscope.errors import ArgumentError, MissingPackageError
from failscope.traces.personal import Found

_KINDS = {
    "PERSON": "name",
    "EMAIL_ADDRESS": "e-mail",
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "card",
    "IP_ADDRESS": "IP",
    "US_SSN": "national number",
    "US_ITIN": "national number",
    "UK_NHS": "national number",
    "UK_NINO": "national number",
    "ES_NIF": "national number",
    "ES_NIE": "national number",
    "IT_FISCAL_CODE": "national number",
    "PL_PESEL": "national number",
}
_MODELS = {
    "en": "en_core_web_lg",
    "de": "de_core_news_lg",
    "fr": "fr_core_news_lg",
    "es": "es_core_news_lg",
    "it": "it_core_news_lg",
    "nl": "nl_core_news_lg",
    "pt": "pt_core_news_lg",
}
_SURE = 0.99


class PresidioFinder:
    """Finds personal data with Microsoft Presidio and a spaCy model; called as ``find_personal`` is.

    Both are optional. Nothing is downloaded: Presidio alone would fetch a missing model. It has no rules for keys and
    passwords, so use both: ``lambda text: [*find_personal(text), *presidio(text)]``.

    Parameters
    ----------
    language : str
        The language of the texts, "en".
    model : str, optional
        The spaCy model; the large one of the language by default.
    entities : sequence of str, optional
        What to look for, as Presidio calls it. By default people, addresses of mail and machines, phones, accounts,
        cards and numbers of persons; not dates, places, links and groups, which most texts have.
    threshold : float
        The least score, 0 to 1.
    engine : AnalyzerEngine, optional
        One that is set up already; ``model`` is not read then.

    Raises
    ------
    MissingPackageError
        Presidio or the model is not installed; the message has the command.
    ArgumentError
        No model is known for the language.

    Examples
    --------
    >>> finder = PresidioFinder("en")                                  # doctest: +SKIP
    >>> mask({"input": "Ana Ruiz cannot log in"}, finder=finder).texts   # doctest: +SKIP
    {'input': '[name 1] cannot log in'}
    """

    def __init__(
        self,
        language: str = "en",
        *,
        model: str | None = None,
        entities: Sequence[str] | None = None,
        threshold: float = 0.4,
        engine: Any = None,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise ArgumentError(f"threshold is {threshold!r}; a score is from 0 to 1")
        self.language = language
        self.entities = tuple(_KINDS if entities is None else entities)
        self.threshold = threshold
        self._engine = engine if engine is not None else _engine(language, model)

    def __call__(self, text: str) -> list[Found]:
        """What Presidio finds in a text, in the order it stands; finds may overlap."""
        found = [
            Found(
                kind=_KINDS.get(result.entity_type, result.entity_type.lower().replace("_", " ")),
                start=result.start,
                end=result.end,
                text=text[result.start : result.end],
                certain=result.score >= _SURE,
            )
            for result in self._engine.analyze(
                text=text, language=self.language, score_threshold=self.threshold
            )
            if result.entity_type in self.entities
        ]
        return sorted(found, key=lambda f: (f.start, -f.end))

    def __repr__(self) -> str:
        return f"PresidioFinder({self.language!r}, threshold={self.threshold})"


def _engine(language: str, model: str | None) -> Any:
    try:
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider
    except ImportError as error:
        raise MissingPackageError(
            f"PresidioFinder needs Presidio, which is not installed ({error}); pip install presidio-analyzer"
        ) from error
    name = model or _MODELS.get(language)
    if name is None:
        raise ArgumentError(
            f"no spaCy model is known for the language {language!r}, only for {', '.join(_MODELS)}; pass model="
        )
    if find_spec(name) is None:
        raise MissingPackageError(
            f"the spaCy model {name!r} is not installed; python -m spacy download {name}"
        )
    setup = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": name}]}
    return AnalyzerEngine(
        nlp_engine=NlpEngineProvider(nlp_configuration=setup).create_engine(), supported_languages=[language]
    )
