import type { ReactElement } from "react";
import type { AtpMessage } from "./atp-message";

/** One message: its text, what each adapter says while they answer, what proves it, and what it cost. Text, never markup. */
export function Message({ message }: { readonly message: AtpMessage }): ReactElement {
  const { role, parts, metadata } = message;
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const partials = parts.flatMap((part) => (part.type === "data-atp-partial" ? [part.data] : []));
  const sources = parts.flatMap((part) =>
    part.type === "source-document" || part.type === "source-url" ? [part.title ?? part.sourceId] : [],
  );
  return (
    <li className={role} data-role={role}>
      <b>{role === "user" ? "You" : "Router"}</b>
      {text === "" &&
        partials.map((partial) => (
          <p key={partial.adapter} className="partial">
            <i>{partial.adapter}</i> {partial.text}
          </p>
        ))}
      {text !== "" && <p data-testid="text">{text}</p>}
      {sources.length > 0 && (
        <ul className="sources" aria-label="Sources">
          {sources.map((title, i) => (
            <li key={i}>{title}</li>
          ))}
        </ul>
      )}
      {metadata?.atp !== undefined && <Bill {...metadata.atp} />}
    </li>
  );
}

function Bill({ adapter, strategy, tokens, usdMicros }: NonNullable<AtpMessage["metadata"]>["atp"] & {}): ReactElement {
  const told = [
    adapter,
    strategy,
    tokens === undefined ? undefined : `${tokens} tokens`,
    usdMicros === undefined ? undefined : `$${(usdMicros / 1_000_000).toFixed(6)}`,
  ];
  return (
    <p className="quiet" data-testid="bill">
      {told.filter((part) => part !== undefined).join(" · ")}
    </p>
  );
}
