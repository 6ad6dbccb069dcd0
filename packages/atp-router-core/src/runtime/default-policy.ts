import type { PolicyPort } from "../ports/index.js";

/**
 * The policy of a router that was given none: allows the tool permissions named and denies every other by its name.
 * @param allowTools default: only `fs.read`
 */
export function allowTools(allowed: readonly string[] = ["fs.read"]): PolicyPort {
  const known = new Set(allowed);
  return {
    engine: "allow-tools",
    decide(input) {
      const denied = input.tool_permissions.filter((tool) => !known.has(tool));
      return denied.length === 0
        ? { allow: true, reasons: [], engine: "allow-tools" }
        : { allow: false, reasons: denied.map((tool) => `tool ${tool} is not allowed`), engine: "allow-tools" };
    },
  };
}
