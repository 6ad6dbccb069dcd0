/** Matches a surrogate without its partner: with the flag `u` a whole pair is one code point and does not match. */
const loneSurrogate = /\p{Surrogate}/u;

/** The engine's own answer, where it has one: it knows without a look that a text of Latin letters holds no surrogate. */
const native = (String.prototype as { readonly isWellFormed?: () => boolean }).isWellFormed;

/** True when every surrogate of the text has its partner, so that the text has a UTF-8 form (A3.3). */
export function isWellFormed(text: string): boolean {
  return native === undefined ? !loneSurrogate.test(text) : native.call(text);
}

/** Bytes of the text in UTF-8; a lone surrogate counts as U+FFFD, which is what an encoder writes for it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else {
      bytes += 2;
      // A pair is two units and four bytes.
      if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
    }
  }
  return bytes;
}
