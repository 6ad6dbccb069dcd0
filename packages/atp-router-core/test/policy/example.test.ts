import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { fileURLToPath } from "node:url";
import type { PolicyInput } from "../../src/model/index.js";
import { readConfig, routerConfig } from "../../src/node/index.js";
import { opaPolicy } from "../../src/policy/index.js";

interface Case {
  readonly name: string;
  readonly input: Partial<PolicyInput>;
  readonly decision: {
    readonly allow: boolean;
    readonly reasons: readonly string[];
    readonly lane?: string;
    readonly window?: { readonly max_usd_micros: number };
    readonly require_tags?: readonly string[];
    readonly redact?: readonly string[];
    readonly forbid?: readonly string[];
    readonly quorum?: number;
  };
}

const file = (name: string): string => fileURLToPath(new URL(`../../policy/${name}`, import.meta.url));
const cases = JSON.parse(readFileSync(file("example-cases.json"), "utf8")) as Case[];
const options = { deadlineAt: 1_000 };

const inputOf = (own: Partial<PolicyInput>): PolicyInput => ({
  principal: { tenant: "default", subject: "anonymous", roles: [] },
  task_type: "qa",
  qos: "silver",
  tool_permissions: [],
  data_scope: [],
  strategy: "auto",
  window: {},
  meta: {},
  adapters: [],
  ...own,
});

/** The table's decision as the router reads one. */
function expected({ decision }: Case, engine: string): object {
  const { require_tags: requireTags, window, ...same } = decision;
  return {
    ...same,
    ...(requireTags === undefined ? {} : { requireTags }),
    ...(window === undefined ? {} : { window: { usdMicros: window.max_usd_micros } }),
    engine,
  };
}

describe("the example policy", () => {
  const config = readConfig({ ATP_CONFIG: file("example.yaml") });
  if (!config.ok) throw new Error(config.message);
  const cel = routerConfig(config.config).policy;

  it.each(cases)("CEL: $name", async (row) => {
    expect(await cel?.decide(inputOf(row.input), options)).toEqual(expected(row, "cel"));
  });

  it.each(cases)("OPA over REST, from a stub that keeps its contract: $name", async (row) => {
    const server = createServer((_request, response) => response.end(JSON.stringify({ result: row.decision })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await opaPolicy({ url, timeoutMs: 10_000 }).decide(inputOf(row.input), options)).toEqual(
      expected(row, "opa"),
    );
  });

  it("has each rule twice: cases that differ in exactly one member, decided differently", () => {
    const members = (row: Case): string => JSON.stringify(inputOf(row.input));
    const alone = cases.filter(
      (row) =>
        !cases.some(
          (other) =>
            JSON.stringify(other.decision) !== JSON.stringify(row.decision) &&
            Object.entries(inputOf(row.input)).filter(
              ([name, value]) =>
                JSON.stringify(value) !== JSON.stringify(inputOf(other.input)[name as keyof PolicyInput]),
            ).length === 1,
        ),
    );
    expect(alone.map(({ name }) => name)).toEqual([]);
    expect(new Set(cases.map(members)).size).toBe(cases.length);
  });
});
