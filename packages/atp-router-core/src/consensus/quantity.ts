/** A number with its unit, in the base unit of its family when that is known. */
export interface Quantity {
  readonly value: number;
  /** Empty when none was given. */
  readonly unit: string;
}

/** Relative difference up to which two numbers are the same. */
const TOLERANCE = 1e-6;

/** Words for units, with their base unit and factor. Words that are not here are units of their own, without a plural s. */
const families: readonly (readonly [base: string, factor: number, words: string])[] = [
  ["ms", 1, "ms millisecond msec"],
  ["ms", 1_000, "s sec second"],
  ["ms", 60_000, "min minute"],
  ["ms", 3_600_000, "h hr hour"],
  ["ms", 86_400_000, "d day"],
  ["byte", 1, "byte"],
  ["byte", 1_000, "kb kilobyte"],
  ["byte", 1_024, "kib kibibyte"],
  ["byte", 1_000_000, "mb megabyte"],
  ["byte", 1_048_576, "mib mebibyte"],
  ["byte", 1_000_000_000, "gb gigabyte"],
  ["byte", 1_073_741_824, "gib gibibyte"],
  ["usd", 1, "$ usd dollar"],
  ["usd", 0.01, "cent"],
  ["usd", 0.000_001, "micro-dollar microdollar µ$"],
  ["eur", 1, "€ eur euro"],
  ["gbp", 1, "£ gbp pound"],
  ["%", 1, "% percent"],
  ["m", 1, "m meter metre"],
  ["m", 1_000, "km kilometer kilometre"],
  ["m", 0.01, "cm centimeter centimetre"],
  ["g", 1, "g gram"],
  ["g", 1_000, "kg kilogram"],
];
const units = new Map(
  families.flatMap(([base, factor, words]) => words.split(" ").map((word) => [word, { base, factor }] as const)),
);

const NUMBER = String.raw`[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?`;
const whole = new RegExp(String.raw`^([$€£])?\s*(${NUMBER})\s*(%|[\p{L}µ°$€£][\p{L}µ°$€£/²³-]*)?$`, "iu");
const inside = new RegExp(
  String.raw`(?<![\p{L}\d.,_-])([$€£])?(${NUMBER})(?:\s?(%|[$€£]))?(?![\p{L}\d_]|[.,]\d)`,
  "giu",
);

function quantity(prefix: string | undefined, digits: string, suffix: string | undefined): Quantity | undefined {
  const value = Number(digits.replaceAll(",", "").replace("−", "-"));
  if (!Number.isFinite(value)) return undefined;
  const word = (prefix ?? suffix ?? "").toLowerCase();
  const unit = units.get(word) ?? units.get(word.replace(/s$/, ""));
  if (unit === undefined) return { value, unit: word.replace(/s$/, "") };
  return { value: value * unit.factor, unit: unit.base };
}

/** The quantity that a short answer is, such as `1,000`, `$5`, `30 s`, `50%`; undefined when it is something else. */
export function quantityOf(text: string): Quantity | undefined {
  const match = whole.exec(text);
  return match === null ? undefined : quantity(match[1], match[2] ?? "", match[3]);
}

/** Every number in a text, as plain numbers in the order of size; digits inside words and versions are not numbers. */
export function numbersIn(text: string): readonly number[] {
  const found: number[] = [];
  for (const match of text.matchAll(inside)) {
    const value = Number((match[2] ?? "").replaceAll(",", "").replace("−", "-"));
    if (Number.isFinite(value)) found.push(value);
  }
  return found.sort((a, b) => a - b);
}

/** Whether two numbers are equal up to rounding. */
export function near(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

/** Whether two quantities are the same; one without a unit is taken to be in the other's. */
export function sameQuantity(a: Quantity, b: Quantity): boolean {
  if (a.unit === b.unit) return near(a.value, b.value);
  if (a.unit !== "" && b.unit !== "") return false;
  const [bare, unit] = a.unit === "" ? [a, b] : [b, a];
  if (near(bare.value, unit.value)) return true;
  if (unit.unit === "%") return near(bare.value * 100, unit.value);
  return families.some(([base, factor]) => base === unit.unit && near(bare.value * factor, unit.value));
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const dayFirst = /^(\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(\p{L}{3,9})\.?,?\s+(\d{4})$/iu;
const monthFirst = /^(\p{L}{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})$/iu;

/** The date that a short answer is, as `YYYY-MM-DD`; undefined when it is none. Orders of digits that differ by country are not read. */
export function dateOf(text: string): string | undefined {
  const a = iso.exec(text);
  if (a !== null) return date(Number(a[1]), Number(a[2]), Number(a[3]));
  const b = dayFirst.exec(text);
  if (b !== null) return date(Number(b[3]), monthOf(b[2] ?? ""), Number(b[1]));
  const c = monthFirst.exec(text);
  return c === null ? undefined : date(Number(c[3]), monthOf(c[1] ?? ""), Number(c[2]));
}

function monthOf(word: string): number {
  return months.indexOf(word.slice(0, 3).toLowerCase()) + 1;
}

function date(year: number, month: number, day: number): string | undefined {
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  return `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}
