/** What a piece of text is, which says how a terminal shows it. */
export type Role = "title" | "faint" | "strong" | "good" | "bad" | "warn" | "cite" | `adapter${number}`;

/** How text is shown. */
export interface Style {
  /** Columns to fill. */
  readonly width: number;
  /** Whether bars, rules and marks may be drawn; else everything is said in words and figures. */
  readonly drawn: boolean;
  paint(role: Role, text: string): string;
}

const codes: Readonly<Record<string, string>> = {
  title: "1;36",
  faint: "2",
  strong: "1",
  good: "32",
  bad: "1;31",
  warn: "33",
  cite: "4;34",
};
const adapterCodes = ["36", "35", "33", "32", "34", "31"];

/** Plain lines: nothing but text, for pipes and files. */
export function plainStyle(width = 100): Style {
  return { width, drawn: false, paint: (_role, text) => text };
}

/** A terminal's style; without colours it still draws. */
export function terminalStyle(columns: number, colours: boolean): Style {
  const paint = (role: Role, text: string): string => {
    if (!colours || text === "") return text;
    const code = role.startsWith("adapter") ? adapterCodes[Number(role.slice(7)) % adapterCodes.length] : codes[role];
    return `\u001b[${code ?? "0"}m${text}\u001b[0m`;
  };
  return { width: Math.max(40, Math.min(columns, 120)), drawn: true, paint };
}

/** Text of strangers as it may be shown: control characters, which could move the cursor, become spaces. */
export function safe(text: string): string {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, " ");
}

/** One line, at most `width` columns; what is too long ends in an ellipsis. */
export function clip(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text : `${chars.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** The end of a text that grows, as one line. */
export function tail(text: string, width: number): string {
  const chars = [...text.replace(/\s+/g, " ").trim()];
  return chars.length <= width ? chars.join("") : `…${chars.slice(chars.length - width + 1).join("")}`;
}

/** Breaks text into lines of at most `width` columns at spaces; its own line breaks stay. */
export function wrap(text: string, width: number): string[] {
  return safe(text)
    .split("\n")
    .flatMap((paragraph) => {
      const lines: string[] = [];
      let line = "";
      for (const word of paragraph.split(/ +/)) {
        const joined = line === "" ? word : `${line} ${word}`;
        if ([...joined].length > width && line !== "") {
          lines.push(line);
          line = word;
        } else line = joined;
      }
      return [...lines, line];
    });
}

/** Pads to a width; negative aligns to the right. */
export function pad(text: string, width: number): string {
  const missing = Math.abs(width) - [...text].length;
  if (missing <= 0) return text;
  return width < 0 ? " ".repeat(missing) + text : text + " ".repeat(missing);
}

/** A share of 0 to 1 as a bar. Empty where nothing is drawn. */
export function bar(share: number, cells: number, style: Style): string {
  if (!style.drawn) return "";
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * cells * 8);
  const full = Math.floor(eighths / 8);
  const part = " ▏▎▍▌▋▊▉"[eighths % 8] ?? "";
  const filled = "█".repeat(full) + (eighths % 8 === 0 ? "" : part);
  return filled + style.paint("faint", "·".repeat(cells - [...filled].length));
}

/** Columns that a text takes, whatever colours are in it. */
export function visible(text: string): number {
  return [...text.replace(/\u001b\[[\d;]*m/g, "")].length;
}

/** A painted line, cut to so many columns; its colours end where it is cut. */
export function fit(line: string, columns: number): string {
  if (visible(line) <= columns) return line;
  let room = columns - 1;
  let kept = "";
  for (const [, code, text] of line.matchAll(/(\u001b\[[\d;]*m)|([^\u001b]+)/g)) {
    if (code !== undefined) kept += code;
    const chars = [...(text ?? "")].slice(0, room);
    room -= chars.length;
    kept += chars.join("");
    if (room === 0) break;
  }
  return `${kept}…${kept.includes("\u001b") ? "\u001b[0m" : ""}`;
}

/** A heading with a rule up to the right edge. */
export function heading(title: string, note: string, style: Style): string {
  if (!style.drawn) return note === "" ? `${title}:` : `${title}: ${note}`;
  const noted = note === "" ? "" : ` ${style.paint("faint", "·")} ${note}`;
  const rule = "─".repeat(Math.max(2, style.width - visible(title + noted) - 4));
  return `${style.paint("faint", "──")} ${style.paint("title", title)}${noted} ${style.paint("faint", rule)}`;
}

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** A cell: its text, and how it is painted. */
export type Cell = string | { readonly text: string; readonly role?: Role };

/** Lines of a table, each indented by two; the columns are as wide as they need to be. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], style: Style): string[] {
  const textOf = (cell: Cell | undefined): string => (typeof cell === "string" ? cell : (cell?.text ?? ""));
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map((row) => [...textOf(row[i])].length)),
  );
  const line = (cells: readonly Cell[]): string => {
    const parts = columns.map((column, i) => {
      const padded = pad(textOf(cells[i]), (column.right === true ? -1 : 1) * (widths[i] ?? 0));
      const cell = cells[i];
      return typeof cell === "object" && cell.role !== undefined ? style.paint(cell.role, padded) : padded;
    });
    return `  ${parts.join("  ").trimEnd()}`;
  };
  return [line(columns.map(({ title }) => ({ text: title, role: "faint" }))), ...rows.map(line)];
}

/** A count with separators of thousands. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Micro-dollars. */
export function money(usdMicros: number): string {
  return `${count(usdMicros)} µ$`;
}

/** A duration: milliseconds below a second, else seconds. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
