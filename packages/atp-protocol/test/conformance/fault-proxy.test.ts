import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Fault, type FaultProxy, startFaultProxy } from "../../conformance/src/fault-proxy.js";
import type { Seen } from "../../conformance/src/frames.js";
import { asText } from "../../conformance/src/result.js";
import { type Program, startProgram } from "./support/programs.js";
import { RawClient } from "./support/raw-client.js";

const programs: Program[] = [];
const clients: RawClient[] = [];
let routerUrl = "";
let proxy: FaultProxy;

beforeAll(async () => {
  const librarian = await startProgram("examples/adapters/librarian");
  programs.push(librarian);
  const router = await startProgram("examples/router", { ADAPTER_ENDPOINTS: JSON.stringify([librarian.url]) });
  programs.push(router);
  routerUrl = `${router.url.replace("http", "ws")}/ws`;
  proxy = await startFaultProxy(routerUrl);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

afterAll(async () => {
  await proxy.close();
  for (const program of programs) await program.stop();
});

const open = async (...faults: readonly Fault[]): Promise<RawClient> => {
  proxy.plan(...faults);
  const client = await RawClient.open(proxy.url);
  clients.push(client);
  return client;
};
const question = { like: "syn", payload: { type: "agent.request", content: { prompt: "What is a budget?" } } };
const ask = async (...faults: readonly Fault[]): Promise<RawClient> => {
  const client = await open(...faults);
  client.send(question);
  return client;
};
const closed = (client: RawClient): Promise<void> => client.until(({ closedWith }) => closedWith !== null);

/** The router is as well as before: a new connection gets its whole answer. */
const isWell = async (): Promise<void> => {
  const client = await ask();
  expect(await client.end()).toMatchObject({ flags: ["FIN"], payload: { content: { ok: true } } });
};

describe("the fault proxy before a real router", () => {
  it("passes everything on when nothing is planned", async () => {
    const client = await ask();
    const { payload } = await client.end();
    expect(payload?.content?.["answer"]).toBe(textOf(numbered(client)));
    expect(client.closedWith).toBeNull();
  });

  it.each([1, 2])("A4.3 cuts after frame %i: no code, no end, and the router is well", async (after) => {
    const client = await ask({ t: "cut", after });
    await closed(client);
    expect(client.closedWith).toBe(1006);
    expect(client.frames).toHaveLength(after);
    expect(client.frames.some(({ flags }) => flags.includes("FIN"))).toBe(false);
    await isWell();
  });

  it("A4.3 cuts inside a frame: what came of it is never read", async () => {
    const client = await ask({ t: "cut-inside", at: 2, bytes: 20 });
    await closed(client);
    expect(client.closedWith).toBe(1006);
    expect(client.frames).toHaveLength(1);
    await isWell();
  });

  it("A6-17 cuts between the fragments of a message of the client: the reassembly dies with its socket", async () => {
    const client = await open({ t: "cut-between-fragments", direction: "to-router" });
    client.hello(["fragments"]);
    const data = '{"type":"agent.request","content":{"prompt":"x';
    client.send({ frag_seq: 0, flags: ["SYN", "MORE"], payload: { type: "atp.fragment", content: { data } } });
    await closed(client);
    expect(client.closedWith).toBe(1006);
    expect(client.frames.filter(({ stream_id }) => stream_id === "q1")).toEqual([]);
    await isWell();
  });

  it("A9.1 half-open: nothing comes any more, and nothing is closed", async () => {
    const client = await ask({ t: "half-open", after: 1 });
    await client.until(({ texts }) => texts.length === 1);
    client.send({ like: "syn", stream_id: "more", ttl: 0 });
    const other = await open();
    await other.probe();
    expect(client.frames).toHaveLength(1);
    expect(client.closedWith).toBeNull();
  });

  it("A5.4-4 duplicates a frame to the client, byte for byte", async () => {
    const client = await ask({ t: "duplicate", at: 2 });
    await client.end();
    expect(client.texts[1]).toBe(client.texts[2]);
    expect(new Set(client.texts).size).toBe(client.texts.length - 1);
  });

  it("A3.6-5 duplicates a SYN to the router: EDUP by CTRL, and one answer", async () => {
    const client = await ask({ t: "duplicate", at: 1, direction: "to-router" });
    await client.end();
    await client.probe();
    const errors = client.frames.filter(({ payload, stream_id }) => payload?.type === "error" && stream_id === "q1");
    expect(errors).toMatchObject([{ flags: ["CTRL"], payload: { content: { code: "EDUP" } } }]);
    expect(client.frames.filter(({ flags }) => flags.includes("FIN"))).toHaveLength(1);
  });

  it("A5.4-1 delays frames and keeps their order", async () => {
    const began = performance.now();
    const client = await ask({ t: "delay", ms: 40 });
    await client.end();
    expect(performance.now() - began).toBeGreaterThanOrEqual(39);
    const numbers = client.frames.filter(({ flags }) => flags.includes("MORE")).map(({ msg_seq }) => msg_seq);
    expect(numbers).toEqual(numbers.map((_, index) => index + 2));
  });

  it("A9.2-1 caps the life of a connection", async () => {
    const client = await open({ t: "lifetime", ms: 30 });
    await closed(client);
    expect(client.closedWith).toBe(1006);
    await isWell();
  });

  it.each([
    ["with a code", 4000, 4000],
    ["without a code", null, 1005],
  ])("A12-9 closes %s", async (_name, code, seen) => {
    const client = await ask({ t: "close", after: 1, code });
    await closed(client);
    expect(client.closedWith).toBe(seen);
    expect(client.frames).toHaveLength(1);
    await isWell();
  });

  it("A9.2-17 a stream that is cut after every frame is delivered whole by resumes", async () => {
    const first = await open({ t: "cut", after: 2 });
    first.hello(["resume"]);
    first.send(question);
    await closed(first);
    let token = first.frames[0]?.payload?.content?.["resume_token"];
    expect(token).toBeDefined();
    const messages: Seen[] = numbered(first);
    for (let cuts = 0; !messages.some(({ flags }) => flags.includes("FIN")); cuts++) {
      expect(cuts).toBeLessThan(50);
      // Welcome, control.resumed, the accept and the plan told again (A5.2), and one or two messages.
      const next = await open({ t: "cut", after: 5 });
      const lastSeq = messages.at(-1)?.msg_seq ?? 1;
      next.hello(["resume"], { resume_token: token as string, streams: [{ stream_id: "q1", last_seq: lastSeq }] });
      await next.until(
        ({ closedWith, frames }) => closedWith !== null || frames.some(({ flags }) => flags.includes("FIN")),
      );
      token = next.frames[0]?.payload?.content?.["resume_token"] ?? token;
      messages.push(...numbered(next));
    }
    expect(messages.map(({ msg_seq }) => msg_seq)).toEqual(messages.map((_, index) => index + 2));
    expect(messages.at(-1)?.payload?.content?.["answer"]).toBe(textOf(messages));
  });
});

function numbered(client: RawClient): Seen[] {
  return client.frames.filter(({ flags, stream_id }) => stream_id === "q1" && /MORE|FIN|RST/.test(flags.join()));
}

/** The text of all partials. */
function textOf(messages: readonly Seen[]): string {
  return messages.map(({ payload }) => asText(payload?.content?.["text"] ?? "")).join("");
}
