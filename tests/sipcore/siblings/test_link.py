"""Real sockets in a real directory: who is there, what is said in order, and how one ends."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sipcore.contract.flow import Flow
from sipcore.errors import ConfigurationError
from sipcore.siblings import SiblingLink
from sipcore.siblings.frames import RECEIVED, pack
from sipcore.siblings.link import QUEUED_FRAMES

pytestmark = pytest.mark.anyio
FLOW = Flow("udp", "192.0.2.1", 5060)


class Sibling:
    """A link, and what it has told."""

    def __init__(self, directory, name, run="1f2e"):
        self.there, self.told, self.batches = [], [], 0
        self.link = SiblingLink(
            directory,
            name,
            run,
            joined=lambda name, run: self.there.append((name, run)),
            left=lambda name: self.there.remove(next(each for each in self.there if each[0] == name)),
            received=lambda name, frame: self.told.append((name, frame)),
            after_batch=self.batch,
        )

    @classmethod
    async def at(cls, directory, name, run="1f2e"):
        sibling = cls(directory, name, run)
        await sibling.link.start()
        return sibling

    def batch(self):
        self.batches += 1


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "siblings"


async def test_siblings_find_each_other_whoever_starts_first(directory):
    siblings = [await Sibling.at(directory, f"w{number}", f"r{number}") for number in (1, 2, 3)]
    assert len(siblings[2].there) == 2, "who starts knows the others before anything of theirs can reach it"

    await until(lambda: all(len(each.there) == 2 for each in siblings))

    assert sorted(siblings[0].there) == [("w2", "r2"), ("w3", "r3")]
    assert sorted(siblings[2].there) == [("w1", "r1"), ("w2", "r2")]
    for each in siblings:
        each.link.close()
    assert list(directory.iterdir()) == []


async def test_frames_arrive_whole_and_in_order_however_slow_the_reader(directory):
    one, other = await Sibling.at(directory, "w1"), await Sibling.at(directory, "w2")
    await until(lambda: one.there and other.there)
    frames = [pack(RECEIVED, FLOW, b"%d " % number + b"x" * 60_000) for number in range(500)]

    assert all(one.link.post("w2", frame) for frame in frames)  # 30 MB: far more than the kernel keeps

    await until(lambda: len(other.told) == len(frames))
    assert other.told == [("w1", frame) for frame in frames]
    assert other.batches < len(frames), "what arrives together is given together"
    one.link.close()
    other.link.close()


async def test_what_waits_for_a_sibling_that_does_not_read_is_bounded(directory):
    one, other = await Sibling.at(directory, "w1"), await Sibling.at(directory, "w2")
    await until(lambda: one.there and other.there)
    frame = pack(RECEIVED, FLOW, b"x" * 100_000)

    sent = 0
    while one.link.post("w2", frame):  # nobody reads meanwhile: this is one turn of the loop
        sent += 1

    assert QUEUED_FRAMES < sent < 2 * QUEUED_FRAMES
    one.link.close()
    other.link.close()


async def test_the_end_of_a_sibling_is_noticed_at_once_and_its_name_may_come_back(directory):
    one, other = await Sibling.at(directory, "w1"), await Sibling.at(directory, "w2", "old")
    await until(lambda: one.there and other.there)

    other.link.close()
    await until(lambda: not one.there)
    assert not one.link.post("w2", b"anything")

    again = await Sibling.at(directory, "w2", "new")
    await until(lambda: one.there == [("w2", "new")] and again.there)
    assert one.link.post("w2", pack(RECEIVED, FLOW))
    await until(lambda: again.told)
    one.link.close()
    again.link.close()


async def test_a_new_life_of_a_name_ends_the_old_one(directory):
    """As when a worker that was told its name has been started again before its end was noticed."""
    one, _ = await Sibling.at(directory, "w1"), await Sibling.at(directory, "w2", "old")
    again = await Sibling.at(directory, "w2", "new")

    await until(lambda: [each for each in one.there if each[0] == "w2"] == [("w2", "new")])

    assert one.link.post("w2", pack(RECEIVED, FLOW, b"x"))
    await until(lambda: again.told)
    for each in (one, again):
        each.link.close()


async def test_two_of_one_name_are_no_siblings_and_it_is_said(directory, caplog):
    one, other = await Sibling.at(directory, "w1", "r1"), await Sibling.at(directory, "w1", "r2")

    await until(lambda: "another worker behind this port is called w1 too" in caplog.text)

    assert one.there == other.there == []
    one.link.close()
    other.link.close()


async def test_what_a_killed_worker_leaves_in_the_directory_is_removed(directory):
    directory.mkdir(mode=0o700)
    left = directory / "0123456789"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(left))

    one = await Sibling.at(directory, "w1")

    assert not left.exists()
    assert one.there == []
    one.link.close()


async def test_one_who_does_not_listen_yet_is_left_alone(directory):
    directory.mkdir(mode=0o700)
    starting = directory / ".0123456789"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind(str(starting))

        one = await Sibling.at(directory, "w1")

        assert starting.exists()
        one.link.close()


async def test_somebody_who_does_not_greet_is_not_listened_to(directory):
    one = await Sibling.at(directory, "w1")
    [place] = directory.iterdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(place))
        stranger.send(pack(RECEIVED, FLOW, b"OPTIONS sip:a SIP/2.0\r\n\r\n"))
        stranger.setblocking(False)
        async with asyncio.timeout(5):
            assert await asyncio.get_running_loop().sock_recv(stranger, 10) == b""

    assert one.told == [] and one.there == []
    one.link.close()


@pytest.mark.parametrize("mode", [0o755, 0o770])
async def test_a_directory_that_others_may_enter_is_refused(directory, mode):
    directory.mkdir()
    directory.chmod(mode)

    with pytest.raises(ConfigurationError, match=r"PBX_SIP_SIBLINGS is .* it must belong to this account"):
        await Sibling.at(directory, "w1")
