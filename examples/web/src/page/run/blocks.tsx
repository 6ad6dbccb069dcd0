import { memo } from "react";
import type { ReactElement } from "react";

const BLOCK_CHARS = 2_000;

/** A long text in blocks, so that only its last one is laid out anew as it grows. Text, never markup. */
export function Blocks({ text }: { readonly text: string }): ReactElement {
  const blocks: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = blockEnd(text, at);
    blocks.push(text.slice(at, end));
    at = end;
  }
  return (
    <>
      {blocks.map((block, i) => (
        <Block key={i} text={block} />
      ))}
    </>
  );
}

const Block = memo(function Block({ text }: { readonly text: string }): ReactElement {
  return <div className="block">{text}</div>;
});

/** Behind the first line end or space past the usual length: where a block breaks, the line breaks. */
function blockEnd(text: string, from: number): number {
  if (text.length <= from + BLOCK_CHARS) return text.length;
  const at = text.slice(from + BLOCK_CHARS, from + 2 * BLOCK_CHARS).search(/\s/);
  if (at >= 0) return from + BLOCK_CHARS + at + 1;
  // A text without spaces is not cut before it has grown: a later piece must not move an earlier block's end.
  return Math.min(text.length, from + 2 * BLOCK_CHARS);
}
