import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, describe, expect, it } from "vitest";
import * as money from "../../src/money/index.js";
import { explore } from "./explore.js";
import type { LedgerModule } from "./explore.js";

const files = ["account", "ledger"] as const;
const sources = new Map(
  files.map((name) => [
    name,
    readFileSync(fileURLToPath(new URL(`../../src/money/${name}.ts`, import.meta.url)), "utf8"),
  ]),
);
const guards = [...sources.values()].flatMap((text) => [...text.matchAll(/\/\/ guard: (\S+)/g)].map((m) => m[1] ?? ""));
const dir = mkdtempSync(join(tmpdir(), "ledger-guards-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** The text without the statement that the guard's comment stands before. */
function without(guard: string, text: string): string {
  const file = ts.createSourceFile("source.ts", text, ts.ScriptTarget.ES2022, true);
  let found: ts.Statement | undefined;
  const visit = (node: ts.Node): void => {
    const comments = ts.getLeadingCommentRanges(text, node.getFullStart()) ?? [];
    const named = comments.some(({ pos, end }) => text.slice(pos, end) === `// guard: ${guard}`);
    if (named && ts.isStatement(node)) found ??= node;
    else ts.forEachChild(node, visit);
  };
  visit(file);
  if (found === undefined) return text;
  return text.slice(0, found.getStart()) + text.slice(found.getEnd());
}

async function ledgerWithout(guard: string): Promise<LedgerModule> {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  for (const [name, text] of sources) {
    const changed = without(guard, text);
    const { outputText } = ts.transpileModule(changed, { compilerOptions });
    writeFileSync(join(dir, `${guard}-${name}.mjs`), outputText.replace("./account.js", `./${guard}-account.mjs`));
  }
  if ([...sources.values()].every((text) => without(guard, text) === text))
    throw new Error(`no statement has the guard ${guard}`);
  return (await import(/* @vite-ignore */ pathToFileURL(join(dir, `${guard}-ledger.mjs`)).href)) as LedgerModule;
}

describe("the ledger's whole state space, two holds of two streams of one tenant", () => {
  it("A7.1 A7.2 A7.4 A7.6: no state differs from its books", () => {
    const { states, counterexample } = explore(money);
    expect(counterexample).toBeUndefined();
    expect(states).toBeGreaterThan(5_000);
  }, 120_000);

  it("names its guards", () => {
    expect(guards.length).toBeGreaterThanOrEqual(12);
    expect(new Set(guards).size).toBe(guards.length);
  });

  it.each(guards)(
    "without the guard %s there is a counterexample",
    async (guard) => {
      const { counterexample } = explore(await ledgerWithout(guard));
      expect(counterexample?.path.length).toBeGreaterThan(0);
    },
    120_000,
  );
});
