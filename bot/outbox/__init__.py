"""What is owed to people: stored with what it tells of (owing), claimed when it may go and paced
(claims), sent outside any transaction (sending), and recorded (outcomes)."""

from __future__ import annotations

from bot.outbox.claims import Feeder as Feeder
from bot.outbox.claims import Guard as Guard
from bot.outbox.owing import Owed as Owed
from bot.outbox.owing import owe as owe
from bot.outbox.owing import tell as tell
from bot.outbox.owing import tell_many as tell_many
from bot.outbox.owing import withdraw as withdraw
from bot.outbox.sending import Outbox as Outbox
