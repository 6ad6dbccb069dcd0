/**
 * Server-sent events from a byte stream, however it is cut (WHATWG HTML, 9.2.6, without reconnection).
 */

const maxEventLength = 8 * 1_024 * 1_024;

/** Turns text, in pieces of any length, into the data of events. Holds no socket. */
export class SseParser {
  private line = "";
  private data: string[] = [];
  private length = 0;
  private afterCarriageReturn = false;
  private atStart = true;

  /** The data of each event that this piece completes. @throws RangeError when one event passes 8 MiB */
  push(text: string): string[] {
    let piece = text;
    if (this.atStart && piece !== "") {
      this.atStart = false;
      if (piece.startsWith("\uFEFF")) piece = piece.slice(1);
    }
    // A CRLF may be cut in two: the line ended at the CR already.
    if (this.afterCarriageReturn && piece.startsWith("\n")) piece = piece.slice(1);
    if (text !== "") this.afterCarriageReturn = text.endsWith("\r");
    this.length += piece.length;
    if (this.length > maxEventLength) throw new RangeError("one event passes 8 MiB");

    const events: string[] = [];
    const lines = piece.split(/\r\n|\r|\n/);
    const last = lines.pop() ?? "";
    for (const line of lines) {
      this.endLine(this.line + line, events);
      this.line = "";
    }
    this.line += last;
    return events;
  }

  private endLine(line: string, events: string[]): void {
    if (line === "") {
      if (this.data.length > 0) events.push(this.data.join("\n"));
      this.data = [];
      this.length = 0;
    } else if (line === "data" || line.startsWith("data:")) {
      const value = line.slice("data:".length);
      this.data.push(value.startsWith(" ") ? value.slice(1) : value);
    }
  }
}

/** The data of each event of a response body. An event that the end of the body cuts is not given. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const parser = new SseParser();
  const decoder = new TextDecoder();
  for await (const bytes of body) yield* parser.push(decoder.decode(bytes, { stream: true }));
}
