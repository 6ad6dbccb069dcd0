import { isNumbered, kindFlags, type Seen } from "./frames.js";
import { Failure } from "./result.js";

/** The mixes that a client may send (A3.7). */
const MIXES = new Set(["", "ACK", "CTRL", "FIN", "HB", "MORE", "MORE,SYN", "FIN,SYN", "FIN,MORE,SYN", "RST", "SYN"]);
const FIRST = new Set(["control.hello", "control.window_update"]);

interface Stream {
  readonly first: number;
  last: number;
  fragments: number;
  readonly texts: Map<string, string>;
  /** A resume may ask for older messages once more. */
  again: boolean;
}

const fail = (rule: string, message: string): never => {
  throw new Failure(message, rule);
};

/** Watches every frame between the suite, as a router, and a client. The rules are listed in `observed-rules.ts`. */
export class ClientObserver {
  readonly #streams = new Map<string, Stream>();
  #first = true;
  #naive = false;
  #session: string | undefined;
  /** A HELLO asked to resume, and nothing has answered it. */
  #resuming = false;
  #fragments = false;
  #maxFrameBytes = 262_144;

  /** A new socket. */
  connected(): void {
    this.#first = true;
    for (const stream of this.#streams.values()) {
      stream.fragments = 0;
      stream.again = true;
    }
  }

  /** A frame from the suite to the client. */
  sent(text: string): void {
    let frame: Seen;
    try {
      frame = JSON.parse(text) as Seen;
    } catch {
      return;
    }
    const { type, content } = frame.payload ?? {};
    if (type === "control.welcome") {
      this.#fragments = ((content?.["capabilities"] ?? []) as string[]).includes("fragments");
      const limits = (content?.["limits"] ?? {}) as Readonly<Record<string, number>>;
      this.#maxFrameBytes = limits["max_frame_bytes"] ?? this.#maxFrameBytes;
    }
    if (type === "control.resumed" || (type === "error" && content?.["code"] === "ERESUME")) this.#resuming = false;
    if (type !== "control.resumed") return;
    for (const entry of (content?.["streams"] ?? []) as Readonly<Record<string, unknown>>[])
      if (entry["state"] === "gone") this.#streams.delete(String(entry["stream_id"]));
  }

  /** A frame from the client. @throws Failure with the rule that it breaks. */
  came(frame: Seen, text: string): void {
    if (frame.v !== 1 || !Array.isArray(frame.flags) || !Number.isSafeInteger(frame.msg_seq) || frame.msg_seq < 1)
      fail("A3-1", "a frame lacks one of v, session_id, stream_id, msg_seq and flags, or has another type there");
    if (!MIXES.has(kindFlags(frame))) fail("A3.7-1", `flags ${frame.flags.join()} are of no kind of a client's frames`);
    const bytes = Buffer.byteLength(text);
    if (bytes > this.#maxFrameBytes) fail(this.#fragments ? "A3.3-1" : "A6-3", `a frame of ${bytes} bytes`);
    const type = frame.payload?.type ?? "";
    const isHello = type === "control.hello";
    if (this.#first) {
      if (!FIRST.has(type) && !frame.flags.includes("SYN"))
        fail("A2.1-1", `${type || kindFlags(frame)} is the first frame`);
      this.#naive = !isHello;
      this.#session = isHello ? String(frame.session_id) : undefined;
      this.#resuming = isHello && frame.payload?.content?.["resume"] !== undefined;
      if (isHello) checkHello(frame);
    } else if (isHello) fail("A2.1-2", "a second HELLO");
    else if (this.#resuming && !isConfirmation(frame)) fail("A2.1-6", "a frame before control.resumed came");
    this.#first = false;
    if (this.#session !== undefined && frame.session_id !== this.#session) fail("A2.4-6", "a frame of another session");
    if (this.#naive && frame.flags.includes("HB")) fail("A9.1-6", "a heartbeat on a socket without HELLO");
    if (frame.flags.includes("HB") && (frame.payload !== undefined || frame.stream_id !== "0"))
      fail("A9.1-1", "a heartbeat goes on stream 0, without payload");
    if (frame.stream_id === "0") return this.#connection(frame);
    this.#stream(frame, text);
  }

  #connection(frame: Seen): void {
    if (frame.msg_seq !== 1) fail("A3.5-3", `msg_seq ${frame.msg_seq} on stream 0`);
    if (isNumbered(frame)) fail("A3.5-4", "a numbered frame on stream 0");
  }

  #stream(frame: Seen, text: string): void {
    const stream = this.#streams.get(frame.stream_id);
    const at = `${frame.msg_seq}.${frame.frag_seq ?? 0}`;
    if (stream === undefined) {
      if (!frame.flags.includes("SYN")) fail("A5.1-2", "a stream begins with its SYN");
      if (frame.msg_seq > 2 ** 31) fail("A5.1-2", `the SYN's number ${frame.msg_seq}`);
      if (frame.payload?.type === "atp.fragment" && !this.#fragments) fail("A6-1", "`fragments` is not in force");
      const fragments = frame.payload?.type === "atp.fragment" ? 1 : 0;
      const texts = new Map([[at, text]]);
      this.#streams.set(frame.stream_id, { first: frame.msg_seq, last: frame.msg_seq, fragments, texts, again: false });
      return;
    }
    if (!isNumbered(frame)) {
      // After a resume the messages above the router's `ack` are yet to come again.
      const from = stream.again ? stream.first : stream.last;
      if (frame.msg_seq < from || frame.msg_seq > stream.last)
        fail("A3.5-1", `a control frame has the number ${frame.msg_seq}, not ${stream.last}`);
      return;
    }
    const known = stream.texts.get(at);
    if (known !== undefined) {
      if (known !== text)
        fail(frame.flags.includes("SYN") ? "A5.3-8" : "A9.2-12", `message ${at} was sent again, but changed`);
      return;
    }
    if (frame.payload?.type === "atp.fragment") {
      if (!this.#fragments) fail("A6-1", "a fragment although `fragments` is not in force");
      if ((frame.frag_seq ?? 0) !== stream.fragments) fail("A6-4", `fragment ${stream.fragments} is missing`);
      stream.fragments++;
    } else if (stream.fragments > 0) fail("A6-10", "a message between the fragments of another one");
    const expected = stream.fragments > 1 || frame.msg_seq === stream.first ? stream.last : stream.last + 1;
    if (frame.msg_seq !== expected) fail("A5.1-4", `number ${frame.msg_seq} where ${expected} is next`);
    stream.last = frame.msg_seq;
    stream.again = false;
    stream.texts.set(at, text);
    if (frame.payload?.type === "atp.fragment" && !frame.flags.includes("MORE")) stream.fragments = 0;
  }
}

/** The acknowledgement of a welcome, which a client sends at once (A9.3-7). */
function isConfirmation(frame: Seen): boolean {
  return frame.stream_id === "0" && (frame.flags.includes("ACK") || frame.flags.includes("HB"));
}

function checkHello(frame: Seen): void {
  const { client, capabilities } = frame.payload?.content ?? {};
  const { name, version } = (client ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || typeof version !== "string" || !Array.isArray(capabilities))
    fail("A4-3", "a HELLO has client {name, version} and capabilities");
}
