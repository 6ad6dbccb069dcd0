import {
  type Credit,
  decodeFrame,
  defaultLimits,
  type EndpointConfig,
  type EndpointEffect,
  type Frame,
  type HelloContent,
} from "../../src/index.js";
import { configOf, grant, Rig, sizeOf } from "./pipe.js";

/** A stream as the two hosts see it. */
export interface Told {
  /** What the router's host said, piece by piece. */
  said: string;
  chunk: number;
  attempt: number;
  routerEnded: boolean;
  /** What the client's host has, after voiding older attempts. */
  heard: string;
  heardAttempt: number;
  ends: string[];
  cancelled: boolean;
  consumed: number;
  inputsSent: number;
  inputsTaken: number[];
  /** What the end said, when it was a FIN. */
  answer: string | null;
}

type Packet = { readonly data: string; readonly to: "client" | "router" };

/** A client and a router host joined by a socket that can be cut at any place, with sessions found by their tokens. */
export class World {
  readonly client: Rig;
  /** The endpoint of the session, once one was made. */
  session: Rig | null = null;
  /** The endpoint that the present socket talks to. */
  peer: Rig | null = null;
  readonly streams = new Map<string, Told>();
  private readonly wire: { toRouter: string[]; toClient: string[] } = { toRouter: [], toClient: [] };
  private readonly tokens = new Map<string, Rig>();
  private tokenCount = 0;
  private opened = 0;
  /** What the client granted and what the router used, by stream: the router may not pass it by more than one message. */
  readonly credits = new Map<
    string,
    { messages: number; bytes: number; usedMessages: number; usedBytes: number; parts: number; seq: number }
  >();
  creditExceeded = 0;
  /** Bounds of memory that were passed, as seen from outside. */
  readonly overBounds: string[] = [];
  private readonly unsent = new Map<Rig, number>();
  private readonly replays = new Map<string, { seq: number; message: number; largest: number; replayed: number }>();
  /** Streams with an unfinished message in fragments on this socket. */
  private readonly fragmented = new Set<string>();
  /** Errors that a router may tell in this world. */
  readonly expected = new Set<string>();
  private connected = false;
  /** The client's socket is dead, and it does not know yet. */
  private deaf = false;
  /** Endpoints of routers that think their dead sockets are alive. */
  private readonly stale = new Set<Rig>();
  /** The session's router shuts down: nobody resumes there. */
  private draining = false;
  /** What the host is told of every effect, in order: a run's trace. */
  watch: ((from: "client" | "router", effect: EndpointEffect) => void) | undefined;

  constructor(
    readonly capabilities: readonly string[],
    readonly over: Partial<EndpointConfig> = {},
    readonly clientOver: Partial<EndpointConfig> = {},
  ) {
    const content: HelloContent = { client: { name: "t", version: "1" }, capabilities };
    this.client = new Rig(
      configOf({ role: "client", capabilities, hello: { sessionId: "s1", content }, ...clientOver }),
    );
  }

  private run(rig: Rig, effects: readonly EndpointEffect[]): void {
    for (const effect of effects) {
      this.watch?.(rig === this.client ? "client" : "router", effect);
      if (rig === this.client) this.onClient(effect);
      else this.onRouter(rig, effect);
    }
  }

  step(rig: Rig, input: Parameters<Rig["step"]>[0]): void {
    if (input.t === "socket.buffered" || input.t === "socket.closed") this.unsent.set(rig, 0);
    this.run(rig, rig.step(input));
  }

  connect(): void {
    if (this.connected) return;
    this.connected = true;
    this.fragmented.clear();
    for (const known of this.replays.values()) known.replayed = 0;
    this.peer = new Rig(configOf({ capabilities: this.capabilities, ...this.over }));
    this.peer.at = this.client.at;
    this.step(this.peer, { t: "socket.opened", subprotocol: "atp.v1+json" });
    this.step(this.client, { t: "socket.opened", subprotocol: "atp.v1+json" });
  }

  /** Cuts the socket: each side has what was delivered before, and nothing after. */
  cut(code = 1006): void {
    this.cutClient(code);
    this.cutRouter(code);
    this.leaveDrained();
  }

  /** The socket dies and one side does not know: only the other one learns of it. */
  halfOpen(knows: "client" | "router"): void {
    if (!this.connected || this.peer === null) return;
    if (knows === "client") {
      this.stale.add(this.peer);
      this.peer = null;
      this.cutClient(1006);
    } else {
      this.cutRouter(1006);
      this.deaf = true;
    }
    this.leaveDrained();
  }

  private cutClient(code: number): void {
    if (!this.connected) return;
    this.connected = false;
    this.deaf = false;
    this.wire.toClient = [];
    this.wire.toRouter = [];
    this.step(this.client, { t: "socket.closed", code, reason: "" });
  }

  private cutRouter(code: number): void {
    const peer = this.peer;
    if (peer === null) return;
    this.peer = null;
    this.wire.toClient = [];
    this.wire.toRouter = [];
    this.step(peer, { t: "socket.closed", code, reason: "" });
  }

  /** A router that shuts down takes no socket again: its session is lost with it. */
  private leaveDrained(): void {
    if (!this.draining || this.session === null) return;
    for (const [token, owner] of this.tokens) if (owner === this.session) this.tokens.delete(token);
    this.session = null;
    this.draining = false;
  }

  /** The session's router begins to shut down (A9.6). */
  drainRouter(): void {
    if (this.session === null || this.peer !== this.session || this.draining) return;
    this.draining = true;
    this.step(this.session, { t: "drain", resumeUrl: "wss://other/ws" });
  }

  /** The wire delivers a message or an acknowledgement twice; a connection's own frames are not repeated. */
  duplicate(to: "client" | "router", index: number): void {
    const queue = to === "client" ? this.wire.toClient : this.wire.toRouter;
    const at = index % Math.max(1, queue.length);
    const data = queue[at];
    if (data === undefined) return;
    const frame = JSON.parse(data) as Frame;
    if (frame.stream_id !== "0" && !frame.flags.includes("CTRL")) queue.splice(at + 1, 0, data);
  }

  deliver(to: "client" | "router", count: number): number {
    const queue = to === "client" ? this.wire.toClient : this.wire.toRouter;
    let done = 0;
    for (; done < count && queue.length > 0 && this.connected && !this.deaf; done++) {
      const data = queue.shift() as string;
      const rig = to === "client" ? this.client : (this.peer as Rig);
      const decoded = decodeFrame(data, { max_frame_bytes: defaultLimits.max_message_bytes });
      if (!decoded.ok) throw new Error(`refused: ${decoded.refusal.message}`);
      if (to === "router") this.noteGrant(decoded.frame);
      this.run(rig, rig.step({ t: "socket.frame", frame: decoded.frame, bytes: sizeOf(data) }));
    }
    return done;
  }

  private noteGrant(frame: Frame): void {
    if (frame.credit === undefined) return;
    const known = this.credits.get(frame.stream_id);
    if (known === undefined) {
      this.credits.set(frame.stream_id, { ...frame.credit, usedMessages: 0, usedBytes: 0, parts: 0, seq: 1 });
      return;
    }
    known.messages = Math.max(known.messages, frame.credit.messages);
    known.bytes = Math.max(known.bytes, frame.credit.bytes);
  }

  /** The router sends: a message may start only while both totals are below the credit (A8.1). */
  private noteUse(rig: Rig, data: string): void {
    const frame = JSON.parse(data) as Frame;
    this.noteBounds(rig, frame, sizeOf(data));
    if (frame.payload?.type === "control.resumed") this.noteResumed(frame.payload.content);
    const flag = frame.flags[0];
    if (frame.stream_id === "0" || (flag !== "MORE" && flag !== undefined) || !this.capabilities.includes("credit"))
      return;
    const known = this.credits.get(frame.stream_id) ?? {
      messages: 64,
      bytes: 262_144,
      usedMessages: 0,
      usedBytes: 0,
      parts: 0,
      seq: 1,
    };
    this.credits.set(frame.stream_id, known);
    // Fragments are one message, and only the last one tells whether it is an end, which needs no credit.
    const { end } = (frame.payload?.content ?? {}) as { end?: { flags: string[] } };
    if (frame.frag_seq === undefined || frame.frag_seq === 0) known.parts = 0;
    known.parts += sizeOf(data);
    if (frame.frag_seq !== undefined && end === undefined) return;
    if (frame.msg_seq <= known.seq || end?.flags.some((name) => name !== "MORE") === true) return;
    if (known.usedMessages >= known.messages || known.usedBytes >= known.bytes) this.creditExceeded++;
    known.seq = frame.msg_seq;
    known.usedMessages++;
    known.usedBytes += known.parts;
  }

  /** What was said while nobody was there needed no credit (A9.2); from here both sides go on from `used` (A8.1). */
  private noteResumed(content: unknown): void {
    const { streams } = content as { streams: { stream_id: string; used: { messages: number; bytes: number } }[] };
    for (const { stream_id, used } of streams) {
      const known = this.credits.get(stream_id);
      if (known === undefined) continue;
      known.usedMessages = used.messages;
      known.usedBytes = used.bytes;
      known.seq = Math.max(known.seq, 1 + used.messages);
    }
  }

  /** A socket may hold what its high mark allows, or one frame (A8.2). */
  private noteUnsent(rig: Rig, data: string): void {
    const before = this.unsent.get(rig) ?? 0;
    const after = before + sizeOf(data);
    this.unsent.set(rig, after);
    if (before > 0 && after > (rig.config.highMarkBytes ?? 262_144)) this.overBounds.push(`${after} bytes unsent`);
  }

  /** What a router keeps of a stream, and what it has a client keep, shows in what it sends (A6, A9.2). */
  private noteBounds(rig: Rig, frame: Frame, bytes: number): void {
    const flag = frame.flags[0];
    if (frame.stream_id === "0" || flag === "CTRL" || frame.flags.includes("ACK")) return;
    const known = this.replays.get(frame.stream_id) ?? { seq: 0, message: 0, largest: 0, replayed: 0 };
    this.replays.set(frame.stream_id, known);
    const isReplay = frame.msg_seq <= known.seq && frame.frag_seq === undefined;
    if (isReplay) known.replayed += bytes;
    known.message = frame.msg_seq === known.seq ? known.message + bytes : bytes;
    known.seq = Math.max(known.seq, frame.msg_seq);
    known.largest = Math.max(known.largest, known.message);
    const { retention_bytes, max_reassemblies } = rig.config.limits;
    if (known.replayed > retention_bytes + 2 * known.largest) this.overBounds.push(`${known.replayed} bytes replayed`);
    if (frame.frag_seq === undefined) return;
    if (flag === "MORE") this.fragmented.add(frame.stream_id);
    else this.fragmented.delete(frame.stream_id);
    if (this.fragmented.size > max_reassemblies) this.overBounds.push(`${this.fragmented.size} messages in fragments`);
  }

  private transmit({ data, to }: Packet): void {
    if (!this.connected || this.deaf) return;
    (to === "client" ? this.wire.toClient : this.wire.toRouter).push(data);
  }

  /** The socket has drained: what was queued for it is on its way. */
  drain(): void {
    // A dead socket takes nothing more, whoever knows it.
    if (!this.connected || this.peer === null) return;
    this.step(this.client, { t: "socket.buffered", bytes: 0 });
    if (this.peer !== null) this.step(this.peer, { t: "socket.buffered", bytes: 0 });
  }

  advance(ms: number): void {
    const rigs = new Set([
      this.client,
      ...(this.session === null ? [] : [this.session]),
      ...(this.peer === null ? [] : [this.peer]),
      ...this.stale,
    ]);
    for (const rig of rigs) this.run(rig, rig.advance(ms));
    for (const rig of rigs) rig.at = this.client.at;
  }

  open(credit?: Credit): void {
    const streamId = `st${++this.opened}`;
    this.streams.set(`s1/${streamId}`, {
      said: "",
      chunk: 0,
      attempt: 0,
      routerEnded: false,
      heard: "",
      heardAttempt: 0,
      ends: [],
      cancelled: false,
      consumed: 1,
      inputsSent: 0,
      inputsTaken: [],
      answer: null,
    });
    this.step(this.client, {
      t: "stream.open",
      sessionId: "s1",
      streamId,
      payload: { type: "agent.request", content: { prompt: streamId } },
      ...(credit === undefined ? {} : { credit }),
    });
  }

  private told(ref: string): Told {
    const told = this.streams.get(ref);
    if (told === undefined) throw new Error(`a stream that nobody opened: ${ref}`);
    return told;
  }

  /** The router's host says one more piece on a stream that the router knows. */
  say(index: number, text: string): void {
    const session = this.session;
    const refs = session?.endpoint.openStreams() ?? [];
    const ref = refs[index % Math.max(1, refs.length)];
    if (session === null || ref === undefined) return;
    const told = this.told(ref);
    told.said += text;
    const content = { adapter: "a", chunk: told.chunk++, attempt: told.attempt, text };
    const payload = { type: "agent.result.partial", content };
    this.step(session, { t: "stream.send", stream: ref, message: { payload, mergeKey: `a/${told.attempt}` } });
  }

  end(index: number): void {
    const session = this.session;
    const refs = session?.endpoint.openStreams() ?? [];
    const ref = refs[index % Math.max(1, refs.length)];
    if (session === null || ref === undefined) return;
    this.endRef(session, ref, "FIN");
  }

  /** The router's host ends every stream that it has. */
  endAll(): void {
    const session = this.session;
    for (const ref of session?.endpoint.openStreams() ?? [])
      if (session !== null && !this.told(ref).routerEnded) this.endRef(session, ref, "FIN");
  }

  private endRef(session: Rig, stream: string, flag: "FIN" | "RST"): void {
    const told = this.told(stream);
    if (told.routerEnded) throw new Error("the router's host was asked to end a stream twice");
    told.routerEnded = true;
    const payload = { type: "agent.result.final", content: { ok: true, answer: told.said } };
    this.step(session, { t: "stream.end", stream, flag, payload, telemetry: { tokens: 1, usd: 1, latency_ms: 1 } });
  }

  input(index: number): void {
    const refs = this.client.endpoint.openStreams();
    const ref = refs[index % Math.max(1, refs.length)];
    if (ref === undefined || this.told(ref).cancelled) return;
    const told = this.told(ref);
    if (told.inputsSent >= 10) return;
    const payload = { type: "agent.input", content: { n: ++told.inputsSent } };
    this.step(this.client, { t: "stream.send", stream: ref, message: { payload } });
  }

  cancel(index: number): void {
    const refs = this.client.endpoint.openStreams();
    const ref = refs[index % Math.max(1, refs.length)];
    if (ref === undefined) return;
    this.told(ref).cancelled = true;
    this.step(this.client, { t: "stream.cancel", stream: ref });
  }

  /** The client's consumer takes all that came. */
  consume(): void {
    for (const [ref, told] of this.streams)
      this.step(this.client, { t: "stream.consumed", stream: ref, seq: told.consumed });
  }

  private onClient(effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        this.noteUnsent(this.client, effect.data as string);
        this.transmit({ data: effect.data as string, to: "router" });
        return;
      case "close":
        this.cut(effect.code);
        return;
      case "stream.message": {
        const told = this.told(effect.stream);
        if (told.ends.length > 0) throw new Error("a message after the end");
        const content = effect.frame.payload?.content as { attempt: number; text: string };
        if (content.attempt > told.heardAttempt) {
          told.heard = "";
          told.heardAttempt = content.attempt;
        }
        if (content.attempt === told.heardAttempt) told.heard += content.text;
        told.consumed = effect.frame.msg_seq;
        return;
      }
      case "stream.ended":
        this.told(effect.stream).ends.push(effect.by);
        if (effect.by === "FIN")
          this.told(effect.stream).answer = (effect.frame.payload?.content as { answer: string }).answer;
        this.told(effect.stream).consumed = effect.frame.msg_seq;
        return;
      case "stream.cut":
        this.told(effect.stream).ends.push("cut");
        return;
      case "violation":
        throw new Error(`client saw a violation: ${effect.error.message}`);
      default:
    }
  }

  private onRouter(rig: Rig, effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        if (rig === this.peer) {
          this.noteUnsent(rig, effect.data as string);
          this.noteUse(rig, effect.data as string);
          this.transmit({ data: effect.data as string, to: "client" });
        }
        return;
      case "close":
        if (rig === this.peer) this.cut(effect.code);
        else this.closeStale(rig, effect.code);
        return;
      case "hello":
        this.greet(rig, effect.hello);
        return;
      case "tokens":
        for (const [token, owner] of this.tokens) if (owner === rig) this.tokens.delete(token);
        for (const token of effect.valid) this.tokens.set(token, rig);
        return;
      case "stream.opened":
        this.told(effect.stream);
        this.step(rig, { t: "stream.accept", stream: effect.stream, qos: "silver", window: {} });
        return;
      case "stream.message": {
        this.told(effect.stream).inputsTaken.push((effect.frame.payload?.content as { n: number }).n);
        this.step(rig, { t: "stream.consumed", stream: effect.stream, seq: effect.frame.msg_seq });
        return;
      }
      case "stream.cancelled":
        if (!this.told(effect.stream).routerEnded) this.endRef(rig, effect.stream, "RST");
        return;
      case "stream.snapshot": {
        const told = this.told(effect.stream);
        told.attempt++;
        told.chunk = 1;
        const content = { adapter: "a", chunk: 0, attempt: told.attempt, text: told.said };
        this.step(rig, {
          t: "stream.send",
          stream: effect.stream,
          message: { payload: { type: "agent.result.partial", content } },
        });
        return;
      }
      case "violation":
        if (!this.expected.has(effect.error.code)) throw new Error(`router saw a violation: ${effect.error.message}`);
        return;
      default:
    }
  }

  /** The router's host: finds the session by its token, or makes one. */
  private greet(rig: Rig, hello: HelloContent): void {
    const resumeToken = `token${++this.tokenCount}`;
    const token = hello.resume?.resume_token;
    const session = token === undefined ? undefined : this.tokens.get(token);
    if (session === undefined || token === undefined) {
      this.session = rig;
      this.step(rig, { t: "hello.granted", grant: { ...grant, epoch: resumeToken, resumeToken } });
      return;
    }
    session.at = rig.at;
    // The newest socket wins: the older one is closed, though its peer is long gone (A9.2).
    this.closeStale(session, 4409);
    this.peer = session;
    this.step(session, {
      t: "session.attach",
      hello,
      grant: { ...grant, epoch: this.epochOf(session), resumeToken },
      shownTokenId: token,
    });
  }

  private closeStale(rig: Rig, code: number): void {
    if (this.stale.delete(rig)) this.step(rig, { t: "socket.closed", code, reason: "" });
  }

  private epochOf(session: Rig): string {
    const first = session.sent()[0]?.payload?.content as { epoch: string };
    return first.epoch;
  }

  /** Connects and lets everything come to rest. */
  settle(): void {
    for (let round = 0; round < 200; round++) {
      // Silence tells a client that its socket is dead (A9.1).
      if (this.deaf) this.advance(60_000);
      this.connect();
      const moved = this.deliver("router", 1_000) + this.deliver("client", 1_000);
      this.consume();
      this.drain();
      if (moved === 0) {
        this.advance(1_000);
        if (this.deliver("router", 1_000) + this.deliver("client", 1_000) === 0 && this.connected) return;
      }
    }
    throw new Error("the two sides never come to rest");
  }
}
