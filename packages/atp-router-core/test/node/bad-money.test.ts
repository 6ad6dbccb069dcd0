import type { AcceptContent, ErrorContent, Frame } from "atp-protocol";
import { defaultLimits } from "atp-protocol";
import { decodeCborFrame, encodeCborFrame } from "atp-protocol/cbor";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createMetrics, grpcAdapter, listen } from "../../src/node/index.js";
import { createRouter } from "../../src/runtime/index.js";
import type { RouterConfig } from "../../src/runtime/index.js";
import { syn } from "../../src/testing/index.js";
import { final, partial, serveHandlers } from "./support/adapter-server.js";
import type { Handlers } from "./support/adapter-server.js";

/** Over real sockets and real gRPC: what a number becomes on its way is the codec's, and a codec that mends it would pass in memory. */

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Quote = Parameters<Parameters<NonNullable<Handlers["estimate"]>>[1]>[1];
const quote = { inTokens: 10n, outTokens: 20n, usdMicros: 100n, confidence: 0.9 };
const bill = (times = 1): object => ({
  partialInTokens: BigInt(10 * times),
  partialOutTokens: BigInt(20 * times),
  partialUsdMicros: BigInt(100 * times),
});

interface Adapter {
  readonly name: string;
  /** `never`: no estimate comes. */
  readonly estimate?: Quote | "never";
  readonly bills?: number;
  /** It never ends by itself. */
  readonly stalls?: boolean;
}

/** A served adapter, and the clips that its calls came with. */
async function adapter({
  name,
  estimate = quote,
  bills = 1,
  stalls = false,
}: Adapter): Promise<{ url: string; clips: number[] }> {
  const clips: number[] = [];
  const server = await serveHandlers({
    health: (_, answer) => answer(null, { name, status: 1 }),
    estimate: (_, answer) => estimate !== "never" && answer(null, estimate ?? quote),
    stream: (call) => {
      clips.push(Number(call.request.maxOutputTokens));
      call.write(partial(name, bill(bills)));
      if (stalls) return;
      call.write(final());
      call.end();
    },
  });
  closing.push(() => server.kill());
  return { url: server.url, clips };
}

/** A router of these adapters behind a real socket. */
async function world(
  adapters: readonly Adapter[],
  protocol = "atp.v1+json",
  more: Partial<RouterConfig> = {},
): Promise<{
  readonly url: string;
  readonly send: (frame: Frame | string) => void;
  readonly until: (found: (frame: Frame) => boolean) => Promise<Frame>;
  readonly clips: readonly (readonly number[])[];
}> {
  const served = await Promise.all(adapters.map(adapter));
  const metrics = createMetrics();
  const adapterPorts = served.map(({ url }) => grpcAdapter(url));
  const router = createRouter({ adapters: adapterPorts, observer: metrics.observer, ...more });
  metrics.follow(router);
  const listener = await listen(router, { port: 0, metrics });
  closing.push(
    () => router.close(),
    () => listener.close(),
  );
  await router.ready();
  const ws = new WebSocket(`${listener.url.replace("http", "ws")}/ws`, [protocol]);
  closing.push(() => ws.terminate());
  const frames: Frame[] = [];
  let look = (): void => undefined;
  ws.on("message", (data: Buffer, binary: boolean) => {
    const decoded = binary ? decodeCborFrame(data, defaultLimits) : undefined;
    frames.push(decoded?.ok === true ? decoded.frame : (JSON.parse(data.toString()) as Frame));
    look();
  });
  await new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject));
  return {
    url: listener.url,
    send: (frame) => {
      if (typeof frame === "string") ws.send(frame);
      else ws.send(protocol === "atp.v1+cbor" ? encodeCborFrame(frame) : JSON.stringify(frame));
    },
    until: (found) =>
      new Promise((resolve) => {
        look = () => {
          const frame = frames.find(found);
          if (frame !== undefined) resolve(frame);
        };
        look();
      }),
    clips: served.map(({ clips }) => clips),
  };
}

const endOf =
  (stream: string) =>
  ({ stream_id, flags }: Frame): boolean =>
    stream_id === stream && (flags.includes("FIN") || flags.includes("RST"));
const errorOf = (frame: Frame): Partial<ErrorContent> => frame.payload?.content ?? {};
const isError =
  (code: string) =>
  (frame: Frame): boolean =>
    frame.payload?.type === "error" && errorOf(frame).code === code;
/** A SYN whose window is this text, as no encoder of ours would write it. */
const synWith = (window: string): string => `${JSON.stringify(syn({})).slice(0, -1)},"window":${window}}`;
const session = { max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 };

describe("a window that is none, over a socket (A7)", () => {
  it.each([
    ["negative", '{"max_tokens":-1}'],
    ["fractional", '{"max_tokens":10.5}'],
    ["beyond exact integers", '{"max_usd_micros":9007199254740993}'],
    ["beyond every number", '{"max_usd_micros":1e999}'],
    ["text", '{"max_tokens":"100"}'],
    ["null", '{"max_tokens":null}'],
  ])(
    "of JSON, %s: EPROTO before any adapter is called, and the socket's next stream is answered",
    async (_, window) => {
      const { send, until, clips } = await world([{ name: "fair" }]);
      send(synWith(window));
      expect(errorOf(await until(isError("EPROTO")))).toMatchObject({ processed: "no" });
      send(syn({ stream: "st2" }));
      expect((await until(endOf("st2"))).flags).toContain("FIN");
      expect(clips[0]).toHaveLength(1);
    },
  );

  it.each([
    ["negative", { max_tokens: -1 }],
    ["fractional", { max_tokens: 10.5 }],
    ["beyond exact integers", { max_usd_micros: 2 ** 60 }],
    ["not a number", { max_tokens: Number.NaN }],
    ["infinite", { max_tokens: Infinity }],
  ])("of CBOR, %s: EPROTO too", async (_, window) => {
    const { send, until, clips } = await world([{ name: "fair" }], "atp.v1+cbor");
    send({ ...syn({}), window });
    expect(errorOf(await until(isError("EPROTO")))).toMatchObject({ processed: "no" });
    send(syn({ stream: "st2" }));
    expect((await until(endOf("st2"))).flags).toContain("FIN");
    expect(clips[0]).toHaveLength(1);
  });

  it.each([
    ["a missing member is the session's", "{}"],
    ["one above the session's is cut to it", '{"max_parallel":1000,"max_tokens":9e15,"max_usd_micros":9e15}'],
  ])("%s, and the accept says so", async (_, window) => {
    const { send, until } = await world([{ name: "fair" }]);
    send(synWith(window));
    const accept = await until(({ payload }) => payload?.type === "control.accept");
    expect((accept.payload?.content as AcceptContent).window).toEqual(session);
    expect((await until(endOf("st1"))).flags).toContain("FIN");
  });

  it.each(["atp.v1+json", "atp.v1+cbor"])(
    "A7.6 of %s, an update older than the last changes nothing",
    async (protocol) => {
      const { send, until } = await world([{ name: "fair" }], protocol);
      const update = (seq: number, number: number, tokens: number): Frame => ({
        v: 1,
        session_id: "s1",
        stream_id: "0",
        msg_seq: seq,
        flags: ["CTRL"],
        payload: { type: "control.window_update", content: { number, window: { max_tokens: tokens } } },
      });
      send(update(1, 2, 500));
      send(update(2, 1, 20));
      send(syn({}));
      // Of 500, not of 20.
      expect((await until(endOf("st1"))).telemetry?.window_left?.max_tokens).toBe(500 - 30);
    },
  );
});

describe("an adapter whose quote is none, over gRPC", () => {
  it.each<[string, Quote | "never"]>([
    ["NaN", { ...quote, varianceTokens: Number.NaN }],
    ["negative", { ...quote, varianceUsd: -1 }],
    ["infinite", { ...quote, varianceUsd: Infinity }],
    ["beyond exact integers", { ...quote, usdMicros: 2n ** 60n }],
    ["later than its time", "never"],
  ])("%s: it is left out, and the other answers", async (_, estimate) => {
    const adapters = [{ name: "strange", estimate }, { name: "fair" }];
    const { send, until, clips } = await world(adapters, undefined, { limits: { estimateTimeoutMs: 150 } });
    send(syn({ meta: { strategy: "fanout" } }));
    expect((await until(endOf("st1"))).payload?.content).toMatchObject({ ok: true, answer: "fair" });
    expect(clips[0]).toEqual([]);
  });

  it("later than the deadline: the stream ends in time, and nothing was sent or spent", async () => {
    const { send, until, clips } = await world([{ name: "strange", estimate: "never" }]);
    send(syn({ meta: { deadline_ms: 200 } }));
    const end = await until(endOf("st1"));
    expect(errorOf(end)).toMatchObject({ processed: "no" });
    expect(["ETIMEOUT", "ENOROUTE"]).toContain(errorOf(end).code);
    expect(clips[0]).toEqual([]);
  });

  it("of zero is no quote: 256 tokens of output are held, and what it bills is charged", async () => {
    const zero = { inTokens: 0n, outTokens: 0n, usdMicros: 0n, confidence: 0.9 };
    const { send, until, clips } = await world([{ name: "zero", estimate: zero }]);
    send(syn({}));
    expect((await until(endOf("st1"))).telemetry).toMatchObject({ tokens: 30, usd: 100 });
    expect(clips[0]).toEqual([256]);
  });

  it("of more than any budget is refused with the limit that it passes", async () => {
    const huge = { inTokens: 2n ** 52n, outTokens: 2n ** 52n, usdMicros: 2n ** 52n, confidence: 0.9 };
    const { send, until, clips } = await world([{ name: "huge", estimate: huge }]);
    send(syn({}));
    expect(errorOf(await until(endOf("st1")))).toMatchObject({ code: "EBUDGET", processed: "no" });
    expect(clips[0]).toEqual([]);
  });
});

describe("an adapter that bills ten times its quote, over gRPC (A7.5)", () => {
  it("with room in the windows: charged in full, counted as an overrun, and rated down", async () => {
    const { url, send, until } = await world([{ name: "liar", bills: 10 }]);
    send(syn({}));
    const end = await until(endOf("st1"));
    expect(end.flags).toContain("FIN");
    expect(end.telemetry).toMatchObject({ tokens: 300, usd: 1_000 });
    const budgets = (await (await fetch(`${url}/v1/budgets`)).json()) as {
      tenants: { default: { posted: object; reserved: object } };
    };
    expect(budgets.tenants.default).toMatchObject({
      posted: { tokens: 300, usd_micros: 1_000 },
      reserved: { parallel: 0, tokens: 0, usd_micros: 0 },
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/atp_adapter_overruns_total\{[^}]*liar[^}]*\} [1-9]/);
    expect(Number(/atp_adapter_rating\{[^}]*liar[^}]*\} ([\d.]+)/.exec(metrics)?.[1])).toBeLessThan(1);
  });

  it("without room: cut, and what it billed by then is charged", async () => {
    const { url, send, until } = await world([{ name: "liar", bills: 10, stalls: true }]);
    send(syn({ window: { max_tokens: 60, max_usd_micros: 300 } }));
    const end = await until(endOf("st1"));
    expect(errorOf(end)).toMatchObject({ code: "EBUDGET", processed: "yes" });
    expect(end.telemetry).toMatchObject({ usd: 1_000 });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/atp_adapter_overruns_total\{[^}]*liar[^}]*\} [1-9]/);
  });
});
