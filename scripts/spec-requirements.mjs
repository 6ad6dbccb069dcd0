// Collects the requirements of docs/spec into docs/spec/requirements.json, and checks them.
// Usage: node scripts/spec-requirements.mjs [--write]
// Without --write nothing is changed: a list that is not current is an error.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const item = /^- \*\*([A-D][0-9.-]*)\*\* (.+)$/;
const idShape = /^([A-D](?:\d+)?(?:\.\d+)?)(?:-(\d+))?$/;
const keyword = /\b(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b/g;

/**
 * Reads the requirements of one markdown text.
 * @param {string} markdown
 * @param {string} file its name, for messages and for the list
 * @returns {{requirements: {id: string, level: "MUST"|"SHOULD"|"MAY", part: string, file: string, text: string}[], problems: string[]}}
 */
export function readRequirements(markdown, file) {
  const requirements = [];
  const problems = [];
  let fenced = false;
  markdown.split("\n").forEach((line, index) => {
    const at = `${file}:${index + 1}`;
    if (line.startsWith("```")) fenced = !fenced;
    if (fenced) return;
    // A word in code quotes is spoken about, not used.
    const words = [...line.replace(/`[^`]*`/g, "").matchAll(keyword)].map((match) => match[1]);
    const match = item.exec(line);
    if (match === null) {
      if (words.length > 0) problems.push(`${at}: "${words[0]}" outside a requirement with an id`);
      return;
    }
    const [, id, text] = match;
    if (!idShape.test(id)) problems.push(`${at}: ${id} is not an id`);
    if (words.length !== 1) problems.push(`${at}: ${id} has ${words.length} of MUST, SHOULD and MAY, not one`);
    const level = (words[0] ?? "MUST").split(" ")[0];
    requirements.push({ id, level, part: id[0], file, text });
  });
  return { requirements, problems };
}

/**
 * Checks the ids of all files together: none twice, sentences numbered from 1 without a gap, rules of a section too.
 * @param {readonly {id: string, file: string}[]} requirements
 * @param {ReadonlySet<string>} retired ids that were given once and fell away
 * @returns {string[]} problems
 */
export function checkIds(requirements, retired = new Set()) {
  const problems = [];
  const seen = new Set();
  const sentences = new Map();
  for (const { id, file } of requirements) {
    if (seen.has(id)) problems.push(`${file}: ${id} is there twice`);
    if (retired.has(id)) problems.push(`${file}: ${id} is retired and cannot be used again`);
    seen.add(id);
  }
  for (const id of [...seen, ...retired]) {
    const [, rule, sentence] = idShape.exec(id) ?? [];
    if (rule === undefined) continue;
    sentences.set(rule, [...(sentences.get(rule) ?? []), sentence === undefined ? 0 : Number(sentence)]);
  }
  const rules = new Map();
  for (const [rule, numbers] of sentences) {
    numbers.sort((a, b) => a - b);
    if (numbers[0] === 0 && numbers.length > 1) problems.push(`${rule} stands alone and is numbered too`);
    if (numbers[0] !== 0) problems.push(...gaps(numbers).map((missing) => `${rule}-${missing} is missing`));
    const [section, number] = rule.split(".");
    if (number !== undefined) rules.set(section, [...(rules.get(section) ?? []), Number(number)]);
  }
  return problems.concat(missingRules(rules), missingSections(sentences.keys()));
}

function missingRules(rules) {
  return [...rules].flatMap(([section, numbers]) => gaps(numbers).map((missing) => `${section}.${missing} is missing`));
}

function missingSections(rules) {
  const parts = new Map();
  for (const rule of rules) {
    const [, part, number] = /^([A-D])(\d+)?/.exec(rule) ?? [];
    if (number !== undefined) parts.set(part, [...(parts.get(part) ?? []), Number(number)]);
  }
  return [...parts].flatMap(([part, numbers]) =>
    gaps(numbers).map((missing) => `section ${part}${missing} is missing`),
  );
}

/** The numbers from 1 to the greatest that are not there. */
function gaps(numbers) {
  const there = new Set(numbers);
  return Array.from({ length: Math.max(...numbers) }, (_, index) => index + 1).filter((number) => !there.has(number));
}

/** Ids listed after "Retired ids:" in the entry document. */
export function readRetired(entry) {
  const line = /^Retired ids: (.+)$/m.exec(entry)?.[1] ?? "";
  return new Set(line.match(/[A-D]\d*(?:\.\d+)?(?:-\d+)?/g) ?? []);
}

function main() {
  const folder = join(dirname(fileURLToPath(import.meta.url)), "../docs/spec");
  const target = join(folder, "requirements.json");
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".md"))
    .sort();
  const read = files.map((file) => readRequirements(readFileSync(join(folder, file), "utf8"), file));
  const requirements = read.flatMap((result) => result.requirements);
  const retired = readRetired(readFileSync(join(folder, "atp-v1.md"), "utf8"));
  const problems = read.flatMap((result) => result.problems).concat(checkIds(requirements, retired));
  const json = `${JSON.stringify(requirements, null, 2)}\n`;
  if (problems.length === 0 && process.argv.includes("--write")) writeFileSync(target, json);
  else if (problems.length === 0 && readOr(target) !== json)
    problems.push("docs/spec/requirements.json is not current: run node scripts/spec-requirements.mjs --write");
  for (const problem of problems) console.error(problem);
  const count = (level) => requirements.filter((one) => one.level === level).length;
  console.log(`${count("MUST")} MUST, ${count("SHOULD")} SHOULD, ${count("MAY")} MAY, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function readOr(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
