import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient, isAtpCancelError, isAtpDropError, isAtpError } from "../src/index.js";
import type { AtpClient, AtpRun, ClientOptions } from "../src/index.js";
import { RawServer } from "./support/raw-server.js";
import { settle, VirtualClock } from "./support/virtual-clock.js";

const guide = readFileSync(new URL("../../../docs/guides/client.md", import.meta.url), "utf8");

let clock: VirtualClock;
let server: RawServer;
let client: AtpClient;
let run: AtpRun;
/** What the run's reader has of its text. */
let told: string;
let tokens: number;

async function ask(options: Partial<ClientOptions> = {}): Promise<void> {
  client = createClient({
    url: "ws://router.test/ws",
    sessionId: "s1",
    socket: server.connect,
    clock,
    random: () => 0.5,
    ...options,
  });
  run = client.stream("hi");
  await settle();
}

beforeEach(() => {
  clock = new VirtualClock();
  server = new RawServer();
  told = "";
  tokens = 0;
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

const resumes = (): number => server.sent.filter(({ payload }) => payload?.content.resume !== undefined).length;

/** The answer still comes, behind what was told before. */
async function goesOn(): Promise<void> {
  server.partial(server.next, "on");
  server.final(server.next + 1, "done");
  expect(await ended()).toBe("done");
  expect(run.text.get("a")).toBe(`${told}on`);
}

async function resumed(): Promise<void> {
  await clock.advance(20_000);
  expect(server.sockets).toHaveLength(2);
  expect(resumes()).toBe(1);
  await goesOn();
}

async function cut(code: number): Promise<void> {
  const error = await ended();
  expect(isAtpDropError(error), String(error)).toBe(true);
  expect(error).toMatchObject({ code: "ECUT", closeCode: code, processed: "maybe" });
  const before = resumes();
  await clock.advance(60_000);
  expect(resumes()).toBe(before);
}

/** A socket that closes before the router has let anybody in. */
async function refused(code: number): Promise<unknown> {
  server.greets = false;
  await ask();
  server.close(code);
  const error = await ended();
  expect(run.unsent).toBeDefined();
  expect(server.sockets).toHaveLength(1);
  return error;
}

/** What a server may do wrong, what comes of it in the guide's words, and the proof. */
interface Row {
  readonly does: string;
  readonly outcome: string;
  readonly test: () => Promise<void>;
}

const DROPPED = "the frame is dropped; the run goes on";
const RESUMED = "resumed: nothing is lost, nothing comes twice";
const CUT = "`AtpDropError` `ECUT` with that code; never resumed";

const says = (does: string, text: string | ArrayBuffer): Row => ({
  does: `sends ${does}`,
  outcome: DROPPED,
  test: async () => {
    await ask();
    server.say(text);
    await goesOn();
    expect(({} as { x?: unknown }).x).toBeUndefined();
  },
});

const ends = (does: string, payload: object | undefined): Row => ({
  does: `ends a stream ${does}`,
  outcome: "`AtpDropError` `EPEER`, never an answer",
  test: async () => {
    await ask();
    server.frame(2, ["FIN"], payload);
    expect(await ended()).toMatchObject({ name: "AtpDropError", code: "EPEER" });
  },
});

const closes = (code: number, name: string, outcome: typeof RESUMED | typeof CUT): Row => ({
  does: `closes with ${code}, ${name}`,
  outcome,
  test: async () => {
    await ask();
    server.close(code);
    await (outcome === RESUMED ? resumed() : cut(code));
  },
});

const control = (payload: string): string =>
  `{"v":1,"session_id":"s1","stream_id":"0","msg_seq":1,"flags":["CTRL"],"payload":${payload}}`;

const rows: readonly Row[] = [
  says("no JSON", "}{"),
  says("JSON that is no object", "[1,2]"),
  says("another version of the frame", '{"v":9,"session_id":"s1","stream_id":"0","msg_seq":1,"flags":["CTRL"]}'),
  says(
    "a key that reaches a prototype",
    '{"v":1,"session_id":"s1","stream_id":"0","msg_seq":1,"flags":[],"__proto__":{"x":1}}',
  ),
  says("a number that is none", '{"v":1,"session_id":"s1","stream_id":"st1","msg_seq":1.5,"flags":[]}'),
  says("nesting without end", "[".repeat(5_000)),
  says("bytes under the JSON subprotocol", new ArrayBuffer(9)),
  says(
    "a stream that nobody opened",
    '{"v":1,"session_id":"s1","stream_id":"other","msg_seq":2,"flags":["FIN"],"payload":{"type":"agent.result.final","content":{"ok":true,"answer":"x"}}}',
  ),
  says("a type that nobody knows", control('{"type":"x","content":{}}')),
  says("an error of the wrong shape", control('{"type":"error","content":7}')),
  {
    does: "repeats a number",
    outcome: "dropped in silence; the run goes on",
    test: async () => {
      await ask();
      server.partial(2, "one ");
      server.partial(2, "one again ");
      [told, server.next] = ["one ", 3];
      await goesOn();
    },
  },
  {
    does: "skips a number",
    outcome: "closed with 4102, then resumed: nothing is lost, nothing comes twice",
    test: async () => {
      await ask();
      server.partial(2, "one ");
      server.partial(4, "three ");
      expect(server.closes).toEqual([4102]);
      [told, server.next] = ["one ", 3];
      await resumed();
    },
  },
  {
    does: "never ends a stream",
    outcome: "it runs until `deadlineMs`, `cancel()` or the AbortSignal ends it: `AtpCancelError` `EABORT`",
    test: async () => {
      await ask();
      const abort = new AbortController();
      const endless = client.stream("hi", { signal: abort.signal, deadlineMs: 9_000 });
      await settle();
      // The deadline is the router's to keep, and is told to it.
      expect(JSON.stringify(server.sent.at(-1))).toContain('"deadline_ms":9000');
      abort.abort(new Error("too long"));
      await expect(endless.final()).rejects.toMatchObject({ name: "AtpCancelError", code: "EABORT" });
      expect(server.sent.at(-1)).toMatchObject({ stream_id: "st2", flags: ["RST"] });
    },
  },
  {
    does: "ends a stream twice",
    outcome: "the first end counts",
    test: async () => {
      await ask();
      server.final(2, "done");
      server.final(3, "other");
      server.frame(4, ["RST"], { type: "error", content: { code: "EBUDGET", message: "no" } });
      expect(await ended()).toBe("done");
    },
  },
  ends("without a payload", undefined),
  ends("without an answer", { type: "agent.result.final", content: { ok: true } }),
  ends("with another type than a final", { type: "agent.log", content: { ok: true, answer: "x" } }),
  {
    does: "goes silent for `max_idle_ms`",
    outcome: "closed with 4104, then resumed: nothing is lost, nothing comes twice",
    test: async () => {
      await ask();
      await clock.advance(46_000);
      expect(server.closes).toEqual([4104]);
      await resumed();
    },
  },
  {
    does: "never answers a HELLO",
    outcome:
      "dialled again after `connectTimeoutMs`; after the last attempt `AtpDropError` `ECONNECT`, the request given back",
    test: async () => {
      server.greets = false;
      // Too large to go out before the welcome.
      await ask({ capabilities: ["credit"], token: "t", retry: { attempts: 2 }, connectTimeoutMs: 1_000 });
      const waiting = client.stream("x".repeat(20_000));
      const failed = waiting.final().catch((error: unknown) => error);
      await clock.advance(10_000);
      expect(await failed).toMatchObject({ name: "AtpDropError", code: "ECONNECT", processed: "no" });
      expect(waiting.unsent).toBeDefined();
      expect(server.sockets).toHaveLength(2);
    },
  },
  closes(1000, "done", RESUMED),
  closes(1001, "going away", RESUMED),
  closes(1002, "protocol error", CUT),
  closes(1003, "unsupported data", CUT),
  closes(1005, "no code", RESUMED),
  closes(1006, "lost", RESUMED),
  closes(1007, "invalid data", CUT),
  closes(1008, "policy violation", CUT),
  closes(1009, "too big", CUT),
  closes(1010, "extension missing", CUT),
  closes(1011, "internal error", RESUMED),
  closes(1012, "restart", RESUMED),
  closes(1013, "try later", RESUMED),
  closes(1014, "bad gateway", RESUMED),
  closes(4000, "going away", RESUMED),
  closes(4100, "overloaded", RESUMED),
  closes(4102, "gap", RESUMED),
  closes(4104, "heartbeat", RESUMED),
  closes(4108, "slow reader", RESUMED),
  closes(4129, "rate", RESUMED),
  closes(4200, "reserved", CUT),
  closes(4201, "reserved", CUT),
  {
    does: "closes with 4301, token expired, and the token is a function",
    outcome: "the function is asked again, then resumed: nothing is lost, nothing comes twice",
    test: async () => {
      await ask({ token: () => `t${++tokens}` });
      server.close(4301);
      await resumed();
      expect(server.sent.flatMap(({ payload }) => payload?.content.token ?? [])).toEqual(["t1", "t2"]);
    },
  },
  closes(4301, "token expired, and there is no function", CUT),
  closes(4400, "protocol", CUT),
  closes(4401, "unauthenticated", CUT),
  closes(4403, "forbidden", CUT),
  closes(4406, "version", CUT),
  closes(4408, "no first frame", CUT),
  closes(4409, "superseded", CUT),
  closes(4429, "second HELLO", CUT),
  closes(4500, "try later", RESUMED),
  {
    does: "closes with 4500 three times in a row",
    outcome: CUT,
    test: async () => {
      await ask();
      server.close(4500);
      server.greets = false;
      for (let i = 0; i < 2; i++) {
        await clock.advance(2_000);
        server.close(4500);
      }
      expect(server.sockets).toHaveLength(3);
      await cut(4500);
    },
  },
  closes(4999, "a code of 44xx and above that nobody knows", CUT),
  {
    does: "closes with 4401 or 4301 before its first welcome",
    outcome: "`AtpError` `EAUTH`, the request given back",
    test: async () => {
      for (const code of [4401, 4301]) {
        server = new RawServer();
        expect(await refused(code)).toMatchObject({ name: "AtpError", code: "EAUTH" });
      }
    },
  },
  {
    does: "closes with 4403 before its first welcome",
    outcome: "`AtpError` `ESEC`, the request given back",
    test: async () => {
      expect(await refused(4403)).toMatchObject({ name: "AtpError", code: "ESEC" });
    },
  },
  {
    does: "closes with another 44xx before its first welcome",
    outcome: "`AtpDropError` `ECONNECT` with that code, the request given back",
    test: async () => {
      expect(await refused(4406)).toMatchObject({ name: "AtpDropError", code: "ECONNECT", closeCode: 4406 });
    },
  },
];

describe("a server that misbehaves (A3.6, A4.3, A5.4, A9.1, A12-9)", () => {
  it.each(rows)("$does: $outcome", async ({ test }) => test());

  it("the guide has a row for each, and no other", () => {
    const [, section = ""] = guide.split("## A server that misbehaves\n");
    const written = section
      .split("\n## ")[0]
      ?.match(/^\| .*$/gm)
      ?.slice(1);
    expect(written).toEqual(rows.map(({ does, outcome }) => `| ${does} | ${outcome} |`));
  });
});

describe("three errors, three classes", () => {
  it("a refusal, a cancel and a drop are told apart by class and by code", async () => {
    await ask();
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
    await ask();
    server.final(2, "<script>alert(1)</script>");
    expect(await ended()).toBe("<script>alert(1)</script>");
  });
});
