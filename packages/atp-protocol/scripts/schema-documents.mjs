// Builds the published documents from the zod source: one closed JSON Schema for each payload's content and each kind of
// frame, and an AsyncAPI 3 document over them. Pure but for the bundling; the same source gives the same bytes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const draft = "https://json-schema.org/draft/2020-12/schema";
const base = "https://atp.dev/schemas/v1";

async function loadSource() {
  const folder = await mkdtemp(join(tmpdir(), "atp-schemas-"));
  try {
    const outfile = join(folder, "published.mjs");
    await build({
      entryPoints: [join(root, "src/schema/published.ts")],
      bundle: true,
      format: "esm",
      platform: "node",
      outfile,
      logLevel: "error",
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Objects with named members refuse others, so that a typo fails, unless the source marks them open. */
function close(node) {
  if (Array.isArray(node)) return node.map(close);
  if (typeof node !== "object" || node === null) return node;
  const { open, $schema: _, ...rest } = node;
  const closed = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, close(value)]));
  if (node.properties !== undefined) closed.additionalProperties = open === true;
  return closed;
}

const byName = (record) => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Exactly these flags, in this order: the one form that a conforming writer uses. */
function listOf(flags) {
  const size = { minItems: flags.length, maxItems: flags.length };
  return {
    type: "array",
    ...(flags.length === 0 ? { items: { not: {} } } : { prefixItems: flags.map((flag) => ({ const: flag })) }),
    ...size,
  };
}

/** All documents by their path below `schemas/`. */
export async function buildDocuments() {
  const { commonMembers, contentOn, contents, kinds, payloadMembers, toJsonSchema } = await loadSource();
  const jsonOf = (schema) => close(toJsonSchema(schema, { target: "draft-2020-12" }));
  const documents = {};

  for (const [type, schema] of Object.entries(contents)) {
    documents[`payloads/${type}.json`] = {
      $schema: draft,
      $id: `${base}/payloads/${type}.json`,
      title: `The content of ${type}`,
      ...jsonOf(schema),
    };
  }

  const isOptional = (schema) => schema.safeParse(undefined).success;
  const membersOf = (members) =>
    Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, jsonOf(schema)]));

  for (const [kind, { from, flags, payloads, bare, members = {} }] of Object.entries(kinds)) {
    const payloadOf = (type) => ({
      type: "object",
      properties: { type: { const: type }, content: jsonOf(contentOn(kind, type)), ...membersOf(payloadMembers) },
      required: ["type", "content"],
      additionalProperties: false,
    });
    const flagLists = flags.flatMap((list) => [list, [...list, "OPT"]]);
    const required = Object.entries(commonMembers)
      .filter(([, schema]) => !isOptional(schema))
      .map(([name]) => name);
    const ends = members.telemetry !== undefined && (kind === "end.router" || kind === "reset");
    documents[`frames/${kind}.json`] = {
      $schema: draft,
      $id: `${base}/frames/${kind}.json`,
      title: `A frame of kind ${kind}, sent by ${from === "both" ? "either side" : `the ${from}`}`,
      type: "object",
      properties: {
        ...membersOf(commonMembers),
        flags: { anyOf: flagLists.map(listOf) },
        ...membersOf(members),
        ...(payloads.length === 0 ? {} : { payload: { oneOf: payloads.map(payloadOf) } }),
      },
      required: [...required, "flags", ...(bare === true ? [] : ["payload"]), ...(ends ? ["telemetry"] : [])],
      additionalProperties: false,
    };
  }
  documents["asyncapi.json"] = asyncApi(kinds);
  return byName(documents);
}

function asyncApi(kinds) {
  const names = Object.keys(kinds);
  const refs = (sender) =>
    names
      .filter((kind) => kinds[kind].from === sender || kinds[kind].from === "both")
      .map((kind) => ({ $ref: `#/channels/connection/messages/${kind}` }));
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Agent Transport Protocol",
      version: "1.0.0",
      description: "What travels between a client and a router: one frame for each WebSocket message.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    servers: { router: { host: "127.0.0.1:7443", protocol: "ws", description: "A router on its default port." } },
    channels: {
      connection: {
        address: "/ws",
        description: "Subprotocols: atp.v1+json (also when none is offered) and atp.v1+cbor.",
        messages: Object.fromEntries(names.map((kind) => [kind, { $ref: `#/components/messages/${kind}` }])),
      },
    },
    operations: {
      receiveFromClient: { action: "receive", channel: { $ref: "#/channels/connection" }, messages: refs("client") },
      sendToClient: { action: "send", channel: { $ref: "#/channels/connection" }, messages: refs("router") },
    },
    components: {
      messages: Object.fromEntries(
        names.map((kind) => [
          kind,
          {
            name: kind,
            payload: {
              schemaFormat: `application/schema+json;version=${"draft-2020-12"}`,
              schema: { $ref: `./frames/${kind}.json` },
            },
          },
        ]),
      ),
    },
  };
}

/** The bytes of a document as committed. */
export const textOf = (document) => `${JSON.stringify(document, null, 2)}\n`;
