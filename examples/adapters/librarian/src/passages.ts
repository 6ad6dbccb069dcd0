/**
 * Documents as passages: paragraphs and list items with their place. Code, tables and comments are no prose and are left
 * out.
 */

/** One paragraph or list item. */
export interface Passage {
  /** Relative path, with `/`. */
  readonly path: string;
  /** The lines as they stand in the file; the first one is `line`, counted from 1. */
  readonly lines: readonly string[];
  readonly line: number;
  /** Names the section within all documents. */
  readonly section: string;
  /** The heading over it, or the bold question that begins it. */
  readonly heading: string;
  /** The document's first heading, or its file name. */
  readonly title: string;
  /** The passage as plain text on one line. */
  readonly text: string;
  /** The first passage under its heading. */
  readonly leads: boolean;
}

interface Open {
  readonly line: number;
  readonly lines: string[];
}

/** Cuts a Markdown or plain text document into passages. */
export function passagesOf(path: string, content: string): Passage[] {
  const passages: Passage[] = [];
  let open: Open | undefined;
  let fence: string | undefined;
  let inComment = false;
  let title = titleOfPath(path);
  let heading = "";
  let sectionNumber = 0;
  let leads = true;

  const close = (): void => {
    if (open === undefined) return;
    const passage = toPassage(open, { path, title, heading, section: `${path}#${String(sectionNumber)}`, leads });
    open = undefined;
    if (passage === undefined) return;
    passages.push(passage);
    leads = false;
  };

  content.split(/\r?\n/).forEach((line, index) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence) === true) fence = undefined;
      return;
    }
    if (mark !== undefined) {
      close();
      fence = mark;
      return;
    }
    if (inComment || line.trimStart().startsWith("<!--")) {
      close();
      inComment = !line.includes("-->");
      return;
    }
    const headingText = /^#{1,6}\s+(.+?)\s*#*$/.exec(line)?.[1];
    if (headingText !== undefined) {
      close();
      sectionNumber += 1;
      if (sectionNumber === 1) title = plainText(headingText);
      heading = plainText(headingText);
      leads = true;
    } else if (line.trim() === "" || isTableOrRule(line)) {
      close();
    } else {
      if (listMarker.test(line)) close();
      open ??= { line: index + 1, lines: [] };
      open.lines.push(line);
    }
  });
  close();
  return passages;
}

/** What begins a list item. */
export const listMarker = /^\s*(?:[-*+]|\d{1,3}[.)])\s+/;
/** A bold question or term that begins a paragraph. */
export const boldLead = /^\*\*([^*]+[?:.])\*\*\s+(?=\S)/;

function isTableOrRule(line: string): boolean {
  return /^\s*\|/.test(line) || /^\s*([-*_=])(\s*\1){2,}\s*$/.test(line);
}

function toPassage(
  open: Open,
  place: Pick<Passage, "path" | "title" | "heading" | "section" | "leads">,
): Passage | undefined {
  const [first = "", ...rest] = open.lines;
  const bare = first.replace(listMarker, "");
  const lead = boldLead.exec(bare);
  // A bold question is the heading of the answer that follows it.
  const lines = [lead === null ? bare : bare.slice(lead[0].length), ...rest];
  const text = plainText(lines.map((line) => line.replace(/^\s*>\s?/, "").trim()).join(" "));
  if (!/\p{L}.*\p{L}/u.test(text)) return undefined;
  return {
    ...place,
    ...(lead === null ? {} : { heading: plainText(lead[1] ?? ""), section: `${place.section}:${String(open.line)}` }),
    lines: open.lines,
    line: open.line,
    text,
  };
}

/** Markdown without its marks: links as their text, no emphasis, no code ticks. */
export function plainText(markdown: string): string {
  return markdown
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\[\^[^\]]+\]/g, "")
    .replace(/`+([^`]+)`+/g, "$1")
    .replace(/(\*\*|__)(?=\S)(.+?)\1/g, "$2")
    .replace(/(?<![\w*])\*(?=\S)([^*]+)\*(?![\w*])/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}

/** A text's sentences, joined again by spaces they are the text. */
export function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.!?])\s+(?=["'(\p{Lu}\p{N}])/u);
}

function titleOfPath(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.replace(/\.[a-z]+$/i, "").replace(/[-_]+/g, " ");
}
