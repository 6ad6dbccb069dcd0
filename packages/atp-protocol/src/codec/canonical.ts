/**
 * The canonical JSON text of a value (RFC 8785): members sorted by UTF-16 code units, no whitespace, numbers and strings as
 * ECMAScript writes them. For values as `JSON.parse` gives them; members that are `undefined` are left out.
 * @throws TypeError for a number that is not finite, or a value that JSON has not.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError("canonical JSON has finite numbers only");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`canonical JSON has no ${typeof value}`);
  const bag = value as Readonly<Record<string, unknown>>;
  const members: string[] = [];
  // The default order of sort is by code units, as RFC 8785 asks.
  for (const key of Object.keys(bag).sort()) {
    if (bag[key] !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(bag[key])}`);
  }
  return `{${members.join(",")}}`;
}
