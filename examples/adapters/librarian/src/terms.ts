/**
 * Words as the index knows them: lower case, without stop words, cut to a stem by a few rules for English.
 */

const stopWords = new Set(
  (
    "a about above after again all also am an and any are as at be because been before being below between both but by can " +
    "could did do does doing done each else ever for from further get give given had has have having here how i if in into " +
    "is it its itself just let like may me might more most much must my no nor not of off on once one only or other our out " +
    "over own please same shall she should so some such tell than that the their them then there these they this those " +
    "through to too under until up upon us very was we were what when where whether which while who whom whose why will " +
    "with within without would yet you your explain describe show happen happens mean means work works"
  ).split(" "),
);

/** Forms that no rule finds. */
const irregular = new Map([
  ["began", "begin"],
  ["begun", "begin"],
  ["built", "build"],
  ["chose", "choose"],
  ["chosen", "choose"],
  ["held", "hold"],
  ["kept", "keep"],
  ["left", "leave"],
  ["lost", "lose"],
  ["made", "make"],
  ["paid", "pay"],
  ["ran", "run"],
  ["sent", "send"],
  ["spent", "spend"],
  ["took", "take"],
  ["taken", "take"],
  ["told", "tell"],
  ["went", "go"],
  ["written", "write"],
  ["wrote", "write"],
]);

/** The words of a text as they stand, in order; `max_tokens` is two. */
export function words(text: string): string[] {
  return (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** The index's form of a word, or undefined for a stop word. */
export function termOf(word: string): string | undefined {
  if (stopWords.has(word)) return undefined;
  return stem(irregular.get(word) ?? word);
}

/** The terms of a text, in order, with repeats. */
export function terms(text: string): string[] {
  return words(text)
    .map(termOf)
    .filter((term) => term !== undefined);
}

function stem(word: string): string {
  if (word.length <= 3 || /\d/.test(word)) return word;
  let base = word;
  if (base.endsWith("ies") && base.length > 4) base = `${base.slice(0, -3)}y`;
  else if (base.endsWith("sses")) base = base.slice(0, -2);
  else if (base.endsWith("s") && !/(ss|us|is)$/.test(base)) base = base.slice(0, -1);
  if (base.length > 5 && base.endsWith("ing")) base = undouble(base.slice(0, -3));
  else if (base.length > 4 && base.endsWith("ed")) base = undouble(base.slice(0, -2));
  // `settle`, `settled` and `settling` meet here.
  return base.length > 4 && base.endsWith("e") ? base.slice(0, -1) : base;
}

function undouble(base: string): string {
  return /([b-df-hj-kmnp-rtv-z])\1$/.test(base) ? base.slice(0, -1) : base;
}
