import type { PolicyDecision } from "../model/index.js";
import type { PolicyPort } from "../ports/index.js";
import { stricter } from "./stricter.js";

/** What a `data_scope` label requires of everything that handles the data. */
export interface DataScope {
  /** Tags that an adapter must have. */
  readonly requireTags?: readonly string[];
  /** Where an adapter must be: the tag `region:<name>`. */
  readonly region?: string;
  /** Kinds of secrets and personal data that leave the prompt before anything reads it; true: all that are known. */
  readonly redact?: true | readonly string[];
  /** `log`: prompts and answers never reach a log or trace, also where these are turned on. `memory`: nothing is read from or written to shared memory. */
  readonly forbid?: readonly ("log" | "memory")[];
}

/**
 * Binds data scopes over another policy: labels that are named here narrow what it allows; others mean nothing by themselves (D4).
 * @param strict labels that are not named deny the request. @default false
 */
export function withDataScopes(
  policy: PolicyPort,
  scopes: Readonly<Record<string, DataScope>>,
  strict = false,
): PolicyPort {
  const decisions = new Map(Object.entries(scopes).map(([label, scope]) => [label, decisionOf(scope, policy.engine)]));

  function bind(decision: PolicyDecision, labels: readonly string[]): PolicyDecision {
    if (!decision.allow) return decision;
    const unknown = strict ? labels.filter((label) => !decisions.has(label)) : [];
    if (unknown.length > 0)
      return {
        ...decision,
        allow: false,
        reasons: unknown.map((label) => `data scope ${label} is not known here`),
      };
    return labels.reduce((whole, label) => {
      const own = decisions.get(label);
      return own === undefined ? whole : stricter(whole, own);
    }, decision);
  }

  return {
    engine: policy.engine,
    decide(input, options) {
      const decision = policy.decide(input, options);
      if ("then" in decision) return decision.then((later) => bind(later, input.data_scope));
      return bind(decision, input.data_scope);
    },
    ...(policy.ready === undefined ? {} : { ready: () => policy.ready?.() ?? Promise.resolve(true) }),
  };
}

function decisionOf({ requireTags = [], region, redact, forbid }: DataScope, engine: string): PolicyDecision {
  const tags = [...requireTags, ...(region === undefined ? [] : [`region:${region}`])];
  return {
    allow: true,
    reasons: [],
    engine,
    ...(tags.length === 0 ? {} : { requireTags: tags }),
    ...(redact === undefined ? {} : { redact }),
    ...(forbid === undefined ? {} : { forbid }),
  };
}
