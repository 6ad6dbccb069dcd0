/** Every close code that a router sends, brought about from the outside over a real socket, while another one goes on. */
import { once } from "node:events";
import { AtpError, closeAction, closeCodes } from "atp-protocol";
import type { HelloContent, WelcomeContent } from "atp-protocol";
import { createReplayMemory } from "atp-protocol/replay";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { listen } from "../../src/node/index.js";
import { StoreUnavailable } from "../../src/ports/index.js";
import { createRouter } from "../../src/runtime/index.js";
import type { Router, RouterConfig } from "../../src/runtime/index.js";
import { scriptedAdapter, syn } from "../../src/testing/index.js";
import { leapingClock } from "./support/leaping-clock.js";
import type { LeapingClock } from "./support/leaping-clock.js";
import { Bystander, control, Peer } from "./support/peer.js";

/** What a row may use. */
interface World {
  readonly clock: LeapingClock;
  readonly router: Router;
  /** A new socket. @param greeted false: nothing was said on it. */
  readonly dial: (greeted?: boolean, protocol?: string) => Promise<Peer>;
}

/** How a code is brought about, and where. */
interface Row {
  readonly router?: Partial<RouterConfig>;
  /** @returns the socket that must be closed */
  readonly act: (world: World, peer: Peer) => Promise<Peer> | Peer;
  /** The router is going: it closes every socket. */
  readonly closesAll?: true;
}

const greeting = (resume?: HelloContent["resume"], token?: string): object =>
  control("control.hello", {
    client: { name: "t", version: "1" },
    capabilities: ["resume"],
    ...(resume === undefined ? {} : { resume }),
    ...(token === undefined ? {} : { token }),
  });
const tokenOf = async (peer: Peer): Promise<string> => {
  const welcome = await peer.until(({ payload }) => payload?.type === "control.welcome");
  return (welcome.payload?.content as WelcomeContent).resume_token ?? "";
};
const identity: RouterConfig["identity"] = {
  authenticate: async ({ token }) => {
    if (token === "late") throw new AtpError("EAUTH", "It has expired.", { details: { expired: true } });
    if (token === undefined) throw new AtpError("EAUTH", "Nobody is known here without a token.");
    return { principal: { tenant: "acme", subject: token, roles: [] } };
  },
};
const ann = { authorization: "Bearer ann" };

const heartbeat = { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["HB"] };
const resumes = (code: number): boolean => closeAction(code).startsWith("resume");

/** Lets the event loop turn, so that sockets are read. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Time passes, and what was said meanwhile is heard. */
async function pass(clock: LeapingClock, ms: number): Promise<void> {
  await clock.advance(ms);
  await turns(20);
}

/** Resolves when a figure stands still: all that fits between two processes is there. */
async function atRest(look: () => number): Promise<void> {
  for (let before = -1, same = 0; same < 50; ) {
    await turns(5);
    const now = look();
    same = now === before && now > 0 ? same + 1 : 0;
    before = now;
  }
}

/** A shared store that is away when the test says so. */
function storeThatLeaves(): { readonly router: Partial<RouterConfig>; leave: () => void } {
  let isAway = false;
  const store = createReplayMemory();
  const publish: typeof store.publish = (...args) =>
    isAway ? Promise.reject(new StoreUnavailable("away", "no")) : store.publish(...args);
  return { router: { replay: { ...store, publish } }, leave: () => void (isAway = true) };
}
const leaving = storeThatLeaves();

/** `done` and `gap` are a client's to send, and `tryLater` is the code that a client gives itself: the band 45xx is kept for proxies. */
type Sent = Exclude<keyof typeof closeCodes, "done" | "gap" | "tryLater">;
const rows: Record<Sent, Row> = {
  invalidUtf8: {
    act(_world, peer) {
      peer.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
      return peer;
    },
  },
  socketFrameTooBig: {
    act(_world, peer) {
      peer.socket.send("x".repeat(4 * 262_144 + 1));
      return peer;
    },
  },
  goingAway: {
    closesAll: true,
    act({ router }, peer) {
      void router.drain({ drainMs: 60_000 });
      return peer;
    },
  },
  overloaded: {
    router: leaving.router,
    async act({ dial }) {
      leaving.leave();
      const peer = await dial(false);
      peer.send(greeting());
      await peer.until(({ payload }) => payload?.type === "error");
      return peer;
    },
  },
  heartbeat: {
    router: { limits: { heartbeat_ms: 1_000, max_idle_ms: 3_000 } },
    async act({ clock }, peer) {
      // A client that reads nothing, so that it answers neither heartbeats nor pings.
      peer.socket.pause();
      for (let i = 0; i < 8; i++) await pass(clock, 500);
      peer.socket.resume();
      return peer;
    },
  },
  slowReader: {
    async act({ clock, router }, peer) {
      peer.socket.pause();
      peer.send(syn({ stream: "long", meta: { task_type: "long" } }));
      await atRest(() => router.view().bufferedBytes);
      await clock.advance(30_500);
      peer.socket.resume();
      return peer;
    },
  },
  rate: {
    router: { limits: { frames_per_s: 100 } },
    async act({ clock }, peer) {
      for (let i = 0; i < 10_000; i++) peer.send(heartbeat);
      for (let i = 0; i < 350 && peer.closedWith === undefined; i++) await pass(clock, 200);
      return peer;
    },
  },
  tokenExpired: {
    router: { identity },
    async act({ dial }) {
      const peer = await dial(false);
      peer.send(greeting(undefined, "late"));
      return peer;
    },
  },
  protocol: {
    act(_world, peer) {
      for (let i = 0; i < 16; i++) peer.socket.send("{");
      return peer;
    },
  },
  unauthenticated: {
    router: { identity },
    async act({ dial }) {
      const peer = await dial(false);
      peer.send(greeting());
      return peer;
    },
  },
  forbidden: {
    router: { identity },
    async act({ dial }) {
      const owner = await dial(false);
      owner.send(greeting(undefined, "ann"));
      const peer = await dial(false);
      peer.send(greeting({ resume_token: await tokenOf(owner), streams: [] }, "bob"));
      return peer;
    },
  },
  version: { act: ({ dial }) => dial(false, "atp.v9+json") },
  noHello: {
    async act({ clock, dial }) {
      const peer = await dial(false);
      await clock.advance(10_001);
      return peer;
    },
  },
  superseded: {
    async act({ dial }, peer) {
      const next = await dial(false);
      next.send(greeting({ resume_token: await tokenOf(peer), streams: [] }));
      return peer;
    },
  },
  secondHello: {
    act(_world, peer) {
      peer.send(greeting());
      return peer;
    },
  },
};

describe("close codes from the outside (A12)", () => {
  it.each(Object.entries(rows))("A12 %s closes its socket, and no other", async (name, row) => {
    const clock = leapingClock();
    const bystander = new Bystander(clock);
    const text = "x".repeat(60_000);
    const long = scriptedAdapter(clock, {
      id: "long",
      answer: [...Array(400).fill({ text }), { stall: true }],
    });
    const router = createRouter({
      adapters: [bystander.port, long],
      routes: [
        { match: { taskType: "long" }, strategy: "single", adapters: ["long"] },
        { match: {}, strategy: "single", adapters: ["bystander"] },
      ],
      clock,
      ...row.router,
    });
    const listener = await listen(router, { port: 0 });
    onTestFinished(async () => {
      await router.close();
      await listener.close();
    });
    const dial: World["dial"] = async (greeted = true, protocol = "atp.v1+json") => {
      const headers = greeted ? ann : {};
      const socket = new WebSocket(`${listener.url.replace("http", "ws")}/ws`, [protocol], { headers });
      onTestFinished(() => socket.terminate());
      socket.on("error", () => undefined);
      const peer = new Peer(socket);
      socket.on("message", (data: Buffer) => {
        if (data.includes('"HB"')) peer.send(heartbeat);
      });
      await once(socket, "open");
      if (greeted) {
        peer.send(greeting());
        await tokenOf(peer);
      }
      return peer;
    };
    const [victim, other] = [await dial(), await dial()];
    for (const peer of [victim, other]) {
      peer.send(syn({ stream: "kept" }));
      await peer.until(({ stream_id, flags }) => stream_id === "kept" && flags.includes("MORE"));
    }

    const closed = await row.act({ clock, router, dial }, victim);
    if (row.closesAll === true) bystander.finish();
    const code = await closed.closed();
    expect(code).toBe(closeCodes[name as Sent]);

    // The victim's own session outlives a close after which it may be resumed.
    if (closed === victim && resumes(code) && row.closesAll !== true) {
      const next = await dial(false);
      next.send(greeting({ resume_token: await tokenOf(victim), streams: [{ stream_id: "kept", last_seq: 1 }] }));
      const resumed = await next.until(({ payload }) => payload?.type === "control.resumed");
      expect(resumed.payload?.content).toMatchObject({
        streams: expect.arrayContaining([expect.objectContaining({ stream_id: "kept", state: "live" })]),
      });
    }
    if (row.closesAll !== true) expect(other.closedWith).toBeUndefined();
    bystander.finish();
    const end = await other.until(({ stream_id, flags }) => stream_id === "kept" && flags.includes("FIN"));
    expect(end.payload?.content).toMatchObject({ ok: true });
  });
});
