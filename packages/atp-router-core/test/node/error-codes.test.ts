/** Every code of A12, asked for from the outside over a real socket that has another stream open. */
import { once } from "node:events";
import { AtpError, errorClasses } from "atp-protocol";
import type { ErrorCode, ErrorContent, Frame } from "atp-protocol";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { listen } from "../../src/node/index.js";
import type { AdapterPort } from "../../src/ports/index.js";
import { createRouter, systemClock } from "../../src/runtime/index.js";
import type { Router, RouterConfig } from "../../src/runtime/index.js";
import { scriptedAdapter, syn } from "../../src/testing/index.js";
import type { AdapterScript, ScriptStep } from "../../src/testing/index.js";
import { Bystander, control, Peer } from "./support/peer.js";

const errorIn = (frame: Frame): ErrorContent | undefined =>
  frame.payload?.type === "error" ? (frame.payload.content as ErrorContent) : undefined;
const isOf =
  (stream: string, flag: string) =>
  ({ stream_id, flags }: Frame): boolean =>
    stream_id === stream && flags.includes(flag);
const says = (id: string, ...answer: readonly ScriptStep[]): AdapterScript => ({ id, answer });
const broken = (kind: "unavailable" | "rejected"): AdapterScript => says("a", { fail: { kind, message: "not today" } });

/** How a code is brought about. */
interface Row {
  /** @default one that answers yes */
  readonly adapters?: readonly AdapterScript[];
  readonly port?: AdapterPort;
  readonly router?: Partial<RouterConfig>;
  readonly resume?: string;
  readonly act: (peer: Peer, router: Router) => void | Promise<void>;
  /** Where the error is told. @default "asked", as RST */
  readonly on?: "0";
  readonly details?: Readonly<Record<string, unknown>>;
}

const ask =
  (more: Parameters<typeof syn>[0] = {}, frame: object = {}): Row["act"] =>
  (peer) =>
    peer.send({ ...syn({ stream: "asked", ...more }), ...frame });
const begun = (peer: Peer, stream: string): Promise<Frame> => peer.until(isOf(stream, "MORE"));
const endless = says("a", { text: "and so on" }, { stall: true });
const identity: RouterConfig["identity"] = {
  authenticate: async ({ token }) => {
    if (token !== "ann") throw new AtpError("EAUTH", "The key is not known here.");
    return { principal: { tenant: "acme", subject: "ann", roles: [] } };
  },
};
/** An adapter of which a handle is broken in a way that no port allows: a defect of the router's own program. */
const defective: AdapterPort = {
  ...scriptedAdapter(systemClock(), says("a", { stall: true })),
  open: () => ({
    demand() {
      throw new Error("a defect");
    },
    cancel: () => undefined,
  }),
};

const rows: Record<ErrorCode, Row> = {
  EPROTO: { act: ask({}, { v: 2 }), details: { supported: [1] } },
  ETOOBIG: { act: ask({ prompt: "x".repeat(300_000) }), on: "0", details: { limit: 262_144 } },
  EDUP: {
    adapters: [endless],
    async act(peer) {
      peer.send(syn({ stream: "first", prompt: "one", meta: { idempotency_key: "k" } }));
      await begun(peer, "first");
      peer.send(syn({ stream: "asked", prompt: "another", meta: { idempotency_key: "k" } }));
    },
  },
  EAUTH: { router: { identity }, act: (peer) => peer.send(control("control.auth", { token: "bob" })), on: "0" },
  EPOLICY: { act: ask({ meta: { tool_permissions: ["shell"] } }) },
  ESEC: { act: ask({ meta: { memory: { namespace: "elsewhere/x", read: ["a"] } } }) },
  EWINDOW: { router: { limits: { max_streams: 1 } }, act: ask(), details: { dimension: "streams" } },
  EBUDGET: { act: ask({ window: { max_usd_micros: 0 } }), details: { limit_source: "stream" } },
  EOVERLOAD: { router: { limits: { memoryBudgetBytes: 200 * 1_024 } }, act: ask() },
  EPREEMPT: {
    // What a call takes is known from four that ended; then two of bronze stand in the way of gold, and the later one is cut.
    adapters: [
      {
        id: "a",
        answer: (_call, nth) => (nth < 4 ? [{ text: "yes" }, { final: {} }] : [{ text: "on" }, { stall: true }]),
      },
    ],
    router: { limits: { maxConcurrentCalls: 3 } },
    async act(peer) {
      for (const stream of ["w0", "w1", "w2", "w3"]) {
        peer.send(syn({ stream, qos: "bronze" }));
        await peer.until(isOf(stream, "FIN"));
      }
      for (const stream of ["kept", "asked"]) {
        peer.send(syn({ stream, qos: "bronze" }));
        await begun(peer, stream);
      }
      peer.send(syn({ stream: "gold", qos: "gold" }));
    },
  },
  ETIMEOUT: { adapters: [endless], act: ask({ meta: { deadline_ms: 100 } }) },
  ECANCELLED: {
    adapters: [endless],
    async act(peer) {
      peer.send(syn({ stream: "asked" }));
      await begun(peer, "asked");
      peer.send({ ...control("control.cancel", { reason: "enough" }, "asked", 2), flags: ["RST"] });
    },
  },
  EAGENTDOWN: { adapters: [broken("unavailable")], act: ask() },
  ENOROUTE: { adapters: [broken("rejected")], act: ask() },
  ECONSENSUS: {
    adapters: [says("a", { text: "yes" }, { final: {} }), says("b", { text: "no" }, { final: {} })],
    act: ask({ meta: { strategy: "quorum" } }),
  },
  ETTL: { act: ask({}, { ttl: 0 }) },
  ERESUME: { resume: "nobody's", act: () => undefined, on: "0" },
  EDRAINING: {
    act(peer, router) {
      void router.drain({ drainMs: 5_000 });
      peer.send(syn({ stream: "asked" }));
    },
  },
  EINTERNAL: { port: defective, act: ask(), details: { id: expect.stringMatching(/^[0-9a-f]{16}$/) as string } },
};

describe("A12 from the outside", () => {
  it("has a row for every code", () => expect(Object.keys(rows).sort()).toEqual(Object.keys(errorClasses).sort()));

  it.each(Object.entries(rows))(
    "A12 %s is told, and the socket's other stream runs on to its end",
    async (code, row) => {
      const bystander = new Bystander();
      const scripts = row.adapters ?? [says("a", { text: "yes" }, { final: {} })];
      const others = row.port ? [row.port] : scripts.map((script) => scriptedAdapter(systemClock(), script));
      const router = createRouter({
        adapters: [bystander.port, ...others],
        routes: [
          { match: { taskType: "bystander" }, strategy: "single", adapters: ["bystander"] },
          { match: {}, adapters: others.map(({ id }) => id) },
        ],
        ...row.router,
      });
      const listener = await listen(router, { port: 0 });
      onTestFinished(async () => {
        await router.close();
        await listener.close();
      });
      const headers = { authorization: "Bearer ann" };
      const socket = new WebSocket(`${listener.url.replace("http", "ws")}/ws`, ["atp.v1+json"], { headers });
      onTestFinished(() => socket.terminate());
      const peer = new Peer(socket);
      await once(socket, "open");
      const resume = row.resume === undefined ? {} : { resume: { resume_token: row.resume, streams: [] } };
      const hello = { client: { name: "t", version: "1" }, capabilities: ["resume", "credit"], ...resume };
      peer.send({ ...control("control.hello", hello) });
      await peer.until(({ payload }) => payload?.type === "control.welcome");
      peer.send(syn({ stream: "other", qos: "gold", meta: { task_type: "bystander" } }));
      await begun(peer, "other");

      await row.act(peer, router);
      const on = row.on ?? "asked";
      const told = await peer.until((frame) => frame.stream_id === on && errorIn(frame) !== undefined);
      expect(errorIn(told)).toMatchObject({ code, ...(row.details === undefined ? {} : { details: row.details }) });
      expect(told.flags).toContain(on === "0" ? "CTRL" : "RST");
      expect(peer.frames.some(isOf("other", "RST"))).toBe(false);
      bystander.finish();
      const end = await peer.until(isOf("other", "FIN"));
      expect(end.payload?.content).toMatchObject({ ok: true });
      expect(peer.closedWith).toBeUndefined();
    },
  );
});
