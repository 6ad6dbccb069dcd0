/** What in `next` breaks a peer of `released`, one line each. Both map paths to JSON Schema documents. */
export function incompatibilities(released, next) {
  const faults = [];
  for (const [path, old] of Object.entries(released)) {
    if (path === "asyncapi.json") continue;
    if (next[path] === undefined) faults.push(`${path}: gone`);
    else compare(old, next[path], path, faults);
  }
  return faults;
}

/** Words of JSON Schema that describe, and bind nobody. */
const notes = new Set(["$id", "$schema", "title", "description"]);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function compare(old, next, path, faults) {
  if (!isObject(old) || !isObject(next)) {
    if (!same(old, next)) faults.push(`${path}: ${JSON.stringify(old)} became ${JSON.stringify(next)}`);
    return;
  }
  for (const word of new Set([...Object.keys(old), ...Object.keys(next)])) {
    if (notes.has(word)) continue;
    const at = `${path}/${word}`;
    if (word === "properties") compareMembers(old.properties ?? {}, next.properties ?? {}, at, faults);
    else if (word === "required") {
      if (!same([...(old.required ?? [])].sort(), [...(next.required ?? [])].sort())) faults.push(`${at}: changed`);
    } else if (word === "enum") {
      const left = (old.enum ?? []).filter((value) => !(next.enum ?? []).some((other) => same(value, other)));
      if (left.length > 0 || old.enum === undefined) faults.push(`${at}: narrower`);
    } else if (word === "oneOf" || word === "anyOf") compareChoices(old[word] ?? [], next[word] ?? [], at, faults);
    else if (word === "additionalProperties" && next[word] !== false) continue;
    else if (word === "items") compare(old.items ?? {}, next.items ?? {}, at, faults);
    else if (!same(old[word], next[word]))
      faults.push(`${at}: ${JSON.stringify(old[word])} became ${JSON.stringify(next[word])}`);
  }
}

function compareMembers(old, next, path, faults) {
  for (const [name, schema] of Object.entries(old)) {
    if (next[name] === undefined) faults.push(`${path}/${name}: gone`);
    else compare(schema, next[name], `${path}/${name}`, faults);
  }
}

/** Choices are matched by the payload type that they fix, else by their place. */
function compareChoices(old, next, path, faults) {
  const nameOf = (choice, index) => choice.properties?.type?.const ?? index;
  const found = new Map(next.map((choice, index) => [nameOf(choice, index), choice]));
  old.forEach((choice, index) => {
    const name = nameOf(choice, index);
    if (!found.has(name)) faults.push(`${path}/${name}: gone`);
    else compare(choice, found.get(name), `${path}/${name}`, faults);
  });
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
