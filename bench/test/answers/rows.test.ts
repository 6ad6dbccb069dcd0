import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { guarded, loadPrices, loadRows, modelsOf, recordedFolder } from "../../src/answers/rows.js";

const folder = mkdtempSync(join(tmpdir(), "atp-rows-"));
afterAll(() => rmSync(folder, { recursive: true }));
const answer = (text: string | null, correct: boolean) => ({
  answer: text,
  correct,
  input_tokens: 10,
  output_tokens: 4,
});
const line = (id: string, answers: Record<string, unknown>): string =>
  JSON.stringify({ id, task: "gsm", prompt: "How many?", reference: "3", answers });
writeFileSync(join(folder, "prices.json"), JSON.stringify({ prices_usd_per_mtok: { a: { in: 1, out: 2 } } }));
writeFileSync(
  join(folder, "gsm.train.jsonl.gz"),
  gzipSync(`${line("1", { a: answer("3", true), b: answer(null, false) })}\n${line("2", { a: answer("4", false) })}\n`),
);

describe("recorded rows", () => {
  it("are read from every file of the task", () => {
    const rows = loadRows(recordedFolder(folder), "gsm");
    expect(rows.map((row) => row.id)).toEqual(["1", "2"]);
    expect(modelsOf(rows)).toEqual(["a"]);
    expect(() => loadRows(folder, "crux")).toThrow("no crux");
    expect(() => recordedFolder(join(folder, "nowhere"))).toThrow("ATP_RECORDED");
  });

  const [row] = loadRows(folder, "gsm");
  if (row === undefined) throw new Error("the row was not read");
  const prices = loadPrices(folder);

  it("tell whoever decides nothing but what was called and paid for", () => {
    const view = guarded(row, prices, ["a"]);
    expect(() => view.reward("a")).toThrow("not called");
    expect(view.call("a")).toEqual({ answer: "3", inputTokens: 10, outputTokens: 4, usdMicros: 18 });
    expect(view.reward("a")).toBe(true);
    expect([view.called, view.spentUsdMicros]).toEqual([["a"], 18]);
    expect(() => view.reward("b")).toThrow("not called");
    expect(() => view.call("b")).toThrow("cannot be asked");
  });

  it.each(["reference", "correct", "answers"])("throw when %s is read", (name) => {
    const view = guarded(row, prices) as unknown as Record<string, unknown>;
    expect(() => view[name]).toThrow("hidden");
    expect(name in view).toBe(false);
  });

  it("name the price that is missing", () => {
    expect(() => guarded(row, prices).call("b")).toThrow("no price of b");
  });
});
