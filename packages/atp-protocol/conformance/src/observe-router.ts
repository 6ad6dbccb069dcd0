import { isNumbered, kindFlags, LIMITS, retryOf, type Seen } from "./frames.js";
import { checkBill, checkContent } from "./observe-contents.js";
import { asText, Failure } from "./result.js";

/** The mixes that a router may send (A3.7). */
const MIXES = new Set(["", "ACK", "ACK,SYN", "CTRL", "FIN", "HB", "MORE", "RST"]);
const NAIVE_CONTROL = new Set(["control.accept", "control.status", "error"]);
const LANES = ["gold", "silver", "bronze"];
const ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** One stream as a client sees it. */
interface Stream {
  readonly first: number;
  readonly ttl: number;
  readonly lane: string;
  /** The highest number that came, and its kind of progress. */
  last: number;
  answered: boolean;
  ended: boolean;
  /** Texts of messages by number, for replays. */
  readonly texts: Map<string, string>;
  credit: { messages: number; bytes: number };
  used: { messages: number; bytes: number };
  fragments: number;
}

const fail = (rule: string, message: string): never => {
  throw new Failure(message, rule);
};

/**
 * Watches every frame between the suite, as a client, and a router, and fails at the first one that breaks a rule of all
 * sessions, whatever the trace asks. The rules are listed in `observed-rules.ts`.
 */
export class RouterObserver {
  readonly #streams = new Map<string, Stream>();
  #capabilities: readonly string[] = [];
  #offered: readonly string[] = [];
  #state: "new" | "naive" | "greeting" | "open" = "new";
  #tokens = new Set<string>();
  #limits: Readonly<Record<string, number>> = LIMITS;

  /** A new socket: what was in flight is gone, streams go on. */
  connected(): void {
    this.#state = "new";
    for (const stream of this.#streams.values()) stream.fragments = 0;
  }

  /** A frame from the suite to the router. */
  sent(text: string): void {
    let frame: Seen;
    try {
      frame = JSON.parse(text) as Seen;
    } catch {
      return;
    }
    if (typeof frame !== "object" || frame === null || !Array.isArray(frame.flags)) return;
    const isHello = frame.payload?.type === "control.hello" && frame.stream_id === "0";
    if (this.#state === "new") this.#state = isHello ? "greeting" : "naive";
    if (isHello) this.#offered = (frame.payload?.content?.["capabilities"] as string[] | undefined) ?? [];
    const stream = this.#streams.get(this.#key(frame));
    if (frame.flags.includes("SYN") && stream === undefined) {
      const credit = frame.credit ?? { messages: 64, bytes: 262_144 };
      // A number that cannot be read counts as 0, so that its refusal is number 1 (A3.6-6).
      const first = Number.isSafeInteger(frame.msg_seq) && frame.msg_seq > 0 ? frame.msg_seq : 0;
      this.#streams.set(this.#key(frame), {
        ...{ first, last: first, ttl: frame.ttl ?? 8, lane: frame.qos ?? "silver" },
        ...{ answered: false, ended: false, texts: new Map(), fragments: 0 },
        credit: { ...credit },
        used: { messages: 0, bytes: 0 },
      });
    } else if (stream !== undefined && frame.credit !== undefined) {
      stream.credit.messages = Math.max(stream.credit.messages, frame.credit.messages);
      stream.credit.bytes = Math.max(stream.credit.bytes, frame.credit.bytes);
    }
  }

  #key(frame: Seen): string {
    return `${String(frame.session_id)}/${String(frame.stream_id)}`;
  }

  /** A frame from the router. @throws Failure with the rule that it breaks. */
  came(frame: Seen, text: string): void {
    if (frame.v !== 1 || !Array.isArray(frame.flags) || !Number.isSafeInteger(frame.msg_seq) || frame.msg_seq < 1)
      fail("A3-1", "a frame lacks one of v, session_id, stream_id, msg_seq and flags, or has another type there");
    if (!ID.test(String(frame.session_id)) || !ID.test(String(frame.stream_id)))
      fail("A3-3", "a frame's ids are no ids");
    if (!MIXES.has(kindFlags(frame))) fail("A3.7-1", `flags ${frame.flags.join()} are of no kind of a router's frames`);
    if (this.#capabilities.includes("fragments") && Buffer.byteLength(text) > (this.#limits["max_frame_bytes"] ?? 0))
      fail("A3.3-1", `a frame of ${Buffer.byteLength(text)} bytes`);
    this.#checkPlace(frame);
    if (frame.payload?.type === "error") this.#checkError(frame);
    if (frame.stream_id === "0") return this.#connection(frame);
    const stream = this.#streams.get(this.#key(frame));
    if (stream === undefined)
      return fail("A3.6-1", `a frame for the stream ${frame.stream_id}, which was never opened`);
    if (frame.ttl !== undefined && frame.ttl !== Math.max(0, stream.ttl - 1))
      fail("A3-9", `ttl ${frame.ttl} answers a SYN with ttl ${stream.ttl}`);
    if (isNumbered(frame)) this.#numbered(stream, frame, text);
    else this.#control(stream, frame);
  }

  #checkPlace(frame: Seen): void {
    const type = frame.payload?.type ?? "";
    if (this.#state === "greeting" && type !== "control.welcome" && type !== "error")
      fail("A2.1-4", `${type || kindFlags(frame)} came before the HELLO was answered`);
    if (this.#state !== "naive") return;
    if (frame.flags.includes("HB")) fail("A9.1-6", "a heartbeat on a socket without HELLO");
    if (!isNumbered(frame) && !NAIVE_CONTROL.has(type)) fail("A2.4-7", `${type || kindFlags(frame)} on a naive socket`);
  }

  #checkError(frame: Seen): void {
    if (!frame.flags.includes("RST") && !frame.flags.includes("CTRL")) fail("A12-1", "an error is on RST or CTRL");
    const { code, message, retry, processed } = frame.payload?.content ?? {};
    if (typeof message !== "string" || message.length < 3) fail("A12-2", "an error says nothing");
    const asked = retryOf(asText(code));
    if (asked !== undefined && retry !== asked) fail("A12-5", `${asText(code)} must have retry ${asked}`);
    if (!["no", "maybe", "yes"].includes(asText(processed))) fail("A12-4", "an error does not say `processed`");
    if (code === "EPROTO" && /\n\s+at /.test(asText(message))) fail("A12-3", "an error shows a stack trace");
  }

  #connection(frame: Seen): void {
    if (frame.msg_seq !== 1) fail("A3.5-3", `msg_seq ${frame.msg_seq} on stream 0`);
    if (isNumbered(frame)) fail("A3.5-4", "a numbered frame on stream 0");
    const { type, content = {} } = frame.payload ?? {};
    if (type === "control.welcome") this.#welcome(content);
    else if (type === "control.resumed") this.#resumed(frame, content);
    else if (type === "error" && this.#state === "greeting") this.#state = "new";
  }

  #welcome(content: Readonly<Record<string, unknown>>): void {
    this.#state = "open";
    const announced = Array.isArray(content["capabilities"]) ? (content["capabilities"] as string[]) : [];
    this.#capabilities = announced.filter((name) => this.#offered.includes(name));
    const limits = (content["limits"] ?? {}) as Readonly<Record<string, number>>;
    for (const name of Object.keys(LIMITS))
      if (!Number.isSafeInteger(limits[name])) fail("A2.2-2", `the limit ${name} is not announced`);
    this.#limits = limits;
    if (!Array.isArray(content["levels"]) || content["levels"].length === 0) fail("A13-1", "no level is listed");
    if (typeof content["epoch"] !== "string") fail("A2.3-1", "a welcome without an epoch");
    const token = content["resume_token"];
    if (token === undefined) return;
    if (!this.#capabilities.includes("resume")) fail("A2.2-5", "a resume_token although resume is not in force");
    if (typeof token !== "string" || token.length < 22) fail("A9.3-1", "a resume_token of less than 128 bits");
    if (this.#tokens.has(asText(token))) fail("A9.3-4", "a welcome repeats a resume_token");
    this.#tokens.add(asText(token));
  }

  /** After a gap the missing numbers are skipped; after a repeat the suffix comes again (A9.2). */
  #resumed(frame: Seen, content: Readonly<Record<string, unknown>>): void {
    const entries = Array.isArray(content["streams"])
      ? (content["streams"] as Readonly<Record<string, unknown>>[])
      : [];
    for (const entry of entries) {
      const stream = this.#streams.get(`${String(frame.session_id)}/${String(entry["stream_id"])}`);
      if (!["live", "finished", "gap", "gone"].includes(String(entry["state"])))
        fail("A9.2-10", `the state ${String(entry["state"])}`);
      if (!Number.isSafeInteger(entry["next_seq"]) || !Number.isSafeInteger(entry["ack"]))
        fail("A9.2-10", "control.resumed lacks next_seq or ack");
      if (stream !== undefined && entry["state"] === "gap") stream.last = (entry["next_seq"] as number) - 1;
    }
  }

  #control(stream: Stream, frame: Seen): void {
    const type = frame.payload?.type;
    if (type === "control.accept") this.#accept(stream, frame);
    else if (!stream.answered && type !== "error") fail("A5.2-4", `${type ?? kindFlags(frame)} before control.accept`);
    if (frame.msg_seq > stream.last || (frame.msg_seq < stream.first && !stream.ended))
      fail("A3.5-1", `a control frame has the number ${frame.msg_seq}, not ${stream.last}`);
    if (stream.ended && type !== "error") fail("A5.3-3", `${type ?? kindFlags(frame)} after the stream's end`);
  }

  #accept(stream: Stream, frame: Seen): void {
    const { qos, window, ack, credit } = frame.payload?.content ?? {};
    if (typeof qos !== "string" || typeof window !== "object" || ack !== stream.first)
      fail("A5.2-5", "control.accept must carry qos, window and the SYN's number as ack");
    if (LANES.indexOf(asText(qos)) < LANES.indexOf(stream.lane)) fail("A3-6", `${asText(qos)} was granted, not asked`);
    const inForce = this.#capabilities.includes("credit");
    if (credit !== undefined && !inForce) fail("A5.2-6", "control.accept has credit although it is not in force");
    if (inForce && JSON.stringify(credit) !== JSON.stringify(stream.credit) && !stream.answered)
      fail("A8.1-3", `control.accept must repeat the initial credit ${JSON.stringify(stream.credit)}`);
    stream.answered = true;
  }

  #numbered(stream: Stream, frame: Seen, text: string): void {
    const end = frame.flags.includes("FIN") || frame.flags.includes("RST");
    const at = `${frame.msg_seq}.${frame.frag_seq ?? 0}`;
    const known = stream.texts.get(at);
    if (known !== undefined && this.#capabilities.includes("resume")) {
      if (known !== text) fail("A8.1-8", `message ${at} was replayed with other bytes`);
      if (frame.payload?.type === "atp.fragment")
        stream.fragments = frame.flags.includes("MORE") ? stream.fragments + 1 : 0;
      return;
    }
    if (stream.ended) fail(end ? "A5.3-2" : "A5.3-3", "a message after the stream's end");
    const isFragment = frame.payload?.type === "atp.fragment";
    if (isFragment) this.#fragment(stream, frame);
    else if (stream.fragments > 0) fail("A6-10", "a message between the fragments of another one");
    const expected = stream.fragments > 1 ? stream.last : stream.last + 1;
    if (frame.msg_seq !== expected) fail("A5.1-3", `number ${frame.msg_seq} came where ${expected} is next`);
    if (!end && !isFragment && !frame.flags.includes("MORE")) fail("A5.3-1", "a message without MORE");
    if (!stream.answered && !frame.flags.includes("RST")) fail("A5.2-4", "a message before control.accept");
    if (!end && this.#capabilities.includes("credit")) this.#spend(stream, frame, text);
    stream.last = frame.msg_seq;
    stream.texts.set(at, text);
    if (isFragment && !frame.flags.includes("MORE")) stream.fragments = 0;
    if (isFragment) stream.ended ||= lastFlags(frame).some((flag) => flag === "FIN" || flag === "RST");
    else checkContent(frame);
    if (!end) return;
    stream.ended = true;
    checkBill(frame);
  }

  #fragment(stream: Stream, frame: Seen): void {
    if (!this.#capabilities.includes("fragments")) fail("A6-1", "a fragment although `fragments` is not in force");
    if ((frame.frag_seq ?? 0) !== stream.fragments) fail("A6-4", `fragment ${stream.fragments} is missing`);
    stream.fragments++;
  }

  /** A message may start only while both totals are below the credit (A8.1). */
  #spend(stream: Stream, frame: Seen, text: string): void {
    if ((frame.frag_seq ?? 0) === 0) {
      if (stream.used.messages >= stream.credit.messages || stream.used.bytes >= stream.credit.bytes)
        fail("A8.1-1", `message ${frame.msg_seq} started without credit`);
      stream.used.messages++;
    }
    stream.used.bytes += Buffer.byteLength(text);
  }
}

function lastFlags(frame: Seen): readonly string[] {
  const end = frame.payload?.content?.["end"] as { flags?: readonly string[] } | undefined;
  return end?.flags ?? [];
}
