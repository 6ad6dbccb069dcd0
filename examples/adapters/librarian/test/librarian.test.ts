import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AdapterRequest, EvidenceItem, StreamPart } from "atp-adapter-kit";
import { beforeAll, describe, expect, it } from "vitest";
import { readLibrarianConfig } from "../src/config.js";
import { readDocuments } from "../src/documents.js";
import { createLibrarian } from "../src/librarian.js";
import { Library, type Mode } from "../src/library.js";

const fixtureDocs = fileURLToPath(new URL("./fixture/docs", import.meta.url));
const projectDocs = readLibrarianConfig({}).docsDir;

let gardens: Library;
let project: Library;
beforeAll(async () => {
  gardens = new Library(await readDocuments(fixtureDocs, true));
  project = new Library(await readDocuments(projectDocs, true));
});

interface Answer {
  readonly text: string;
  readonly deltas: string[];
  readonly evidence: readonly EvidenceItem[];
  readonly confidence: number;
  readonly final: NonNullable<StreamPart["final"]>;
}

async function ask(
  library: Library,
  mode: Mode,
  question: string,
  more: Partial<AdapterRequest> = {},
): Promise<Answer> {
  const adapter = createLibrarian(library, { name: "test", mode });
  const request = {
    question,
    promptText: question,
    choices: [],
    content: {},
    maxOutputTokens: undefined,
    ...more,
  } as unknown as AdapterRequest;
  const call = {
    signal: new AbortController().signal,
    metadata: {} as never,
    maxOutputTokens: request.maxOutputTokens,
    context: {},
  };
  const parts: StreamPart[] = [];
  for await (const part of adapter.stream(request, call)) parts.push(part);
  const last = parts.at(-1);
  const deltas = parts.flatMap((part) => (part.text === undefined ? [] : [part.text]));
  const estimate = await adapter.estimate(request, call);
  // The quote of a composed answer is no guess.
  expect(estimate.outTokens).toBe(Math.ceil(Buffer.byteLength(deltas.join("")) / 4));
  expect(estimate.confidence).toBe(last?.confidence);
  return {
    text: last?.final?.answer ?? deltas.join(""),
    deltas,
    evidence: last?.final?.evidence ?? [],
    confidence: last?.confidence ?? -1,
    final: last?.final ?? {},
  };
}

/** Opens the cited file as a reader would, from the documents' parent folder. */
function expectQuotesInPlace(docsDir: string, evidence: readonly EvidenceItem[]): void {
  for (const { locator = "", quote = "", source } of evidence) {
    const [, path = "", line = ""] = /^(.+):(\d+)$/.exec(locator) ?? [];
    expect(path).toBe(source);
    const lines = readFileSync(join(dirname(docsDir), path), "utf8").split("\n");
    expect(quote.length).toBeGreaterThan(10);
    expect(lines[Number(line) - 1]).toContain(quote);
  }
}

describe.each(["shallow", "deep"] as const)("a %s librarian", (mode) => {
  it("quotes the passage that answers, word for word at its line", async () => {
    const answer = await ask(gardens, mode, "How much water do roses want?");
    expect(answer.text).toMatch(/^Roses want a litre of water each morning\. \[docs\/guides\/gardens\.md:12\]/);
    expect(answer.evidence[0]).toEqual({
      source: "docs/guides/gardens.md",
      locator: "docs/guides/gardens.md:12",
      quote: "Roses want a litre of water each morning.",
    });
    expectQuotesInPlace(fixtureDocs, answer.evidence);
  });

  it("prefers a guide to a rule that says the same", async () => {
    const { evidence } = await ask(gardens, mode, "litre of water for roses each morning");
    expect(evidence[0]?.source).toBe("docs/guides/gardens.md");
  });

  it("leaves code, tables, comments, front matter and hidden folders out", async () => {
    const { text } = await ask(gardens, mode, "watering roses prose");
    expect(text).not.toMatch(/not prose|hidden|ignored/i);
  });

  it("strips marks from the answer, never from the quote", async () => {
    const { text, evidence } = await ask(gardens, mode, "When do cacti want water in winter?");
    expect(text).toContain("Cacti want water once a month, and never in winter.");
    expect(evidence[0]?.quote).toBe(
      "Cacti want [water](http://example.com/water) once a month, and `never` in winter.",
    );
  });

  it("joins a wrapped paragraph, and cites the line that says it", async () => {
    const { text, evidence } = await ask(gardens, mode, "pulling weeds in a garden");
    expect(text).toContain(
      "A garden is kept by watering it before the sun is high, and by pulling weeds as soon as they show.",
    );
    const line = evidence.find(({ locator }) => locator === "docs/guides/gardens.md:8");
    expect(line?.quote).toBe("and by pulling weeds as soon as they show.");
    expectQuotesInPlace(fixtureDocs, evidence);
  });

  it("takes a bold question as the heading of its answer", async () => {
    const { text, evidence } = await ask(gardens, mode, "When are tulips planted?");
    expect(evidence[0]?.quote).toBe("In autumn, so that frost wakes them.");
    expect(text).toMatch(/^In autumn, so that frost wakes them\. \[/);
    expectQuotesInPlace(fixtureDocs, evidence);
  });

  it("reads plain text", async () => {
    const { evidence } = await ask(gardens, mode, "Where does the key of the orchard hang?");
    expect(evidence[0]).toMatchObject({
      locator: "docs/orchard.txt:2",
      quote: "Its key hangs in the shed, behind the door.",
    });
  });

  it.each(["What is the capital of France?", "zzzqq", "Who won the cup in 1998?", "?", "how is it"])(
    "says of %j that it found nothing, without evidence, at low confidence",
    async (question) => {
      const answer = await ask(gardens, mode, question);
      expect(answer.text).toMatch(/^Not found in the documents/);
      expect(answer.evidence).toEqual([]);
      expect(answer.confidence).toBeLessThan(0.1);
    },
  );

  it.each([1, 2, 5, 12, 20, 60])("honours max_output_tokens %i", async (maxOutputTokens) => {
    const { text, evidence } = await ask(gardens, mode, "water for roses and cacti", { maxOutputTokens });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxOutputTokens * 4);
    expect(evidence.length > 0).toBe(text.length > 0);
  });

  it("is surer of a clear answer than of an unclear one", async () => {
    const clear = await ask(gardens, mode, "When are tulips planted?");
    const unclear = await ask(gardens, mode, "tulips tractors");
    expect(clear.confidence).toBeGreaterThan(unclear.confidence);
    expect(clear.confidence).toBeLessThanOrEqual(1);
  });

  it("picks from a closed answer set what the documents support", async () => {
    const answer = await ask(gardens, mode, "When are tulips planted?", {
      choices: ["In spring", "In autumn", "Never"],
    });
    expect(answer.text).toBe("In autumn");
    expect(answer.evidence[0]?.locator).toBe("docs/guides/gardens.md:32");
  });

  it("refuses a closed answer set that the documents do not speak of", async () => {
    await expect(ask(gardens, mode, "When are tulips planted?", { choices: ["red", "blue"] })).rejects.toMatchObject({
      code: "precondition",
    });
  });

  it.each([
    [{ query_terms: "x" }],
    [{ query_terms: [1] }],
    [{ required_sources: Array.from({ length: 33 }, () => "a") }],
    [{ query_terms: ["x".repeat(201)] }],
  ])("refuses the role members %j", async (content) => {
    await expect(ask(gardens, mode, "roses", { content })).rejects.toMatchObject({ code: "invalid" });
  });

  it("answers about this project from its guide", async () => {
    const answer = await ask(project, mode, "How is a budget kept?");
    expect(answer.evidence[0]?.source).toBe("docs/guides/how-a-budget-is-kept.md");
    expect(answer.evidence.length).toBeGreaterThanOrEqual(mode === "deep" ? 3 : 1);
    expect(answer.confidence).toBeGreaterThan(0.5);
    expectQuotesInPlace(projectDocs, answer.evidence);
  });

  it("quotes every passage of this project in place, whatever is asked", async () => {
    const questions = project.passages.filter((_, i) => i % 17 === 0).map((passage) => passage.text.slice(0, 200));
    expect(questions.length).toBeGreaterThan(10);
    for (const question of questions) {
      const { evidence } = await ask(project, mode, question);
      expectQuotesInPlace(projectDocs, evidence);
    }
  });
});

describe("the two modes", () => {
  it("deep gives passages of different sections, shallow gives one", async () => {
    const shallow = await ask(gardens, "shallow", "garden weeds");
    const deep = await ask(gardens, "deep", "garden weeds");
    expect(shallow.evidence).toHaveLength(1);
    expect(deep.evidence.length).toBeGreaterThan(1);
    expect(new Set(deep.evidence.map(({ locator }) => locator)).size).toBe(deep.evidence.length);
  });

  it("deep forgives a typing error, shallow does not", async () => {
    expect((await ask(gardens, "deep", "orchardd gate")).evidence[0]?.source).toBe("docs/orchard.txt");
    expect((await ask(gardens, "shallow", "orchardd")).text).toMatch(/^Not found/);
  });

  it("deep costs more", async () => {
    const price = (mode: Mode) => createLibrarian(gardens, { name: "test", mode }).prices?.outUsdMicrosPerMtok ?? 0;
    expect(price("deep")).toBeGreaterThan(price("shallow"));
  });

  it("a role's sources and terms change the evidence", async () => {
    const plain = await ask(gardens, "deep", "roses water morning");
    const role = { role: "warden", query_terms: ["gate", "lock"], required_sources: ["docs/spec"] };
    const wardens = await ask(gardens, "deep", "roses water morning", { content: role });
    expect(plain.evidence[0]?.source).toBe("docs/guides/gardens.md");
    expect(wardens.evidence[0]?.source).toBe("docs/spec/garden-rules.md");
  });
});

describe("readLibrarianConfig", () => {
  it("has defaults, and takes values", () => {
    expect(readLibrarianConfig({})).toMatchObject({ mode: "shallow", name: "librarian-shallow", withReadme: true });
    expect(readLibrarianConfig({ LIBRARIAN_MODE: "deep", DOCS_DIR: "/d", NAME: "n" })).toEqual({
      mode: "deep",
      name: "n",
      docsDir: "/d",
      withReadme: false,
    });
  });

  it("names a wrong mode", () => {
    expect(() => readLibrarianConfig({ LIBRARIAN_MODE: "huge" })).toThrow(
      'LIBRARIAN_MODE must be shallow or deep, got "huge"',
    );
  });
});
