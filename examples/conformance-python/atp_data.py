"""Frames of ATP as data: decoding (A3, A4), canonical JSON and seals (A10). Written from docs/spec alone."""

import base64
import hashlib
import hmac
import json
import math
import re

MAX_UINT = 2**53 - 1
MAX_DEPTH = 64
ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
NONCE = re.compile(r"([0-9]{1,15})\.([A-Za-z0-9_-]{22,})")
KNOWN_FLAGS = {"SYN", "ACK", "MORE", "FIN", "RST", "HB", "CTRL"}
KINDS = [set(), {"MORE"}, {"SYN"}, {"SYN", "MORE"}, {"SYN", "FIN"}, {"SYN", "FIN", "MORE"}, {"SYN", "ACK"}, {"ACK"}]
KINDS += [{"HB"}, {"CTRL"}, {"FIN"}, {"RST"}]
STRATEGIES = {"single", "race", "cascade", "quorum", "fanout", "clones", "auto"}

# Rules that are broken on purpose, by name.
BREAKS = set()


class Refused(Exception):
    """A frame that is not taken, with its code and what could be read of it."""

    def __init__(self, why, code="EPROTO", details=None, frame=None):
        super().__init__(why)
        self.code = code
        self.details = details or {}
        self.frame = frame


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_uint(value, top=MAX_UINT):
    """An integer of the wire; 1.0 and 1e3 are integers too (A3.1)."""
    return is_number(value) and math.isfinite(value) and value == int(value) and 0 <= value <= top


def is_text(value):
    return isinstance(value, str)


def is_texts(value):
    return isinstance(value, list) and all(is_text(entry) for entry in value)


def is_id(value):
    return is_text(value) and ID.fullmatch(value) is not None


def has(members, **required):
    """A test of an object: optional members by `members`, required ones by `required`."""

    def test(value):
        return (
            isinstance(value, dict)
            and all(test(value[name]) for name, test in members.items() if name in value)
            and all(name in value and test(value[name]) for name, test in required.items())
        )

    return test


def one_of(*values):
    return lambda value: is_text(value) and value in values


META = {
    **dict.fromkeys(["task_type", "risk", "environment_id", "idempotency_key"], is_text),
    **dict.fromkeys(["tool_permissions", "data_scope", "languages", "security_groups"], is_texts),
    "trace": has({"traceparent": is_text, "tracestate": is_text}),
    "deadline_ms": is_uint,
    "on_disconnect": one_of("continue", "cancel"),
    "memory": has({"read": is_texts, "write": lambda v: is_text(v) or is_texts(v)}, namespace=is_text),
    "strategy": one_of(*STRATEGIES),
}
PAYLOAD = {"confidence": lambda v: is_number(v) and 0 <= v <= 1, "expiry_ms": is_uint, "checksum": is_text}
MEMBERS = {
    "frag_seq": is_uint,
    "qos": one_of("gold", "silver", "bronze"),
    "ttl": lambda v: is_uint(v, 255),
    "window": has(dict.fromkeys(["max_parallel", "max_tokens", "max_usd_micros"], is_uint)),
    "meta": has(META),
    "payload": has(PAYLOAD, type=is_text),
    "ack": is_uint,
    "credit": has({}, messages=is_uint, bytes=is_uint),
    "telemetry": has({}, tokens=is_uint, usd=is_uint, latency_ms=is_uint),
    **dict.fromkeys(["checksum", "sig", "nonce"], is_text),
}


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def decode(text, max_bytes):
    """The frame of a text. Raises Refused with the code of the rule that it breaks."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise Refused("too big", "ETOOBIG", {"bytes": size, "limit": max_bytes})
    try:
        frame = json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError):
        raise Refused("not JSON") from None
    if not isinstance(frame, dict):
        raise Refused("not an object")
    check_envelope(frame)
    check_hazards(frame, frame, 1, "frame")
    return frame


def check_envelope(frame):
    def ask(holds, why):
        if not holds:
            raise Refused(why, frame=frame)

    if not is_uint(frame.get("v")) or frame["v"] != 1:
        raise Refused("version", details={"supported": [1]}, frame=frame)
    ask(is_id(frame.get("session_id")), "session_id")
    ask(is_id(frame.get("stream_id")), "stream_id")
    ask(is_uint(frame.get("msg_seq")) and frame["msg_seq"] > 0, "msg_seq")
    ask(is_texts(frame.get("flags")), "flags")
    flags = KNOWN_FLAGS & set(frame["flags"])
    ask(flags in KINDS, "a mix of flags")
    for name, test in MEMBERS.items():
        ask(name not in frame or test(frame[name]), name)
    ask("payload" in frame or flags & {"ACK", "FIN", "RST", "HB"}, "no payload")
    ask("SYN" not in flags or "ACK" in flags or frame["msg_seq"] <= 2**31, "a SYN's number")


def check_hazards(frame, value, depth, place):
    """Depth, forbidden keys and lone surrogates, also those that were written as escapes (A3.3)."""
    if is_text(value):
        if "surrogate" not in BREAKS and any("\ud800" <= unit <= "\udfff" for unit in value):
            raise Refused("a lone surrogate", frame=frame)
    elif isinstance(value, (dict, list)):
        if depth > MAX_DEPTH:
            raise Refused("nesting", frame=frame)
        entries = value.items() if isinstance(value, dict) else ((None, entry) for entry in value)
        for key, entry in entries:
            if key is not None:
                if key == "__proto__" or (place != "content" and key in ("constructor", "prototype")):
                    raise Refused("a forbidden key", frame=frame)
                check_hazards(frame, key, depth, place)
            inner = "content" if place == "content" or (place == "payload" and key == "content") else "other"
            check_hazards(frame, entry, depth + 1, "payload" if place == "frame" and key == "payload" else inner)


def canonical(value):
    """RFC 8785: members by UTF-16 code units, numbers as ECMAScript writes them."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{quoted(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(entry) for entry in value) + "]"
    if is_number(value):
        return number(float(value))
    return quoted(value) if is_text(value) else json.dumps(value)


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def number(value):
    """The shortest digits that read back as the same double, in ECMAScript's layout."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = int(exponent or 0) + len(whole)
    if whole == "0":
        point -= 1 + len(fraction) - len(fraction.lstrip("0"))
    digits = digits.rstrip("0")
    if 0 < point <= 21:
        if len(digits) <= point:
            return sign + digits.ljust(point, "0")
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + power


def signed_text(frame):
    return canonical({name: value for name, value in frame.items() if name not in ("checksum", "sig")})


def seal(frame, key):
    text = signed_text(frame).encode()
    mac = hmac.new(base64.b64decode(key), text, hashlib.sha256).digest()
    return {
        "checksum": "sha256:" + hashlib.sha256(text).hexdigest(),
        "sig": "hmac-sha256:" + base64.b64encode(mac).decode(),
    }


def verify(frame, asked):
    """Raises Refused with ESEC when a checksum, signature or nonce is not as asked (A10)."""

    def ask(holds, why):
        if not holds:
            raise Refused(why, "ESEC")

    expected = seal(frame, asked.get("key", ""))
    if "checksum" in frame:
        ask(hmac.compare_digest(frame["checksum"].encode(), expected["checksum"].encode()), "checksum")
    if "key" not in asked:
        return
    exempt = bool({"ACK", "HB"} & set(frame["flags"]))
    if exempt and "sig" not in frame:  # A10-5
        return
    right = hmac.compare_digest(frame.get("sig", "").encode(), expected["sig"].encode())
    ask(right or "signature" in BREAKS, "signature")
    if exempt:
        return
    match = NONCE.fullmatch(frame.get("nonce", ""))
    ask(match is not None, "nonce")
    ask(abs(int(match[1]) - asked["now_ms"]) <= 300_000, "the nonce's time")
    ask([asked["principal"], frame["nonce"]] not in asked.get("seen", []), "the nonce was used")
