import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { chunk, fieldsOf, foreignAdapter, message, refusal } from "./support/foreign-adapter.js";
import type { Behaviour } from "./support/foreign-adapter.js";
import { start } from "./support/process.js";
import type { Running } from "./support/process.js";
import { RawSocket } from "./support/raw-socket.js";
import type { RawFrame } from "./support/raw-socket.js";

/** The SYN of the protocol's first description, byte for byte. */
const firstSyn = `{
  "v":1,
  "session_id":"s1",
  "stream_id":"st1",
  "msg_seq":1,
  "frag_seq":0,
  "flags":["SYN"],
  "qos":"gold",
  "ttl":8,
  "window": {"max_parallel":4, "max_tokens":50000, "max_usd_micros":1000000},
  "meta": {"task_type":"qa", "tool_permissions":[], "data_scope":["no_secrets"]},
  "payload": {"type":"agent.result.partial", "content":{"prompt":"hello"}}
}`;

interface Asked {
  readonly meta?: Record<string, unknown>;
  readonly window?: Record<string, number>;
  readonly stream?: string;
}

const syn = ({ meta = {}, window = {}, stream = "st1" }: Asked = {}): string =>
  JSON.stringify({
    ...{ v: 1, session_id: "s1", stream_id: stream, msg_seq: 1, flags: ["SYN"], qos: "silver", ttl: 8, window },
    meta: { task_type: "qa", ...meta },
    payload: { type: "agent.request", content: { prompt: "the secret question" } },
  });

/** An adapter of fields 1 to 11 that says "forty-two" in two pieces. */
const honest = (): Behaviour & { streams: Map<number, string | bigint>[] } => {
  const streams: Map<number, string | bigint>[] = [];
  return {
    streams,
    estimate: (_, done) => done(null, message([1, 10n], [2, 20n], [3, 30n], [8, 0.8])),
    stream: (call) => {
      streams.push(fieldsOf(call.request));
      call.write(chunk("partial", { text: "forty" }, [4, 10n], [5, 1n], [6, 12n]));
      call.write(chunk("partial", { text: "-two" }, [5, 1n], [6, 3n]));
      call.write(chunk("final", { evidence: [{ source: "guide", locator: "guide.md:1", quote: "42" }] }, [3, 0.9]));
      call.end();
    },
    health: (_, done) => done(null, message([1, 50])),
  };
};

async function adapter(behaviour: Behaviour): Promise<string> {
  const server = await foreignAdapter(behaviour);
  onTestFinished(() => server.close());
  return server.url;
}

async function router(
  adapters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ process: Running; url: string; socket: RawSocket }> {
  const process = start("examples/router", { PORT: "0", ADAPTER_ENDPOINTS: JSON.stringify(adapters), ...env });
  const url = await process.ready;
  const socket = await RawSocket.open(url);
  onTestFinished(() => socket.close());
  return { process, url, socket };
}

const json = async (url: string, init?: RequestInit): Promise<Record<string, never>> =>
  (await fetch(url, init)).json() as Promise<Record<string, never>>;

const text = (frames: readonly RawFrame[]): string =>
  frames
    .filter(({ payload }) => payload?.type === "agent.result.partial")
    .map(({ payload }) => payload?.content["text"])
    .join("");

describe("the router's process", () => {
  it("A5.1, A4.3, A11: answers the first SYN of a client in another language, from an adapter of fields 1 to 11", async () => {
    const behaviour = honest();
    const { socket } = await router([await adapter(behaviour)]);
    socket.send(firstSyn);
    const end = await socket.end("st1");
    const [accept, ...rest] = socket.frames;
    expect(accept).toMatchObject({ flags: ["SYN", "ACK"], payload: { type: "control.accept" } });
    expect(rest.map(({ msg_seq }) => msg_seq)).toEqual(rest.map((_, i) => i + 2));
    expect(rest.slice(0, -1).every(({ flags }) => flags.includes("MORE"))).toBe(true);
    expect(text(rest)).toBe("forty-two");
    expect(end).toMatchObject({
      flags: ["FIN"],
      payload: { type: "agent.result.final", content: { ok: true, answer: "forty-two" } },
      telemetry: { tokens: 12, usd: 15, latency_ms: expect.any(Number) as number },
    });
    expect(behaviour.streams).toHaveLength(1);
    expect(JSON.parse(String(behaviour.streams[0]?.get(2)))).toMatchObject({ prompt: "hello" });
  });

  it("reads shared memory for the adapter, and stores the answer where it can be read again", async () => {
    const gateway = start("examples/memory-gateway", { PORT: "0" });
    const memory = await gateway.ready;
    await fetch(`${memory}/v1/memory/default/docs/style`, { method: "PUT", body: '{"object":{"tone":"dry"}}' });
    const behaviour = honest();
    const { socket } = await router([await adapter(behaviour)], { MEMORY_GATEWAY_URL: memory });
    socket.send(syn({ meta: { memory: { namespace: "default/docs", read: ["style", "none"], write: "answer" } } }));
    expect(await socket.end("st1")).toMatchObject({ flags: ["FIN"] });
    expect(JSON.parse(String(behaviour.streams[0]?.get(18)))).toEqual({ style: { tone: "dry" } });
    // The answer is written after the FINAL, which does not wait for it.
    await vi.waitFor(async () => {
      expect(await json(`${memory}/v1/memory/default/docs/answer`)).toMatchObject({ object: { answer: "forty-two" } });
    });
  });

  it("delivers the others' answer when an adapter dies in the middle, and names it in the bill", async () => {
    const dying: Behaviour = {
      ...honest(),
      stream: (call) => {
        call.write(chunk("partial", { text: "thirty" }, [5, 1n], [6, 7n]));
        call.emit("error", refusal(14, "provider down"));
      },
    };
    const [good, bad] = [await adapter(honest()), await adapter(dying)];
    const file = config(`adapters: [{ url: '${good}', name: good }, { url: '${bad}', name: bad }]`);
    const { socket } = await router([], file);
    socket.send(syn({ meta: { strategy: "fanout" } }));
    const end = await socket.end("st1");
    expect(end).toMatchObject({ flags: ["FIN"], payload: { content: { answer: "forty-two" } } });
    expect(end.telemetry?.["adapters"]).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "good", outcome: "ok" }),
        expect.objectContaining({
          name: "bad",
          outcome: "failed",
          error: { code: "unavailable", message: "provider down" },
        }),
      ]),
    );
  });

  it.each([
    ["EPOLICY", { meta: { tool_permissions: ["shell.exec"] } }, /shell\.exec/],
    ["EBUDGET", { window: { max_tokens: 5 } }, /max_tokens/],
  ])("refuses with %s before any call is made", async (code, asked, says) => {
    const behaviour = honest();
    const { socket } = await router([await adapter(behaviour)]);
    socket.send(syn(asked));
    const end = await socket.end("st1");
    expect(end).toMatchObject({ flags: ["RST"], payload: { type: "error", content: { code, processed: "no" } } });
    expect(JSON.stringify(end.payload?.content)).toMatch(says);
    expect(behaviour.streams).toHaveLength(0);
  });

  it("says EAGENTDOWN when no adapter can be reached, and leaves the socket to other streams", async () => {
    const { socket, url } = await router(["http://127.0.0.1:9"]);
    socket.send(syn({ stream: "a" }));
    expect(await socket.end("a")).toMatchObject({ flags: ["RST"], payload: { content: { code: "EAGENTDOWN" } } });
    socket.send("{");
    socket.send(syn({ stream: "b" }));
    expect(await socket.end("b")).toMatchObject({ payload: { content: { code: "EAGENTDOWN" } } });
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it("C1: tells over HTTP what it did and what is left", async () => {
    const address = await adapter(honest());
    const { socket, url } = await router([], {
      ...config(
        `adapters: [{ url: '${address}', name: good }]\ntenants: { default: { budget: { max_usd_micros: 1000 } } }`,
      ),
    });
    socket.send(syn());
    await socket.end("st1");
    expect(await json(`${url}/adapters/health`)).toMatchObject({
      adapters: [{ name: "good", status: "READY" }],
    });
    expect(await json(`${url}/v1/budgets`)).toMatchObject({
      tenants: {
        default: { limits: { max_usd_micros: 1000 }, posted: { usd_micros: 15 }, reserved: { usd_micros: 0 } },
      },
    });
    expect(await json(`${url}/v1/lanes`)).toMatchObject({ lanes: { silver: { running: 0 } } });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^atp_streams_total\{[^}]*outcome="final"[^}]*\} 1$/m);
    expect(metrics).toMatch(/^atp_usd_micros_total\{adapter="good"\} 15$/m);
    expect(metrics).toMatch(/^process_cpu_seconds_total /m);
  });

  it("C1.2: explains a question without running it", async () => {
    const behaviour = honest();
    const { url } = await router([await adapter(behaviour)]);
    const ask = (body: unknown) => fetch(`${url}/v1/explain`, { method: "POST", body: JSON.stringify(body) });
    const answer = await ask({ payload: { type: "agent.request", content: { prompt: "p" } } });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).toContain('"policy"');
    expect((await ask({ payload: 1 })).status).toBe(400);
    expect(behaviour.streams).toHaveLength(0);
  });

  it("D1-1, D1-3, D1-6: logs JSON lines without prompt or answer, drains on SIGTERM, and exits 0", async () => {
    let finish: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow: Behaviour = {
      ...honest(),
      stream: (call) => {
        call.write(chunk("partial", { text: "forty" }));
        void running.then(() => {
          call.write(chunk("final", { answer: "forty-two, in secret" }));
          call.end();
        });
      },
    };
    const { process, url, socket } = await router([await adapter(slow)]);
    socket.send(syn());
    await socket.until(() => text(socket.frames) === "forty");
    process.child.kill("SIGTERM");
    // The drain has begun when a new question is refused.
    await socket.until(() => socket.frames.some(({ payload }) => payload?.type === "control.status"));
    finish();
    expect(await socket.end("st1")).toMatchObject({ flags: ["FIN"], payload: { content: { ok: true } } });
    const { code, stdout, stderr } = await process.ended;
    expect(code).toBe(0);
    expect(socket.closeCode).toBe(4000);
    expect(stdout).toBe(`listening on ${url}\n`);
    const lines = stderr.trim().split("\n");
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged.filter(({ outcome }) => outcome === "final")).toHaveLength(1);
    expect(logged.filter(({ msg }) => /process memory/.test(String(msg)))).toHaveLength(1);
    expect(stderr).not.toMatch(/secret/);
  });
});

function config(yaml: string): { ATP_CONFIG: string } {
  const folder = mkdtempSync(join(tmpdir(), "atp-router-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "atp.yaml");
  writeFileSync(path, yaml);
  return { ATP_CONFIG: path };
}

describe("D1-4: bad configuration is one clear line and a non-zero exit", () => {
  it.each<[string, () => Record<string, string>, RegExp]>([
    ["a bad PORT", () => ({ PORT: "abc" }), /PORT .*abc/],
    ["endpoints that are no array", () => ({ ADAPTER_ENDPOINTS: "x" }), /ADAPTER_ENDPOINTS/],
    ["a REDIS_URL that is none", () => ({ REDIS_URL: "http://x" }), /REDIS_URL/],
    ["a wrong key", () => config("routes: [{ match: {}, strategi: race }]"), /routes\.0\.strategi/],
    ["a rule that does not compile", () => config("policy: { rules: [{ expr: '1 +' }] }"), /1 \+/],
    [
      "a lane of no weight",
      () => config("limits: {}\nlanes:\n  bronze: { weight: 0 }\n"),
      /atp\.yaml line 3: lanes\.bronze\.weight/,
    ],
    [
      "a lane that does not exist",
      () => config("lanes:\n  gold: {}\n  copper: {}\n"),
      /atp\.yaml line 3: lanes\.copper/,
    ],
    [
      "more reserved than there is",
      () => config("limits:\n  max_concurrent_calls: 4\nlanes:\n  gold: { reserved: 5 }\n"),
      /atp\.yaml line 3: lanes reserve 5 slots/,
    ],
    ["other machines without identity", () => ({ HOST: "0.0.0.0" }), /HOST .*allow_anonymous/],
    ["a host of another machine", () => ({ ...config("auth: { allow_anonymous: true }"), HOST: "192.0.2.1" }), /HOST/],
  ])("%s", async (_, env, says) => {
    const { code, stdout, stderr } = await start("examples/router", { PORT: "0", ...env() }).ended;
    expect(code).toBeGreaterThan(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it("a port that is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await new Promise((resolve) => taken.once("listening", resolve));
    const PORT = String((taken.address() as AddressInfo).port);
    const { code, stderr } = await start("examples/router", { PORT }).ended;
    expect(code).toBeGreaterThan(0);
    expect(stderr).toContain(PORT);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});
