import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient, isAtpCancelError, isAtpDropError, isAtpError } from "../src/index.js";
import type { AtpClient, AtpRun, ClientSocket } from "../src/index.js";
import { settle, VirtualClock } from "./support/virtual-clock.js";

/** A server that says exactly what the test tells it, and nothing of its own. */
class RawServer {
  readonly sockets: ClientSocket[] = [];
  readonly closes: number[] = [];
  /** Frames of the client. */
  readonly sent: { stream_id: string; flags: string[]; payload?: { type: string; content: { resume?: unknown } } }[] =
    [];
  /** Answers each HELLO at once. */
  greets = true;

  readonly connect = (): ClientSocket => {
    const socket: ClientSocket = {
      protocol: "atp.v1+json",
      bufferedAmount: 0,
      binaryType: "",
      onopen: null,
      onmessage: null,
      onerror: null,
      onclose: null,
      send: (data) => {
        const frame = JSON.parse(String(data)) as (typeof this.sent)[number];
        this.sent.push(frame);
        if (frame.payload?.type === "control.hello" && this.greets)
          queueMicrotask(() => {
            this.#welcome(frame.payload?.content.resume !== undefined);
          });
      },
      close: (code = 1005) => void this.closes.push(code),
    };
    this.sockets.push(socket);
    queueMicrotask(() => socket.onopen?.());
    return socket;
  };

  say(text: string | ArrayBuffer): void {
    this.sockets.at(-1)?.onmessage?.({ data: text });
  }

  frame(seq: number, flags: string[], payload?: object, streamId = "st1"): void {
    this.say(JSON.stringify({ v: 1, session_id: "s1", stream_id: streamId, msg_seq: seq, flags, payload }));
  }

  partial(seq: number, text: string): void {
    this.frame(seq, ["MORE"], { type: "agent.result.partial", content: { adapter: "a", chunk: seq - 2, text } });
  }

  final(seq: number, answer: string): void {
    this.frame(seq, ["FIN"], { type: "agent.result.final", content: { ok: true, answer } });
  }

  close(code: number): void {
    this.sockets.at(-1)?.onclose?.({ code, reason: "" });
  }

  #welcome(resumes: boolean): void {
    const limits = {
      heartbeat_ms: 15_000,
      max_idle_ms: 45_000,
      retention_ms: 120_000,
      retention_bytes: 1_048_576,
      max_frame_bytes: 262_144,
      max_message_bytes: 8_388_608,
      max_fragments: 1_024,
      max_reassemblies: 4,
      max_streams: 256,
      frames_per_s: 2_000,
      drain_ms: 10_000,
      protocol_errors_per_min: 16,
    };
    const content = {
      server: { name: "raw", version: "1" },
      levels: [1],
      capabilities: ["resume", "credit", "fragments"],
      epoch: "e1",
      resume_token: `t${this.sockets.length}`,
      limits,
      lease: { max_parallel: 1, max_tokens: 1, max_usd_micros: 1 },
      principal: { tenant: "default", sub: "x" },
    };
    this.frame(1, ["CTRL"], { type: "control.welcome", content }, "0");
    if (!resumes) return;
    const streams = [{ stream_id: "st1", state: "live", next_seq: this.next, ack: 1 }];
    this.frame(1, ["CTRL"], { type: "control.resumed", content: { streams } }, "0");
  }

  /** The number that a resume goes on with. */
  next = 2;
}

let clock: VirtualClock;
let server: RawServer;
let client: AtpClient;
let run: AtpRun;

beforeEach(async () => {
  clock = new VirtualClock();
  server = new RawServer();
  client = createClient({
    url: "ws://router.test/ws",
    sessionId: "s1",
    socket: server.connect,
    clock,
    random: () => 0.5,
  });
  run = client.stream("hi");
  await settle();
});
afterEach(async () => {
  const closed = client.close();
  await clock.advance(2_000);
  await closed;
});

const ended = (): Promise<unknown> =>
  run.final().then(
    ({ answer }) => answer,
    (error: unknown) => error,
  );

/** The answer still comes. */
async function goesOn(): Promise<void> {
  server.partial(2, "on");
  server.final(3, "done");
  expect(await ended()).toBe("done");
  expect(run.text.get("a")).toBe("on");
}

describe("rubbish costs the frame and not the run (A3.3, A3.6)", () => {
  it.each<[string, string | ArrayBuffer]>([
    ["no JSON", "}{"],
    ["no object", "[1,2]"],
    ["another version", '{"v":9,"session_id":"s1","stream_id":"0","msg_seq":1,"flags":["CTRL"]}'],
    [
      "a key that reaches a prototype",
      '{"v":1,"session_id":"s1","stream_id":"0","msg_seq":1,"flags":[],"__proto__":{"x":1}}',
    ],
    ["a number that is none", '{"v":1,"session_id":"s1","stream_id":"st1","msg_seq":1.5,"flags":[]}'],
    ["nesting without end", `${"[".repeat(5_000)}`],
    ["bytes under the JSON subprotocol", new ArrayBuffer(9)],
    ["a stream that nobody opened", '{"v":1,"session_id":"s1","stream_id":"other","msg_seq":2,"flags":["FIN"]}'],
    [
      "a type that nobody knows",
      '{"v":1,"session_id":"s1","stream_id":"0","msg_seq":1,"flags":["CTRL"],"payload":{"type":"x","content":{}}}',
    ],
    [
      "an error of the wrong shape",
      '{"v":1,"session_id":"s1","stream_id":"0","msg_seq":1,"flags":["CTRL"],"payload":{"type":"error","content":7}}',
    ],
  ])("%s", async (_name, text) => {
    server.say(text);
    await goesOn();
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

describe("numbers (A5.4)", () => {
  it("a number that was there is dropped in silence", async () => {
    server.partial(2, "one");
    server.partial(2, "one again");
    server.final(3, "done");
    expect(await ended()).toBe("done");
    expect(run.text.get("a")).toBe("one");
  });

  it("a number that is skipped closes with 4102, and a resume brings what was missing", async () => {
    server.partial(2, "one ");
    server.partial(4, "three");
    expect(server.closes).toEqual([4102]);
    server.next = 3;
    await clock.advance(10_000);
    expect(server.sockets).toHaveLength(2);
    server.partial(3, "two ");
    server.partial(4, "three");
    server.final(5, "done");
    expect(await ended()).toBe("done");
    expect(run.text.get("a")).toBe("one two three");
  });

  it("a second end is ignored, whatever it says", async () => {
    server.final(2, "done");
    server.final(3, "other");
    server.frame(4, ["RST"], { type: "error", content: { code: "EBUDGET", message: "no" } });
    expect(await ended()).toBe("done");
  });
});

describe("an end that is none (A4.3)", () => {
  it.each<[string, object | undefined]>([
    ["without payload", undefined],
    ["without an answer", { type: "agent.result.final", content: { ok: true } }],
    ["with another type", { type: "agent.log", content: { ok: true, answer: "x" } }],
  ])("FIN %s is EPEER, never an answer", async (_name, payload) => {
    server.frame(2, ["FIN"], payload);
    const error = await ended();
    expect(error).toMatchObject({ name: "AtpDropError", code: "EPEER" });
  });

  it("a stream that never ends ends with the deadline of who asked", async () => {
    const abort = new AbortController();
    const endless = client.stream("hi", { signal: abort.signal });
    await settle();
    abort.abort(new Error("too long"));
    await expect(endless.final()).rejects.toMatchObject({ name: "AtpCancelError", code: "EABORT" });
    // The router hears of it, and its silence holds nobody back.
    expect(server.sent.at(-1)).toMatchObject({ stream_id: "st2", flags: ["RST"] });
  });
});

describe("silence (A9.1)", () => {
  it("a router that says nothing for max_idle_ms is given up with 4104, and the run resumed elsewhere", async () => {
    await clock.advance(46_000);
    expect(server.closes).toContain(4104);
    await clock.advance(10_000);
    expect(server.sockets.length).toBeGreaterThan(1);
    await goesOn();
  });

  it("a router that never answers a HELLO is dialled again, and the run is given back", async () => {
    const quiet = new RawServer();
    quiet.greets = false;
    const other = createClient({
      url: "ws://router.test/ws",
      socket: quiet.connect,
      clock,
      random: () => 0.5,
      capabilities: ["credit"],
      token: "t",
      retry: { attempts: 2 },
      connectTimeoutMs: 1_000,
    });
    // Too large to go out before the welcome.
    const waiting = other.stream("x".repeat(20_000));
    const failed = waiting.final().catch((error: unknown) => error);
    await clock.advance(10_000);
    expect(await failed).toMatchObject({ name: "AtpDropError", code: "ECONNECT", processed: "no" });
    expect(waiting.unsent).toBeDefined();
    expect(quiet.sockets).toHaveLength(2);
  });
});

describe("closes with each code of A12", () => {
  it.each([1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4000, 4100, 4102, 4104, 4108, 4129, 4500])(
    "%i: resumes, and nothing is lost",
    async (code) => {
      server.close(code);
      await clock.advance(20_000);
      expect(server.sockets).toHaveLength(2);
      expect(server.sent.some(({ payload }) => payload?.content.resume !== undefined)).toBe(true);
      await goesOn();
    },
  );

  it.each([1002, 1003, 1007, 1008, 1009, 1010, 4200, 4201, 4400, 4401, 4403, 4406, 4408, 4409, 4429, 4999])(
    "%i: the run is cut, ECUT with the code, and never resumed",
    async (code) => {
      server.close(code);
      const error = await ended();
      expect(isAtpDropError(error), String(error)).toBe(true);
      expect(error).toMatchObject({ code: "ECUT", closeCode: code, processed: "maybe" });
      await clock.advance(60_000);
      expect(server.sent.some(({ payload }) => payload?.content.resume !== undefined)).toBe(false);
    },
  );

  it("4301: without a token function nothing can be renewed, so the run is cut", async () => {
    server.close(4301);
    expect(await ended()).toMatchObject({ code: "ECUT", closeCode: 4301 });
  });
});

describe("three errors, three classes", () => {
  it("a refusal, a cancel and a drop are told apart by class and by code", async () => {
    server.frame(2, ["RST"], { type: "error", content: { code: "EBUDGET", message: "no", processed: "no" } });
    const refusal = await ended();
    const cancelled = client.stream("b");
    void cancelled.cancel();
    const cancel: unknown = await cancelled.final().catch((error: unknown) => error);
    const dropped = client.stream("c");
    await settle();
    server.close(1008);
    const drop: unknown = await dropped.final().catch((error: unknown) => error);
    const classes = [refusal, cancel, drop].map((e) => [isAtpError(e), isAtpCancelError(e), isAtpDropError(e)]);
    expect(classes).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
    expect([refusal, cancel, drop]).toMatchObject([{ code: "EBUDGET" }, { code: "EABORT" }, { code: "ECUT" }]);
  });

  it("markup in an answer stays text", async () => {
    server.final(2, "<script>alert(1)</script>");
    expect(await ended()).toBe("<script>alert(1)</script>");
  });
});
