import { celEnv, isCelError, isCelList, isCelMap, isCelUint, parse, plan } from "@bufbuild/cel";
import type { CelInput, CelResult, CelValue } from "@bufbuild/cel";
import type { PolicyDecision, PolicyInput } from "../model/index.js";
import type { PolicyPort } from "../ports/index.js";
import { toDecision } from "./decision.js";
import { stricter } from "./stricter.js";

/** One rule of a CEL policy; every rule must allow. */
export interface CelRule {
  /**
   * A CEL expression over `input` (see PolicyInput) and `allow_tools`. It gives true or false, or a map
   * `{allow, reasons, lane, window, require_tags, quorum, redact, forbid}`.
   */
  readonly expr: string;
  /** What a client reads when the rule says false. @default the expression */
  readonly reason?: string;
}

/** Options of {@link celPolicy}. */
export interface CelPolicyOptions {
  /** Tool permissions that may be asked for. @default ["fs.read"] */
  readonly allowTools?: readonly string[];
  /** Rules beside the one on tools. @default none */
  readonly rules?: readonly CelRule[];
}

interface Compiled {
  readonly rule: CelRule;
  readonly run: (bindings: Record<string, CelInput>) => CelResult;
}

const toolsRule = "input.tool_permissions.all(tool, tool in allow_tools)";
/**
 * The embedded policy: CEL in process (cel.dev). Without rules it allows the tool permissions of `allowTools` and denies others by
 * name. A rule that fails while it runs denies the request: the router fails closed.
 * @throws Error when an expression does not compile; names the rule
 */
export function celPolicy(options: CelPolicyOptions = {}): PolicyPort {
  const allowTools = [...(options.allowTools ?? ["fs.read"])];
  const env = celEnv({});
  const compile = (rule: CelRule): Compiled => {
    try {
      return { rule, run: plan(env, parse(rule.expr)) };
    } catch (cause) {
      throw new Error(`policy rule ${JSON.stringify(rule.expr)} does not compile: ${(cause as Error).message}`, {
        cause,
      });
    }
  };
  const tools = compile({ expr: toolsRule });
  const rules = (options.rules ?? []).map(compile);

  function decide(input: PolicyInput): PolicyDecision {
    const bindings = { input: input as unknown as CelInput, allow_tools: allowTools };
    if (evaluate(tools, bindings) !== true) {
      const denied = input.tool_permissions.filter((tool) => !allowTools.includes(tool));
      return { allow: false, reasons: denied.map((tool) => `tool ${tool} is not allowed`), engine: "cel" };
    }
    let decision: PolicyDecision = { allow: true, reasons: [], engine: "cel" };
    for (const compiled of rules) {
      decision = stricter(
        decision,
        toDecision(
          evaluate(compiled, bindings),
          "cel",
          compiled.rule.reason ?? `not allowed by: ${compiled.rule.expr}`,
        ),
      );
    }
    return decision;
  }

  return { engine: "cel", decide };
}

function evaluate({ rule, run }: Compiled, bindings: Record<string, CelInput>): unknown {
  const result = run(bindings);
  if (isCelError(result))
    throw new Error(`policy rule ${JSON.stringify(rule.expr)} failed: ${result.message}`, { cause: result });
  return plain(result);
}

/** A CEL value as plain data: integers become numbers. */
function plain(value: CelValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (isCelUint(value)) return Number(value.value);
  if (isCelList(value)) return [...value].map(plain);
  if (isCelMap(value))
    return Object.fromEntries(
      [...value].map(([name, member]) => [isCelUint(name) ? String(name.value) : String(name), plain(member)]),
    );
  return value;
}
