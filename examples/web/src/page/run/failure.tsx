import type { ReactElement } from "react";
import { isAtpCancelError, isAtpDropError, isAtpError } from "atp-client";

/** What ended a run without an answer: a refusal, a lost connection and a cancel are three different things. */
export function Failure({ error }: { readonly error: Error }): ReactElement {
  if (isAtpCancelError(error)) return <p className="card note">You ended it; the bill is below once it is known.</p>;
  const code = "code" in error ? String(error.code) : error.name;
  const kind = isAtpError(error) ? "The router refused" : isAtpDropError(error) ? "The connection was lost" : "Failed";
  return (
    <section className="card failure" role="alert">
      <h2>
        {kind}: <code>{code}</code>
      </h2>
      <p>{error.message}</p>
      {isAtpError(error) && (
        <p className="quiet">
          What to do: {error.retry}. Spent: {error.processed}.
        </p>
      )}
    </section>
  );
}
