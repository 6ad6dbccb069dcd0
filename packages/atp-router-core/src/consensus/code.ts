/** A whole answer that is one block of code, and its language when it is named. */
const fenced = /^```([a-z0-9+#-]*)[^\S\n]*\n([\s\S]*?)\n?```$/i;
/** Languages whose blocks are data or words, which are compared as such. */
const noCode = new Set(["", "json", "text", "txt", "markdown", "md", "plaintext"]);
/** Languages in which the indentation is a part of the program. */
const indented = new Set(["python", "py", "python3", "yaml", "yml"]);
const hashComments = new Set(["python", "py", "python3", "yaml", "yml", "sh", "bash", "ruby", "rb", "r", "toml"]);

/**
 * The form in which two programs are compared: without comments, blank lines, and spaces that separate nothing; with the levels
 * of indentation where they matter. Undefined when the answer is not one named block of code. What a program does is not
 * looked at: other names make another program.
 */
export function codeOf(text: string): string | undefined {
  const match = fenced.exec(text.trim());
  const language = match?.[1]?.toLowerCase() ?? "";
  if (match === null || noCode.has(language)) return undefined;
  const levels: number[] = [];
  const lines: string[] = [];
  for (const line of withoutComments(match[2] ?? "", hashComments.has(language)).split("\n")) {
    if (line.trim() === "") continue;
    const tokens =
      line.match(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|[\p{L}\p{N}_$]+|[^\s\p{L}\p{N}_$]/gu) ?? [];
    lines.push((indented.has(language) ? `${levelOf(line, levels)}:` : "") + tokens.map(unquoted).join(" "));
  }
  return lines.length === 0 ? undefined : lines.join(indented.has(language) ? "\n" : " ");
}

/** Both kinds of quotes make the same string. */
function unquoted(token: string): string {
  return /^'[^"\\]*'$/.test(token) ? `"${token.slice(1, -1)}"` : token;
}

/** How deep a line is, whatever the width of one level. */
function levelOf(line: string, levels: number[]): number {
  const width = /^\s*/.exec(line.replaceAll("\t", "        "))?.[0].length ?? 0;
  while ((levels.at(-1) ?? -1) > width) levels.pop();
  if ((levels.at(-1) ?? -1) < width) levels.push(width);
  return levels.length;
}

function withoutComments(code: string, hash: boolean): string {
  const comment = hash
    ? /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|#[^\n]*/g
    : /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return code.replace(comment, (_, text: string | undefined) => text ?? "");
}
