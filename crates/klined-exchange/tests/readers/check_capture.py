"""What tshark finds in the MoldUDP64 packets of a capture, against the ITCH file of the same logs.

python check_capture.py FIELDS-OF-TSHARK ITCH-FILE
"""

import sys
from pathlib import Path

END_OF_SESSION = 0xFFFF


def messages_of(path):
    """The messages of an ITCH file, each of which stands behind its length."""
    data, at = Path(path).read_bytes(), 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


def values(field):
    return field.split(",") if field else []


def main():
    expected = list(messages_of(sys.argv[2]))
    found, sessions, ends, heartbeats = [], set(), 0, 0
    for line in Path(sys.argv[1]).read_text().splitlines():
        session, sequence, count, lengths, numbers, data, malformed, invalid = (line + "\t" * 8).split("\t")[:8]
        assert not malformed and not invalid, line
        sessions.add(session)
        sequence, count = int(sequence), int(count)
        assert sequence == len(found) + 1, f"packet with sequence {sequence} after {len(found)} messages"
        if count in (0, END_OF_SESSION):
            heartbeats, ends = heartbeats + (count == 0), ends + (count != 0)
            assert not data, line
            continue
        assert ends == 0, "a message after the end of the session"
        data = [bytes.fromhex(text.replace(":", "")) for text in values(data)]
        assert [len(message) for message in data] == [int(length) for length in values(lengths)], line
        assert [int(number) for number in values(numbers)] == list(range(sequence, sequence + count)), line
        found += data
    assert len(sessions) == 1 and len(sessions.pop()) == 10, sessions
    assert ends > 0
    other = next((nth for nth, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), None)
    assert other is None and len(found) == len(expected), f"{len(found)} messages of {len(expected)}; the first other one is {other}"
    print(f"tshark: {len(found)} messages in MoldUDP64 packets, {heartbeats} heartbeats, {ends} ends of the session: ok")


main()
