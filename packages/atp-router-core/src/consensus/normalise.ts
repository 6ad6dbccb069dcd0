/** An answer in a form that can be compared. */
export type Normal =
  | { readonly kind: "choice" | "boolean" | "date" | "json"; readonly value: string }
  | { readonly kind: "number"; readonly value: number; readonly unit: string }
  | {
      readonly kind: "text";
      readonly words: readonly string[];
      readonly numbers: readonly string[];
      readonly negated: boolean;
    };

const yes = new Set(["yes", "true", "correct", "y"]);
const no = new Set(["no", "false", "incorrect", "n"]);
const articles = new Set(["a", "an", "the"]);
const negations = new Set(["not", "no", "never", "none", "cannot", "without", "neither", "nor"]);
const numberPattern =
  /^(?:\$|€|£)?\s*(-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(%|[\p{L}/²³°$€£]*)\.?$/iu;
const datePattern = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;

/** A short answer without its wrapping: quotes, a final full stop, "the answer is". */
function bare(text: string): string {
  return text
    .normalize("NFKC")
    .trim()
    .replace(/^(?:the\s+)?(?:final\s+)?answer\s*(?:is|:)\s*/i, "")
    .replace(/^["'`*(]+|["'`*).]+$/g, "")
    .trim();
}

function choiceOf(text: string, choices: readonly string[]): string | undefined {
  const folded = bare(text).toLowerCase();
  const exact = choices.find((choice) => bare(choice).toLowerCase() === folded);
  if (exact !== undefined) return exact;
  // "B) because ..." names the choice "B" or "B) blue".
  const letter = /^([a-z0-9])\s*[).:]/i.exec(folded)?.[1] ?? (folded.length === 1 ? folded : undefined);
  if (letter === undefined) return undefined;
  const lettered = choices.filter(
    (choice) => choice.trim().toLowerCase() === letter || new RegExp(`^${letter}\\s*[).:]`, "i").test(choice.trim()),
  );
  return lettered.length === 1 ? lettered[0] : undefined;
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/**
 * Brings an answer to the form its type is compared in: a closed choice, a boolean, a number with its unit, a date, JSON with
 * sorted keys, else words without case, punctuation and articles.
 */
export function normalise(text: string, choices: readonly string[] | undefined): Normal {
  if (choices !== undefined) {
    const value = choiceOf(text, choices);
    if (value !== undefined) return { kind: "choice", value };
  }
  const short = bare(text);
  const folded = short.toLowerCase();
  if (yes.has(folded)) return { kind: "boolean", value: "true" };
  if (no.has(folded)) return { kind: "boolean", value: "false" };
  const date = datePattern.exec(short);
  if (date !== null)
    return { kind: "date", value: `${date[1]}-${date[2]?.padStart(2, "0")}-${date[3]?.padStart(2, "0")}` };
  const number = numberPattern.exec(short);
  if (number !== null) {
    const value = Number((number[1] ?? "").replaceAll(",", ""));
    if (Number.isFinite(value)) return { kind: "number", value, unit: (number[2] ?? "").toLowerCase() };
  }
  if (/^[[{]/.test(short)) {
    try {
      return { kind: "json", value: canonicalJson(JSON.parse(text.trim())) };
    } catch {
      // Not JSON after all: it is compared as text.
    }
  }
  const words = text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/n['’]t\b/g, " not")
    .replace(/[^\p{L}\p{N}\s.]/gu, " ")
    .split(/\s+|\.(?!\d)/u)
    .filter((word) => word !== "" && !articles.has(word));
  return {
    kind: "text",
    words,
    numbers: words.filter((word) => /\d/.test(word)).sort(),
    negated: words.filter((word) => negations.has(word)).length % 2 === 1,
  };
}
