import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createClient } from "@connectrpc/connect";
import { AdapterService } from "atp-protocol/adapter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { start as startProgram } from "../../../router/test/support/process.js";

const start = (env: Readonly<Record<string, string>>) => startProgram("examples/adapters/replay", env);

const answer = (text: string | null, output: number) => ({
  answer: text,
  correct: text === "7",
  input_tokens: 100,
  output_tokens: output,
});
const rows = [
  {
    id: "a1",
    task: "sums",
    prompt: "3 + 4?",
    reference: "7",
    answers: { small: answer("7", 10), large: answer("7", 50) },
  },
  {
    id: "a2",
    task: "sums",
    prompt: "9 - 2?",
    reference: "7",
    answers: { small: answer(null, 30), large: answer("7", 70) },
  },
  {
    id: "a3",
    task: "sums",
    prompt: "3 + 4?",
    reference: "8",
    answers: { small: answer("8", 20), large: answer("9", 60) },
  },
];
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "atp-replay-"));
  const prices = {
    prices_usd_per_mtok: { small: { in: 0.5, out: 2 }, large: { in: 3, out: 10 }, unused: { in: 1, out: 1 } },
  };
  writeFileSync(join(folder, "prices.json"), JSON.stringify(prices));
  writeFileSync(join(folder, "sums.train.jsonl.gz"), gzipSync(rows.map((row) => JSON.stringify(row)).join("\n")));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The URLs of a process that serves two models, in order. */
async function urls(running: ReturnType<typeof start>): Promise<readonly string[]> {
  let text = "";
  const both = new Promise<readonly string[]>((resolve) =>
    running.child.stdout?.on("data", (data: Buffer) => {
      text += data.toString();
      const found = [...text.matchAll(/^listening on (\S+)$/gm)].map(([, url]) => url ?? "");
      if (found.length === 2) resolve(found);
    }),
  );
  await running.ready;
  return both;
}

async function ask(url: string, content: Readonly<Record<string, unknown>>) {
  const client = createClient(AdapterService, createGrpcTransport({ baseUrl: url }));
  const request = { streamId: "s", taskType: "sums", promptJson: JSON.stringify(content) };
  const estimate = await client.estimate(request);
  const chunks = [];
  for await (const chunk of client.stream(request)) chunks.push(chunk);
  const last = chunks.at(-1);
  return {
    estimate: [estimate.inTokens, estimate.outTokens, estimate.usdMicros].map(Number),
    answer: (JSON.parse(last?.contentJson ?? "{}") as { answer?: unknown }).answer,
    used: chunks.reduce(
      ([i, o, usd], c) => [
        (i as number) + Number(c.partialInTokens),
        (o as number) + Number(c.partialOutTokens),
        (usd as number) + Number(c.partialUsdMicros),
      ],
      [0, 0, 0],
    ),
  };
}

describe("the replay process (part D)", () => {
  it("serves each model at its own port: recorded answers and usage, quotes that do not tell them", async () => {
    const running = start({ PORTS: "0,0", MODELS: "small,large", ATP_RECORDED: folder });
    const [small = "", large = ""] = await urls(running);
    expect(await ask(small, { prompt: "3 + 4?" })).toEqual({
      estimate: [100, 20, 90],
      answer: "7",
      used: [100, 10, 70],
    });
    expect(await ask(large, { prompt: "3 + 4?" })).toEqual({
      estimate: [100, 60, 900],
      answer: "7",
      used: [100, 50, 800],
    });
    // Two rows have this prompt: the id says which is meant. No recorded answer is an empty one, paid for.
    expect(await ask(small, { prompt: "3 + 4?", recorded_id: "a3" })).toMatchObject({
      answer: "8",
      used: [100, 20, 90],
    });
    expect(await ask(small, { prompt: "9 - 2?" })).toMatchObject({ answer: "", used: [100, 30, 110] });
    await expect(ask(small, { prompt: "never asked" })).rejects.toThrow("small has no recorded answer to this prompt");
    running.child.kill("SIGTERM");
    expect((await running.ended).code).toBe(0);
  });

  it.each([
    ["no data", { MODELS: "small", ATP_RECORDED: "/nonexistent" }, "there are no recorded answers in /nonexistent"],
    ["no model", {}, "name the models to serve with --model NAME (repeated) or MODELS=a,b"],
    ["a model without a price", { MODELS: "huge" }, "prices.json has no price of huge; it knows small, large, unused"],
    ["a model without rows", { MODELS: "unused" }, "has no answer of unused"],
    ["fewer ports than models", { MODELS: "small,large", PORTS: "0" }, "PORTS names 1 ports for 2 models"],
  ])("refuses %s in one line", async (_name, variables, line) => {
    const { code, stdout, stderr } = await start({ ATP_RECORDED: folder, ...variables }).ended;
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(line);
    expect(stderr.split("\n")).toHaveLength(2);
  });
});
