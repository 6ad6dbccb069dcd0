import { celEnv, celList, celMap, isCelError, isCelList, isCelMap, isCelUint, parse, plan } from "@bufbuild/cel";
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
  const allowed = celList(allowTools);
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
    // The one rule on tools looks at one member: to convert them all would cost more than it saves.
    const bindings = {
      input: rules.length === 0 ? (input as unknown as CelInput) : inCel(input),
      allow_tools: allowed,
    };
    if (evaluate(tools, bindings) !== true) {
      const denied = input.tool_permissions.filter((tool) => !allowTools.includes(tool));
      return { allow: false, reasons: denied.map((tool) => `tool ${tool} is not allowed`), engine: "cel" };
    }
    let decision: PolicyDecision = { allow: true, reasons: [], engine: "cel" };
    for (const compiled of rules) {
      const answer = evaluate(compiled, bindings);
      // Most rules say nothing of most requests: what only allows narrows nothing.
      if (answer === true || isBareAllow(answer)) continue;
      const denial = compiled.rule.reason ?? `not allowed by: ${compiled.rule.expr}`;
      decision = stricter(decision, toDecision(plain(answer), "cel", denial));
    }
    return decision;
  }

  return { engine: "cel", decide };
}

function evaluate({ rule, run }: Compiled, bindings: Record<string, CelInput>): CelValue {
  const result = run(bindings);
  if (isCelError(result))
    throw new Error(`policy rule ${JSON.stringify(rule.expr)} failed: ${result.message}`, { cause: result });
  return result;
}

/** `{"allow": true}` and nothing else. */
function isBareAllow(answer: CelValue): boolean {
  return isCelMap(answer) && answer.size === 1 && answer.get("allow") === true;
}

const noList = celList([]);
const noMap = celMap(new Map());

/** JSON as CEL values, converted once for all rules: the library would convert a member at each look at it. */
function inCel(value: unknown): CelInput {
  if (typeof value !== "object" || value === null) return value as CelInput;
  if (Array.isArray(value)) return value.length === 0 ? noList : celList(value.map(inCel));
  let members: Map<string, CelInput> | undefined;
  for (const name of Object.keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (member !== undefined) (members ??= new Map<string, CelInput>()).set(name, inCel(member));
  }
  return members === undefined ? noMap : celMap(members);
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
