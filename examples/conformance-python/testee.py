"""An ATP client in Python 3, driven by the conformance suite: JSON lines on stdin and stdout.

Written from docs/spec alone, with the standard library alone. `--break NAME` breaks one rule on purpose, so that the suite
can be seen to catch it: order, gap, heartbeat, surrogate, signature.
"""

import json
import sys

from atp_data import BREAKS, Refused, canonical, decode, seal, signed_text, verify

LIMITS = {"heartbeat_ms": 15000, "max_idle_ms": 45000, "max_message_bytes": 8388608}
KNOWN = {
    "agent.result.partial", "agent.result.provisional", "agent.result.final", "agent.question", "agent.log", "error",
    "atp.fragment", "control.welcome", "control.accept", "control.plan", "control.status", "control.window_update",
    "control.auth", "control.resumed", "control.detached",
}  # fmt: skip


class Stream:
    """One question: what was sent, what came, and what the consumer took (A5)."""

    def __init__(self):
        self.sent = 1
        self.received = 1
        self.taken = 1
        self.acked = 1
        self.ack_at = None
        self.ended = False
        self.cancelled = False


class Client:
    """The client's side of a connection in virtual time, without optional capabilities."""

    def __init__(self, request):
        self.session = request.get("session_id", "s1")
        self.naive = bool(request.get("naive"))
        self.limits = dict(LIMITS)
        self.streams = {}
        self.used = set()
        self.out = []
        self.now = 0
        self.attached = False
        self.greeted = False
        self.sent_at = 0
        self.heard_at = 0

    # What leaves.

    def send(self, stream, seq, flags, payload=None, **more):
        frame = {"v": 1, "session_id": self.session, "stream_id": stream, "msg_seq": seq, "flags": flags, **more}
        if payload is not None:
            frame["payload"] = payload
        self.sent_at = self.now
        self.out.append({"frame": json.dumps(frame, ensure_ascii=False)})

    def tell(self, told, **more):
        self.out.append({"told": told, **more})

    def close(self, code):
        self.attached = False
        self.out.append({"close": code})

    # What the suite asks.

    def op_connect(self, _request):
        self.attached = True
        self.heard_at = self.sent_at = self.now
        if not self.naive:
            content = {"client": {"name": "python-testee", "version": "1"}, "capabilities": []}
            self.send("0", 1, ["CTRL"], {"type": "control.hello", "content": content})

    def op_open(self, request):
        name = request["stream"]
        if name in self.used:  # A5.3-8
            return
        self.used.add(name)
        self.streams[name] = Stream()
        prompt = request.get("prompt", "hello")
        self.send(name, 1, ["SYN"], {"type": "agent.request", "content": {"prompt": prompt}})

    def numbered(self, name, flags, payload):
        stream = self.streams.get(name)
        if stream is None or stream.ended or stream.cancelled:
            return
        stream.sent += 2 if "order" in BREAKS else 1
        self.send(name, stream.sent, flags, payload)
        stream.cancelled = "RST" in flags

    def op_input(self, request):
        payload = {"type": "agent.input", "content": {"prompt": request.get("prompt", "more")}}
        self.numbered(request["stream"], [], payload)

    def op_cancel(self, request):
        self.numbered(request["stream"], ["RST"], {"type": "control.cancel", "content": {}})

    def op_taken(self, request):
        stream = self.streams.get(request["stream"])
        if stream is None or request["seq"] > stream.received:
            return
        stream.taken = max(stream.taken, request["seq"])
        if stream.taken > stream.acked and stream.ack_at is None:
            stream.ack_at = self.now + 1000  # A9.1-7

    def op_drop(self, _request):
        self.attached = False
        for name, stream in self.streams.items():
            if not stream.ended:
                stream.ended = True
                self.tell("cut", stream=name)  # A4.3-3: never a success

    def op_advance(self, request):
        until = self.now + request["ms"]
        while self.attached:
            due = self.next_due()
            if due > until:
                break
            self.now = max(self.now, due)
            self.tick()
        self.now = until

    def next_due(self):
        due = [stream.ack_at for stream in self.streams.values() if stream.ack_at is not None]
        if not self.naive:
            due.append(self.heard_at + self.limits["max_idle_ms"])
            due.append(self.sent_at + self.limits["heartbeat_ms"])
        return min(due, default=float("inf"))

    def tick(self):
        for name, stream in self.streams.items():
            if stream.ack_at is not None and stream.ack_at <= self.now:
                stream.ack_at = None
                stream.acked = stream.taken
                if not self.naive:
                    self.send(name, stream.sent, ["ACK"], ack=stream.taken)
        if self.naive:
            return
        if self.now >= self.heard_at + self.limits["max_idle_ms"]:
            self.close(4104)  # A9.1-5
        elif self.now >= self.sent_at + self.limits["heartbeat_ms"]:
            self.send("0", 1, ["HB"])

    # What comes.

    def op_frame(self, request):
        if not self.attached:
            return
        self.heard_at = self.now
        try:
            frame = decode(request["text"], self.limits["max_message_bytes"])
        except Refused as refused:
            self.refused(refused.frame)
            return
        flags = frame["flags"]
        if frame["stream_id"] == "0":
            self.connection(frame, flags)
        elif frame["session_id"] == self.session:
            self.on_stream(frame, flags)

    def refused(self, frame):
        """A refused frame counts as received when its number was read (A5.4-3)."""
        stream = self.streams.get(frame.get("stream_id")) if isinstance(frame, dict) else None
        if stream is not None and frame.get("msg_seq") == stream.received + 1:
            stream.received += 1

    def connection(self, frame, flags):
        if "HB" in flags:
            if not self.naive and "heartbeat" not in BREAKS:
                self.send("0", 1, ["HB"])  # A9.1-2
            return
        payload = frame.get("payload", {})
        if payload.get("type") == "control.welcome":
            self.greeted = True
            told = payload["content"].get("limits", {})
            self.limits.update({name: told[name] for name in LIMITS if isinstance(told.get(name), int)})
            self.tell("welcome", epoch=payload["content"].get("epoch"))

    def on_stream(self, frame, flags):
        name = frame["stream_id"]
        stream = self.streams.get(name)
        if stream is None or stream.ended or "HB" in flags:
            return
        payload = frame.get("payload", {})
        kind = payload.get("type")
        if "ACK" in flags:
            if kind == "control.accept":
                self.tell("accepted", stream=name)
            return
        if "CTRL" in flags or frame["msg_seq"] <= stream.received:
            return
        if frame["msg_seq"] > stream.received + 1 and "gap" not in BREAKS:
            self.close(4102)  # A5.4-5
            return
        stream.received = frame["msg_seq"]
        content = payload.get("content")
        if "FIN" in flags or "RST" in flags:
            stream.ended = True
            by = "FIN" if "FIN" in flags else "RST"
            self.tell("ended", stream=name, by=by, seq=frame["msg_seq"], content=content)
        elif kind in KNOWN:
            self.tell("message", stream=name, seq=frame["msg_seq"], type=kind, content=content)


def on_data(request):
    """Operations on data: one answer, no session."""
    op = request["op"]
    try:
        if op == "decode":
            limit = request.get("limits", {}).get("max_frame_bytes", 262144)
            return {"frame": decode(request["text"], limit)}
        if op == "canonical":
            value = json.loads(request["text"])
            return {"canonical": signed_text(value) if request.get("signed") else canonical(value)}
        if op == "seal":
            return seal(json.loads(request["text"]), request["key"])
        verify(json.loads(request["text"]), request)
        return {}
    except Refused as refused:
        return {"refused": {"code": refused.code, "details": refused.details}}


ABOUT = {
    "name": "atp-python",
    "ops": ["decode", "canonical", "seal", "verify", "start"],
    "sides": ["client"],
    "capabilities": ["integrity"],
}


def main():
    if "--break" in sys.argv:
        BREAKS.add(sys.argv[sys.argv.index("--break") + 1])
    client = None
    for line in sys.stdin:
        request = json.loads(line)
        op = request["op"]
        if op == "about":
            answer = ABOUT
        elif op in ABOUT["ops"] and op != "start":
            answer = on_data(request)
        else:
            if op == "start":
                client = Client(request)
            elif hasattr(client, "op_" + op):
                getattr(client, "op_" + op)(request)
            elif client is not None:
                client.tell("unknown", op=op)
            answer = {"out": client.out}
            client.out = []
        print(json.dumps({"id": request["id"], **answer}), flush=True)


main()
