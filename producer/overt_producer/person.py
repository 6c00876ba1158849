"""The person at the endpoint: what they were asked, what they want, and what follows at once."""

from collections.abc import Callable

from overt_producer import consent, telemetry
from overt_producer.asking import Asking, Question
from overt_producer.authority_view import Authority
from overt_producer.desk import Desk
from overt_producer.home import Home
from overt_producer.pipeline import Now
from overt_producer.spool.store import Spool
from overt_producer.statements import notice_of, receipt, signed
from overt_schemas.errors import Permanent, Refused
from overt_schemas.signing import SigningKey


class Person:
    """Carries out what the person decides.

    Args:
        purge: drops whatever capture holds in memory; called within an opt-out.
    """

    def __init__(
        self, home: Home, boot: bytes, desk: Desk, authority: Authority, spool: Spool,
        signer: SigningKey, purge: Callable[[Now], None],
    ) -> None:  # fmt: skip
        self._home, self._boot, self._signer, self._purge = home, boot, signer, purge
        self._enrolled = home.enrolled()
        self._authority, self._spool = authority, spool
        self._asking = Asking(desk)
        self._is_asked_again = False
        # Whoever ended halfway through an opt-out left content behind: it is let go now.
        self._owes_purge = home.opted_out.exists()

    def pause(self) -> None:
        """Capture nothing until ``resume``."""
        self._authority.save(consent.paused(self._authority.will))

    def resume(self) -> None:
        """Go on, if everything else allows it."""
        self._authority.save(consent.resumed(self._authority.will))

    def withdraw(self, now: Now) -> None:
        """Take consent back; what was captured under it stays under it."""
        self._asking.void()
        self._decide(consent.withdrawn(self._authority.will, now.wall_ms), now)

    def opt_out(self, now: Now) -> None:
        """Stop for good, now: nothing that waits anywhere on this machine leaves it."""
        self._owes_purge = True
        self._asking.void()
        self._home.write("opted-out", f"{now.wall_ms}\n")
        self._decide(consent.opted_out(self._authority.will, now.wall_ms), now)
        self._purge(now)
        count = self._spool.drop_opted_out(self._signer, now.wall_ms)
        self._spool.checkpoint(is_emptied=True)
        self._owes_purge = False
        telemetry.content_dropped("opt_out", count)

    def ask_again(self) -> None:
        """Put the consent prompt up, whatever was answered before; only agreeing changes much."""
        self._is_asked_again = True

    def look(self, now: Now) -> None:
        """Follow the marker of an opt-out, ask what must be asked, take an answer in.

        What an earlier process decided and had not carried out when it ended is carried out first.

        Raises:
            Refused: the person said no, or nothing: capture must end.
        """
        is_marked = self._home.opted_out.exists()
        if self._owes_purge or (is_marked and not self._authority.will.is_opted_out):
            self.opt_out(now)
        self._state(now)
        rules = self._authority.rules()
        if rules is not None and not self._asking.is_open and self._must_ask(rules.name):
            notice = notice_of(rules.policy, rules.name)
            question = Question(name=rules.name, policy=rules.policy, notice=notice)
            self._asking.ask(question, now.wall_ms)
        answered = self._asking.take()
        if answered is None:
            return
        question, reply = answered.question, answered.reply
        if reply is None:
            raise Refused(
                "nobody answered the consent prompt: nothing was captured", reason="no_answer"
            )
        made = receipt(
            self._enrolled.device_id, self._enrolled.person, question.policy, question.name,
            question.notice, reply,
        )  # fmt: skip
        if not consent.may_answer_for_nobody(made, question.policy.synthetic):
            raise Permanent("a receipt of that method does not fit the policy", reason="consent")
        self._decide(consent.decided(self._authority.will, made), now)
        if made.decision != consent.AGREED:
            raise Refused("consent was refused: nothing was captured", reason="refused")
        # Only now: had the process died in between, the opt-out would still hold.
        self._home.opted_out.unlink(missing_ok=True)

    def _must_ask(self, policy: str) -> bool:
        if self._is_asked_again:
            self._is_asked_again = False
            return True
        return consent.needs_prompt(self._authority.will, policy)

    def _decide(self, after: consent.Will, now: Now) -> None:
        self._authority.save(after)
        self._state(now)

    def _state(self, now: Now) -> None:
        will = self._authority.will
        for earlier in will.owed:
            self._spool.say("consent", self._boot, signed(earlier, self._signer), now.wall_ms)
        if will.owed:  # said twice after a kill here, which changes nothing
            self._authority.save(consent.told(will))
        receipt = self._authority.unstated()
        if receipt is not None:
            self._spool.say("consent", self._boot, signed(receipt, self._signer), now.wall_ms)
            self._authority.stated(receipt)
