/**
 * Slices a JSON text at code points, so that each slice, written as a JSON string, has at most `maxBytes` bytes in
 * UTF-8 (A6). A JSON text holds no control characters, so only quotes and backslashes grow when written again.
 */
export function sliceJson(text: string, maxBytes: number): string[] {
  const slices: string[] = [];
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < text.length; ) {
    const unit = text.charCodeAt(i);
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    const cost = isPair ? 4 : unit >= 0x800 ? 3 : unit >= 0x80 || unit === 0x22 || unit === 0x5c ? 2 : 1;
    if (bytes + cost > maxBytes && i > start) {
      slices.push(text.slice(start, i));
      start = i;
      bytes = 0;
    }
    bytes += cost;
    i += isPair ? 2 : 1;
  }
  slices.push(text.slice(start));
  return slices;
}
