/**
 * The searchable text of an object.
 */

/** What is indexed of one object at most: an index of whole megabytes would block the process on each write. */
const maxTextLength = 65_536;
const snippetLength = 200;

/** The member names, strings and numbers of a JSON text, joined by spaces, cut at 65,536 characters. */
export function textOfJson(json: string): string {
  const words: string[] = [];
  let length = 0;
  const visit = (value: unknown): void => {
    if (length >= maxTextLength) return;
    if (typeof value === "string" || typeof value === "number") {
      const word = String(value);
      words.push(word);
      length += word.length + 1;
    } else if (Array.isArray(value)) {
      value.forEach(visit);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        visit(key);
        visit(member);
      }
    }
  };
  visit(JSON.parse(json));
  return words.join(" ").slice(0, maxTextLength);
}

/** At most 200 characters of a text around the first of some words, or its beginning. */
export function snippetAround(text: string, words: readonly string[]): string {
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word.toLowerCase())).filter((place) => place >= 0);
  const first = places.length === 0 ? 0 : Math.min(...places);
  const start = Math.max(0, first - snippetLength / 4);
  // A cut inside a surrogate pair would not be valid JSON text for every reader.
  return text.slice(start, start + snippetLength).replace(/\p{Surrogate}/gu, "");
}
