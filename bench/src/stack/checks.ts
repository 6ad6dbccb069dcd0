/** What a request's checks take in the router's process: the policy in CEL, and who is asking. */
import { createSign, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createKey, keyIdentity, readConfig, routerConfig } from "atp-router-core/node";
import { oidcIdentity } from "atp-router-core/oidc";
import { projectFile } from "../harness/children.js";
import { percentile } from "../harness/stats.js";

const ROUNDS = 6;
const CALLS = 20_000;

/** The 99th percentile of one call in microseconds, round by round; the first round warms up and is dropped. */
async function p99Of(call: (i: number) => unknown, calls = CALLS): Promise<number[]> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const times = new Float64Array(calls);
    for (let i = 0; i < calls; i++) {
      const began = process.hrtime.bigint();
      const answer = call(i);
      if (answer instanceof Promise) await answer;
      times[i] = Number(process.hrtime.bigint() - began) / 1_000;
    }
    if (round > 0) rounds.push(percentile([...times], 0.99));
  }
  return rounds;
}

/** One decision of the example policy, every rule of it, on each of its cases in turn. */
export async function policyTimes(): Promise<number[]> {
  const read = readConfig({ ATP_CONFIG: projectFile("packages/atp-router-core/policy/example.yaml") });
  if (!read.ok) throw new Error(read.message);
  const { policy } = routerConfig(read.config);
  if (policy === undefined) throw new Error("the example has no policy");
  const cases = JSON.parse(
    readFileSync(projectFile("packages/atp-router-core/policy/example-cases.json"), "utf8"),
  ) as readonly { readonly input: object }[];
  const inputs = cases.map(({ input }) => ({
    principal: { tenant: "default", subject: "anonymous", roles: [] },
    task_type: "qa",
    qos: "silver" as const,
    tool_permissions: [],
    data_scope: [],
    strategy: "auto" as const,
    window: {},
    meta: {},
    adapters: [],
    ...input,
  }));
  return p99Of((i) => policy.decide(inputs[i % inputs.length] as (typeof inputs)[number], { deadlineAt: Infinity }));
}

/** What telling a caller takes: a static key, a token that was seen before, and one that is new, its issuer's key being known. */
export interface IdentityTimes {
  readonly key: number[];
  readonly seen: number[];
  readonly fresh: number[];
}

/** Times of identity, against an issuer on loopback whose keys are fetched once. */
export async function identityTimes(): Promise<IdentityTimes> {
  const keys = Array.from({ length: 100 }, (_, i) => createKey(`k${i}`));
  const identity = keyIdentity({ keys: keys.map(({ hash }, i) => ({ id: `k${i}`, hash, tenant: "acme" })) });
  const key = await p99Of((i) => identity.authenticate({ token: keys[i % keys.length]?.key ?? "" }));

  const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const server = createServer((request, response) => {
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const body = request.url?.includes("well-known")
      ? { issuer, jwks_uri: `${issuer}/jwks` }
      : { keys: [{ ...pair.publicKey.export({ format: "jwk" }), kid: "a", alg: "RS256", use: "sig" }] };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const expires = Math.floor(Date.now() / 1_000) + 3_600;
  const tokenOf = (n: number): string => {
    const claims = { iss: issuer, aud: "atp", sub: `u${n}`, tenant: "acme", exp: expires };
    const text = `${encode({ alg: "RS256", kid: "a", typ: "at+jwt" })}.${encode(claims)}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(pair.privateKey, "base64url")}`;
  };
  try {
    const oidc = oidcIdentity({ issuer, audience: "atp", claims: { tenant: "tenant" } });
    const tokens = Array.from({ length: 100 }, (_, n) => tokenOf(n));
    for (const token of tokens) await oidc.authenticate({ token });
    const seen = await p99Of((i) => oidc.authenticate({ token: tokens[i % tokens.length] ?? "" }));
    const stranger = oidcIdentity({ issuer, audience: "atp", claims: { tenant: "tenant" }, trustMs: 0 });
    const fresh = await p99Of((i) => stranger.authenticate({ token: tokens[i % tokens.length] ?? "" }), 2_000);
    return { key, seen, fresh };
  } finally {
    server.close();
  }
}
