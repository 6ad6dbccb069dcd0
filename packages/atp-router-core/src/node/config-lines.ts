import { isCollection, isMap, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";

/** A configuration file's content, and where its keys stand. */
export interface ConfigText {
  readonly content: unknown;
  /** What was wrong with the text itself, in one line. */
  readonly broken: string | undefined;
  /** The line of a key, from 1; of the nearest one above it that is there; undefined for an empty file. */
  readonly lineOf: (path: readonly PropertyKey[]) => number | undefined;
}

/** Reads YAML, which takes JSON as it is. */
export function readConfigText(text: string): ConfigText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  return {
    content: document.toJS() as unknown,
    broken: document.errors[0]?.message.split("\n")[0],
    lineOf(path) {
      const offset = offsetOf(document, path);
      return offset === undefined ? undefined : lines.linePos(offset).line;
    },
  };
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const name of path) {
    if (!isCollection(node)) return offset;
    const key = typeof name === "number" ? name : String(name);
    if (isMap(node)) {
      const pair = node.items.find((item) => String((item.key as { value?: unknown } | null)?.value) === String(key));
      if (pair === undefined) return offset;
      offset = (pair.key as { range?: readonly number[] | null }).range?.[0] ?? offset;
      node = pair.value;
    } else {
      node = node.get(Number(key), true);
      offset = (node as { range?: readonly number[] | null } | undefined)?.range?.[0] ?? offset;
    }
  }
  return offset;
}
