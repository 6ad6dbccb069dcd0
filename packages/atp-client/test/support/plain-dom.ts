// The few members of a document that react-dom touches to show text: enough to run its real renderer without a browser.

class PlainNode {
  readonly childNodes: PlainNode[] = [];
  parentNode: PlainNode | null = null;
  readonly style = {};
  nodeValue = "";

  constructor(
    readonly nodeType: number,
    readonly nodeName: string,
  ) {}

  get tagName(): string {
    return this.nodeName;
  }
  get namespaceURI(): string {
    return "http://www.w3.org/1999/xhtml";
  }
  get ownerDocument(): PlainDocument {
    return document;
  }
  get firstChild(): PlainNode | null {
    return this.childNodes[0] ?? null;
  }
  get lastChild(): PlainNode | null {
    return this.childNodes.at(-1) ?? null;
  }
  get text(): string {
    return this.nodeType === 3 ? this.nodeValue : this.childNodes.map((child) => child.text).join("");
  }
  set textContent(value: string) {
    this.childNodes.length = 0;
    if (value !== "") this.appendChild(document.createTextNode(value));
  }
  appendChild(child: PlainNode): PlainNode {
    child.parentNode?.removeChild(child);
    this.childNodes.push(child);
    child.parentNode = this;
    return child;
  }
  insertBefore(child: PlainNode, before: PlainNode): PlainNode {
    child.parentNode?.removeChild(child);
    this.childNodes.splice(this.childNodes.indexOf(before), 0, child);
    child.parentNode = this;
    return child;
  }
  removeChild(child: PlainNode): PlainNode {
    this.childNodes.splice(this.childNodes.indexOf(child), 1);
    child.parentNode = null;
    return child;
  }
  setAttribute(): void {}
  removeAttribute(): void {}
  addEventListener(): void {}
  removeEventListener(): void {}
}

class PlainDocument extends PlainNode {
  readonly defaultView = globalThis;
  readonly activeElement = null;
  constructor() {
    super(9, "#document");
  }
  createElement(name: string): PlainNode {
    return new PlainNode(1, name.toUpperCase());
  }
  createTextNode(text: string): PlainNode {
    const node = new PlainNode(3, "#text");
    node.nodeValue = text;
    return node;
  }
}

const document = new PlainDocument();

/** An element to render into. */
export class PlainContainer extends PlainNode {
  constructor() {
    super(1, "DIV");
  }

  asElement(): Element {
    return this as unknown as Element;
  }
}

/** What react-dom looks for on the global object. */
export const pageGlobals = { window: globalThis, document, HTMLIFrameElement: class {} };
