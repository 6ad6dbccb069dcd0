import type { Truth } from "../model/index.js";

/** Who answered a question, who agreed with whom, and what is known of who was right. */
export interface Pattern {
  /** Questions are only compared with others of their bucket first; `""` when a task has none. */
  readonly bucket: string;
  /** Adapters by answer: those of one group gave the same one. */
  readonly groups: readonly (readonly string[])[];
  /** Adapters that were asked and gave no answer. Two of them never agree. */
  readonly silent: readonly string[];
  readonly truth: Truth;
}

const list = (names: readonly string[]): string => names.map(encodeURIComponent).sort().join(",");

/** One text for every way to write the same pattern: what counters are kept under. */
export function patternKey(pattern: Pattern): string {
  const groups = pattern.groups.map((names, index) => ({ text: list(names), index }));
  groups.sort((a, b) => (a.text < b.text ? -1 : 1));
  const place = (index: number): number => groups.findIndex((group) => group.index === index);
  const { truth } = pattern;
  const told =
    "right" in truth
      ? `=${place(truth.right)}`
      : "wrong" in truth
        ? `!${place(truth.wrong)}`
        : "none" in truth
          ? "0"
          : "?";
  return [encodeURIComponent(pattern.bucket), groups.map((g) => g.text).join(";"), list(pattern.silent), told].join(
    " ",
  );
}

const names = (text: string): string[] => (text === "" ? [] : text.split(",").map(decodeURIComponent));

/** The pattern of a key. Undefined when the text is none: a state from elsewhere may hold anything. */
export function patternOf(key: string): Pattern | undefined {
  const [bucket, groupText, silentText, told, more] = key.split(" ");
  if (bucket === undefined || groupText === undefined || silentText === undefined || told === undefined)
    return undefined;
  if (more !== undefined || !/^([=!]\d{1,2}|0|\?)$/.test(told)) return undefined;
  try {
    const groups = groupText === "" ? [] : groupText.split(";").map(names);
    const index = Number(told.slice(1));
    if ((told[0] === "=" || told[0] === "!") && index >= groups.length) return undefined;
    const truth: Truth =
      told[0] === "="
        ? { right: index }
        : told[0] === "!"
          ? { wrong: index }
          : told === "0"
            ? { none: true }
            : { unknown: true };
    return { bucket: decodeURIComponent(bucket), groups, silent: names(silentText), truth };
  } catch {
    return undefined;
  }
}

/** A pattern with some adapters taken out, as if they had not been asked. Undefined when nobody is left. */
export function without(pattern: Pattern, gone: ReadonlySet<string>): Pattern | undefined {
  if (gone.size === 0) return pattern;
  const keep = (list: readonly string[]): readonly string[] => list.filter((name) => !gone.has(name));
  const groups: (readonly string[])[] = [];
  let truth: Truth = pattern.truth;
  pattern.groups.forEach((group, index) => {
    const left = keep(group);
    const { truth: told } = pattern;
    if ("right" in told && told.right === index) truth = left.length > 0 ? { right: groups.length } : { none: true };
    if ("wrong" in told && told.wrong === index) truth = left.length > 0 ? { wrong: groups.length } : { unknown: true };
    if (left.length > 0) groups.push(left);
  });
  const silent = keep(pattern.silent);
  return groups.length + silent.length === 0 ? undefined : { bucket: pattern.bucket, groups, silent, truth };
}
