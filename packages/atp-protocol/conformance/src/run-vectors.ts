import { isDeepStrictEqual } from "node:util";
import { checkSplit } from "./check-split.js";
import { check, Failure, type Result, Skip } from "./result.js";
import type { About, Answer, Request, Testee } from "./testee/protocol.js";
import { type Bag, type Fill, fillTemplate, type Json, type Pair, templateOf, type VectorFile } from "./vector-data.js";

/** Puts every vector of the files to a testee. */
export async function runVectors(files: readonly VectorFile[], testee: Testee, about: About): Promise<Result[]> {
  const results: Result[] = [];
  for (const file of files) {
    const needs = (op: string): void => {
      if (!about.ops.includes(op)) throw new Skip(`the testee does not offer ${op}`);
      if (file.capability !== undefined && !about.capabilities.includes(file.capability))
        throw new Skip(`the testee does not announce ${file.capability}`);
    };
    const add = async (id: string, rules: readonly string[], op: string, run: () => Promise<void>): Promise<void> => {
      const named = { id: `vector:${file.suite}/${id}`, profile: file.profile, rules };
      results.push(
        await check(named, async () => {
          needs(op);
          await run();
        }),
      );
    };
    for (const pair of file.pairs ?? []) {
      await add(pair.id, pair.rules, file.op, () => runPair(file, pair, testee));
    }
    for (const { id, rules, text, canonical, signed } of file.cases ?? []) {
      await add(id, rules, "canonical", async () => {
        const answer = await ask(testee, { op: "canonical", text, signed: signed === true });
        if (answer["canonical"] !== canonical)
          throw new Failure(`the canonical form must be ${canonical}, not ${short(answer["canonical"])}`);
      });
    }
    for (const { id, rules, frame, key, checksum, sig } of file.seals ?? []) {
      await add(id, rules, "seal", async () => {
        const answer = await ask(testee, { op: "seal", text: JSON.stringify(frame), key });
        if (answer["checksum"] !== checksum) throw new Failure(`checksum ${short(answer["checksum"])}`, "A10-1");
        if (answer["sig"] !== sig) throw new Failure(`sig ${short(answer["sig"])}`, "A10-2");
      });
    }
    for (const split of file.splits ?? []) {
      await add(split.id, split.rules, "split", async () => {
        const prompt = split.prompt.unit.repeat(split.prompt.times);
        const answer = await ask(testee, { op: "split", prompt, limits: split.limits });
        checkSplit(answer["frames"], prompt, split.limits, split.count);
      });
    }
  }
  return results;
}

async function runPair(file: VectorFile, pair: Pair, testee: Testee): Promise<void> {
  if (pair.accept.length === 0 || pair.reject.length === 0) throw new Error("a pair accepts one and rejects one");
  const template = templateOf(file, pair);
  for (const fill of pair.accept) {
    const answer = await ask(testee, requestOf(file, pair, fillTemplate(template, fill)));
    if (answer.refused !== undefined)
      throw new Failure(`must be taken with ${short(fill)}, but was refused: ${short(answer.refused)}`);
    checkTaken(pair, fill, answer);
  }
  for (const { fill, code = codeOf(file), details } of pair.reject) {
    const answer = await ask(testee, requestOf(file, pair, fillTemplate(template, fill)));
    if (answer.refused === undefined) throw new Failure(`must be refused with ${short(fill)}, but was taken`);
    if (answer.refused.code !== code)
      throw new Failure(`must be refused with ${code} at ${short(fill)}, not ${answer.refused.code}`);
    if (details !== undefined && !holds(details, answer.refused.details))
      throw new Failure(`details must hold ${short(details)}, not ${short(answer.refused.details)}`);
  }
}

const codeOf = (file: VectorFile): string => (file.op === "verify" ? "ESEC" : "EPROTO");

function requestOf(file: VectorFile, pair: Pair, text: string): Request {
  const more = { ...pair.with, ...(pair.on === undefined ? {} : { on: pair.on }), limits: pair.limits ?? {} };
  if (file.op !== "join") return { op: file.op, text, ...more };
  const frames = (JSON.parse(text) as Json[]).map((frame) => JSON.stringify(frame));
  return { op: "join", frames, ...more };
}

function checkTaken(pair: Pair, fill: Fill, answer: Answer): void {
  const read = typeof fill === "string" ? pair.same?.[fill] : undefined;
  if (read !== undefined && !holds(read, answer["frame"]))
    throw new Failure(`must be read as ${short(read)}, not ${short(answer["frame"])}`);
  if (pair.payload !== undefined && !isDeepStrictEqual(answer["payload"], pair.payload))
    throw new Failure(`the payload must be ${short(pair.payload)}, not ${short(answer["payload"])}`);
}

/** Whether a value has all members that are asked, with equal values. */
function holds(asked: Json | Bag, value: unknown): boolean {
  if (typeof asked !== "object" || asked === null || Array.isArray(asked)) return isDeepStrictEqual(asked, value);
  if (typeof value !== "object" || value === null) return false;
  const bag = value as Readonly<Record<string, unknown>>;
  return Object.entries(asked).every(([key, entry]) => holds(entry, bag[key]));
}

async function ask(testee: Testee, request: Request): Promise<Answer> {
  const answer = await testee.ask(request);
  if (answer.error !== undefined) throw new Failure(`the testee failed at ${request.op}: ${answer.error}`);
  return answer;
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}
