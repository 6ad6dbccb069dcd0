import { readFile } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import type { Evidence } from "atp-client";

/** What became of a citation when its file was opened. */
export interface Checked {
  readonly locator: string;
  readonly quote: string;
  readonly adapter?: string;
  /** `there`: the file says so at that line. `wrong`: it does not. `elsewhere`: it is no file of the project. */
  readonly verdict: "there" | "wrong" | "elsewhere";
  /** Why it is wrong. */
  readonly problem?: string;
}

/** Opens each cited file below `root` and looks whether the quote begins at its line (1 is the first). */
export async function checkEvidence(evidence: readonly Evidence[], root: string): Promise<Checked[]> {
  return Promise.all(evidence.map((item) => checkOne(item, root)));
}

/** Places such as `docs/guide.md:12` that a text cites in brackets, each once. */
export function citedIn(text: string): string[] {
  const found = [...text.matchAll(/\[([^\][\s]+:\d+)\]/g)].map((match) => match[1] ?? "");
  return [...new Set(found)];
}

/** Citations of an answer that no evidence proves: each is an error of its own. */
export function unproven(answer: string, checked: readonly Checked[]): Checked[] {
  const proven = new Set(checked.map(({ locator }) => locator));
  return citedIn(answer)
    .filter((locator) => !proven.has(locator))
    .map((locator) => ({
      locator,
      quote: "",
      verdict: "wrong",
      problem: "the answer cites it, but no evidence quotes it",
    }));
}

async function checkOne(item: Evidence, root: string): Promise<Checked> {
  const { locator = "", quote = "" } = item;
  const base = {
    locator: locator === "" ? item.source : locator,
    quote,
    ...(item.adapter === undefined ? {} : { adapter: item.adapter }),
  };
  const place = /^(.+):(\d+)$/.exec(locator);
  if (place === null || /^[a-z][a-z0-9+.-]*:\/\//i.test(locator)) return { ...base, verdict: "elsewhere" };
  const wrong = (problem: string): Checked => ({ ...base, verdict: "wrong", problem });
  const path = resolve(root, place[1] ?? "");
  const inside = relative(root, path);
  if (inside.startsWith("..") || isAbsolute(inside)) return wrong("the file is outside the project");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (thrown) {
    return wrong(`the file cannot be read (${(thrown as { code?: string }).code ?? "unknown"})`);
  }
  const lines = text.split(/\r?\n/);
  const number = Number(place[2]);
  const line = lines[number - 1];
  if (line === undefined) return wrong(`the file has ${lines.length} lines`);
  if (squeeze(quote) === "") return wrong("the evidence quotes nothing");
  return beginsIn(line, lines.slice(number, number + 40), quote)
    ? { ...base, verdict: "there" }
    : wrong("the line says something else");
}

/** Whether a quote begins in a line; it may run on into the following ones. White space is one space. */
function beginsIn(line: string, following: readonly string[], quote: string): boolean {
  const first = squeeze(line);
  const at = squeeze([line, ...following].join(" ")).indexOf(squeeze(quote));
  return at >= 0 && at < first.length;
}

function squeeze(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
