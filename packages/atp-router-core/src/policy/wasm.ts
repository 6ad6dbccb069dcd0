import { readFileSync } from "node:fs";
import type { PolicyInput } from "../model/index.js";
import type { PolicyPort } from "../ports/index.js";
import { toDecision } from "./decision.js";
import { fileOfBundle } from "./opa-bundle.js";

/** Options of {@link wasmPolicy}. */
export interface WasmPolicyOptions {
  /** What `opa build -t wasm -e atp/decision` makes: a bundle (`.tar.gz`) or the module in it (`.wasm`). */
  readonly file: string;
  /** The rule that decides, as it was given to `opa build -e`. @default "atp/decision" */
  readonly entrypoint?: string;
}

/**
 * A Rego policy compiled to WebAssembly, evaluated in process. Needs the optional peer `@open-policy-agent/opa-wasm`. A rule that is
 * undefined denies; one that fails throws, and the router denies: it fails closed.
 * @throws Error when the file is no policy, lacks the entrypoint, or the peer is not installed
 */
export async function wasmPolicy(options: WasmPolicyOptions): Promise<PolicyPort> {
  const { file, entrypoint = "atp/decision" } = options;
  const { loadPolicy } = await import("@open-policy-agent/opa-wasm").catch((cause: unknown) => {
    throw new Error(
      "policies as WebAssembly need the package @open-policy-agent/opa-wasm: install it beside atp-router-core",
      {
        cause,
      },
    );
  });
  const bytes = readFileSync(file);
  const bundled = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const module = bundled ? fileOfBundle(bytes, "policy.wasm") : bytes;
  if (module === undefined) throw new Error(`${file} has no policy.wasm: build it with opa build -t wasm`);
  const policy = await loadPolicy(Uint8Array.from(module)).catch((cause: unknown) => {
    throw new Error(`${file} is no policy of OPA: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  });
  const known = Object.keys(policy.entrypoints as Record<string, number>);
  if (!known.includes(entrypoint))
    throw new Error(`${file} has no entrypoint ${entrypoint}; it has ${known.join(", ") || "none"}`);
  const data = bundled ? fileOfBundle(bytes, "data.json") : undefined;
  if (data !== undefined) policy.setData(JSON.parse(data.toString("utf8")) as object);

  return {
    engine: "wasm",
    decide(input: PolicyInput) {
      const results = policy.evaluate(input, entrypoint) as readonly { readonly result?: unknown }[];
      const answer = results[0]?.result;
      if (answer === undefined)
        return { allow: false, reasons: ["the policy has no rule for this request"], engine: "wasm" };
      return toDecision(answer, "wasm", "denied by policy");
    },
  };
}
