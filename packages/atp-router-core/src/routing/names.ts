/**
 * A name that no other adapter has: the one it asks for, else host and port of its address; a second one of a name gets a
 * number, as in `librarian-2`.
 */
export function nameFor(id: string, wanted: string | undefined, taken: ReadonlySet<string>): string {
  const base = wanted === undefined || wanted === "" ? hostOf(id) : wanted;
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}-${n}`;
  return name;
}

function hostOf(id: string): string {
  const address = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/]*@)?([^/?#]+)/i.exec(id);
  return address?.[1] ?? (id === "" ? "adapter" : id);
}
