/** A signing client with a signing router, over cuts, changed frames and wrong keys. */
import type { Frame } from "atp-protocol";
import { sha256Digest } from "atp-protocol/integrity";
import { describe, expect, it, onTestFinished } from "vitest";
import { createSimulation } from "../../../atp-router-core/src/testing/index.js";
import type { Simulation } from "../../../atp-router-core/src/testing/index.js";
import { integrity } from "../../src/integrity/index.js";
import { createClient, isAtpError } from "../../src/index.js";
import type { AtpClient, ClientOptions } from "../../src/index.js";
import { clientClock, SimWire } from "../support/sim-wire.js";

const key = new Uint8Array(32).fill(9);
const words = Array.from({ length: 12 }, (_, i) => `${i} `);

interface World {
  readonly sim: Simulation;
  readonly wire: SimWire;
  readonly client: AtpClient;
  readonly said: readonly Frame[];
  readonly warnings: readonly unknown[];
}

function world(mine: Uint8Array = key, over: Partial<ClientOptions> = {}): World {
  const answer = words.map((text) => ({
    afterMs: 10,
    text,
    usage: { inTokens: 1, outTokens: 1, usdMicros: 1 },
  }));
  const sim = createSimulation({
    adapters: [{ id: "a", answer: [...answer, { afterMs: 1, final: { confidence: 0.9 } }] }],
    integrity: { digest: sha256Digest, keyOf: () => key },
  });
  const wire = new SimWire(sim.clock, sim.router);
  const said: Frame[] = [];
  const warnings: unknown[] = [];
  let nth = 0;
  wire.sent = (text) => void said.push(JSON.parse(text) as Frame);
  const client = createClient({
    url: "ws://router.test/ws",
    sessionId: "s1",
    socket: wire.connect,
    clock: clientClock(sim.clock),
    random: () => 0.5,
    retry: { attempts: 2 },
    logger: { warn: (_message, fields) => void warnings.push(fields) },
    ...integrity({
      key: mine,
      wall: () => sim.clock.wall(),
      random: (bytes) => new Uint8Array(bytes).fill(++nth),
    }),
    ...over,
  });
  onTestFinished(() => sim.router.close());
  return { sim, wire, client, said, warnings };
}

/** Moves virtual time until a promise has settled. */
async function passing<T>({ sim }: World, promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = (): void => void (settled = true);
  promise.then(done, done);
  await sim.clock.until(() => settled, 60_000);
  return promise;
}

describe("a signing client", () => {
  it("A10 runs, and signs every frame but ACK and HB, each with a nonce of its own", async () => {
    const w = world();
    const final = await passing(w, w.client.stream("hello").final());
    expect(final.answer).toBe(words.join(""));
    const mustSign = w.said.filter(({ flags }) => !flags.includes("ACK") && !flags.includes("HB"));
    expect(mustSign.length).toBeGreaterThan(1);
    expect(mustSign.every(({ sig }) => sig?.startsWith("hmac-sha256:") === true)).toBe(true);
    expect(new Set(mustSign.map(({ nonce }) => nonce)).size).toBe(mustSign.length);
    expect(w.warnings).toEqual([]);
  });

  it.each([3, 5, 8, 11])(
    "A10 goes on over a cut after frame %i: what is sent again is taken for no attack",
    async (k) => {
      const w = world();
      w.wire.delivered = (count) => {
        if (count === k) w.wire.sockets[0]?.cut(1006);
      };
      const run = w.client.stream("hello");
      const texts: string[] = [];
      const reading = (async () => {
        for await (const event of run) if (event.type === "partial") texts.push(event.text);
      })();
      await passing(w, reading);
      expect(texts.join("")).toBe(words.join(""));
      expect(w.sim.observations.filter(({ t }) => t === "violation")).toEqual([]);
      expect(w.wire.sockets.length).toBe(2);
    },
  );

  it("A10 an unsigned answer that somebody puts in is not taken, and the run goes on", async () => {
    const w = world();
    w.wire.delivered = (count) => {
      if (count !== 7) return;
      const payload = { type: "agent.result.final", content: { ok: true, answer: "forged" } };
      w.wire.inject(0, { stream_id: "st1", msg_seq: 99, flags: ["FIN"], payload });
    };
    const final = await passing(w, w.client.stream("hello").final());
    expect(final.answer).toBe(words.join(""));
    expect(w.warnings).toMatchObject([{ code: "EPROTO", message: expect.stringContaining("signature_missing") }]);
  });

  it("A10 a wrong key is refused for good, with the reason", async () => {
    const w = world(new Uint8Array(32));
    const error: unknown = await passing(w, w.client.stream("hello").final()).catch((thrown: unknown) => thrown);
    expect(isAtpError(error) && error.code).toBe("ESEC");
    expect(String(error)).toContain("signature");
  });

  it("A10 beside an encoding of its own JSON is offered once", () => {
    const w = world();
    void w.client
      .stream("hello")
      .final()
      .catch(() => undefined);
    expect(integrity({ key }).codecs.map(({ subprotocol }) => subprotocol)).toEqual(["atp.v1+json"]);
    void w.client.close();
  });
});
