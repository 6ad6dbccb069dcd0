/**
 * Full text over what a store keeps, in this process.
 */
import MiniSearch from "minisearch";
import { isWithin, type MemoryPath } from "./memory-path.js";
import type { SearchHit } from "./memory-store.js";
import { snippetAround, textOfJson } from "./object-text.js";

interface Document extends MemoryPath {
  readonly id: string;
  readonly path: string;
  readonly text: string;
  readonly etag: string;
}

/** An index by name. The same name twice is the newer object. */
export class TextIndex {
  private readonly documents = new Map<string, Document>();
  private readonly index = new MiniSearch<Document>({
    fields: ["text", "path"],
    searchOptions: {
      prefix: (term) => term.length > 2,
      fuzzy: (term) => (term.length > 4 ? 0.2 : false),
      boost: { path: 2 },
    },
  });

  /** Puts an object's JSON text under its name. */
  put(id: string, path: MemoryPath, json: string, etag: string): void {
    this.remove(id);
    const document = { ...path, id, path: id, text: textOfJson(json), etag };
    this.documents.set(id, document);
    this.index.add(document);
  }

  /** Forgets a name; one that is not there is none. */
  remove(id: string): void {
    const document = this.documents.get(id);
    if (document === undefined) return;
    this.documents.delete(id);
    this.index.remove(document);
  }

  /** Forgets everything. */
  clear(): void {
    this.documents.clear();
    this.index.removeAll();
  }

  /** Names and versions that are indexed. */
  *versions(): Iterable<readonly [id: string, etag: string]> {
    for (const { id, etag } of this.documents.values()) yield [id, etag];
  }

  /** Hits in and under a namespace, or all, best first; undefined is every namespace. */
  *search(query: string, ns: string | undefined): Iterable<SearchHit & { readonly id: string }> {
    for (const result of this.index.search(query)) {
      const document = this.documents.get(result.id as string);
      if (document === undefined || (ns !== undefined && !isWithin(document.ns, ns))) continue;
      const { id, key, etag, text } = document;
      yield { id, ns: document.ns, key, score: result.score, etag, snippet: snippetAround(text, result.terms) };
    }
  }
}
