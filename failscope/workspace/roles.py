"""Who may promote: hides how roles are told from the log, and what holds before anybody has one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from failscope.errors import ArgumentError, RoleError
from failscope.review import events as kinds
from failscope.review.ledger import Ledger
from failscope.review.wording import short_name
from failscope.workspace.store import Store

ROLES = ("curator", "reviewer")


class Roles:
    """A reviewer proposes, a curator promotes. Nobody is asked for a password: a role is what the team agreed on.

    While there is no curator, whoever is not a reviewer of some review may promote, and anybody may name the first one;
    from then on only curators promote and name others. A person may review and be a curator.
    """

    def __init__(
        self, log: Store, ledger: Callable[[], Ledger], reviewers: Callable[[], Iterable[str]]
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._reviewers = reviewers

    def set(self, person: str, role: str, *, by: str) -> None:
        """Give somebody a role."""
        who, actor = short_name(person, "person"), short_name(by, "curator")
        if role not in ROLES:
            raise ArgumentError(f"role {role!r} is not known; the roles are {', '.join(map(repr, ROLES))}")
        with self._log.writing() as connection:  # nobody else becomes the first curator meanwhile
            curators = self.curators()
            if curators and actor not in curators:
                raise RoleError(f"{actor!r} is no curator, and a role is given by one: {_listed(curators)}")
            if role != "curator" and curators == [who]:
                raise ArgumentError(f"{who!r} is the only curator; name another one first")
            said = {"person": who, "role": role}
            self._log.append_in(connection, kinds.ROLE_SET, actor=actor, payload=said)

    def frame(self) -> pd.DataFrame:
        """Who has which role: index ``person``; ``role, by, at``."""
        ledger, rows = self._ledger(), {}
        for event in ledger.others(kinds.ROLE_SET):
            rows[ledger.name(event.payload["person"])] = (event.payload["role"], event.actor, event.at)
        index = pd.Index(list(rows), name="person", dtype="str")
        return pd.DataFrame(list(rows.values()), index=index, columns=["role", "by", "at"])

    def curators(self) -> list[str]:
        """The curators' names."""
        roles = self.frame()
        return roles.index[roles["role"] == "curator"].tolist()

    def of(self, person: str) -> str:
        """``"curator"``, ``"reviewer"``, or "" for somebody who is neither."""
        roles = self.frame()
        if person in roles.index:
            return str(roles.loc[person, "role"])
        return "reviewer" if person in set(self._reviewers()) else ""

    def curator(self, person: str) -> str:
        """The person's name.

        Raises
        ------
        RoleError
            They may not promote.
        """
        who = short_name(person, "curator")
        curators = self.curators()
        if who in curators:
            return who
        if curators:
            raise RoleError(f"{who!r} is no curator of this workspace; {_listed(curators)}")
        if self.of(who) == "reviewer":
            raise RoleError(
                f"{who!r} is a reviewer here: a reviewer proposes, a curator promotes; "
                f"name a curator with ws.set_role({who!r}, 'curator', by=...)"
            )
        return who


def _listed(curators: list[str]) -> str:
    return f"curators are {', '.join(map(repr, curators))}; one of them can name others with ws.set_role"
