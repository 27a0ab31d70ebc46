"""What users say of securities, in the database: each user's own."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete, insert, select

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.reach import may_work, require_at_work
from allocation.adapters.sql.security_tables import security_class, security_facts
from allocation.adapters.sql.upsert import upsert
from allocation.ports import Trail
from allocation.securities import FactsSource, SecurityFacts
from allocation.symbols import canonical
from allocation.trail import EventKind


class SqlSecurities:
    """`Securities` in a database; a part of its store."""

    _database: Database
    _trail: Trail | None
    _now: Callable[[], datetime]

    def security_facts(self, user_id: str) -> dict[str, SecurityFacts]:
        """What the user said of securities, by canonical symbol."""
        facts, classes = security_facts.c, security_class.c
        with self._database.reading(user_id) as connection:
            found = connection.execute(
                select(security_facts).where(facts.user_id == user_id, may_work(user_id)).order_by(facts.symbol)
            ).all()
            lines = connection.execute(
                select(security_class)
                .where(classes.user_id == user_id, may_work(user_id))
                .order_by(classes.symbol, classes.line)
            ).all()
        shares: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
        for line in lines:
            shares[line.symbol][line.name] = line.share
        return {
            row.symbol: SecurityFacts(
                row.symbol, shares[row.symbol], row.sector, row.region, row.isin, FactsSource(row.source)
            )
            for row in found
        }

    def save_security_facts(self, user_id: str, facts: SecurityFacts) -> None:
        """Keep what the user says of a security in place of what was there."""
        key = {"user_id": user_id, "symbol": facts.symbol}
        told = {"sector": facts.sector, "region": facts.region, "isin": facts.isin, "source": facts.source.value}
        lines = [
            {**key, "line": line, "name": name, "share": share}
            for line, (name, share) in enumerate(facts.classes.items())
        ]
        classes = security_class.c
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(upsert(security_facts, connection), {**key, **told, "saved_at": self._now()})
            connection.execute(delete(security_class).where(classes.user_id == user_id, classes.symbol == facts.symbol))
            if lines:
                connection.execute(insert(security_class), lines)
            if self._trail is not None:
                self._trail.record(EventKind.SECURITY_DESCRIBED, facts.symbol, user_id=user_id)

    def remove_security_facts(self, user_id: str, symbol: str) -> None:
        """Forget what the user said of a security; harmless when there is nothing."""
        facts, name = security_facts.c, canonical(symbol)
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            gone = connection.execute(delete(security_facts).where(facts.user_id == user_id, facts.symbol == name))
            if gone.rowcount and self._trail is not None:
                self._trail.record(EventKind.SECURITY_FORGOTTEN, name, user_id=user_id)
