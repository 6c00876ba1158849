"""Carries out what `reconcile` decided, one step at a time. SHELL.

The bucket first, its row behind it; each step asks index and bucket once more, in a transaction
that no mover and no eraser decides beside. What has changed since is passed over: the next run
looks again. A crash between bucket and row leaves a row that points at nothing, which the next run
drops.
"""

from dataclasses import dataclass
from typing import assert_never

from overt_schemas.errors import Malformed, Refused
from overt_sinks import container
from overt_sinks.audit import mend_rows, mending, rows
from overt_sinks.audit.mending import Do, Left, Plan, Step
from overt_sinks.audit.reading import Progress, patiently
from overt_sinks.audit.reconcile import Survey
from overt_sinks.container import Object
from overt_sinks.index import HOT
from overt_sinks.stores.store import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Mender:
    """Mends what one survey looked at; needs an identity that may delete."""

    survey: Survey

    def do_all(self, plan: Plan, progress: Progress) -> int:
        """Carry out a plan and return how many steps there was something to do in.

        What this identity may not do joins what is left: on PostgreSQL an eraser gives no rows
        back.

        Raises:
            Transient: bucket or index give no answer; run it again.
            Refused: it may do nothing of it.
        """
        done, refused = 0, list[Refused]()
        for number, step in enumerate(plan.steps, 1):
            try:
                done += self.do(step)
            except Refused as exc:
                refused.append(exc)
                plan.add(Left(why=f"refused: {exc}", tier=step.tier, object=step.object))
            progress(number, len(plan.steps))
        if refused and not done:
            raise refused[0]
        return done

    def do(self, step: Step) -> bool:
        """Carry out a step; whether there was still something to do.

        Raises:
            Transient: bucket or index give no answer; run it again.
            Refused: this identity may not.
        """
        match step.do:
            case Do.ADOPT:
                done = self._adopt(step)
            case Do.INDEX:
                done = self._index(step)
            case Do.RETIER:
                done = self._retier(step)
            case Do.DELETE:
                done = self._delete(step)
            case Do.FORGET:
                done = self._forget(step)
            case Do.RELEASE:
                with mend_rows.deciding(self.survey.index) as db:
                    done = mend_rows.release(db, self.survey.grace_over_ms) > 0
            case Do.PURGE:
                done = self.survey.tiers[step.tier].purge(step.object) > 0
            case _:
                assert_never(step.do)
        return done

    def _adopt(self, step: Step) -> bool:
        found = self._object(step.object)
        return found is not None and self.survey.index.insert(found, self._now)

    @property
    def _now(self) -> int:
        return self.survey.world.now_ms

    def _object(self, name: str) -> Object | None:
        try:
            return container.adopt(patiently(lambda: self.survey.tiers[HOT].read(name)))
        except (NotFound, Malformed):
            return None

    def _index(self, step: Step) -> bool:
        found, again = self._object(step.object), self.survey.read(HOT, step.object)
        if found is None or again is None:
            return False
        unmet = mending.runs_unmet(self.survey.world, again)
        if not unmet:
            return False
        begins = {again.runs[number].byte_from for number in unmet}
        with mend_rows.deciding(self.survey.index) as db:
            return mend_rows.index_again(db, found, begins, self._now)

    def _retier(self, step: Step) -> bool:
        found = self.survey.read(step.tier, step.object)
        with mend_rows.deciding(self.survey.index) as db:
            place = rows.places(db, [step.object]).get(step.object)
            if found is None or place is None or place.sha256 != found.sha256:
                return False
            mend_rows.retier(db, step.object, step.tier)
        return True

    def _delete(self, step: Step) -> bool:
        store = self.survey.tiers[step.tier]
        with mend_rows.deciding(self.survey.index) as db:
            is_free = mend_rows.is_free(db, step.object, step.tier)
            if not is_free and not mend_rows.is_spent(db, step.object, self.survey.grace_over_ms):
                return False
            store.delete(step.object)
            store.purge(step.object)
        if not is_free:
            with mend_rows.deciding(self.survey.index) as db:
                mend_rows.forget(db, step.object, self.survey.grace_over_ms)
        return True

    def _forget(self, step: Step) -> bool:
        try:
            self.survey.tiers[step.tier].head(step.object)
        except NotFound:
            with mend_rows.deciding(self.survey.index) as db:
                return mend_rows.forget(db, step.object, self.survey.grace_over_ms)
        return False
