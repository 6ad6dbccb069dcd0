import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { type Frame, payloadTypes } from "../../src/index.js";
import { configOf, frame, grant, hello, Rig, syn } from "../support/pipe.js";

type Document = Readonly<Record<string, unknown>>;
type Documents = Readonly<Record<string, Document>>;
const { buildDocuments, textOf } = (await import(
  new URL("../../scripts/schema-documents.mjs", import.meta.url).href
)) as {
  buildDocuments: () => Promise<Documents>;
  textOf: (document: unknown) => string;
};
const { incompatibilities } = (await import(new URL("../../scripts/schema-compat.mjs", import.meta.url).href)) as {
  incompatibilities: (released: Documents, next: Documents) => string[];
};

const documents = await buildDocuments();
const validate = (path: string, value: unknown): boolean =>
  z
    .fromJSONSchema(documents[path] as Parameters<typeof z.fromJSONSchema>[0])
    .safeParse(JSON.parse(JSON.stringify(value))).success;

const partial = frame({
  msg_seq: 2,
  frag_seq: 0,
  flags: ["MORE"],
  payload: { type: "agent.result.partial", content: { chunk: 0, adapter: "persona_adapter" }, confidence: 0.62 },
});
const final = frame({
  msg_seq: 3,
  flags: ["FIN"],
  payload: { type: "agent.result.final", content: { ok: true, answer: "..." } },
  telemetry: { tokens: 48210, usd: 910000, latency_ms: 1320 },
});

describe("the published schemas", () => {
  it("are what the source gives, byte for byte", () => {
    for (const [path, document] of Object.entries(documents))
      expect(readFileSync(new URL(`../../schemas/${path}`, import.meta.url), "utf8"), path).toBe(textOf(document));
  });

  it("A4 have a document for every payload type", () => {
    for (const type of Object.values(payloadTypes)) expect(documents[`payloads/${type}.json`], type).toBeDefined();
  });

  it.each([
    [
      "frames/syn.json",
      syn({ window: { max_parallel: 4 }, meta: { task_type: "qa", tool_permissions: [], data_scope: ["no_secrets"] } }),
    ],
    ["frames/message.router.json", partial],
    ["frames/end.router.json", final],
    ["frames/control.client.json", hello(["resume"])],
  ])("%s accepts the seed's frame and refuses a typo in it", (path, value) => {
    expect(validate(path, value)).toBe(true);
    expect(validate(path, { ...value, sesion: "s1" })).toBe(false);
    expect(validate(path, { ...value, payload: { ...value.payload, confidense: 1 } })).toBe(false);
    expect(validate(path, { ...value, msg_seq: 0 })).toBe(false);
    expect(validate(path, { ...value, flags: ["HB", "SYN"] })).toBe(false);
  });

  it("A11 an end without its bill fails conformance", () => {
    const { telemetry: _, ...bare } = final;
    expect(validate("frames/end.router.json", bare)).toBe(false);
  });

  it("accept what the router's endpoint sends", () => {
    const rig = new Rig(configOf({ capabilities: ["credit"] }));
    rig.step({ t: "socket.opened", subprotocol: "" });
    rig.receive(hello(["credit"]));
    rig.step({ t: "hello.granted", grant });
    rig.receive(syn());
    rig.receive(syn());
    rig.receive(syn({ stream_id: "st2", ttl: 0 }));
    rig.step({ t: "stream.accept", stream: "s1/st1", qos: "silver", window: { max_tokens: 1 } });
    const kindOf = (sent: Frame): string =>
      sent.flags[0] === "CTRL" ? "control.router" : sent.flags[0] === "RST" ? "reset" : "accept";
    const sent = rig.sent();
    expect(sent.map((each) => `${kindOf(each)}:${String(validate(`frames/${kindOf(each)}.json`, each))}`)).toEqual([
      "control.router:true",
      "control.router:true",
      "reset:true",
      "accept:true",
    ]);
  });

  it("AsyncAPI names only documents that exist", () => {
    const refs = [...JSON.stringify(documents["asyncapi.json"]).matchAll(/"\.\/(frames\/[^"]+)"/g)].map(
      (match) => match[1] as string,
    );
    expect(refs.length).toBeGreaterThan(10);
    for (const ref of refs) expect(documents[ref], ref).toBeDefined();
  });
});

describe("the check of incompatible changes", () => {
  const change = (path: string, edit: (document: Record<string, never>) => void): string[] => {
    const next = structuredClone(documents) as Record<string, Record<string, never>>;
    edit(next[path] as Record<string, never>);
    return incompatibilities(documents, next);
  };
  type Loose = Record<string, Record<string, Record<string, unknown>>>;

  it("lets the same schemas, a new optional member and a new document pass", () => {
    expect(incompatibilities(documents, documents)).toEqual([]);
    expect(
      change("frames/syn.json", (syn) => Object.assign((syn as unknown as Loose)["properties"] ?? {}, { later: {} })),
    ).toEqual([]);
    expect(incompatibilities(documents, { ...documents, "frames/new.json": {} })).toEqual([]);
  });

  it.each([
    ["a member gone", (syn: Loose) => delete syn["properties"]?.["qos"]],
    ["a narrower range", (syn: Loose) => Object.assign(syn["properties"]?.["ttl"] ?? {}, { maximum: 8 })],
    ["another type", (syn: Loose) => Object.assign(syn["properties"]?.["msg_seq"] ?? {}, { type: "string" })],
    ["a lane gone", (syn: Loose) => Object.assign(syn["properties"]?.["qos"] ?? {}, { enum: ["gold"] })],
    ["a new duty", (syn: Loose) => (syn["required"] as unknown as string[]).push("qos")],
    ["a payload gone", (syn: Loose) => (syn["properties"]?.["payload"]?.["oneOf"] as unknown[]).pop()],
  ])("refuses %s", (_name, edit) => {
    expect(change("frames/syn.json", (document) => void edit(document as unknown as Loose))).not.toEqual([]);
  });

  it("refuses a document gone", () => {
    const { "frames/syn.json": _, ...rest } = documents;
    expect(incompatibilities(documents, rest)).toEqual(["frames/syn.json: gone"]);
  });
});
